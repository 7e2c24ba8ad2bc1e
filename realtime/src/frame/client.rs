//! Frames that a page sends.

use std::fmt;

use serde_json::value::RawValue;

use super::Ref;
use crate::fields::{Fields, Unreadable};
use crate::position::Position;
use crate::room::Room;

/// What a page asks of the server. Each is answered: `joined`, `ok`, `answer`, `denied` or `error`.
#[derive(Debug, Clone)]
pub enum ClientFrame {
    /// Be told of a room's events.
    Join {
        /// Repeated in the answer.
        reference: Ref,
        /// The room.
        room: Room,
        /// The last position the page has seen; without it nothing is replayed.
        since: Option<Position>,
        /// Names of events whose newest value is wanted where nothing can be replayed.
        latest: Vec<String>,
        /// The server's word that the page was given the task of the room.
        token: Option<String>,
    },
    /// No longer be told of a room's events.
    Leave {
        /// Repeated in the answer.
        reference: Ref,
        /// The room.
        room: Room,
    },
    /// Tell the others in a room something, or the server where no room is named.
    Emit {
        /// Repeated in the answer.
        reference: Ref,
        /// The room, which the connection must have joined; without one a handler of the server answers.
        room: Option<Room>,
        /// The event's name.
        event: String,
        /// The message as raw JSON text.
        message: Box<RawValue>,
    },
    /// The user looks at a document: be told who else does. Answered as a join of its `open_doc` room. Said
    /// again when `away` changes.
    Open {
        /// Repeated in the answer.
        reference: Ref,
        /// The document's doctype.
        doctype: String,
        /// Its name.
        name: String,
        /// The page is hidden.
        away: bool,
        /// The `version` of the viewers that the page shows: they are told only when they are others.
        seen: Option<String>,
    },
    /// The user no longer looks at a document.
    Close {
        /// Repeated in the answer.
        reference: Ref,
        /// The document's doctype.
        doctype: String,
        /// Its name.
        name: String,
    },
    /// Are you there? Answered by `ok`.
    Ping {
        /// Repeated in the answer, where given.
        reference: Option<Ref>,
    },
}

/// Why a page's frame was not understood. The connection survives; the page gets an `error` frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameError {
    /// The frame's `ref`, where it could be read.
    pub reference: Option<Ref>,
    /// A stable word for programs.
    pub code: &'static str,
    /// A sentence for people.
    pub reason: String,
}

impl fmt::Display for FrameError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.reason)
    }
}

impl std::error::Error for FrameError {}

impl ClientFrame {
    /// The frame as JSON text.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut json = JsonObject::new();
        match self {
            Self::Join { reference, room, since, latest, token } => {
                json.text("type", "join");
                json.number("ref", *reference);
                json.text("room", &room.to_string());
                if let Some(Position { epoch, offset }) = since {
                    let mut position = JsonObject::new();
                    position.text("epoch", epoch);
                    position.number("offset", *offset);
                    json.raw("since", &position.end());
                }
                if !latest.is_empty() {
                    json.texts("latest", latest);
                }
                if let Some(token) = token {
                    json.text("token", token);
                }
            }
            Self::Leave { reference, room } => {
                json.text("type", "leave");
                json.number("ref", *reference);
                json.text("room", &room.to_string());
            }
            Self::Emit { reference, room, event, message } => {
                json.text("type", "emit");
                json.number("ref", *reference);
                if let Some(room) = room {
                    json.text("room", &room.to_string());
                }
                json.text("event", event);
                json.raw("message", message.get());
            }
            Self::Open { reference, doctype, name, away, seen } => {
                json.text("type", "open");
                json.number("ref", *reference);
                json.text("doctype", doctype);
                json.text("name", name);
                if *away {
                    json.raw("away", "true");
                }
                if let Some(seen) = seen {
                    json.text("seen", seen);
                }
            }
            Self::Close { reference, doctype, name } => {
                json.text("type", "close");
                json.number("ref", *reference);
                json.text("doctype", doctype);
                json.text("name", name);
            }
            Self::Ping { reference } => {
                json.text("type", "ping");
                if let Some(reference) = reference {
                    json.number("ref", *reference);
                }
            }
        }
        json.end()
    }

    /// Understands a page's frame.
    ///
    /// # Errors
    /// Text that is not JSON, not an object, of an unknown type or without a key that its type needs.
    /// Unknown keys are ignored, so that newer pages can talk to older servers.
    pub fn parse(text: &str) -> Result<Self, FrameError> {
        let mut fields = Fields::read(text).map_err(|unreadable| {
            let (code, reason) = match unreadable {
                Unreadable::NotJson(error) => ("not_json", format!("The frame is not JSON: {error}.")),
                Unreadable::NotAnObject => ("bad_frame", "The frame is not a JSON object.".to_owned()),
            };
            FrameError { reference: None, code, reason }
        })?;
        let reference = fields.raw("ref").and_then(|raw| raw.parse().ok());
        let kind = fields.text("type");
        let frame = match kind.as_str() {
            "join" => Some(Self::Join {
                reference: fields.number("ref"),
                room: fields.room("room"),
                since: fields.optional("since", Fields::position),
                latest: fields.optional("latest", Fields::texts).unwrap_or_default(),
                token: fields.optional("token", Fields::text),
            }),
            "leave" => Some(Self::Leave { reference: fields.number("ref"), room: fields.room("room") }),
            "emit" => Some(Self::Emit {
                reference: fields.number("ref"),
                room: fields.optional("room", Fields::room),
                event: fields.text("event"),
                message: fields.json("message"),
            }),
            "open" => Some(Self::Open {
                reference: fields.number("ref"),
                doctype: fields.text("doctype"),
                name: fields.text("name"),
                away: fields.optional("away", Fields::truth).unwrap_or_default(),
                seen: fields.optional("seen", Fields::text),
            }),
            "close" => Some(Self::Close {
                reference: fields.number("ref"),
                doctype: fields.text("doctype"),
                name: fields.text("name"),
            }),
            "ping" => Some(Self::Ping { reference: fields.optional("ref", Fields::number) }),
            _ => None,
        };
        match (fields.missing(), frame) {
            (None, Some(frame)) => Ok(frame),
            (None, None) => Err(FrameError {
                reference,
                code: "unknown_frame",
                reason: format!(
                    "This server knows no frame of type {kind:?}; it knows join, leave, open, close, emit and ping."
                ),
            }),
            (Some(key), _) => Err(FrameError {
                reference,
                code: "bad_frame",
                reason: format!("The key \"{key}\" of a \"{kind}\" frame is missing or not of its kind."),
            }),
        }
    }
}

/// A JSON object while it is written. The browser does it with less than serde's serializers weigh.
pub(super) struct JsonObject(String);

impl JsonObject {
    pub(super) fn new() -> Self {
        Self("{".to_owned())
    }

    pub(super) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }

    /// `value` is JSON text.
    pub(super) fn raw(&mut self, key: &str, value: &str) {
        if self.0 != "{" {
            self.0.push(',');
        }
        push_quoted(&mut self.0, key);
        self.0.push(':');
        self.0.push_str(value);
    }

    fn number(&mut self, key: &str, value: u64) {
        self.raw(key, &value.to_string());
    }

    pub(super) fn text(&mut self, key: &str, value: &str) {
        let mut quoted = String::new();
        push_quoted(&mut quoted, value);
        self.raw(key, &quoted);
    }

    fn texts(&mut self, key: &str, values: &[String]) {
        let mut list = "[".to_owned();
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                list.push(',');
            }
            push_quoted(&mut list, value);
        }
        list.push(']');
        self.raw(key, &list);
    }
}

/// Adds a JSON string (RFC 8259, section 7): quotes, backslashes and control characters are escaped.
fn push_quoted(json: &mut String, text: &str) {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                json.push('\\');
                json.push(character);
            }
            '\0'..' ' => {
                let code = character as usize;
                json.push_str("\\u00");
                for digit in [code / 16, code % 16] {
                    json.push(char::from(b"0123456789abcdef"[digit]));
                }
            }
            _ => json.push(character),
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::{ClientFrame, push_quoted};
    use crate::position::Position;
    use crate::room::Room;

    #[test]
    fn the_documented_texts_are_read() {
        let text = r#"{"type":"join","ref":1,"room":"user:Administrator","since":{"epoch":"e","offset":3}}"#;
        let Ok(ClientFrame::Join { reference: 1, room, since, latest, token: None }) = ClientFrame::parse(text) else {
            panic!("{text}");
        };
        assert_eq!((room, since), (Room::user("Administrator"), Some(Position::new("e", 3))));
        assert!(latest.is_empty());
        assert!(matches!(ClientFrame::parse(r#"{"type":"ping"}"#), Ok(ClientFrame::Ping { reference: None })));
        assert_eq!(ClientFrame::Ping { reference: Some(4) }.encode(), r#"{"type":"ping","ref":4}"#);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, code, reference) in [
            ("nonsense", "not_json", None),
            ("", "not_json", None),
            ("[]", "bad_frame", None),
            ("null", "bad_frame", None),
            (r#"{"ref":1}"#, "bad_frame", Some(1)),
            (r#"{"type":"join","room":"all"}"#, "bad_frame", None),
            (r#"{"type":"join","ref":2}"#, "bad_frame", Some(2)),
            (r#"{"type":"join","ref":2,"room":7}"#, "bad_frame", Some(2)),
            (r#"{"type":"join","ref":2,"room":"all","since":7}"#, "bad_frame", Some(2)),
            (r#"{"type":"join","ref":2,"room":"all","latest":"e"}"#, "bad_frame", Some(2)),
            (r#"{"type":"ping","ref":"x"}"#, "bad_frame", None),
            (r#"{"type":"emit","ref":2,"event":"e"}"#, "bad_frame", Some(2)),
            (r#"{"type":"emit","ref":2,"room":7,"event":"e","message":1}"#, "bad_frame", Some(2)),
            (r#"{"type":"open","ref":2,"doctype":"ToDo"}"#, "bad_frame", Some(2)),
            (r#"{"type":"open","ref":2,"doctype":"ToDo","name":"a","away":"yes"}"#, "bad_frame", Some(2)),
            (r#"{"type":"close","ref":2,"name":"a"}"#, "bad_frame", Some(2)),
            (r#"{"type":"dance","ref":3}"#, "unknown_frame", Some(3)),
        ] {
            let error = ClientFrame::parse(text).expect_err(text);
            assert_eq!((error.code, error.reference), (code, reference), "{text}: {error}");
        }
    }

    fn any_frame() -> impl Strategy<Value = ClientFrame> {
        let room = ".*".prop_map(|text: String| Room::parse(&text));
        let since = prop::option::of((".*", any::<u64>()).prop_map(|(epoch, offset)| Position::new(epoch, offset)));
        prop_oneof![
            (any::<u64>(), room.clone(), since, prop::collection::vec(".*", 0..3), prop::option::of(".*")).prop_map(
                |(reference, room, since, latest, token)| ClientFrame::Join { reference, room, since, latest, token }
            ),
            (any::<u64>(), prop::option::of(room.clone()), ".*", prop::sample::select(vec!["null", "[ 1 ]", "{}"]))
                .prop_map(|(reference, room, event, message)| ClientFrame::Emit {
                    reference,
                    room,
                    event,
                    message: RawValue::from_string(message.to_owned()).expect("JSON"),
                }),
            (any::<u64>(), room).prop_map(|(reference, room)| ClientFrame::Leave { reference, room }),
            (any::<u64>(), ".*", ".*", any::<bool>(), prop::option::of(".*")).prop_map(
                |(reference, doctype, name, away, seen)| ClientFrame::Open { reference, doctype, name, away, seen }
            ),
            (any::<u64>(), ".*", ".*").prop_map(|(reference, doctype, name)| ClientFrame::Close {
                reference,
                doctype,
                name
            }),
            prop::option::of(any::<u64>()).prop_map(|reference| ClientFrame::Ping { reference }),
        ]
    }

    proptest! {
        #[test]
        fn frames_come_back_equal(frame in any_frame()) {
            let text = frame.encode();
            let back = ClientFrame::parse(&text).expect("what is encoded can be read");
            prop_assert_eq!(format!("{back:?}"), format!("{frame:?}"));
            prop_assert_eq!(back.encode(), text);
        }

        #[test]
        fn any_text_is_quoted_as_json(text in "\\PC*|[\0- \"\\\\\x7f]*") {
            let mut json = String::new();
            push_quoted(&mut json, &text);
            prop_assert_eq!(serde_json::from_str::<String>(&json).expect("a JSON string"), text);
        }

        #[test]
        fn any_text_is_answered_without_a_panic(text in ".*") {
            let _ = ClientFrame::parse(&text);
        }
    }
}
