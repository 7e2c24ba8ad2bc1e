//! Frames that the server sends.

use std::fmt;

use serde::Serialize;
use serde_json::value::RawValue;

use super::{Denial, Ref, Trouble};
use crate::close::CloseCode;
use crate::fields::Fields;
use crate::position::Position;
use crate::room::Room;

/// What the server tells a page.
#[derive(Debug, Clone)]
pub enum ServerFrame {
    /// The first frame of a connection.
    Hello {
        /// Names this connection in the server's logs.
        connection: String,
        /// The epoch of the site's positions.
        epoch: String,
        /// Who the session is, as Frappe says.
        user: String,
        /// Seconds after which silence is broken by a ping, from either side.
        heartbeat: u32,
        /// The rooms this connection is in without asking (own user, website, and the site for
        /// System Users).
        rooms: Vec<Room>,
        /// Names the build of the server's pages; a page of another build is out of date.
        build: String,
    },
    /// Something was published.
    Event {
        /// The room it was published to.
        room: Room,
        /// Its name.
        event: String,
        /// Frappe's message as raw JSON text.
        message: Box<RawValue>,
        /// Its number in the connection's epoch; none where it is true for the moment only (who looks at a
        /// document) and stands in no history.
        offset: Option<u64>,
    },
    /// A join was granted. Replayed events follow it.
    Joined {
        /// The `ref` of the join.
        reference: Ref,
        /// The room.
        room: Room,
        /// The position of the site at the moment of the join.
        position: Position,
        /// Whether everything after the join's `since` is in what follows. Without a `since` it is
        /// `false`: nothing was asked for.
        recovered: bool,
    },
    /// A `leave`, `ping`, or `emit` to a room was done.
    Ok {
        /// The `ref` of what was asked, where it had one.
        reference: Option<Ref>,
        /// Everything published up to here in the joined rooms has been sent before this frame.
        position: Position,
    },
    /// A join was refused, or a room taken away.
    Denied {
        /// The `ref` of the join; without one the connection was in the room and no longer is.
        reference: Option<Ref>,
        /// The room.
        room: Room,
        /// Why.
        denial: Denial,
    },
    /// Another page of somebody in the room emitted something. Never Frappe's: it is in no history, has
    /// no position, and may be left out for a newer one.
    Emitted {
        /// The room.
        room: Room,
        /// Its name.
        event: String,
        /// Who emitted it, as Frappe says.
        user: String,
        /// The message as raw JSON text.
        message: Box<RawValue>,
    },
    /// What a handler answers.
    Answer {
        /// The `ref` of the `emit`.
        reference: Ref,
        /// The answer as raw JSON text.
        message: Box<RawValue>,
    },
    /// A frame was not understood, or not done ([`Trouble`]). The connection goes on.
    Error {
        /// The `ref` of the frame, where it could be read.
        reference: Option<Ref>,
        /// A stable word.
        code: String,
        /// A sentence.
        reason: String,
        /// What to do, where that is known.
        remedy: Option<String>,
    },
    /// Events of a joined room may be missing before this point; fetch again what is shown.
    Gap {
        /// The room.
        room: Room,
        /// Where reading goes on.
        position: Position,
    },
    /// Whether the server hears what is published. While it does not, nothing arrives; a `gap` follows when it
    /// does again.
    Source {
        /// It does.
        connected: bool,
    },
    /// The server is about to close the connection.
    Bye {
        /// Why.
        code: CloseCode,
        /// Milliseconds after which to come back, so that not all pages come at once.
        after: Option<u64>,
        /// Everything published up to here in the joined rooms has been sent before this frame.
        position: Option<Position>,
    },
}

/// A text from the server that is no frame this page knows. Newer servers may send some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableFrame(String);

impl fmt::Display for UnreadableFrame {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "The server sent a frame that this page does not know: {}", self.0)
    }
}

impl std::error::Error for UnreadableFrame {}

/// The text of an `event` frame, written once for all who get it. `message` is JSON text.
#[must_use]
pub fn event_text(room: &Room, event: &str, message: &str, offset: u64) -> String {
    let room = serde_json::to_string(room).expect("a room is text");
    let event = serde_json::to_string(event).expect("a name is text");
    format!(r#"{{"type":"event","room":{room},"event":{event},"offset":{offset},"message":{message}}}"#)
}

/// The keys of all frames but `event`, for writing.
#[derive(Default, Serialize)]
struct Wire<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    reference: Option<Ref>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    heartbeat: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rooms: Option<&'a [Room]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    build: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<Room>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<Position>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovered: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connected: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<u64>,
}

impl ServerFrame {
    /// The frame as JSON text.
    #[must_use]
    pub fn encode(&self) -> String {
        let wire = match self {
            Self::Event { room, event, message, offset: Some(offset) } => {
                return event_text(room, event, message.get(), *offset);
            }
            Self::Event { room, event, message, offset: None } => Wire {
                kind: "event",
                room: Some(room.clone()),
                event: Some(event),
                message: Some(message),
                ..Wire::default()
            },
            Self::Hello { connection, epoch, user, heartbeat, rooms, build } => Wire {
                kind: "hello",
                connection: Some(connection.clone()),
                epoch: Some(epoch.clone()),
                user: Some(user.clone()),
                heartbeat: Some(*heartbeat),
                rooms: Some(rooms),
                build: Some(build.clone()),
                ..Wire::default()
            },
            Self::Joined { reference, room, position, recovered } => Wire {
                kind: "joined",
                reference: Some(*reference),
                room: Some(room.clone()),
                position: Some(position.clone()),
                recovered: Some(*recovered),
                ..Wire::default()
            },
            Self::Ok { reference, position } => {
                Wire { kind: "ok", reference: *reference, position: Some(position.clone()), ..Wire::default() }
            }
            Self::Denied { reference, room, denial } => Wire {
                kind: "denied",
                reference: *reference,
                room: Some(room.clone()),
                code: Some(denial.word()),
                reason: Some(denial.sentence()),
                remedy: Some(denial.remedy()),
                ..Wire::default()
            },
            Self::Emitted { room, event, user, message } => Wire {
                kind: "emitted",
                room: Some(room.clone()),
                event: Some(event),
                user: Some(user.clone()),
                message: Some(message),
                ..Wire::default()
            },
            Self::Answer { reference, message } => {
                Wire { kind: "answer", reference: Some(*reference), message: Some(message), ..Wire::default() }
            }
            Self::Error { reference, code, reason, remedy } => Wire {
                kind: "error",
                reference: *reference,
                code: Some(code),
                reason: Some(reason),
                remedy: remedy.as_deref(),
                ..Wire::default()
            },
            Self::Gap { room, position } => {
                Wire { kind: "gap", room: Some(room.clone()), position: Some(position.clone()), ..Wire::default() }
            }
            Self::Source { connected } => Wire { kind: "source", connected: Some(*connected), ..Wire::default() },
            Self::Bye { code, after, position } => Wire {
                kind: "bye",
                code: Some(code.word()),
                reason: Some(code.sentence()),
                after: *after,
                position: position.clone(),
                ..Wire::default()
            },
        };
        serde_json::to_string(&wire).expect("frames hold only text, numbers and raw JSON")
    }

    /// Says that a frame was understood and yet not done.
    #[must_use]
    pub fn trouble(reference: Ref, trouble: Trouble) -> Self {
        Self::Error {
            reference: Some(reference),
            code: trouble.word().to_owned(),
            reason: trouble.sentence().to_owned(),
            remedy: Some(trouble.remedy().to_owned()),
        }
    }

    /// Understands a server's frame.
    ///
    /// # Errors
    /// Text that is no frame of this version. A page logs it and goes on.
    pub fn parse(text: &str) -> Result<Self, UnreadableFrame> {
        Self::read(text).ok_or_else(|| UnreadableFrame(text.to_owned()))
    }

    fn read(text: &str) -> Option<Self> {
        let mut fields = Fields::read(text).ok()?;
        let frame = match fields.text("type").as_str() {
            "event" => Self::Event {
                room: fields.room("room"),
                event: fields.text("event"),
                message: fields.json("message"),
                offset: fields.optional("offset", Fields::number),
            },
            "hello" => Self::Hello {
                connection: fields.text("connection"),
                epoch: fields.text("epoch"),
                user: fields.text("user"),
                heartbeat: u32::try_from(fields.number("heartbeat")).ok()?,
                rooms: fields.texts("rooms").iter().map(|room| Room::parse(room)).collect(),
                build: fields.text("build"),
            },
            "joined" => Self::Joined {
                reference: fields.number("ref"),
                room: fields.room("room"),
                position: fields.position("position"),
                recovered: fields.truth("recovered"),
            },
            "ok" => {
                Self::Ok { reference: fields.optional("ref", Fields::number), position: fields.position("position") }
            }
            "denied" => Self::Denied {
                reference: fields.optional("ref", Fields::number),
                room: fields.room("room"),
                denial: Denial::from_word(&fields.text("code")),
            },
            "error" => Self::Error {
                reference: fields.optional("ref", Fields::number),
                code: fields.text("code"),
                reason: fields.text("reason"),
                remedy: fields.optional("remedy", Fields::text),
            },
            "emitted" => Self::Emitted {
                room: fields.room("room"),
                event: fields.text("event"),
                user: fields.text("user"),
                message: fields.json("message"),
            },
            "answer" => Self::Answer { reference: fields.number("ref"), message: fields.json("message") },
            "gap" => Self::Gap { room: fields.room("room"), position: fields.position("position") },
            "source" => Self::Source { connected: fields.truth("connected") },
            "bye" => Self::Bye {
                code: CloseCode::from_word(&fields.text("code"))?,
                after: fields.optional("after", Fields::number),
                position: fields.optional("position", Fields::position),
            },
            _ => return None,
        };
        fields.if_complete(frame)
    }
}

#[cfg(test)]
mod tests;
