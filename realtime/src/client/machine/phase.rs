//! Where a page's connection is in its life.

use super::{PROBE, earlier};

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing wants to be live.
    Idle,
    /// A link is opening; `hello` is due by then.
    Opening { due: u64 },
    /// `hello` came.
    Open(Line),
    /// The next try is at this time.
    Waiting { until: u64 },
    /// No try until the page is seen or the network is back.
    Paused,
    /// The server said that coming back does not help.
    Ended,
}

/// A link on which `hello` came. All times are milliseconds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) since: u64,
    /// Between two beats.
    heartbeat: u64,
    heard: u64,
    /// Silence was broken by a ping that is not answered yet.
    is_asked: bool,
    /// The last ping.
    pinged: u64,
    /// Something must be heard by then.
    probe: Option<u64>,
    /// Joins that failed are asked again then.
    ask_at: Option<u64>,
    /// Every join has been answered.
    pub(super) is_settled: bool,
    /// The server does not hear what is published.
    pub(super) is_source_lost: bool,
}

/// What is to be done with a line at its time.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) is_dead: bool,
    pub(super) ping: bool,
    pub(super) ask_again: bool,
}

impl Line {
    pub(super) const fn new(now: u64, heartbeat: u64) -> Self {
        Self {
            since: now,
            heartbeat,
            heard: now,
            is_asked: false,
            pinged: now,
            probe: None,
            ask_at: None,
            is_settled: false,
            is_source_lost: false,
        }
    }

    /// Any frame came.
    pub(super) const fn heard(&mut self, now: u64) {
        (self.heard, self.is_asked, self.probe) = (now, false, None);
    }

    /// Doubts the line; says whether to ping.
    pub(super) fn probe(&mut self, now: u64) -> bool {
        let is_new = self.probe.is_none();
        if is_new {
            self.probe = Some(now + PROBE);
            self.pinged = now;
        }
        is_new
    }

    /// A join failed, and may be asked again after `wait`.
    pub(super) const fn ask_after(&mut self, now: u64, wait: u64) {
        self.ask_at = Some(now + wait);
    }

    pub(super) const fn waits_to_ask(&self) -> bool {
        self.ask_at.is_some()
    }

    pub(super) fn wake_at(&self) -> Option<u64> {
        let beat = self.heard + if self.is_asked { 2 * self.heartbeat } else { self.heartbeat };
        earlier(earlier(Some(beat.min(self.refresh_at())), self.probe), self.ask_at)
    }

    /// When to ask though much is heard: the answer's position is that of the quiet rooms too, which would
    /// otherwise fall out of the server's history.
    const fn refresh_at(&self) -> u64 {
        self.pinged + 2 * self.heartbeat
    }

    pub(super) fn wake(&mut self, now: u64) -> Due {
        let silent = now.saturating_sub(self.heard);
        if self.probe.is_some_and(|probe| now >= probe) || silent >= 2 * self.heartbeat {
            return Due { is_dead: true, ..Due::default() };
        }
        let is_silent = silent >= self.heartbeat && !self.is_asked;
        let ping = is_silent || now >= self.refresh_at();
        if ping {
            self.pinged = now;
            self.is_asked = is_silent || self.is_asked;
        }
        let ask_again = self.ask_at.is_some_and(|at| now >= at);
        if ask_again {
            self.ask_at = None;
        }
        Due { is_dead: false, ping, ask_again }
    }
}
