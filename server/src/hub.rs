//! Which connections are in which room of one site.
//!
//! Two maps kept in step: room to members, so that an event costs what its room costs, and connection
//! to rooms, so that leaving costs what the connection was in.

use std::collections::HashMap;
use std::sync::Arc;

use realtime::room::Room;

use crate::authz::Grant;
use crate::queue::Queue;

/// Names a connection within the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionId(pub u64);

impl std::fmt::Display for ConnectionId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "c{}", self.0)
    }
}

type Members = HashMap<ConnectionId, Arc<Queue>>;

/// The rooms of one site.
#[derive(Default)]
pub struct Hub {
    rooms: HashMap<Arc<Room>, Members>,
    joined: HashMap<ConnectionId, Vec<Arc<Room>>>,
}

impl Hub {
    /// Puts a connection into the room that the grant is for. Joining again changes nothing.
    pub fn join(&mut self, grant: Grant, connection: ConnectionId, queue: &Arc<Queue>) {
        let room = self.rooms.get_key_value(grant.room()).map(|(room, _)| Arc::clone(room));
        let room = room.unwrap_or_else(|| Arc::new(grant.into_room()));
        let members = self.rooms.entry(Arc::clone(&room)).or_default();
        if members.insert(connection, Arc::clone(queue)).is_none() {
            self.joined.entry(connection).or_default().push(room);
        }
    }

    /// Takes a connection out of a room. Returns whether it was in it.
    pub fn leave(&mut self, room: &Room, connection: ConnectionId) -> bool {
        let Some(rooms) = self.joined.get_mut(&connection) else { return false };
        let Some(index) = rooms.iter().position(|joined| **joined == *room) else { return false };
        rooms.swap_remove(index);
        if rooms.is_empty() {
            self.joined.remove(&connection);
        }
        self.forget_member(room, connection);
        true
    }

    /// Takes a connection out of every room.
    pub fn disconnect(&mut self, connection: ConnectionId) {
        for room in self.joined.remove(&connection).unwrap_or_default() {
            self.forget_member(&room, connection);
        }
    }

    /// The queues of a room's members.
    pub fn members(&self, room: &Room) -> impl Iterator<Item = &Arc<Queue>> {
        self.rooms.get(room).into_iter().flat_map(HashMap::values)
    }

    /// A room's members, by name.
    pub fn named_members(&self, room: &Room) -> impl Iterator<Item = (ConnectionId, &Arc<Queue>)> {
        self.rooms.get(room).into_iter().flatten().map(|(connection, queue)| (*connection, queue))
    }

    /// The rooms a connection is in.
    #[must_use]
    pub fn rooms_of(&self, connection: ConnectionId) -> &[Arc<Room>] {
        self.joined.get(&connection).map_or(&[], Vec::as_slice)
    }

    /// Every room with its members' queues.
    pub fn all(&self) -> impl Iterator<Item = (&Arc<Room>, impl Iterator<Item = &Arc<Queue>>)> {
        self.rooms.iter().map(|(room, members)| (room, members.values()))
    }

    /// Every connection that is in a room, once.
    pub fn connections(&self) -> impl Iterator<Item = &Arc<Queue>> {
        self.joined.iter().filter_map(|(connection, rooms)| self.rooms.get(rooms.first()?)?.get(connection))
    }

    fn forget_member(&mut self, room: &Room, connection: ConnectionId) {
        if let Some(members) = self.rooms.get_mut(room) {
            members.remove(&connection);
            if members.is_empty() {
                self.rooms.remove(room);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, IoSlice};
    use std::sync::Arc;

    use realtime::room::Room;

    use super::{ConnectionId, Hub};
    use crate::authz::Grant;
    use crate::queue::{Queue, QueueLimits, Wire};

    struct Nowhere;

    impl Wire for Nowhere {
        fn try_write(&self, _: &[IoSlice<'_>]) -> io::Result<usize> {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }

    fn queue() -> Arc<Queue> {
        Arc::new(Queue::new(Arc::new(Nowhere), QueueLimits { frames: 10, bytes: 1000 }))
    }

    #[test]
    fn both_maps_are_kept_in_step() {
        let mut hub = Hub::default();
        let (first, second) = (ConnectionId(1), ConnectionId(2));
        for (room, connection) in
            [(Room::Site, first), (Room::Site, first), (Room::Site, second), (Room::Website, first)]
        {
            hub.join(Grant::for_a_test(room), connection, &queue());
        }
        assert_eq!(hub.members(&Room::Site).count(), 2);
        assert_eq!(hub.rooms_of(first).len(), 2, "joining twice is joining once");
        assert!(hub.leave(&Room::Site, second));
        assert!(!hub.leave(&Room::Site, second));
        assert_eq!(hub.connections().count(), 1, "each once, whatever the number of its rooms");
        hub.disconnect(first);
        assert_eq!((hub.rooms.len(), hub.joined.len()), (0, 0), "nothing is left behind");
    }
}
