//! When to connect, and how, when to wait, to doubt the line and to give up.
//!
//! [`Machine::step`] takes what happened and says what to do. It holds no clock and no socket, so
//! thousands of schedules are tested in milliseconds.

mod choice;
mod link_state;
mod phase;
mod step;

pub use choice::Transport;
pub use link_state::{LinkState, Said};
pub use step::{Effect, Input};

use self::choice::Choice;
use self::phase::{Line, Phase};
use super::backoff::Backoff;
use crate::close::CloseCode;

/// Milliseconds a handshake may take.
const HANDSHAKE: u64 = 10_000;
/// Milliseconds it may take in the place of polls that work.
const TRIAL: u64 = 5_000;
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
/// A lost line, as a WebSocket close code (RFC 6455 section 7.4.1).
const LOST: u16 = 1006;
/// From here on close codes are the server's own words, which no proxy says.
const OWN_CODES: u16 = 4000;

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
    is_outdated: bool,
    bye: Option<CloseCode>,
    after: Option<u64>,
    choice: Choice,
    tries: Backoff,
    asks: Backoff,
    /// The time of the last step.
    now: u64,
}

impl Machine {
    /// A page that is not connected yet. `seed` decides the jitter of its waits; `forced` is the only transport it
    /// tries, if one is given.
    #[must_use]
    pub const fn new(seed: u64, forced: Option<Transport>) -> Self {
        Self {
            phase: Phase::Idle,
            shown: LinkState::Connecting,
            said: LinkState::Connecting,
            say_at: None,
            hidden: false,
            networked: true,
            is_outdated: false,
            bye: None,
            after: None,
            choice: Choice::new(forced),
            tries: Backoff::new(FIRST_TRY, seed),
            asks: Backoff::new(FIRST_ASK, seed),
            now: 0,
        }
    }

    /// Whether frames can be sent: the server said `hello`, and not good-bye.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open(_)) && self.bye.is_none()
    }

    /// That of the link that stands, or of the next try.
    #[must_use]
    pub const fn transport(&self) -> Transport {
        self.choice.transport()
    }

    /// Whether the server does not hear what is published, as it last said on this link.
    #[must_use]
    pub const fn is_source_lost(&self) -> bool {
        matches!(&self.phase, Phase::Open(line) if line.is_source_lost)
    }

    /// Why the server ended the connection for good, if it did.
    #[must_use]
    pub fn ended_by(&self) -> Option<CloseCode> {
        self.bye.filter(|_| self.phase == Phase::Ended)
    }

    /// What to say in words, as of the last step.
    #[must_use]
    pub fn said(&self) -> Said {
        Said { state: self.said, seconds_to_next_try: self.seconds_to_next_try(), is_outdated: self.is_outdated }
    }

    fn seconds_to_next_try(&self) -> Option<u32> {
        match self.phase {
            Phase::Waiting { until } if self.said == LinkState::Reconnecting => {
                u32::try_from(until.saturating_sub(self.now).div_ceil(1_000)).ok()
            }
            _ => None,
        }
    }

    /// When to give [`Input::Wake`] next.
    #[must_use]
    pub fn wake_at(&self) -> Option<u64> {
        let at = match &self.phase {
            Phase::Idle | Phase::Paused | Phase::Ended => None,
            Phase::Opening { due } => Some(*due),
            Phase::Waiting { until } => {
                // The second that is counted down next.
                let counted = self.seconds_to_next_try().unwrap_or_default().saturating_sub(1);
                Some(until - u64::from(counted) * 1_000)
            }
            Phase::Open(line) => line.wake_at(),
        };
        earlier(at, self.say_at)
    }

    /// Takes what happened at `now` and says what to do, in order.
    pub fn step(&mut self, now: u64, input: Input) -> Vec<Effect> {
        self.now = now;
        let mut effects = Vec::new();
        match input {
            Input::Start => {
                if self.phase == Phase::Idle {
                    self.try_now(now, &mut effects);
                }
            }
            Input::Hello { heartbeat, is_outdated } => {
                self.is_outdated = is_outdated;
                // Whatever the browser says of it.
                self.networked = true;
                self.choice.opened(now);
                self.phase = Phase::Open(Line::new(now, heartbeat));
            }
            Input::Settled => {
                if let Phase::Open(line) = &mut self.phase {
                    line.is_settled = true;
                    self.asks.reset();
                    self.show_open(now, &mut effects);
                }
            }
            Input::JoinFailed => {
                if let Phase::Open(line) = &mut self.phase
                    && !line.waits_to_ask()
                {
                    line.ask_after(now, self.asks.next_wait());
                }
            }
            Input::Heard => {
                if let Phase::Open(line) = &mut self.phase {
                    line.heard(now);
                }
            }
            Input::Rested => {
                if self.is_open() && self.choice.is_time_for_a_trial(now) {
                    effects.push(Effect::Close);
                    self.open(now + TRIAL, &mut effects);
                }
            }
            Input::Source(is_connected) => {
                if let Phase::Open(line) = &mut self.phase {
                    line.is_source_lost = !is_connected;
                    self.show_open(now, &mut effects);
                }
            }
            Input::Bye { code, after } => (self.bye, self.after) = (Some(code), after),
            Input::Closed(number) => self.closed(now, number, &mut effects),
            Input::Wake => self.wake(now, &mut effects),
            Input::Seen => {
                self.hidden = false;
                self.come_back(now, &mut effects);
            }
            Input::NetworkBack => {
                self.networked = true;
                self.choice.network_changed();
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
                if self.pause(&mut effects) {
                    self.show(LinkState::Offline, now, &mut effects);
                }
            }
            Input::PageHide => {
                self.pause(&mut effects);
            }
            Input::TryNow => {
                if matches!(self.phase, Phase::Waiting { .. } | Phase::Paused) {
                    self.try_again(now, &mut effects);
                }
            }
        }
        effects
    }

    fn wake(&mut self, now: u64, effects: &mut Vec<Effect>) {
        if self.say_at.is_some_and(|at| now >= at) {
            self.say();
        }
        match &mut self.phase {
            Phase::Waiting { until } if now >= *until => self.try_again(now, effects),
            Phase::Opening { due } if now >= *due => self.give_up(now, effects),
            Phase::Open(line) => {
                let due = line.wake(now);
                if due.is_dead {
                    return self.give_up(now, effects);
                }
                if due.ping {
                    effects.push(Effect::Ping);
                }
                if due.ask_again {
                    effects.push(Effect::AskAgain);
                }
            }
            _ => {}
        }
    }

    fn come_back(&mut self, now: u64, effects: &mut Vec<Effect>) {
        match &mut self.phase {
            Phase::Waiting { .. } | Phase::Paused if !self.hidden => self.try_now(now, effects),
            // A link that slept may look open and be dead.
            Phase::Open(line) => {
                effects.extend(line.probe(now).then_some(Effect::Ping));
            }
            _ => {}
        }
    }

    fn try_now(&mut self, now: u64, effects: &mut Vec<Effect>) {
        if self.networked {
            self.try_again(now, effects);
        } else {
            self.phase = Phase::Paused;
            self.show(LinkState::Offline, now, effects);
        }
    }

    fn try_again(&mut self, now: u64, effects: &mut Vec<Effect>) {
        if self.shown != LinkState::Connecting {
            self.show(LinkState::Reconnecting, now, effects);
        }
        self.open(now + HANDSHAKE, effects);
    }

    fn open(&mut self, due: u64, effects: &mut Vec<Effect>) {
        (self.bye, self.after) = (None, None);
        self.phase = Phase::Opening { due };
        effects.push(Effect::Open(self.choice.transport()));
    }

    /// Closes what stands or waits; says whether there was something.
    fn pause(&mut self, effects: &mut Vec<Effect>) -> bool {
        let is_under_way = !matches!(self.phase, Phase::Idle | Phase::Ended);
        if is_under_way {
            effects.push(Effect::Close);
            self.choice.dropped();
            self.phase = Phase::Paused;
        }
        is_under_way
    }

    fn give_up(&mut self, now: u64, effects: &mut Vec<Effect>) {
        effects.push(Effect::Close);
        self.closed(now, LOST, effects);
    }

    fn closed(&mut self, now: u64, number: u16, effects: &mut Vec<Effect>) {
        let is_told = self.bye.is_some() || number >= OWN_CODES;
        self.bye = self.bye.or_else(|| CloseCode::from_number(number));
        let comes_back = self.bye.map_or_else(|| CloseCode::unknown_comes_back(number), CloseCode::should_reconnect);
        if comes_back {
            self.lost(now, is_told, effects);
            return;
        }
        self.phase = Phase::Ended;
        let state = match self.ended_by() {
            Some(CloseCode::SessionExpired | CloseCode::Unauthorized) => LinkState::SessionExpired,
            _ => LinkState::Offline,
        };
        self.show(state, now, effects);
    }

    fn lost(&mut self, now: u64, is_told: bool, effects: &mut Vec<Effect>) {
        self.bye = None;
        let stood = if let Phase::Open(line) = &self.phase { Some(now.saturating_sub(line.since)) } else { None };
        // A line that broke as soon as it stood is no success.
        if stood.is_some_and(|stood| stood >= STEADY) {
            self.tries.reset();
        }
        if self.choice.lost(stood, is_told) {
            return self.open(now + HANDSHAKE, effects);
        }
        let wait = self.after.take().unwrap_or_else(|| self.tries.next_wait());
        self.phase = if self.hidden || !self.networked { Phase::Paused } else { Phase::Waiting { until: now + wait } };
        self.show(if self.networked { LinkState::Reconnecting } else { LinkState::Offline }, now, effects);
    }

    /// Shows a link on which all is answered.
    fn show_open(&mut self, now: u64, effects: &mut Vec<Effect>) {
        if matches!(&self.phase, Phase::Open(line) if line.is_settled) {
            self.show(if self.is_source_lost() { LinkState::SourceLost } else { LinkState::Live }, now, effects);
        }
    }

    fn show(&mut self, state: LinkState, now: u64, effects: &mut Vec<Effect>) {
        if self.shown == state {
            return;
        }
        self.shown = state;
        effects.push(Effect::Show(state));
        if matches!(state, LinkState::Reconnecting | LinkState::SourceLost) {
            self.say_at.get_or_insert(now + BLIP);
        } else {
            self.say();
        }
    }

    const fn say(&mut self) {
        self.say_at = None;
        self.said = self.shown;
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
