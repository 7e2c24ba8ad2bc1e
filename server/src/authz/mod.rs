//! Who may join which room.
//!
//! A [`Grant`] is proof that the question was asked: the hub takes nothing else, and only this module
//! can make one. What the [`Authority`] can decide by itself, it decides at once ([`Decision`]); about
//! documents and doctypes Frappe has the word.

mod authority;
mod rules;

use realtime::frame::{Denial, Trouble};
use realtime::room::Room;

pub use self::authority::{Authority, AuthorityParts};
pub use self::rules::{RoomRule, RoomRuleError};
use crate::site::{AskError, Subject};

/// Leave to be told of a room's events.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// What can be said without asking Frappe.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Granted(Grant),
    /// Yes, because of the token that the page showed.
    GivenByToken(Grant),
    /// No.
    Denied(Denial),
    /// Frappe has the word, on this subject.
    Ask(Subject),
}

/// Why a room that Frappe was asked about is not granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Frappe said no.
    Denied(Denial),
    /// Frappe did not say.
    Trouble(Trouble),
    /// The session itself is over.
    Session(AskError),
}

impl From<AskError> for Refusal {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Busy => Self::Trouble(Trouble::Busy),
            error if error.is_frappes_word() => Self::Session(error),
            _ => Self::Trouble(Trouble::CouldNotAsk),
        }
    }
}
