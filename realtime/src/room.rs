//! Rooms: who an event is for, in Frappe's words.
//!
//! A room is text on Redis and on the wire (`doc:ToDo/a1b2`). [`Room`] is that text understood once.
//! Every room literal of the project stands in this module. The text is the one Frappe 15 and later
//! publish (FRAPPE `realtime.py`, `get_doc_room` and its neighbours); Frappe 13 and 14 put the site
//! before it (`site1.local:doc:ToDo/a1b2`), which the server's event parser takes off.

use std::fmt;

use serde::{Serialize, Serializer};

const SITE: &str = "all";
const WEBSITE: &str = "website";
const USER: &str = "user";
const DOCTYPE: &str = "doctype";
const DOC: &str = "doc";
const OPEN_DOC: &str = "open_doc";
const TASK: &str = "task_progress";

/// Who an event is for, within one site.
///
/// Made with [`Room::parse`] or one of the named constructors, so that a room has one form only:
/// text that reads as a room Frappe knows is never a [`Room::Custom`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Room {
    /// Every System User of the site: `all`.
    Site,
    /// Everyone on the site, guests too: `website`.
    Website,
    /// One user, in all tabs and devices: `user:jane@example.com`.
    User(String),
    /// The lists of a doctype: `doctype:ToDo`.
    DocType(String),
    /// One document: `doc:ToDo/a1b2`.
    Doc {
        /// The doctype; it never holds a `/`.
        doctype: String,
        /// The document's name, any text.
        name: String,
    },
    /// Those who have a document open: `open_doc:ToDo/a1b2`. Filled by presence, never by Python.
    OpenDoc {
        /// The doctype; it never holds a `/`.
        doctype: String,
        /// The document's name, any text.
        name: String,
    },
    /// One background task: `task_progress:k3f9a`.
    Task(String),
    /// A room that an app named itself.
    Custom(String),
}

impl Room {
    /// Understands the text of a room without its site. Any text is a room; text that Frappe gives
    /// no meaning is a custom one.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            SITE => return Self::Site,
            WEBSITE => return Self::Website,
            _ => {}
        }
        let Some((kind, rest)) = text.split_once(':') else {
            return Self::Custom(text.to_owned());
        };
        // Split at the first `/`: doctypes hold none, names may.
        let document = || rest.split_once('/').map(|(doctype, name)| (doctype.to_owned(), name.to_owned()));
        match kind {
            USER => Self::User(rest.to_owned()),
            DOCTYPE => Self::DocType(rest.to_owned()),
            TASK => Self::Task(rest.to_owned()),
            DOC => {
                document().map_or_else(|| Self::Custom(text.to_owned()), |(doctype, name)| Self::Doc { doctype, name })
            }
            OPEN_DOC => document()
                .map_or_else(|| Self::Custom(text.to_owned()), |(doctype, name)| Self::OpenDoc { doctype, name }),
            _ => Self::Custom(text.to_owned()),
        }
    }

    /// The room of one user.
    #[must_use]
    pub fn user(user: impl Into<String>) -> Self {
        Self::User(user.into())
    }

    /// The room of a doctype's lists.
    #[must_use]
    pub fn doctype(doctype: impl Into<String>) -> Self {
        Self::DocType(doctype.into())
    }

    /// The room of who looks at a document.
    #[must_use]
    pub fn open_doc(doctype: &str, name: &str) -> Self {
        Self::parse(&format!("{OPEN_DOC}:{doctype}/{name}"))
    }

    /// The room of one document.
    #[must_use]
    pub fn doc(doctype: &str, name: &str) -> Self {
        // Through the parser, so that a doctype with a `/` cannot make a second form of a room.
        Self::parse(&format!("{DOC}:{doctype}/{name}"))
    }

    /// The room of one background task.
    #[must_use]
    pub fn task(task_id: impl Into<String>) -> Self {
        Self::Task(task_id.into())
    }

    /// Whether Frappe gives this room a meaning of its own.
    #[must_use]
    pub const fn is_known_to_frappe(&self) -> bool {
        !matches!(self, Self::Custom(_))
    }

    /// Whether text before the first `:` of a room is a kind of room, and so not a site.
    #[must_use]
    pub fn is_kind(text: &str) -> bool {
        matches!(text, USER | DOCTYPE | DOC | OPEN_DOC | TASK)
    }
}

impl fmt::Display for Room {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Site => formatter.write_str(SITE),
            Self::Website => formatter.write_str(WEBSITE),
            Self::User(user) => write!(formatter, "{USER}:{user}"),
            Self::DocType(doctype) => write!(formatter, "{DOCTYPE}:{doctype}"),
            Self::Doc { doctype, name } => write!(formatter, "{DOC}:{doctype}/{name}"),
            Self::OpenDoc { doctype, name } => write!(formatter, "{OPEN_DOC}:{doctype}/{name}"),
            Self::Task(task_id) => write!(formatter, "{TASK}:{task_id}"),
            Self::Custom(text) => formatter.write_str(text),
        }
    }
}

impl Serialize for Room {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Room;

    #[test]
    fn frappe_rooms_are_understood() {
        let doc = |doctype: &str, name: &str| Room::Doc { doctype: doctype.into(), name: name.into() };
        for (text, room) in [
            ("all", Room::Site),
            ("website", Room::Website),
            ("user:jane@example.com", Room::User("jane@example.com".into())),
            ("user:a:b", Room::User("a:b".into())),
            ("doctype:Sales Invoice", Room::DocType("Sales Invoice".into())),
            ("doc:Sales Invoice/INV/2026:ü 1", doc("Sales Invoice", "INV/2026:ü 1")),
            ("doc:None/", doc("None", "")),
            ("open_doc:Note/x", Room::OpenDoc { doctype: "Note".into(), name: "x".into() }),
            ("task_progress:k3f9a", Room::Task("k3f9a".into())),
            ("my:custom room", Room::Custom("my:custom room".into())),
            ("doc:no name", Room::Custom("doc:no name".into())),
            ("", Room::Custom(String::new())),
            ("All", Room::Custom("All".into())),
        ] {
            assert_eq!(Room::parse(text), room, "{text}");
            assert_eq!(room.to_string(), text);
        }
    }

    #[test]
    fn a_doctype_with_a_slash_has_one_form() {
        assert_eq!(Room::doc("A/B", "c"), Room::doc("A", "B/c"));
    }

    proptest! {
        #[test]
        fn text_to_room_and_back_is_the_same_text(text in ".*") {
            prop_assert_eq!(Room::parse(&text).to_string(), text);
        }

        #[test]
        fn rooms_of_every_kind_come_back_equal(
            kind in prop::sample::select(vec!["user", "doctype", "doc", "open_doc", "task_progress"]),
            rest in ".*",
        ) {
            let room = Room::parse(&format!("{kind}:{rest}"));
            prop_assert_eq!(Room::parse(&room.to_string()), room);
        }
    }
}
