//! What a page listens to, and how far it has read.
//!
//! Listeners may come before the connection and stay through reconnects. Each remembers the position of
//! the last event it was given, so that a replay after a reconnect gives nobody an event twice.

use crate::frame::{ClientFrame, Ref};
use crate::position::Position;
use crate::room::Room;

/// Names a listener within its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ListenerId(u32);

#[derive(Debug)]
struct Listener {
    id: ListenerId,
    event: String,
    /// Wants the newest value where nothing can be replayed.
    latest: bool,
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
    /// Refused; asked again on the next connection only.
    Denied,
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
}

impl Store {
    /// Adds a listener. Returns its id, and the frame to send if a connection stands (`connected`).
    ///
    /// `latest`: it shows a value, so it wants the newest one. `start`: the position of the value it
    /// already shows, or of the page it was rendered in.
    pub fn listen(
        &mut self,
        room: &Room,
        event: &str,
        latest: bool,
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
        let must_ask = match joined.membership {
            Membership::Outside => true,
            // The room is there, but a value or the events since a start are not.
            Membership::Asked(_) | Membership::Inside => latest || start.is_some(),
            Membership::Denied => false,
        };
        // A late listener of happenings hears what comes from now on.
        let seen = start.or_else(|| if latest { None } else { joined.position.clone() });
        // No join has the number 0: it waits for one that is still to be asked.
        let waits_for = must_ask.then_some(0);
        joined.listeners.push(Listener { id, event: event.to_owned(), latest, seen, waits_for });
        let frame = (connected && must_ask).then(|| self.ask(index));
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
        } else {
            joined.position = Some(position);
        }
        joined.is_answered(reference);
        if recovered {
            return None;
        }
        let behind: Vec<ListenerId> =
            joined.listeners.iter().filter(|listener| listener.seen.is_some()).map(|listener| listener.id).collect();
        (!behind.is_empty()).then_some(Outcome::Gap(behind))
    }

    /// A join was refused. In a room that is joined already, those who asked may have missed something.
    pub fn denied(&mut self, reference: Ref, room: &Room) -> Option<Outcome> {
        let joined = self.room_mut(room)?;
        match joined.membership {
            Membership::Asked(asked) if asked == reference => {
                joined.membership = Membership::Denied;
                None
            }
            Membership::Inside => {
                let unanswered = joined.is_answered(reference);
                (!unanswered.is_empty()).then_some(Outcome::Gap(unanswered))
            }
            _ => None,
        }
    }

    /// Events of a joined room may be missing; reading goes on at `position`.
    pub fn gap(&mut self, room: &Room, position: Position) -> Option<Outcome> {
        let joined = self.room_mut(room)?;
        joined.position = Some(position);
        Some(Outcome::Gap(joined.listeners.iter().map(|listener| listener.id).collect()))
    }

    /// All that was published up to `position` in the joined rooms has arrived, though none of it may
    /// have been for them: a quiet room then needs no replay of what passed it by.
    pub fn caught_up(&mut self, position: &Position) {
        for joined in self.rooms.iter_mut().filter(|joined| joined.membership == Membership::Inside) {
            joined.advance(position);
        }
    }

    /// An event came. Says who is to be given it: nobody twice, and nobody before the join of its
    /// room is answered, because the replay that follows the answer holds it again, in order.
    pub fn event(&mut self, room: &Room, event: &str, position: &Position) -> Option<Outcome> {
        let joined = self.room_mut(room)?;
        if joined.membership != Membership::Inside {
            return None;
        }
        joined.advance(position);
        let mut given = Vec::new();
        let told = joined.listeners.iter_mut().filter(|listener| listener.waits_for.is_none());
        for listener in told.filter(|listener| listener.event == event) {
            if is_newer(position, listener.seen.as_ref()) {
                listener.seen = Some(position.clone());
                given.push(listener.id);
            }
        }
        (!given.is_empty()).then_some(Outcome::Deliver(given))
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
        ClientFrame::Join { reference, room: joined.room.clone(), since: joined.since(), latest: joined.value_names() }
    }

    const fn new_ref(&mut self) -> Ref {
        self.next_ref += 1;
        self.next_ref
    }
}

impl JoinedRoom {
    /// Where reading goes on: after the last event of the room, or earlier where a listener has not been
    /// told what came after its start.
    fn since(&self) -> Option<Position> {
        let waiting = self.listeners.iter().filter(|listener| self.position.is_none() || listener.waits_for.is_some());
        let starts = waiting.filter_map(|listener| listener.seen.as_ref());
        // What another epoch holds cannot be replayed: asking for it brings the gap that this is.
        let is_of_this_epoch = |start: &Position| self.position.as_ref().is_none_or(|own| own.epoch == start.epoch);
        starts.chain(&self.position).min_by_key(|start| (is_of_this_epoch(start), start.offset)).cloned()
    }

    /// A join was answered: those who waited for it are as far as the others. Returns them.
    fn is_answered(&mut self, reference: Ref) -> Vec<ListenerId> {
        let waited = self.listeners.iter_mut().filter(|listener| listener.waits_for == Some(reference));
        waited
            .map(|listener| {
                listener.waits_for = None;
                listener.id
            })
            .collect()
    }

    fn advance(&mut self, position: &Position) {
        if is_newer(position, self.position.as_ref()) {
            self.position = Some(position.clone());
        }
    }

    fn value_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for listener in self.listeners.iter().filter(|listener| listener.latest) {
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
