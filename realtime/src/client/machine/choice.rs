//! By WebSocket, or by polls where that does not work.

use super::STEADY;

/// How frames travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// A WebSocket.
    WebSocket,
    /// One HTTP request after another, each answered when there is something to tell.
    Poll,
}

impl Transport {
    /// The word in `data-transport` and in the page's address.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::Poll => "poll",
        }
    }
}

/// So many sockets in a row must fail before polls are tried.
const FAILURES: u32 = 2;
/// Milliseconds of polling until the WebSocket is tried for the first time: what failed may have been a server
/// that was just coming up.
const FIRST_TRIAL: u64 = 5_000;
/// Milliseconds until it is tried again; each failure doubles them.
const NEXT_TRIAL: u64 = 60_000;
/// The bound that they never pass.
const LAST_TRIAL: u64 = 600_000;

/// Which transport the next try is for. Polls are believed in only while they work and sockets do not: a server
/// that is down is tried by turns.
#[derive(Debug)]
pub(super) struct Choice {
    forced: bool,
    transport: Transport,
    /// Sockets in a row that could not open or died young.
    failures: u32,
    is_trial: bool,
    trial_at: u64,
    trial_wait: u64,
}

impl Choice {
    pub(super) const fn new(forced: Option<Transport>) -> Self {
        Self {
            forced: forced.is_some(),
            transport: if let Some(forced) = forced { forced } else { Transport::WebSocket },
            failures: 0,
            is_trial: false,
            trial_at: 0,
            trial_wait: FIRST_TRIAL,
        }
    }

    /// That of the link that stands, or of the next try.
    pub(super) const fn transport(&self) -> Transport {
        self.transport
    }

    /// `hello` came.
    pub(super) const fn opened(&mut self, now: u64) {
        self.trial_at = now + self.trial_wait;
    }

    /// The polls have nothing to do at the moment. Says whether it is time to try the WebSocket in their place.
    pub(super) fn is_time_for_a_trial(&mut self, now: u64) -> bool {
        let is_time = self.transport == Transport::Poll && !self.forced && now >= self.trial_at;
        if is_time {
            self.transport = Transport::WebSocket;
            self.is_trial = true;
        }
        is_time
    }

    /// The link is given up for a reason that says nothing of its transport.
    pub(super) const fn dropped(&mut self) {
        self.is_trial = false;
    }

    /// Another network may be one where sockets work.
    pub(super) const fn network_changed(&mut self) {
        self.trial_wait = FIRST_TRIAL;
    }

    /// The link is lost that stood for so many milliseconds, `None` where it never did; `is_told`: by the server's
    /// own word. Says whether it was a trial that failed: polls go on at once.
    pub(super) fn lost(&mut self, stood: Option<u64>, is_told: bool) -> bool {
        let is_trial = std::mem::take(&mut self.is_trial);
        if stood.is_some_and(|stood| stood >= STEADY) {
            if self.transport == Transport::WebSocket {
                (self.failures, self.trial_wait) = (0, FIRST_TRIAL);
            }
            return false;
        }
        if self.forced || is_told {
            return false;
        }
        match self.transport {
            Transport::Poll => {
                self.transport = Transport::WebSocket;
                // The server was down, and so what failed of sockets proves nothing: one is tried as soon as polls work.
                self.trial_wait = 0;
            }
            Transport::WebSocket => {
                self.failures = (self.failures + 1).min(FAILURES);
                if self.failures == FAILURES {
                    self.transport = Transport::Poll;
                }
            }
        }
        if is_trial {
            self.trial_wait = (self.trial_wait * 2).clamp(NEXT_TRIAL, LAST_TRIAL);
        }
        is_trial
    }
}
