//! What a page listens to, and how far it has read.
//!
//! Listeners may come before the connection and stay through reconnects. Each remembers the position of
//! the last event it was given, so that a replay after a reconnect gives nobody an event twice.

use crate::frame::{ClientFrame, Denial, Ref};
use crate::position::Position;
use crate::room::Room;
use crate::task::TaskTicket;

/// What a listener wants to hear of its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// It shows a value: the newest one where nothing can be replayed, and each that follows.
    Value,
    /// Happenings.
    Event,
    /// What other pages emit: it is in no history, so nothing of it is ever missing.
    Emitted,
}

/// Names a listener within its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenerId(u32);

#[derive(Debug)]
struct Listener {
    id: ListenerId,
    event: String,
    interest: Interest,
    /// The last event given to it, or the position of its server-rendered start.
    seen: Option<Position>,
    /// Until the answer to this join it has not been told what came after its start.
    waits_for: Option<Ref>,
}

#[derive(Debug, PartialEq, Eq)]
enum Membership {
    /// The server has not been asked on this connection.
    Outside,
    /// Asked under this `ref`, not answered yet.
    Asked(Ref),
    Inside,
    /// Refused, or taken away; asked again on the next connection only.
    Denied,
    /// Neither granted nor refused: asked again after a wait.
    Failed,
}

#[derive(Debug)]
struct JoinedRoom {
    room: Room,
    membership: Membership,
    position: Option<Position>,
    listeners: Vec<Listener>,
}

/// Rooms, positions and listeners of a page. Pure.
#[derive(Debug, Default)]
pub struct Store {
    rooms: Vec<JoinedRoom>,
    tickets: Vec<TaskTicket>,
    next_listener: u32,
    next_ref: Ref,
}

/// What an event or an answer means for the page.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Give the message to these listeners.
    Deliver(Vec<ListenerId>),
    /// Tell these listeners that events may be missing.
    Gap(Vec<ListenerId>),
    /// Ask again later, with [`Store::ask_again`].
    AskLater,
}

impl Store {
    /// Adds a listener. Returns its id, and the frame to send if a connection stands (`connected`).
    ///
    /// `start`: the position of the value it already shows, or of the page it was rendered in.
    pub fn listen(
        &mut self,
        room: &Room,
        event: &str,
        interest: Interest,
        start: Option<Position>,
        connected: bool,
    ) -> (ListenerId, Option<ClientFrame>) {
        self.next_listener += 1;
        let id = ListenerId(self.next_listener);
        let index = self.rooms.iter().position(|joined| joined.room == *room).unwrap_or_else(|| {
            self.rooms.push(JoinedRoom {
                room: room.clone(),
                membership: Membership::Outside,
                position: None,
                listeners: Vec::new(),
            });
            self.rooms.len() - 1
        });
        let joined = &mut self.rooms[index];
        let must_wait = match joined.membership {
            Membership::Outside | Membership::Denied | Membership::Failed => true,
            // The room is there, but a value or the events since a start are not.
            Membership::Asked(_) | Membership::Inside => interest == Interest::Value || start.is_some(),
        };
        // These are asked again, but not now.
        let may_ask = !matches!(joined.membership, Membership::Denied | Membership::Failed);
        // A late listener of happenings hears what comes from now on.
        let seen = start.or_else(|| if interest == Interest::Event { joined.position.clone() } else { None });
        // No join has the number 0: it waits for one that is still to be asked.
        let waits_for = must_wait.then_some(0);
        joined.listeners.push(Listener { id, event: event.to_owned(), interest, seen, waits_for });
        let frame = (connected && must_wait && may_ask).then(|| self.ask(index));
        (id, frame)
    }

    /// Removes a listener. Returns the frame to send when nobody listens to its room any more.
    pub fn forget(&mut self, id: ListenerId, connected: bool) -> Option<ClientFrame> {
        let index = self.rooms.iter().position(|joined| joined.listeners.iter().any(|listener| listener.id == id))?;
        let joined = &mut self.rooms[index];
        joined.listeners.retain(|listener| listener.id != id);
        if !joined.listeners.is_empty() {
            return None;
        }
        let joined = self.rooms.swap_remove(index);
        let inside = matches!(joined.membership, Membership::Asked(_) | Membership::Inside);
        (connected && inside).then(|| ClientFrame::Leave { reference: self.new_ref(), room: joined.room })
    }

    /// A new connection stands: the joins to send.
    pub fn connected(&mut self) -> Vec<ClientFrame> {
        self.disconnected();
        (0..self.rooms.len()).map(|index| self.ask(index)).collect()
    }

    /// The joins to send for the rooms whose last ones failed.
    pub fn ask_again(&mut self) -> Vec<ClientFrame> {
        let mut joins = Vec::new();
        for index in 0..self.rooms.len() {
            if self.rooms[index].membership == Membership::Failed {
                joins.push(self.ask(index));
            }
        }
        joins
    }

    /// The connection is gone.
    pub fn disconnected(&mut self) {
        for joined in &mut self.rooms {
            joined.membership = Membership::Outside;
        }
    }

    /// Whether every room that is listened to has been answered.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.rooms.iter().all(|joined| matches!(joined.membership, Membership::Inside | Membership::Denied))
    }

    /// A join was granted at `position`. Returns a gap where something may be missing.
    pub fn joined(&mut self, reference: Ref, room: &Room, position: Position, recovered: bool) -> Option<Outcome> {
        let joined = self.room_mut(room)?;
        match joined.membership {
            Membership::Asked(asked) if asked == reference => joined.membership = Membership::Inside,
            Membership::Inside => {}
            // The answer to an older question; a newer join of the room is on its way.
            _ => return None,
        }
        if recovered {
            // What is replayed follows, and the position advances with it.
            joined.position = joined.since();
            joined.is_answered(reference);
            return None;
        }
        // One that was here before may miss something even if it has seen nothing yet.
        let was_joined = joined.position.replace(position).is_some();
        let told =
            joined.those(&mut |listener| listener.seen.is_some() || (was_joined && listener.waits_for.is_none()));
        joined.is_answered(reference);
        told.map(Outcome::Gap)
    }

    /// A join was refused.
    pub fn denied(&mut self, reference: Ref, room: &Room, denial: Denial) -> Option<Outcome> {
        let joined = self.room_mut(room)?;
        joined.is_not_joined(reference, if denial == Denial::TooFast { Membership::Failed } else { Membership::Denied })
    }

    /// A frame was understood and not done. If it was a join, its room is still wanted.
    pub fn failed(&mut self, reference: Ref) -> Option<Outcome> {
        self.rooms.iter_mut().find_map(|joined| joined.is_not_joined(reference, Membership::Failed))
    }

    /// A room was taken away: nothing of it comes any more. One that is being asked for has an answer of
    /// its own to come.
    pub fn taken_away(&mut self, room: &Room) {
        if let Some(joined) = self.room_mut(room).filter(|joined| joined.membership == Membership::Inside) {
            joined.membership = Membership::Denied;
        }
    }

    /// Events of a joined room may be missing; reading goes on at `position`.
    pub fn gap(&mut self, room: &Room, position: Position) -> Option<Outcome> {
        let joined = self.room_mut(room)?;
        joined.position = Some(position);
        joined.those(&mut |_| true).map(Outcome::Gap)
    }

    /// All that was published up to `position` in the joined rooms has arrived, though none of it may
    /// have been for them: a quiet room then needs no replay of what passed it by.
    pub fn caught_up(&mut self, position: &Position) {
        for joined in self.rooms.iter_mut().filter(|joined| joined.membership == Membership::Inside) {
            joined.advance(position);
        }
    }

    /// An event came. Says who is to be given it: nobody twice, and nobody before the join of its
    /// room is answered, because the replay that follows the answer holds it again, in order. One without a
    /// position is true for the moment: who listens is given it, at once.
    pub fn event(&mut self, room: &Room, event: &str, position: Option<&Position>) -> Option<Outcome> {
        let joined = self.room_mut(room).filter(|joined| joined.membership == Membership::Inside)?;
        if let Some(position) = position {
            joined.advance(position);
        }
        let given = joined.those(&mut |listener| {
            let is_new = position
                .is_none_or(|position| listener.waits_for.is_none() && is_newer(position, listener.seen.as_ref()));
            let is_given = is_new && listener.interest != Interest::Emitted && listener.event == event;
            if is_given && position.is_some() {
                listener.seen = position.cloned();
            }
            is_given
        });
        given.map(Outcome::Deliver)
    }

    /// Another page emitted something. It has no position: who listens is given it, at once.
    pub fn emitted(&mut self, room: &Room, event: &str) -> Option<Outcome> {
        let joined = self.room_mut(room).filter(|joined| joined.membership == Membership::Inside)?;
        joined
            .those(&mut |listener| listener.interest == Interest::Emitted && listener.event == event)
            .map(Outcome::Deliver)
    }

    /// Whether the connection is in a room because somebody listens there.
    #[must_use]
    pub fn is_inside(&self, room: &Room) -> bool {
        self.rooms.iter().any(|joined| joined.room == *room && joined.membership == Membership::Inside)
    }

    /// Remembers that the page was given a task: joins of its room say so from now on.
    pub fn remember(&mut self, ticket: TaskTicket) {
        self.tickets.retain(|known| known.task_id != ticket.task_id);
        self.tickets.push(ticket);
    }

    fn room_mut(&mut self, room: &Room) -> Option<&mut JoinedRoom> {
        self.rooms.iter_mut().find(|joined| joined.room == *room)
    }

    fn ask(&mut self, index: usize) -> ClientFrame {
        let reference = self.new_ref();
        let joined = &mut self.rooms[index];
        for listener in joined.listeners.iter_mut().filter(|listener| listener.waits_for.is_some()) {
            listener.waits_for = Some(reference);
        }
        if joined.membership != Membership::Inside {
            joined.membership = Membership::Asked(reference);
        }
        let (since, latest) = (joined.since(), joined.value_names());
        let ticket = match &joined.room {
            Room::Task(task_id) => self.tickets.iter().find(|ticket| ticket.task_id == *task_id),
            _ => None,
        };
        let token = ticket.map(|ticket| ticket.token.clone());
        ClientFrame::Join { reference, room: joined.room.clone(), since, latest, token }
    }

    /// A number that no frame of this page has had.
    pub const fn new_ref(&mut self) -> Ref {
        self.next_ref += 1;
        self.next_ref
    }
}

impl JoinedRoom {
    /// Where reading goes on: after the last event of the room, or earlier where a listener has not been
    /// told what came after its start.
    fn since(&self) -> Option<Position> {
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
    fn those(&mut self, is_one: &mut dyn FnMut(&mut Listener) -> bool) -> Option<Vec<ListenerId>> {
        let mut ids = Vec::new();
        for listener in &mut self.listeners {
            if is_one(listener) {
                ids.push(listener.id);
            }
        }
        (!ids.is_empty()).then_some(ids)
    }

    /// A join was answered: those who waited for it are as far as the others. Returns them.
    fn is_answered(&mut self, reference: Ref) -> Option<Vec<ListenerId>> {
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
    fn is_not_joined(&mut self, reference: Ref, membership: Membership) -> Option<Outcome> {
        match self.membership {
            Membership::Asked(asked) if asked == reference => {
                self.membership = membership;
                (self.membership == Membership::Failed).then_some(Outcome::AskLater)
            }
            Membership::Inside => self.is_answered(reference).map(Outcome::Gap),
            _ => None,
        }
    }

    fn advance(&mut self, position: &Position) {
        if is_newer(position, self.position.as_ref()) {
            self.position = Some(position.clone());
        }
    }

    fn value_names(&self) -> Vec<String> {
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
fn is_newer(position: &Position, seen: Option<&Position>) -> bool {
    seen.is_none_or(|seen| seen.epoch != position.epoch || seen.offset < position.offset)
}

#[cfg(test)]
mod tests;
