//! What bridges bring, into the engine: payloads in their order, and what servers say to each other.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use realtime::frame::ServerFrame;
use realtime::position::Position;
use tracing::{info, warn};

use super::agreement::{Agreement, Decision, Kept, MOST_KEPT};
use super::own_channel::{Answer, Note, Told};
use super::{Arrival, BridgeId};
use crate::engine::{Emitted, Engine, Written};
use crate::event::Destination;
use crate::hub::ConnectionId;
use crate::queue::NewestOf;

/// Connections of other servers are told from this server's own, which are counted from 1.
const ELSEWHERE: u64 = 1 << 63;

/// Takes what comes, in its order. Knows no socket and no clock.
pub struct Intake {
    engine: Arc<Engine>,
    agreement: Agreement<Bytes>,
    subscribed: HashSet<BridgeId>,
    /// How what this server's pages tell begins on the own channel.
    own_beginning: String,
    answers: Vec<String>,
    has_logged_garbage: bool,
}

impl Intake {
    /// `instance` names this server among all.
    #[must_use]
    pub fn new(engine: Arc<Engine>, instance: &str) -> Self {
        Self {
            engine,
            agreement: Agreement::alone(),
            subscribed: HashSet::new(),
            own_beginning: Note::beginning_of_told(instance),
            answers: Vec::new(),
            has_logged_garbage: false,
        }
    }

    /// Takes one arrival. Pages get what it brings with the next [`Written::write`].
    pub fn take(&mut self, arrival: Arrival, now: Instant, written: &mut Written) {
        let decision = match arrival {
            Arrival::Payload(payload) => self.agreement.payload(payload),
            Arrival::Subscribed { bridge, mark } => {
                self.subscribed.insert(bridge);
                self.agreement.subscribed(now, mark)
            }
            Arrival::Lost { bridge } => {
                self.subscribed.remove(&bridge);
                if self.subscribed.is_empty() {
                    self.agreement.lost();
                    self.engine.source_lost(written);
                }
                None
            }
            Arrival::Alone { mark } => self.agreement.is_alone(&mark),
            Arrival::OwnChannel(payload) => {
                if payload.starts_with(self.own_beginning.as_bytes()) {
                    return;
                }
                match Note::parse(&payload) {
                    Some(Note::Mark(mark)) => self.agreement.mark(mark),
                    Some(Note::Answer(answer)) => self.agreement.answer(answer),
                    Some(Note::AskedBefore { mark, by }) => {
                        self.agreement.asked_to_wait(&mark, by);
                        None
                    }
                    Some(Note::Told(told)) => {
                        if !self.tell(&told, written) {
                            self.log_garbage();
                        }
                        None
                    }
                    None => {
                        self.log_garbage();
                        None
                    }
                }
            }
        };
        if let Some(decision) = decision {
            self.act(decision, written);
        }
    }

    /// When [`Self::look_at_the_clock`] has something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.agreement.deadline()
    }

    /// Does what is due.
    pub fn look_at_the_clock(&mut self, now: Instant, written: &mut Written) {
        if let Some(decision) = self.agreement.look_at_the_clock(now) {
            self.act(decision, written);
        }
    }

    /// What is to be said on the own channel, since the last call.
    pub fn answers(&mut self) -> impl Iterator<Item = String> {
        self.answers.drain(..)
    }

    fn act(&mut self, decision: Decision<Bytes>, written: &mut Written) {
        let kept = match decision {
            Decision::Take(payload) => return self.engine.take(&payload, written),
            Decision::Answer(mark) => {
                let answer = Note::Answer(Answer { mark, sites: self.engine.positions() });
                return self.answers.extend(answer.encode());
            }
            Decision::AskToWait { mark, by } => {
                return self.answers.extend(Note::AskedBefore { mark, by }.encode());
            }
            Decision::Begin { with_others, kept } => {
                if with_others {
                    warn!(
                        "No other server of this Redis said in time how it numbers events: numbering alone. Unless it \
                         follows this one, pages that go from one to the other load anew what they show."
                    );
                }
                let least = if with_others { MOST_KEPT as u64 } else { 0 };
                self.engine.resume(&HashMap::new(), least, written);
                kept
            }
            Decision::Adopt { answer, before_mark, kept } => {
                let adopted = self.where_the_subscription_began(&answer, &kept[..before_mark]);
                info!(sites = adopted.len(), "Numbering events as another server of this Redis does.");
                self.engine.resume(&adopted, MOST_KEPT as u64, written);
                kept
            }
        };
        for kept in kept {
            match kept {
                Kept::Payload(payload) => self.engine.take(&payload, written),
                Kept::Mark(mark) => self.act(Decision::Answer(mark), written),
            }
        }
    }

    /// An answer says where each site is at the own mark. What came before that is counted back.
    fn where_the_subscription_began(&self, answer: &Answer, before: &[Kept<Bytes>]) -> HashMap<String, Position> {
        let (mut of_site, mut of_all) = (HashMap::<String, u64>::new(), 0);
        for kept in before {
            let Kept::Payload(payload) = kept else { continue };
            match self.engine.numbered_by(payload) {
                Some(Destination::Bench) => of_all += 1,
                Some(Destination::Room { site, .. } | Destination::Site { site }) => {
                    *of_site.entry(site).or_default() += 1;
                }
                None => {}
            }
        }
        let began = answer.sites.iter().filter_map(|(site, at)| {
            let count = of_all + of_site.get(site).copied().unwrap_or(0);
            let offset = at.offset.checked_sub(count)?;
            Some((site.clone(), Position::new(at.epoch.clone(), offset)))
        });
        began.collect()
    }

    /// Tells this server's pages what one of another told a room. `false` where that is no frame of a page's.
    fn tell(&self, told: &Told, written: &mut Written) -> bool {
        let Ok(frame @ ServerFrame::Emitted { .. }) = ServerFrame::parse(&told.frame) else { return false };
        let text = frame.encode();
        let ServerFrame::Emitted { room, event, .. } = frame else { return false };
        // Another server may have other sites.
        let Some(site) = self.engine.site(&told.site) else { return true };
        let hash = BuildHasherDefault::<DefaultHasher>::default();
        let from = ConnectionId(hash.hash_one((&told.instance, told.from)) | ELSEWHERE);
        let newest_of = NewestOf::new(Some(from), &room, &event);
        site.emitted_elsewhere(&room, &Emitted { text, newest_of }, written);
        true
    }

    fn log_garbage(&mut self) {
        if !std::mem::replace(&mut self.has_logged_garbage, true) {
            warn!(
                "Something on the channel of frappe-live's own servers was not understood, and is ignored from now on."
            );
        }
    }
}

#[cfg(test)]
mod tests;
