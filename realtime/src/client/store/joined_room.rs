//! One room of a page: whether it is joined, how far it was read, and who listens.

use super::{Interest, ListenerId, Outcome};
use crate::frame::{ClientFrame, Ref};
use crate::position::Position;
use crate::room::Room;

#[derive(Debug)]
pub(super) struct Listener {
    pub(super) id: ListenerId,
    pub(super) event: String,
    pub(super) interest: Interest,
    /// The last event given to it, or the position of its server-rendered start.
    pub(super) seen: Option<Position>,
    /// Until the answer to this join it has not been told what came after its start.
    pub(super) waits_for: Option<Ref>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Membership {
    /// The server has not been asked on this connection.
    Outside,
    /// Asked, not answered yet.
    Asked,
    Inside,
    /// Refused, or taken away; asked again on the next connection only.
    Denied,
    /// Neither granted nor refused: asked again after a wait.
    Failed,
}

#[derive(Debug)]
pub(super) struct JoinedRoom {
    pub(super) room: Room,
    pub(super) membership: Membership,
    /// The last question that decided the membership; none has the number 0.
    pub(super) reference: Ref,
    pub(super) position: Option<Position>,
    /// The version of the viewers that the page shows.
    pub(super) viewers: Option<String>,
    pub(super) listeners: Vec<Listener>,
}

impl JoinedRoom {
    pub(super) fn is_viewed(&self) -> bool {
        self.listeners.iter().any(|listener| listener.interest == Interest::Viewers)
    }

    /// By others than those whom opening the document serves.
    pub(super) fn is_listened_to(&self) -> bool {
        self.listeners.iter().any(|listener| listener.interest != Interest::Viewers)
    }

    pub(super) fn open_frame(&self, reference: Ref, away: bool) -> Option<ClientFrame> {
        let Room::OpenDoc { doctype, name } = &self.room else { return None };
        let (doctype, name, seen) = (doctype.clone(), name.clone(), self.viewers.clone());
        Some(ClientFrame::Open { reference, doctype, name, away, seen })
    }

    /// The room is asked for, for all who wait and by this question.
    pub(super) fn asks(&mut self, reference: Ref) {
        for listener in self.listeners.iter_mut().filter(|listener| listener.waits_for.is_some()) {
            listener.waits_for = Some(reference);
        }
        if self.membership != Membership::Inside {
            self.membership = Membership::Asked;
            self.reference = reference;
        }
    }

    pub(super) fn awaits(&self, reference: Ref) -> bool {
        self.reference == reference || self.listeners.iter().any(|listener| listener.waits_for == Some(reference))
    }

    /// Where reading goes on: after the last event of the room, or earlier where a listener has not been
    /// told what came after its start.
    pub(super) fn since(&self) -> Option<Position> {
        // What another epoch holds cannot be replayed: asking for it brings the gap that this is.
        let is_of_this_epoch = |start: &Position| self.position.as_ref().is_none_or(|own| own.epoch == start.epoch);
        let key = |start: &Position| (is_of_this_epoch(start), start.offset);
        let mut first = self.position.as_ref();
        for listener in &self.listeners {
            if let Some(start) = &listener.seen
                && (self.position.is_none() || listener.waits_for.is_some())
                && first.is_none_or(|first| key(start) < key(first))
            {
                first = Some(start);
            }
        }
        first.cloned()
    }

    /// The listeners of which `is_one` says so, if there are any. One loop for all questions: each of its own
    /// weighs on the wasm.
    pub(super) fn those(&mut self, is_one: &mut dyn FnMut(&mut Listener) -> bool) -> Option<Vec<ListenerId>> {
        let mut ids = Vec::new();
        for listener in &mut self.listeners {
            if is_one(listener) {
                ids.push(listener.id);
            }
        }
        (!ids.is_empty()).then_some(ids)
    }

    /// A join was answered: those who waited for it are as far as the others. Returns them.
    pub(super) fn is_answered(&mut self, reference: Ref) -> Option<Vec<ListenerId>> {
        self.those(&mut |listener| {
            let waited = listener.waits_for == Some(reference);
            if waited {
                listener.waits_for = None;
            }
            waited
        })
    }

    /// A join was not granted; `membership` is then that of a room which waited for it. In a room that is
    /// joined already, those who asked may have missed something.
    pub(super) fn is_not_joined(&mut self, reference: Ref, membership: Membership) -> Option<Outcome> {
        match self.membership {
            Membership::Asked | Membership::Inside if self.reference == reference => {
                self.membership = membership;
                (self.membership == Membership::Failed).then_some(Outcome::AskLater)
            }
            Membership::Inside => self.is_answered(reference).map(Outcome::Gap),
            _ => None,
        }
    }

    pub(super) fn advance(&mut self, position: &Position) {
        if is_newer(position, self.position.as_ref()) {
            self.position = Some(position.clone());
        }
    }

    pub(super) fn value_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for listener in self.listeners.iter().filter(|listener| listener.interest == Interest::Value) {
            if !names.contains(&listener.event) {
                names.push(listener.event.clone());
            }
        }
        names
    }
}

/// Positions of different epochs are not compared: what comes from another epoch is new.
pub(super) fn is_newer(position: &Position, seen: Option<&Position>) -> bool {
    seen.is_none_or(|seen| seen.epoch != position.epoch || seen.offset < position.offset)
}
