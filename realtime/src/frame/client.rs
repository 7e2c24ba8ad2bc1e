//! Frames that a page sends.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Ref;
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

#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    reference: Option<Ref>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    room: Option<Cow<'a, Room>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<Cow<'a, Position>>,
    #[serde(default, skip_serializing_if = "<[String]>::is_empty")]
    latest: Cow<'a, [String]>,
}

impl ClientFrame {
    /// The frame as JSON text.
    #[must_use]
    pub fn encode(&self) -> String {
        let (kind, reference, room, since, latest) = match self {
            Self::Join { reference, room, since, latest } => {
                ("join", Some(*reference), Some(room), since.as_ref(), latest.as_slice())
            }
            Self::Leave { reference, room } => ("leave", Some(*reference), Some(room), None, [].as_slice()),
            Self::Ping { reference } => ("ping", *reference, None, None, [].as_slice()),
        };
        let wire = Wire {
            kind: Cow::Borrowed(kind),
            reference,
            room: room.map(Cow::Borrowed),
            since: since.map(Cow::Borrowed),
            latest: Cow::Borrowed(latest),
        };
        serde_json::to_string(&wire).expect("frames hold only text, numbers and lists of text")
    }

    /// Understands a page's frame.
    ///
    /// # Errors
    /// Text that is not JSON, not an object, of an unknown type or without a key that its type needs.
    /// Unknown keys are ignored, so that newer pages can talk to older servers.
    pub fn parse(text: &str) -> Result<Self, FrameError> {
        let wire: Wire<'_> = serde_json::from_str(text).map_err(|error| {
            let code = if error.is_data() { "bad_frame" } else { "not_json" };
            FrameError { reference: None, code, reason: format!("The frame could not be read: {error}.") }
        })?;
        let reference = wire.reference;
        let missing = |key: &str| FrameError {
            reference,
            code: "bad_frame",
            reason: format!("A \"{}\" frame needs the key \"{key}\".", wire.kind),
        };
        match wire.kind.as_ref() {
            "join" => Ok(Self::Join {
                reference: reference.ok_or_else(|| missing("ref"))?,
                room: wire.room.as_deref().cloned().ok_or_else(|| missing("room"))?,
                since: wire.since.map(Cow::into_owned),
                latest: wire.latest.into_owned(),
            }),
            "leave" => Ok(Self::Leave {
                reference: reference.ok_or_else(|| missing("ref"))?,
                room: wire.room.as_deref().cloned().ok_or_else(|| missing("room"))?,
            }),
            "ping" => Ok(Self::Ping { reference }),
            other => Err(FrameError {
                reference,
                code: "unknown_frame",
                reason: format!("This server knows no frame of type {other:?}; it knows join, leave and ping."),
            }),
        }
    }
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
            (r#"{"type":"join","ref":2,"room":7}"#, "bad_frame", None),
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
