//! When to connect, to wait, to doubt the line and to give up.
//!
//! [`Machine::step`] takes what happened and says what to do. It holds no clock and no socket, so
//! thousands of schedules are tested in milliseconds.

use super::backoff::Backoff;
use crate::close::CloseCode;

/// What a page shows of its connection: `<html data-live="…">`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// The first connection of this page is being made.
    Connecting,
    /// Events arrive.
    Live,
    /// The line broke and is being made again.
    Reconnecting,
    /// The server is there, but does not hear what is published; it is asking for it again.
    SourceLost,
    /// No network, or the server said that coming back will not help.
    Offline,
    /// The server said that the session is over, or not known: sign in again.
    SessionExpired,
}

impl LinkState {
    /// The word in `data-live`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Reconnecting => "reconnecting",
            Self::SourceLost => "reconnecting-to-source",
            Self::Offline => "offline",
            Self::SessionExpired => "session-expired",
        }
    }
}

/// What happened. Times are milliseconds of any steady clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Something on the page wants to be live.
    Start,
    /// `hello` came; silence is broken after this many milliseconds.
    Hello {
        /// Milliseconds between heartbeats.
        heartbeat: u64,
    },
    /// Every join has been answered.
    Settled,
    /// A join was neither granted nor refused: the server could not ask, or was asked too fast.
    JoinFailed,
    /// Any frame came.
    Heard,
    /// The server says good-bye; the close follows.
    Bye(CloseCode),
    /// The socket is closed, with its WebSocket close code.
    Closed(u16),
    /// The time that [`Machine::wake_at`] named has come.
    Wake,
    /// The page is seen again: shown, restored, or woken by a native app.
    Seen,
    /// The network is back.
    NetworkBack,
    /// The page is hidden: tries that would drain a phone stop.
    Hidden,
    /// The network is gone.
    NetworkLost,
    /// The page goes away, perhaps into the back/forward cache.
    PageHide,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Open a new socket. Nothing of an earlier one may be reported any more.
    Open,
    /// Close the socket. Nothing of it may be reported any more.
    Close,
    /// Send a ping.
    Ping,
    /// Ask again for the rooms whose joins failed.
    AskAgain,
    /// Show this state at once.
    Show(LinkState),
    /// Say this state in words: as shown, but of a break only when it lasts.
    Say(LinkState),
}

/// Milliseconds a handshake may take.
const HANDSHAKE: u64 = 10_000;
/// Milliseconds in which a page that comes back wants to hear from the server.
const PROBE: u64 = 2_000;
/// A line that stood so long, in milliseconds, was well: the waits begin anew.
const STEADY: u64 = 10_000;
/// The bound of the first wait before a lost line is made again, in milliseconds.
const FIRST_TRY: u64 = 400;
/// The bound of the first wait before a failed join is asked again, in milliseconds.
const FIRST_ASK: u64 = 1_000;
/// A break that is over sooner, in milliseconds, is not spoken of.
const BLIP: u64 = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing wants to be live.
    Idle,
    /// A socket is opening; `hello` is due by then.
    Opening { due: u64 },
    /// `hello` came. Joins that failed are asked again at `ask_at`.
    Open { since: u64, heartbeat: u64, heard: u64, pinged: Option<u64>, probe: Option<u64>, ask_at: Option<u64> },
    /// The next try is at this time.
    Waiting { until: u64 },
    /// No try until the page is seen or the network is back.
    Paused,
    /// The server said that coming back does not help.
    Ended,
}

/// The life of a page's connection. Pure.
#[derive(Debug)]
pub struct Machine {
    phase: Phase,
    shown: LinkState,
    said: LinkState,
    /// When a break that lasts will be spoken of.
    say_at: Option<u64>,
    hidden: bool,
    networked: bool,
    bye: Option<CloseCode>,
    tries: Backoff,
    asks: Backoff,
}

impl Machine {
    /// A page that is not connected yet. `seed` decides the jitter of its waits.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            phase: Phase::Idle,
            shown: LinkState::Connecting,
            said: LinkState::Connecting,
            say_at: None,
            hidden: false,
            networked: true,
            bye: None,
            tries: Backoff::new(FIRST_TRY, seed),
            asks: Backoff::new(FIRST_ASK, seed),
        }
    }

    /// Whether frames can be sent.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open { .. })
    }

    /// Why the server ended the connection for good, if it did.
    #[must_use]
    pub fn ended_by(&self) -> Option<CloseCode> {
        self.bye.filter(|_| self.phase == Phase::Ended)
    }

    /// When to give [`Input::Wake`] next.
    #[must_use]
    pub fn wake_at(&self) -> Option<u64> {
        let at = match self.phase {
            Phase::Idle | Phase::Paused | Phase::Ended => None,
            Phase::Opening { due } => Some(due),
            Phase::Waiting { until } => Some(until),
            Phase::Open { heartbeat, heard, pinged, probe, ask_at, .. } => {
                let beat = heard + if pinged.is_some() { 2 * heartbeat } else { heartbeat };
                earlier(earlier(Some(beat), probe), ask_at)
            }
        };
        earlier(at, self.say_at)
    }

    /// Takes what happened at `now` and says what to do, in order.
    pub fn step(&mut self, now: u64, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        match input {
            Input::Start => {
                if self.phase == Phase::Idle {
                    self.try_now(now, &mut effects);
                }
            }
            Input::Hello { heartbeat } => {
                self.phase = Phase::Open { since: now, heartbeat, heard: now, pinged: None, probe: None, ask_at: None };
            }
            Input::Settled => {
                if self.is_open() {
                    self.asks.reset();
                    self.show(LinkState::Live, now, &mut effects);
                }
            }
            Input::JoinFailed => {
                if let Phase::Open { ask_at: ask_at @ None, .. } = &mut self.phase {
                    *ask_at = Some(now + self.asks.next_wait());
                }
            }
            Input::Heard => {
                if let Phase::Open { heard, pinged, probe, .. } = &mut self.phase {
                    (*heard, *pinged, *probe) = (now, None, None);
                }
            }
            Input::Bye(code) => self.bye = Some(code),
            Input::Closed(number) => {
                self.bye = self.bye.or_else(|| CloseCode::from_number(number));
                let comes_back =
                    self.bye.map_or_else(|| CloseCode::unknown_comes_back(number), CloseCode::should_reconnect);
                if comes_back {
                    self.lost(now, &mut effects);
                } else {
                    self.phase = Phase::Ended;
                    let state = match self.ended_by() {
                        Some(CloseCode::SessionExpired | CloseCode::Unauthorized) => LinkState::SessionExpired,
                        _ => LinkState::Offline,
                    };
                    self.show(state, now, &mut effects);
                }
            }
            Input::Wake => self.wake(now, &mut effects),
            Input::Seen => {
                self.hidden = false;
                self.come_back(now, &mut effects);
            }
            Input::NetworkBack => {
                self.networked = true;
                self.come_back(now, &mut effects);
            }
            Input::Hidden => {
                self.hidden = true;
                if matches!(self.phase, Phase::Waiting { .. }) {
                    self.phase = Phase::Paused;
                }
            }
            Input::NetworkLost => {
                self.networked = false;
                if !matches!(self.phase, Phase::Idle | Phase::Ended) {
                    effects.push(Effect::Close);
                    self.phase = Phase::Paused;
                    self.show(LinkState::Offline, now, &mut effects);
                }
            }
            Input::PageHide => {
                if !matches!(self.phase, Phase::Idle | Phase::Ended) {
                    effects.push(Effect::Close);
                    self.phase = Phase::Paused;
                }
            }
        }
        effects
    }

    fn wake(&mut self, now: u64, effects: &mut Vec<Effect>) {
        if self.say_at.is_some_and(|at| now >= at) {
            self.say(effects);
        }
        match &mut self.phase {
            Phase::Waiting { until } if now >= *until => self.open(now, effects),
            Phase::Opening { due } if now >= *due => {
                effects.push(Effect::Close);
                self.lost(now, effects);
            }
            Phase::Open { heartbeat, heard, pinged, probe, ask_at, .. } => {
                let silent = now.saturating_sub(*heard);
                if probe.is_some_and(|probe| now >= probe) || silent >= 2 * *heartbeat {
                    effects.push(Effect::Close);
                    self.lost(now, effects);
                    return;
                }
                if silent >= *heartbeat && pinged.is_none() {
                    *pinged = Some(now);
                    effects.push(Effect::Ping);
                }
                if ask_at.is_some_and(|at| now >= at) {
                    *ask_at = None;
                    effects.push(Effect::AskAgain);
                }
            }
            _ => {}
        }
    }

    fn come_back(&mut self, now: u64, effects: &mut Vec<Effect>) {
        match &mut self.phase {
            Phase::Waiting { .. } | Phase::Paused if !self.hidden => self.try_now(now, effects),
            // A socket that slept may look open and be dead.
            Phase::Open { probe, .. } if probe.is_none() => {
                *probe = Some(now + PROBE);
                effects.push(Effect::Ping);
            }
            _ => {}
        }
    }

    fn try_now(&mut self, now: u64, effects: &mut Vec<Effect>) {
        if self.networked {
            self.open(now, effects);
        } else {
            self.phase = Phase::Paused;
            self.show(LinkState::Offline, now, effects);
        }
    }

    fn open(&mut self, now: u64, effects: &mut Vec<Effect>) {
        self.bye = None;
        self.phase = Phase::Opening { due: now + HANDSHAKE };
        if self.shown != LinkState::Connecting {
            self.show(LinkState::Reconnecting, now, effects);
        }
        effects.push(Effect::Open);
    }

    fn lost(&mut self, now: u64, effects: &mut Vec<Effect>) {
        self.bye = None;
        // A line that broke as soon as it stood is no success.
        if matches!(self.phase, Phase::Open { since, .. } if now.saturating_sub(since) >= STEADY) {
            self.tries.reset();
        }
        let wait = self.tries.next_wait();
        self.phase = if self.hidden || !self.networked { Phase::Paused } else { Phase::Waiting { until: now + wait } };
        self.show(if self.networked { LinkState::Reconnecting } else { LinkState::Offline }, now, effects);
    }

    fn show(&mut self, state: LinkState, now: u64, effects: &mut Vec<Effect>) {
        if self.shown == state {
            return;
        }
        self.shown = state;
        effects.push(Effect::Show(state));
        if state == LinkState::Reconnecting {
            self.say_at = Some(now + BLIP);
        } else {
            self.say(effects);
        }
    }

    fn say(&mut self, effects: &mut Vec<Effect>) {
        self.say_at = None;
        if self.said != self.shown {
            self.said = self.shown;
            effects.push(Effect::Say(self.shown));
        }
    }
}

/// The earlier of two times, of which there may be one or none.
fn earlier(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        _ => one.or(other),
    }
}

#[cfg(test)]
mod tests;
