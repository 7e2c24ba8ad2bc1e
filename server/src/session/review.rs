//! Looking at a session again: it may have been signed out, and its user may have lost rights.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use realtime::frame::Denial;
use realtime::host::Viewer;
use realtime::room::Room;
use tokio::time::Instant;

use crate::authz::{Authority, Decision, Refusal};
use crate::site::{AskError, Caller};

/// After a refusal a session is looked at sooner, but not again and again.
const AFTER_A_REFUSAL: Duration = Duration::from_secs(1);
/// Rooms that one look asks about at a time.
const LOOKS_AT_A_TIME: usize = 4;

/// When a session is looked at again.
pub(super) struct Review {
    every: Duration,
    /// When the next one is due; none while one is under way.
    at: Option<Instant>,
    /// When the next one of rooms is due, too: what comes before it only asks who the session is of.
    rooms_at: Instant,
    /// The one after the one under way is to come soon.
    is_wanted: bool,
}

/// What was found.
pub struct Found {
    /// Who the session is of now.
    pub(super) viewer: Result<Viewer, AskError>,
    /// Rooms that Frappe no longer lets it read.
    pub(super) lost: Vec<(Room, Denial)>,
}

impl Review {
    /// A session that was just looked at, and will be within `every`.
    pub(super) fn begin(every: Duration) -> Self {
        let at = Instant::now() + share_of(every);
        Self { every, at: Some(at), rooms_at: at, is_wanted: false }
    }

    pub(super) const fn at(&self) -> Option<Instant> {
        self.at
    }

    /// Begins a look. Says whether it is one of rooms, too: one refusal is no reason to ask about all others.
    pub(super) fn begin_look(&mut self) -> bool {
        let now = Instant::now();
        let is_of_rooms = now >= self.rooms_at;
        if is_of_rooms {
            self.rooms_at = now + share_of(self.every);
        }
        self.at = None;
        is_of_rooms
    }

    pub(super) fn end_look(&mut self) {
        self.at = Some(self.rooms_at);
        if std::mem::take(&mut self.is_wanted) {
            self.bring_forward();
        }
    }

    pub(super) fn bring_forward(&mut self) {
        let soon = Instant::now() + AFTER_A_REFUSAL.min(self.every / 2);
        self.is_wanted = self.at.is_none();
        self.at = self.at.map(|at| at.min(soon));
    }
}

/// Less than the whole: a look takes time too, answers may be a little old, and sessions that began
/// together must not all be looked at together.
fn share_of(every: Duration) -> Duration {
    let random = RandomState::new().hash_one(0_u8) % 200;
    every * (500 + u32::try_from(random).expect("below 200")) / 1000
}

/// Asks who the session is of and what it may read of the rooms it is in.
pub(super) async fn look(authority: Arc<Authority>, caller: Arc<Caller>, rooms: Vec<Arc<Room>>) -> Found {
    let viewer = authority.identify(&caller.viewer.site, &caller.credential).await;
    let mut found = Found { viewer, lost: Vec::new() };
    if found.viewer.is_err() {
        return found;
    }
    let mut looks = Vec::new();
    for room in rooms {
        if let Decision::Ask(subject) = authority.decide(&caller.viewer, Room::clone(&room), None) {
            let (authority, caller, room) = (Arc::clone(&authority), Arc::clone(&caller), Room::clone(&room));
            looks.push(async move { (room.clone(), authority.ask(&caller, room, subject).await) });
        }
    }
    let mut looks = stream::iter(looks).buffer_unordered(LOOKS_AT_A_TIME);
    while let Some((room, answer)) = looks.next().await {
        match answer {
            Err(Refusal::Denied(denial)) => found.lost.push((room, denial)),
            Err(Refusal::Session(error)) => {
                found.viewer = Err(error);
                break;
            }
            // Frappe could not be asked: what was so stays so, and is asked again.
            Ok(_) | Err(Refusal::Trouble(_)) => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Review;

    #[tokio::test(start_paused = true)]
    async fn a_look_comes_well_within_its_interval_and_not_twice_at_a_time() {
        let every = Duration::from_mins(1);
        let dues: Vec<Instant> = (0..100).filter_map(|_| Review::begin(every).at()).collect();
        let now = Instant::now();
        assert!(dues.iter().all(|due| (30..=42).contains(&(*due - now).as_secs())), "{dues:?}");
        assert!(dues.iter().any(|due| *due != dues[0]), "not all together");

        let mut review = Review::begin(every);
        tokio::time::advance(every).await;
        assert!(review.begin_look());
        assert_eq!(review.at(), None);
        tokio::time::advance(every).await;
        review.end_look();
        assert!(review.at().is_some_and(|at| at < Instant::now()), "a slow look is followed by the next");
    }

    /// One refusal a second made every room be asked about every second.
    #[tokio::test(start_paused = true)]
    async fn a_refusal_brings_forward_who_the_session_is_of_and_not_the_rooms() {
        let mut review = Review::begin(Duration::from_mins(1));
        let rooms_at = review.at();
        review.bring_forward();
        assert_eq!(review.at(), Some(Instant::now() + Duration::from_secs(1)));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!review.begin_look());
        review.end_look();
        assert_eq!(review.at(), rooms_at);
        review.begin_look();
        review.bring_forward();
        assert_eq!(review.at(), None, "not two at a time");
        review.end_look();
        assert_eq!(review.at(), Some(Instant::now() + Duration::from_secs(1)), "a refusal meanwhile is not forgotten");
    }
}
