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
        let seen = start.clone().or_else(|| if latest { None } else { joined.position.clone() });
        joined.listeners.push(Listener { id, event: event.to_owned(), latest, seen });
        let frame = (connected && must_ask).then(|| self.ask(index, start));
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
        (0..self.rooms.len()).map(|index| self.ask(index, None)).collect()
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
            return None;
        }
        joined.position = Some(position);
        let behind: Vec<ListenerId> =
            joined.listeners.iter().filter(|listener| listener.seen.is_some()).map(|listener| listener.id).collect();
        (!behind.is_empty()).then_some(Outcome::Gap(behind))
    }

    /// A join was refused.
    pub fn denied(&mut self, room: &Room) {
        if let Some(joined) = self.room_mut(room) {
            joined.membership = Membership::Denied;
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
        for listener in joined.listeners.iter_mut().filter(|listener| listener.event == event) {
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

    fn ask(&mut self, index: usize, start: Option<Position>) -> ClientFrame {
        let reference = self.new_ref();
        let joined = &mut self.rooms[index];
        let since = match joined.membership {
            // All but the newcomer have what came before.
            Membership::Inside => start.or_else(|| joined.since()),
            _ => joined.since(),
        };
        if joined.membership != Membership::Inside {
            joined.membership = Membership::Asked(reference);
        }
        ClientFrame::Join { reference, room: joined.room.clone(), since, latest: joined.value_names() }
    }

    const fn new_ref(&mut self) -> Ref {
        self.next_ref += 1;
        self.next_ref
    }
}

impl JoinedRoom {
    /// Where reading goes on: after the last event of the room, else after the earliest start.
    fn since(&self) -> Option<Position> {
        let starts = || self.listeners.iter().filter_map(|listener| listener.seen.as_ref());
        self.position.clone().or_else(|| starts().min_by_key(|start| start.offset).cloned())
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
mod tests {
    use super::{ListenerId, Outcome, Store};
    use crate::frame::{ClientFrame, Ref};
    use crate::position::Position;
    use crate::room::Room;

    fn at(offset: u64) -> Position {
        Position::new("e", offset)
    }

    fn me() -> Room {
        Room::user("jane@example.com")
    }

    fn join_of(frame: &ClientFrame) -> (Ref, Option<Position>, Vec<String>) {
        let ClientFrame::Join { reference, since, latest, .. } = frame else { panic!("not a join: {frame:?}") };
        (*reference, since.clone(), latest.clone())
    }

    /// A store with one value listener that started at 5 and whose join is answered.
    fn inside() -> (Store, ListenerId) {
        let mut store = Store::default();
        let (id, frame) = store.listen(&me(), "count", true, Some(at(5)), false);
        assert_eq!(frame, None, "nothing is sent before the connection");
        let joins = store.connected();
        let (reference, since, latest) = join_of(&joins[0]);
        assert_eq!((since, latest), (Some(at(5)), vec!["count".to_owned()]));
        assert_eq!(store.joined(reference, &me(), at(8), true), None);
        (store, id)
    }

    #[test]
    fn a_replay_is_given_once_and_in_order() {
        let (mut store, id) = inside();
        for offset in [6, 7, 8] {
            assert_eq!(store.event(&me(), "count", &at(offset)), Some(Outcome::Deliver(vec![id])));
        }
        assert_eq!(store.event(&me(), "count", &at(8)), None, "twice");
        assert_eq!(store.event(&me(), "count", &at(9)), Some(Outcome::Deliver(vec![id])));
    }

    #[test]
    fn an_event_before_the_answer_to_the_join_waits_for_the_replay() {
        let mut store = Store::default();
        let (id, _) = store.listen(&me(), "count", true, Some(at(5)), false);
        let (reference, ..) = join_of(&store.connected()[0]);
        assert_eq!(store.event(&me(), "count", &at(9)), None);
        store.joined(reference, &me(), at(9), true);
        assert_eq!(store.event(&me(), "count", &at(6)), Some(Outcome::Deliver(vec![id])));
        assert_eq!(store.event(&me(), "count", &at(9)), Some(Outcome::Deliver(vec![id])));
    }

    #[test]
    fn a_reconnect_asks_from_the_last_event() {
        let (mut store, _) = inside();
        store.event(&me(), "count", &at(6));
        store.disconnected();
        assert!(!store.is_settled());
        assert_eq!(join_of(&store.connected()[0]).1, Some(at(6)));
    }

    #[test]
    fn a_quiet_room_reconnects_from_where_the_site_was() {
        let (mut store, _) = inside();
        store.caught_up(&at(900));
        assert_eq!(join_of(&store.connected()[0]).1, Some(at(900)));
    }

    #[test]
    fn what_cannot_be_recovered_is_a_gap_and_the_newest_value_of_the_new_epoch_is_given() {
        let (mut store, id) = inside();
        let (reference, ..) = join_of(&store.connected()[0]);
        let now = Position::new("restarted", 3);
        assert_eq!(store.joined(reference, &me(), now, false), Some(Outcome::Gap(vec![id])));
        let newest = Position::new("restarted", 2);
        assert_eq!(store.event(&me(), "count", &newest), Some(Outcome::Deliver(vec![id])));
        assert_eq!(join_of(&store.connected()[0]).1, Some(Position::new("restarted", 3)));
    }

    #[test]
    fn a_first_join_without_a_start_is_no_gap() {
        let mut store = Store::default();
        let (id, _) = store.listen(&me(), "count", true, None, false);
        let (reference, since, _) = join_of(&store.connected()[0]);
        assert_eq!(since, None);
        assert_eq!(store.joined(reference, &me(), at(8), false), None);
        assert_eq!(store.event(&me(), "count", &at(7)), Some(Outcome::Deliver(vec![id])));
    }

    #[test]
    fn a_late_value_listener_gets_the_newest_value_and_the_others_do_not_get_it_again() {
        let (mut store, early) = inside();
        assert_eq!(store.event(&me(), "count", &at(7)), Some(Outcome::Deliver(vec![early])));
        let (late, frame) = store.listen(&me(), "count", true, None, true);
        let (reference, since, _) = join_of(&frame.expect("asks for the value"));
        assert_eq!(since, Some(at(7)));
        store.joined(reference, &me(), at(7), true);
        assert_eq!(store.event(&me(), "count", &at(7)), Some(Outcome::Deliver(vec![late])));
        assert_eq!(store.event(&me(), "count", &at(8)), Some(Outcome::Deliver(vec![early, late])));
    }

    #[test]
    fn a_late_listener_of_happenings_does_not_ask_and_hears_only_what_comes() {
        let (mut store, _) = inside();
        store.event(&me(), "count", &at(7));
        let (id, frame) = store.listen(&me(), "msgprint", false, None, true);
        assert_eq!(frame, None);
        assert_eq!(store.event(&me(), "msgprint", &at(7)), None);
        assert_eq!(store.event(&me(), "msgprint", &at(8)), Some(Outcome::Deliver(vec![id])));
    }

    #[test]
    fn the_last_listener_leaves_the_room() {
        let (mut store, first) = inside();
        let (second, _) = store.listen(&me(), "other", false, None, true);
        assert_eq!(store.forget(first, true), None);
        assert!(matches!(store.forget(second, true), Some(ClientFrame::Leave { room, .. }) if room == me()));
        assert_eq!(store.event(&me(), "count", &at(9)), None);
        assert!(store.is_settled());
    }

    #[test]
    fn an_older_answer_does_not_stand_for_a_newer_question() {
        let mut store = Store::default();
        store.listen(&me(), "count", true, Some(at(5)), false);
        let (first, ..) = join_of(&store.connected()[0]);
        let (_, frame) = store.listen(&me(), "total", true, Some(at(3)), true);
        let (second, since, _) = join_of(&frame.expect("asks again"));
        assert_eq!(since, Some(at(3)));
        store.joined(first, &me(), at(8), true);
        assert!(!store.is_settled());
        store.joined(second, &me(), at(8), true);
        assert!(store.is_settled());
    }

    #[test]
    fn a_denied_room_is_settled_and_asked_again_on_the_next_connection() {
        let mut store = Store::default();
        store.listen(&Room::Site, "e", false, None, false);
        store.connected();
        store.denied(&Room::Site);
        assert!(store.is_settled());
        assert_eq!(store.connected().len(), 1);
    }

    #[test]
    fn two_rooms_are_kept_apart() {
        let mut store = Store::default();
        let (mine, _) = store.listen(&me(), "count", true, None, false);
        let (all, _) = store.listen(&Room::Site, "count", true, None, false);
        for frame in store.connected() {
            let ClientFrame::Join { reference, room, .. } = frame else { panic!("a join") };
            store.joined(reference, &room, at(0), false);
        }
        assert_eq!(store.event(&me(), "count", &at(1)), Some(Outcome::Deliver(vec![mine])));
        assert_eq!(store.event(&Room::Site, "count", &at(2)), Some(Outcome::Deliver(vec![all])));
    }
}
