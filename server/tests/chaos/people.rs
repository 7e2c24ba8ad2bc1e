//! Whose pages there are, and what they listen to.

use realtime::client::store::Interest;
use realtime::room::Room;

use crate::random::Random;

/// One page's user and rooms.
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) user: &'static str,
    pub(crate) listens: Vec<(Room, Interest)>,
}

/// The demo's people; the first three are System Users.
const USERS: [&str; 5] = ["Administrator", "jane@example.com", "ravi@example.com", "mia@example.com", "Guest"];
const SYSTEM_USERS: usize = 3;
const GUEST: usize = 4;

const LANES: usize = 8;
const NOTES: usize = 4;
/// Rooms in which something happens every few seconds only: what is missed there shows late.
const QUIET_LANES: usize = 3;

fn lane(number: usize) -> Room {
    Room::parse(&format!("lane-{}", number % LANES))
}

fn quiet_lane(number: usize) -> Room {
    Room::parse(&format!("lane-quiet-{}", number % QUIET_LANES))
}

/// Whether something happens there every few seconds only.
pub(crate) fn is_quiet(room: &Room) -> bool {
    (0..QUIET_LANES).any(|number| quiet_lane(number) == *room)
}

/// Notes may be read by whoever is signed in.
fn note(number: usize) -> Room {
    Room::parse(&format!("doc:Note/chaos {}", number % NOTES))
}

fn task() -> Room {
    Room::parse("task_progress:chaos")
}

/// Every room that is published to, and how often beside the others.
pub(crate) fn rooms() -> Vec<(Room, usize)> {
    let mut rooms = vec![(Room::Website, 100), (Room::Site, 100), (task(), 60)];
    rooms.extend(USERS[..GUEST].iter().map(|user| (Room::user(*user), 60)));
    rooms.extend((0..LANES).map(|number| (lane(number), 40)));
    rooms.extend((0..NOTES).map(|number| (note(number), 40)));
    rooms.extend((0..QUIET_LANES).map(|number| (quiet_lane(number), 1)));
    rooms
}

/// A lane: its number in [`rooms`], and the numbers of the pages that listen to it.
pub(crate) fn a_lane(random: &mut Random, pages: usize) -> (usize, Vec<usize>) {
    let chosen = random.below(LANES);
    let number = rooms().iter().position(|(room, _)| *room == lane(chosen)).expect("one of them");
    (number, (0..pages).filter(|page| lane(*page) == lane(chosen)).collect())
}

impl Person {
    /// The page of this number.
    pub(crate) fn of_page(number: usize) -> Self {
        let who = number % USERS.len();
        let user = USERS[who];
        let mut listens = vec![
            (Room::Website, Interest::Event),
            (lane(number), Interest::Event),
            (quiet_lane(number), Interest::Event),
        ];
        if who < SYSTEM_USERS {
            listens.extend([(Room::Site, Interest::Event), (task(), Interest::Event)]);
        }
        if who != GUEST {
            listens.extend([(Room::user(user), Interest::Value), (note(number), Interest::Event)]);
        }
        // Two parts of a page may show the same.
        if number.is_multiple_of(3) {
            listens.extend([(lane(number), Interest::Event), (Room::Website, Interest::Event)]);
        }
        Self { name: format!("{number} of {user}"), user, listens }
    }
}
