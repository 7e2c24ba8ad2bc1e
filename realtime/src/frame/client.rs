//! Frames that a page sends.

use std::fmt;

use super::Ref;
use crate::fields::Fields;
use crate::position::Position;
use crate::room::Room;

/// What a page asks of the server. Each is answered: `joined`, `ok`, `denied` or `error`.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    },
    /// No longer be told of a room's events.
    Leave {
        /// Repeated in the answer.
        reference: Ref,
        /// The room.
        room: Room,
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
        let mut text = String::from("{\"type\":\"");
        let (kind, reference, room) = match self {
            Self::Join { reference, room, .. } => ("join", Some(*reference), Some(room)),
            Self::Leave { reference, room } => ("leave", Some(*reference), Some(room)),
            Self::Ping { reference } => ("ping", *reference, None),
        };
        text.push_str(kind);
        text.push('"');
        let mut add = |key: &str, value: &str| {
            text.push_str(",\"");
            text.push_str(key);
            text.push_str("\":");
            text.push_str(value);
        };
        if let Some(reference) = reference {
            add("ref", &reference.to_string());
        }
        if let Some(room) = room {
            add("room", &quote(&room.to_string()));
        }
        if let Self::Join { since, latest, .. } = self {
            if let Some(Position { epoch, offset }) = since {
                add("since", &["{\"epoch\":", &quote(epoch), ",\"offset\":", &offset.to_string(), "}"].concat());
            }
            if !latest.is_empty() {
                let names: Vec<String> = latest.iter().map(|name| quote(name)).collect();
                add("latest", &["[", &names.join(","), "]"].concat());
            }
        }
        text.push('}');
        text
    }

    /// Understands a page's frame.
    ///
    /// # Errors
    /// Text that is not JSON, not an object, of an unknown type or without a key that its type needs.
    /// Unknown keys are ignored, so that newer pages can talk to older servers.
    pub fn parse(text: &str) -> Result<Self, FrameError> {
        let fields = Fields::read(text).map_err(|error| {
            let code = if error.is_data() { "bad_frame" } else { "not_json" };
            FrameError { reference: None, code, reason: format!("The frame could not be read: {error}.") }
        })?;
        let reference = fields.number("ref");
        let kind = fields.text("type").unwrap_or_default();
        let bad = |key: &str| FrameError {
            reference,
            code: "bad_frame",
            reason: format!("The key \"{key}\" of a \"{kind}\" frame is missing or not of its kind."),
        };
        match kind.as_str() {
            "join" => Ok(Self::Join {
                reference: reference.ok_or_else(|| bad("ref"))?,
                room: fields.room("room").ok_or_else(|| bad("room"))?,
                since: optional(&fields, "since", Fields::position).map_err(bad)?,
                latest: optional(&fields, "latest", Fields::texts).map_err(bad)?.unwrap_or_default(),
            }),
            "leave" => Ok(Self::Leave {
                reference: reference.ok_or_else(|| bad("ref"))?,
                room: fields.room("room").ok_or_else(|| bad("room"))?,
            }),
            "ping" => Ok(Self::Ping { reference: optional(&fields, "ref", Fields::number).map_err(bad)? }),
            "" => Err(bad("type")),
            other => Err(FrameError {
                reference,
                code: "unknown_frame",
                reason: format!("This server knows no frame of type {other:?}; it knows join, leave and ping."),
            }),
        }
    }
}

/// A key that may be missing or null, but not of another kind. The error is the key.
fn optional<'a, 'b, T>(
    fields: &'a Fields<'b>,
    key: &'static str,
    read: impl Fn(&'a Fields<'b>, &str) -> Option<T>,
) -> Result<Option<T>, &'static str> {
    match fields.raw(key) {
        None | Some("null") => Ok(None),
        Some(_) => read(fields, key).map(Some).ok_or(key),
    }
}

/// Text as a JSON string.
fn quote(text: &str) -> String {
    serde_json::to_string(text).expect("text can be quoted")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::ClientFrame;
    use crate::position::Position;
    use crate::room::Room;

    #[test]
    fn the_documented_texts_are_read() {
        assert_eq!(
            ClientFrame::parse(
                r#"{"type":"join","ref":1,"room":"user:Administrator","since":{"epoch":"e","offset":3}}"#
            ),
            Ok(ClientFrame::Join {
                reference: 1,
                room: Room::user("Administrator"),
                since: Some(Position::new("e", 3)),
                latest: vec![],
            })
        );
        assert_eq!(ClientFrame::parse(r#"{"type":"ping"}"#), Ok(ClientFrame::Ping { reference: None }));
        assert_eq!(ClientFrame::Ping { reference: Some(4) }.encode(), r#"{"type":"ping","ref":4}"#);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, code, reference) in [
            ("nonsense", "not_json", None),
            ("", "not_json", None),
            ("[]", "bad_frame", None),
            ("null", "bad_frame", None),
            (r#"{"ref":1}"#, "bad_frame", None),
            (r#"{"type":"join","room":"all"}"#, "bad_frame", None),
            (r#"{"type":"join","ref":2}"#, "bad_frame", Some(2)),
            (r#"{"type":"join","ref":2,"room":7}"#, "bad_frame", Some(2)),
            (r#"{"type":"join","ref":2,"room":"all","since":7}"#, "bad_frame", Some(2)),
            (r#"{"type":"join","ref":2,"room":"all","latest":"e"}"#, "bad_frame", Some(2)),
            (r#"{"type":"ping","ref":"x"}"#, "bad_frame", None),
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
            (any::<u64>(), room.clone(), since, prop::collection::vec(".*", 0..3))
                .prop_map(|(reference, room, since, latest)| ClientFrame::Join { reference, room, since, latest }),
            (any::<u64>(), room).prop_map(|(reference, room)| ClientFrame::Leave { reference, room }),
            prop::option::of(any::<u64>()).prop_map(|reference| ClientFrame::Ping { reference }),
        ]
    }

    proptest! {
        #[test]
        fn frames_come_back_equal(frame in any_frame()) {
            prop_assert_eq!(ClientFrame::parse(&frame.encode()), Ok(frame));
        }

        #[test]
        fn any_text_is_answered_without_a_panic(text in ".*") {
            let _ = ClientFrame::parse(&text);
        }
    }
}
