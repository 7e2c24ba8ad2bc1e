//! What a page listens to, and how far it has read.
//!
//! Listeners may come before the connection and stay through reconnects. Each remembers the position of
//! the last event it was given, so that a replay after a reconnect gives nobody an event twice.

mod joined_room;

use self::joined_room::{JoinedRoom, Listener, Membership, is_newer};
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
    /// Who looks at the room's document, which is told at the moment only; and that this page does.
    Viewers,
}

/// Names a listener within its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenerId(u32);

/// Rooms, positions and listeners of a page. Pure.
#[derive(Debug, Default)]
pub struct Store {
    rooms: Vec<JoinedRoom>,
    tickets: Vec<TaskTicket>,
    next_listener: u32,
    next_ref: Ref,
    /// The page is hidden.
    is_away: bool,
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
                reference: 0,
                position: None,
                viewers: None,
                listeners: Vec::new(),
            });
            self.rooms.len() - 1
        });
        let joined = &mut self.rooms[index];
        let must_wait = match joined.membership {
            Membership::Outside | Membership::Denied | Membership::Failed => true,
            // The room is there, but a value or the events since a start are not.
            Membership::Asked | Membership::Inside => interest == Interest::Value || start.is_some(),
        };
        // These are asked again, but not now.
        let may_ask = !matches!(joined.membership, Membership::Denied | Membership::Failed);
        // A late listener of happenings hears what comes from now on.
        let seen = start.or_else(|| if interest == Interest::Event { joined.position.clone() } else { None });
        // No join has the number 0: it waits for one that is still to be asked.
        let waits_for = must_wait.then_some(0);
        joined.listeners.push(Listener { id, event: event.to_owned(), interest, seen, waits_for });
        let frame = if !connected || !may_ask {
            None
        } else if interest == Interest::Viewers {
            // It is to be told what the others are shown already.
            joined.viewers = None;
            Some(self.open(index))
        } else {
            must_wait.then(|| self.join(index))
        };
        (id, frame)
    }

    /// Removes a listener. Returns what to send when nobody listens to its room any more, or looks at its document.
    pub fn forget(&mut self, id: ListenerId, connected: bool) -> Vec<ClientFrame> {
        let mut frames = Vec::new();
        let is_its_room = |joined: &JoinedRoom| joined.listeners.iter().any(|listener| listener.id == id);
        let Some(index) = self.rooms.iter().position(is_its_room) else { return frames };
        let reference = self.new_ref();
        let joined = &mut self.rooms[index];
        let was_viewed = joined.is_viewed();
        joined.listeners.retain(|listener| listener.id != id);
        let inside = connected && matches!(joined.membership, Membership::Asked | Membership::Inside);
        let is_left = joined.listeners.is_empty();
        if inside && was_viewed && !joined.is_viewed() {
            if let Room::OpenDoc { doctype, name } = joined.room.clone() {
                frames.push(ClientFrame::Close { reference, doctype, name });
            }
            if !is_left {
                // Closing leaves the room.
                joined.membership = Membership::Outside;
                frames.push(self.join(index));
            }
        } else if inside && is_left {
            frames.push(ClientFrame::Leave { reference, room: joined.room.clone() });
        }
        if is_left {
            self.rooms.swap_remove(index);
        }
        frames
    }

    /// A new connection stands: the joins to send, and the documents to open.
    pub fn connected(&mut self) -> Vec<ClientFrame> {
        self.disconnected();
        self.ask_those(&Membership::Outside)
    }

    /// What to send for the rooms whose last joins failed.
    pub fn ask_again(&mut self) -> Vec<ClientFrame> {
        self.ask_those(&Membership::Failed)
    }

    /// The page is hidden, or seen again: what to send, so that others know.
    pub fn set_away(&mut self, is_away: bool) -> Vec<ClientFrame> {
        let is_new = std::mem::replace(&mut self.is_away, is_away) != is_away;
        let mut frames = Vec::new();
        for index in 0..self.rooms.len() {
            let joined = &self.rooms[index];
            if is_new && joined.is_viewed() && matches!(joined.membership, Membership::Asked | Membership::Inside) {
                frames.push(self.open(index));
            }
        }
        frames
    }

    /// The frames that say where the page is and how far it has read, for a server that does not know.
    #[must_use]
    pub fn standing(&self) -> Vec<ClientFrame> {
        let mut frames = Vec::new();
        for joined in self.rooms.iter().filter(|joined| joined.membership == Membership::Inside) {
            if joined.is_listened_to() {
                frames.push(self.join_frame(joined, joined.reference, joined.position.clone()));
            }
            if joined.is_viewed() {
                frames.extend(joined.open_frame(joined.reference, self.is_away));
            }
        }
        frames
    }

    /// The page shows this version of a document's viewers.
    pub fn shows_viewers(&mut self, room: &Room, version: String) {
        if let Some(joined) = self.room_mut(room) {
            joined.viewers = Some(version);
        }
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
            Membership::Asked if joined.reference == reference => joined.membership = Membership::Inside,
            Membership::Inside if joined.awaits(reference) => {}
            // The answer to an older question, a newer join of the room being on its way; or to an `open` in a
            // room that is joined.
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
        let told = joined.those(&mut |listener| {
            matches!(listener.interest, Interest::Value | Interest::Event)
                && (listener.seen.is_some() || (was_joined && listener.waits_for.is_none()))
        });
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
        // What the room was read beyond comes as the newest value of somebody who shows one. It is no happening.
        let is_news = position.is_none_or(|position| is_newer(position, joined.position.as_ref()));
        if let Some(position) = position {
            joined.advance(position);
        }
        let given = joined.those(&mut |listener| {
            let is_new = position
                .is_none_or(|position| listener.waits_for.is_none() && is_newer(position, listener.seen.as_ref()))
                && (is_news || listener.interest == Interest::Value);
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

    /// What brings the page into all rooms of this membership.
    fn ask_those(&mut self, membership: &Membership) -> Vec<ClientFrame> {
        let mut frames = Vec::new();
        for index in 0..self.rooms.len() {
            let joined = &self.rooms[index];
            if joined.membership == *membership {
                let is_viewed = joined.is_viewed();
                if joined.is_listened_to() {
                    frames.push(self.join(index));
                }
                if is_viewed {
                    frames.push(self.open(index));
                }
            }
        }
        frames
    }

    fn join(&mut self, index: usize) -> ClientFrame {
        let reference = self.new_ref();
        let joined = &mut self.rooms[index];
        joined.asks(reference);
        let joined = &self.rooms[index];
        self.join_frame(joined, reference, joined.since())
    }

    /// Opens a viewed document. That joins its room, where nothing else has.
    fn open(&mut self, index: usize) -> ClientFrame {
        let reference = self.new_ref();
        let joined = &mut self.rooms[index];
        if !matches!(joined.membership, Membership::Asked | Membership::Inside) {
            joined.asks(reference);
        }
        let frame = joined.open_frame(reference, self.is_away);
        frame.expect("only documents are viewed")
    }

    fn join_frame(&self, joined: &JoinedRoom, reference: Ref, since: Option<Position>) -> ClientFrame {
        let ticket = match &joined.room {
            Room::Task(task_id) => self.tickets.iter().find(|ticket| ticket.task_id == *task_id),
            _ => None,
        };
        let token = ticket.map(|ticket| ticket.token.clone());
        ClientFrame::Join { reference, room: joined.room.clone(), since, latest: joined.value_names(), token }
    }

    /// A number that no frame of this page has had.
    pub const fn new_ref(&mut self) -> Ref {
        self.next_ref += 1;
        self.next_ref
    }
}

#[cfg(test)]
mod tests;
