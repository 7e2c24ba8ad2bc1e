//! Why something that a page asked for was not done: a stable word, what happened, and what to do.

/// Why a room was refused. Asking again will not help until something changes, but for
/// [`Denial::TooFast`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// The room of another user.
    NotYours,
    /// `all` is for System Users.
    SystemUsersOnly,
    /// Frappe answered 403, or anything but yes, when it was asked whether this user may read.
    NotPermitted,
    /// Frappe answered 404.
    NotFound,
    /// A task room, and no word of the server that the task was given to this user.
    TaskNotGiven,
    /// A room that an app named itself, and no rule of the configuration lets this user in.
    NoRule,
    /// No room can have this name.
    BadRoom,
    /// The connection is in as many rooms as it may be.
    TooManyRooms,
    /// The connection asks faster than it may.
    TooFast,
    /// A newer server's reason: the page does not know the word, but refused is refused.
    Unknown,
}

impl Denial {
    /// Every denial of this version, in the order of the documentation's table.
    pub const ALL: [Self; 9] = [
        Self::NotYours,
        Self::SystemUsersOnly,
        Self::NotPermitted,
        Self::NotFound,
        Self::TaskNotGiven,
        Self::NoRule,
        Self::BadRoom,
        Self::TooManyRooms,
        Self::TooFast,
    ];

    /// The stable word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotYours => "not_yours",
            Self::SystemUsersOnly => "system_users_only",
            Self::NotPermitted => "not_permitted",
            Self::NotFound => "not_found",
            Self::TaskNotGiven => "task_not_given",
            Self::NoRule => "no_rule",
            Self::BadRoom => "bad_room",
            Self::TooManyRooms => "too_many_rooms",
            Self::TooFast => "too_fast",
            Self::Unknown => "unknown",
        }
    }

    /// What happened, for people.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::NotYours => "This room belongs to another user.",
            Self::SystemUsersOnly => "The room \"all\" is for System Users.",
            Self::NotPermitted => "Frappe does not let this user read the document or doctype of the room.",
            Self::NotFound => "Frappe knows no such document or doctype.",
            Self::TaskNotGiven => "This task was not given to this user.",
            Self::NoRule => "No rule of this server lets this user into a room of this name.",
            Self::BadRoom => "No room has this name.",
            Self::TooManyRooms => "This connection is in as many rooms as it may be.",
            Self::TooFast => "This connection asked for too many rooms in one second.",
            Self::Unknown => "The server refused the room for a reason that this page does not know.",
        }
    }

    /// What to do about it, for the one who writes the page or runs the server.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::NotYours => "Join Room::me(), or publish to this user.",
            Self::SystemUsersOnly => {
                "Publish to the website room or to a user; with a token Frappe does not say who \
                                      is a System User: sign in with a session instead."
            }
            Self::NotPermitted => "Give the user's role read permission in Frappe, or do not join.",
            Self::NotFound => "Check the spelling of the doctype and the name.",
            Self::TaskNotGiven => {
                "Give the task in the server function that starts it (give_task), and join with its \
                                   token; or start the server with --open-tasks."
            }
            Self::NoRule => "Name the room with --room-rule, or use a room that Frappe knows.",
            Self::BadRoom => "A document's room needs a doctype and a name; a name has at most 500 bytes.",
            Self::TooManyRooms => "Leave some rooms first, or raise --max-rooms.",
            Self::TooFast => "Ask again in a moment.",
            Self::Unknown => "Reload the page.",
        }
    }

    /// The denial with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        Self::ALL.iter().copied().find(|denial| denial.word() == word).unwrap_or(Self::Unknown)
    }
}

/// Why a frame was understood and yet not done. No denial: the same frame may succeed later, or in
/// another place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Frappe gave no answer, or one that is none (timeout, 5xx).
    CouldNotAsk,
    /// Too many questions were waiting for Frappe.
    Busy,
    /// The room was left before Frappe answered.
    Left,
    /// An `emit` to a room that this connection has not joined.
    NotJoined,
    /// An `emit` to a room that nobody's word but the connection's own opened.
    NotHere,
    /// An `emit` with too large a message.
    TooLarge,
    /// Frames to others or to the server faster than allowed.
    TooFast,
    /// An `emit` to the server that no handler is registered for.
    NoHandler,
    /// A handler did not understand the message.
    BadMessage,
    /// A handler did not finish in time.
    NoAnswer,
}

impl Trouble {
    /// Every trouble of this version, in the order of the documentation's table.
    pub const ALL: [Self; 10] = [
        Self::CouldNotAsk,
        Self::Busy,
        Self::Left,
        Self::NotJoined,
        Self::NotHere,
        Self::TooLarge,
        Self::TooFast,
        Self::NoHandler,
        Self::BadMessage,
        Self::NoAnswer,
    ];

    /// The stable word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::CouldNotAsk => "could_not_ask",
            Self::Busy => "busy",
            Self::Left => "left",
            Self::NotJoined => "not_joined",
            Self::NotHere => "not_here",
            Self::TooLarge => "too_large",
            Self::TooFast => "too_fast",
            Self::NoHandler => "no_handler",
            Self::BadMessage => "bad_message",
            Self::NoAnswer => "no_answer",
        }
    }

    /// What happened, for people.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::CouldNotAsk => "Frappe could not be asked whether this user may join.",
            Self::Busy => "Too many questions were waiting for Frappe; this one was given up.",
            Self::Left => "The room was left before Frappe answered.",
            Self::NotJoined => "This connection is not in the room.",
            Self::NotHere => "Guests emit only to rooms that Frappe or a rule opened to them.",
            Self::TooLarge => "The message is larger than an emitted one may be.",
            Self::TooFast => "This connection emits faster than it may.",
            Self::NoHandler => "The server has no handler for this event.",
            Self::BadMessage => "The handler of this event takes another kind of message.",
            Self::NoAnswer => "The handler of this event took too long.",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::CouldNotAsk => "Ask again in a moment; the server's log says what Frappe answered.",
            Self::Busy => "Ask again in a moment; if it stays, give Frappe more workers or raise --max-questions.",
            Self::Left => "Join again if it is still wanted.",
            Self::NotJoined => "Join the room first.",
            Self::NotHere => "Sign in, or emit to a document's room.",
            Self::TooLarge => "Send less, or use a server function.",
            Self::TooFast => "Emit less often, or raise --max-emits-per-second.",
            Self::NoHandler => "Register it with Handlers::on, or name a room to emit to.",
            Self::BadMessage => "Send what the handler's type says.",
            Self::NoAnswer => "Ask again in a moment.",
        }
    }
}
