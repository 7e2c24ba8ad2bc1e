//! How servers on one Redis come to number events alike. Pure: time and what comes in, decisions out.
//!
//! Redis gives all subscribers the same order over all channels. So a newcomer publishes a *mark* on the
//! servers' own channel, and whoever numbers already says where each site is at that mark. The newcomer keeps
//! what comes meanwhile, counts what came before its mark, and goes on from there with the same numbers.
//!
//! What must hold in every interleaving: in one epoch an event has one number. An epoch is begun by one server,
//! with a name that nobody else has, and entered by others only through an answer to their own mark, given by one
//! who had numbered without a break up to it. Anything else (nobody answers, too late, too much to keep) begins a
//! new epoch, which costs pages a gap and no more.

use std::time::{Duration, Instant};

use super::own_channel::{Answer, Mark};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// Newcomers that marked earlier and may establish themselves first, each after its own patience: of several
/// that come at once the first begins an epoch and answers the others.
const MOST_AHEAD: usize = 3;
/// What may come before an answer; past it nobody is waited for.
pub const MOST_KEPT: usize = 10_000;
const MOST_KEPT_BYTES: usize = 32 << 20;

/// What comes while an answer is awaited, in its order.
#[derive(Debug, PartialEq, Eq)]
pub enum Kept<P> {
    /// A payload.
    Payload(P),
    /// Somebody else's mark, to be answered at this point.
    Mark(Mark),
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision<P> {
    /// Number this payload.
    Take(P),
    /// Say where each site is now.
    Answer(Mark),
    /// Say to the one who marked later that an earlier one, with the own mark `by`, waits for an answer too.
    AskToWait {
        /// The later mark.
        mark: Mark,
        /// The name of the own one.
        by: String,
    },
    /// Begin an epoch of one's own, then do what was kept.
    Begin {
        /// Others may have listened earlier, and count back from an answer: leave them numbers.
        with_others: bool,
        /// What was kept.
        kept: Vec<Kept<P>>,
    },
    /// Number as the answer says, then do what was kept.
    Adopt {
        /// The answer, given at the own mark.
        answer: Answer,
        /// So many of what was kept came before the own mark.
        before_mark: usize,
        /// What was kept.
        kept: Vec<Kept<P>>,
    },
}

/// Who one numbers like, and whether yet.
#[derive(Debug)]
pub struct Agreement<P> {
    state: State<P>,
}

#[derive(Debug)]
enum State<P> {
    /// Not subscribed.
    Away,
    /// Subscribed, and numbering; a mark says like whom.
    Numbering(Option<Mark>),
    /// Subscribed, and waiting for an answer.
    Asking(Asking<P>),
}

#[derive(Debug)]
struct Asking<P> {
    mark: Mark,
    since: Instant,
    kept: Vec<Kept<P>>,
    kept_bytes: usize,
    /// How much was kept when the own mark came.
    before_mark: Option<usize>,
    /// The marks of others that marked before and wait too.
    ahead: Vec<String>,
}

impl<P> Asking<P> {
    fn comes_after(&mut self, mark: String) {
        if self.ahead.len() < MOST_AHEAD && !self.ahead.contains(&mark) {
            self.ahead.push(mark);
        }
    }

    fn deadline(&self) -> Instant {
        let turns = u32::try_from(self.ahead.len()).unwrap_or(u32::MAX).saturating_add(1);
        self.since + PATIENCE.saturating_mul(turns)
    }
}

impl<P: AsRef<[u8]>> Agreement<P> {
    /// Nobody else is asked: all that comes is numbered.
    #[must_use]
    pub const fn alone() -> Self {
        Self { state: State::Numbering(None) }
    }

    /// A subscription stands: what comes now is of it. With a mark, that is about to be published.
    pub fn subscribed(&mut self, now: Instant, mark: Option<Mark>) -> Option<Decision<P>> {
        // What an earlier subscription kept was heard by nobody: the gap that now follows says so.
        let Some(mark) = mark else {
            self.state = State::Numbering(None);
            return Some(Decision::Begin { with_others: false, kept: Vec::new() });
        };
        let (kept, kept_bytes, before_mark, ahead) = (Vec::new(), 0, None, Vec::new());
        self.state = State::Asking(Asking { mark, since: now, kept, kept_bytes, before_mark, ahead });
        None
    }

    /// The subscription is gone.
    pub fn lost(&mut self) {
        self.state = State::Away;
    }

    /// A payload came.
    pub fn payload(&mut self, payload: P) -> Option<Decision<P>> {
        match &mut self.state {
            State::Away => None,
            State::Numbering(_) => Some(Decision::Take(payload)),
            State::Asking(asking) => {
                asking.kept_bytes += payload.as_ref().len();
                asking.kept.push(Kept::Payload(payload));
                self.give_up_if_too_much()
            }
        }
    }

    /// A mark came: one's own, or another's.
    pub fn mark(&mut self, mark: Mark) -> Option<Decision<P>> {
        match &mut self.state {
            State::Numbering(own) => {
                let is_like_us = own.as_ref().is_some_and(|own| own.numbering == mark.numbering && own.id != mark.id);
                is_like_us.then_some(Decision::Answer(mark))
            }
            State::Asking(asking) if asking.mark.id == mark.id => {
                asking.before_mark.get_or_insert(asking.kept.len());
                None
            }
            State::Asking(asking) if asking.mark.numbering == mark.numbering => {
                asking.kept.push(Kept::Mark(mark.clone()));
                // Who subscribed after one's own mark did not see it.
                let ask_to_wait = if asking.before_mark.is_some() {
                    Some(Decision::AskToWait { mark, by: asking.mark.id.clone() })
                } else {
                    asking.comes_after(mark.id);
                    None
                };
                self.give_up_if_too_much().or(ask_to_wait)
            }
            State::Away | State::Asking(_) => None,
        }
    }

    /// Somebody who marked earlier than this mark, with the mark `by`, waits for an answer too.
    pub fn asked_to_wait(&mut self, mark: &Mark, by: String) {
        match &mut self.state {
            State::Asking(asking) if asking.mark == *mark => asking.comes_after(by),
            _ => {}
        }
    }

    /// An answer came.
    pub fn answer(&mut self, answer: Answer) -> Option<Decision<P>> {
        // Before the own mark came there is nothing to count from, and nobody can have answered it.
        let before_mark = match &self.state {
            State::Asking(asking) if asking.mark == answer.mark => asking.before_mark?,
            _ => return None,
        };
        let asking = self.number()?;
        Some(Decision::Adopt { answer, before_mark, kept: asking.kept })
    }

    /// The own mark of this name reached nobody else, or could not be published.
    pub fn is_alone(&mut self, mark: &str) -> Option<Decision<P>> {
        match &self.state {
            State::Asking(asking) if asking.mark.id == mark => self.begin(false),
            _ => None,
        }
    }

    /// When [`Self::look_at_the_clock`] has something to decide.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Asking(asking) => Some(asking.deadline()),
            _ => None,
        }
    }

    /// Nobody is waited for any longer than this.
    pub fn look_at_the_clock(&mut self, now: Instant) -> Option<Decision<P>> {
        if self.deadline().is_some_and(|deadline| now >= deadline) { self.begin(true) } else { None }
    }

    fn give_up_if_too_much(&mut self) -> Option<Decision<P>> {
        match &self.state {
            State::Asking(asking) if asking.kept.len() > MOST_KEPT || asking.kept_bytes > MOST_KEPT_BYTES => {
                self.begin(true)
            }
            _ => None,
        }
    }

    fn begin(&mut self, with_others: bool) -> Option<Decision<P>> {
        self.number().map(|asking| Decision::Begin { with_others, kept: asking.kept })
    }

    /// From here on whatever comes is numbered. Returns what was asked until now.
    fn number(&mut self) -> Option<Asking<P>> {
        match std::mem::replace(&mut self.state, State::Away) {
            State::Asking(asking) => {
                self.state = State::Numbering(Some(asking.mark.clone()));
                Some(asking)
            }
            other => {
                self.state = other;
                None
            }
        }
    }
}
