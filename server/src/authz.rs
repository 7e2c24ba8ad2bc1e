//! Who may join which room.
//!
//! A [`Grant`] is proof that the question was asked: the hub takes nothing else, and only this module
//! can make one.

use realtime::frame::Denial;
use realtime::host::{UserType, Viewer};
use realtime::room::Room;

/// Leave to be told of a room's events.
#[derive(Debug, PartialEq, Eq)]
pub struct Grant {
    room: Room,
}

impl Grant {
    /// The room it is for.
    #[must_use]
    pub const fn room(&self) -> &Room {
        &self.room
    }

    /// The room it is for.
    #[must_use]
    pub fn into_room(self) -> Room {
        self.room
    }
}

#[cfg(test)]
impl Grant {
    /// Leave for any room, for tests of what comes after the question.
    pub(crate) const fn for_a_test(room: Room) -> Self {
        Self { room }
    }
}

/// Grants the rooms that a session is in by itself (FRAPPE 13 to 16: own user, website, and the site
/// for System Users) and refuses all others.
///
/// # Errors
/// The reason, for the page.
pub fn grant(viewer: &Viewer, room: Room) -> Result<Grant, Denial> {
    match &room {
        Room::Website => {}
        Room::User(user) if *user == viewer.user => {}
        Room::User(_) => return Err(Denial::NotYours),
        Room::Site if viewer.user_type == UserType::SystemUser => {}
        Room::Site => return Err(Denial::SystemUsersOnly),
        _ => return Err(Denial::NotOffered),
    }
    Ok(Grant { room })
}

#[cfg(test)]
mod tests {
    use realtime::frame::Denial;
    use realtime::host::{UserType, Viewer};
    use realtime::room::Room;

    use super::grant;

    fn viewer(user_type: UserType) -> Viewer {
        Viewer { site: "s".into(), user: "jane@example.com".into(), full_name: "Jane".into(), user_type }
    }

    #[test]
    fn automatic_rooms_are_granted_and_nothing_else() {
        for user_type in [UserType::SystemUser, UserType::WebsiteUser, UserType::Guest] {
            let viewer = viewer(user_type);
            for room in viewer.automatic_rooms() {
                assert!(grant(&viewer, room).is_ok());
            }
            for (room, denial) in [
                (Room::user("Administrator"), Denial::NotYours),
                (Room::doc("ToDo", "x"), Denial::NotOffered),
                (Room::doctype("ToDo"), Denial::NotOffered),
                (Room::task("t"), Denial::NotOffered),
                (Room::parse("my room"), Denial::NotOffered),
            ] {
                assert_eq!(grant(&viewer, room), Err(denial));
            }
        }
        assert_eq!(grant(&viewer(UserType::WebsiteUser), Room::Site), Err(Denial::SystemUsersOnly));
    }
}
