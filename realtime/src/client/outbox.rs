//! What a page wants others to hear, until it is sent: newest wins.

use serde_json::value::RawValue;

use crate::room::Room;

/// Something to emit.
#[derive(Debug, Clone)]
pub struct Emission {
    /// The room.
    pub room: Room,
    /// The event's name.
    pub event: String,
    /// The message as raw JSON text.
    pub message: Box<RawValue>,
}

/// Emissions that wait. A pointer moves a hundred times a second, and only where it is now counts. Pure.
#[derive(Debug, Default)]
pub struct Outbox {
    waiting: Vec<Emission>,
}

/// Milliseconds from the first emission that waits until all are sent.
pub const MERGE: u64 = 100;

impl Outbox {
    /// Adds an emission, in the place of an older one of its room and event. Says whether it is the first
    /// that waits: [`MERGE`] later all are [taken](Self::take).
    #[must_use]
    pub fn put(&mut self, emission: Emission) -> bool {
        let is_same = |other: &Emission| other.room == emission.room && other.event == emission.event;
        let is_first = self.waiting.is_empty();
        if let Some(older) = self.waiting.iter_mut().find(|other| is_same(other)) {
            older.message = emission.message;
        } else {
            self.waiting.push(emission);
        }
        is_first
    }

    /// All that waits, in the order in which it began to.
    pub fn take(&mut self) -> Vec<Emission> {
        std::mem::take(&mut self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::{Emission, Outbox};
    use crate::room::Room;

    fn emission(room: &Room, event: &str, number: u32) -> Emission {
        let message = RawValue::from_string(number.to_string()).expect("a number is JSON");
        Emission { room: room.clone(), event: event.to_owned(), message }
    }

    fn taken(outbox: &mut Outbox) -> Vec<String> {
        outbox.take().iter().map(|Emission { room, event, message }| format!("{room} {event} {message}")).collect()
    }

    #[test]
    fn the_newest_of_a_room_and_event_is_sent() {
        let mut outbox = Outbox::default();
        assert!(outbox.put(emission(&Room::Website, "pointing", 1)));
        assert!(!outbox.put(emission(&Room::Site, "pointing", 2)));
        assert!(!outbox.put(emission(&Room::Website, "typing", 3)));
        assert!(!outbox.put(emission(&Room::Website, "pointing", 4)));
        assert_eq!(taken(&mut outbox), ["website pointing 4", "all pointing 2", "website typing 3"]);
        assert!(outbox.put(emission(&Room::Website, "pointing", 5)), "the time runs anew");
        assert_eq!(taken(&mut outbox), ["website pointing 5"]);
    }

    proptest! {
        /// Whatever is emitted and whenever the time is up: each name's last message is sent, and no older
        /// one after a newer.
        #[test]
        fn the_last_word_of_each_is_sent(steps in prop::collection::vec((0_usize..3, any::<bool>()), 0..100)) {
            let rooms = [Room::Website, Room::Site, Room::user("jane@example.com")];
            let (mut outbox, mut sent, mut last) = (Outbox::default(), [None; 3], [None; 3]);
            let mut number = 0;
            let send = |outbox: &mut Outbox, sent: &mut [Option<u32>; 3]| {
                for emission in outbox.take() {
                    let index = rooms.iter().position(|room| *room == emission.room).expect("one of them");
                    let number = emission.message.get().parse().ok();
                    assert!(number > sent[index]);
                    sent[index] = number;
                }
            };
            for (index, is_time) in steps {
                number += 1;
                let is_first = sent == last;
                prop_assert_eq!(outbox.put(emission(&rooms[index], "e", number)), is_first);
                last[index] = Some(number);
                if is_time {
                    send(&mut outbox, &mut sent);
                }
            }
            send(&mut outbox, &mut sent);
            prop_assert_eq!(sent, last);
        }
    }
}
