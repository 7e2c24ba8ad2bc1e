//! Whom an event goes to: `publish_realtime` of Frappe 15 (FRAPPE `realtime.py`), rule by rule and in its order.

use realtime::room::Room;
use serde_json::json;
use serde_json::value::RawValue;

use super::python_json::{check, entries, items, text};
use super::{PublishError, Request};

/// Who runs the command, in Frappe's eyes: `bench` commands run as this user too.
const SESSION_USER: &str = "Administrator";

/// The key that a task's messages carry.
const TASK_ID: &str = "task_id";

/// The three things that are left of the arguments.
pub(super) struct Routed {
    pub(super) event: String,
    pub(super) room: Room,
    /// JSON text.
    pub(super) message: String,
}

pub(super) fn route(request: &Request) -> Result<Routed, PublishError> {
    let message = match request.message.as_deref().map(check).transpose()? {
        Some(message) if message.get() != "null" => message.get(),
        _ => "{}",
    };
    let task_id = given(request.task_id.as_ref());
    let mut user = given(request.user.as_ref());
    let mut room = given(request.room.as_ref()).map(Room::parse);

    // An event that is empty is still an event: Python asks here whether it is None.
    let event = match request.event.as_deref() {
        None if task_id.is_some() => "task_progress",
        None => "global",
        Some(event) => event,
    };
    match event {
        "msgprint" if user.is_none() => user = Some(SESSION_USER),
        "list_update" => room = Some(list_room(given(request.doctype.as_ref()), message)?),
        // Python formats an absent doctype as `None`, and an absent name as nothing.
        "docinfo_update" => {
            let doctype = request.doctype.as_deref().unwrap_or("None");
            room = Some(Room::doc(doctype, request.docname.as_deref().unwrap_or_default()));
        }
        _ => {}
    }

    let routed = |room, message| Ok(Routed { event: event.to_owned(), room, message });
    if let Some(room) = room {
        return routed(room, message.to_owned());
    }
    if let Some(task_id) = task_id {
        return routed(Room::task(task_id), with_task_id(message, task_id)?);
    }
    let document = given(request.doctype.as_ref()).zip(given(request.docname.as_ref()));
    let room = match (user, document) {
        (Some(user), _) => Room::user(user),
        (None, Some((doctype, name))) => Room::doc(doctype, name),
        (None, None) => Room::Site,
    };
    routed(room, message.to_owned())
}

/// An argument that is true in Python's eyes.
fn given(argument: Option<&String>) -> Option<&str> {
    argument.map(String::as_str).filter(|argument| !argument.is_empty())
}

/// `doctype or message.get("doctype")`, formatted into the room of a doctype's lists.
fn list_room(doctype: Option<&str>, message: &str) -> Result<Room, PublishError> {
    if let Some(doctype) = doctype {
        return Ok(Room::doctype(doctype));
    }
    let message = check(message)?;
    let kind = Kind::of(message);
    if kind != Kind::Object {
        return Err(PublishError::MessageHoldsNoDoctype { kind: kind.words() });
    }
    let entries = entries(message)?;
    match entries.get("doctype").map(|doctype| (Kind::of(doctype), doctype)) {
        None | Some((Kind::Null, _)) => Ok(Room::doctype("None")),
        Some((Kind::Text, doctype)) => Ok(Room::doctype(text(doctype)?)),
        Some((kind, _)) => Err(PublishError::DoctypeNotText { kind: kind.words() }),
    }
}

/// `if "task_id" not in message: message["task_id"] = task_id`. Python's `in` also finds the key within
/// text and among the items of an array; what lacks it there cannot take it.
fn with_task_id(message: &str, task_id: &str) -> Result<String, PublishError> {
    let value = check(message)?;
    let kind = Kind::of(value);
    let holds_it = match kind {
        Kind::Object => entries(value)?.contains_key(TASK_ID),
        Kind::Array => items(value)?.iter().any(|item| text(item).is_ok_and(|item| item == TASK_ID)),
        Kind::Text => text(value)?.contains(TASK_ID),
        Kind::Null | Kind::Boolean | Kind::Number => false,
    };
    match value.get().strip_prefix('{') {
        _ if holds_it => Ok(message.to_owned()),
        Some(entries) => {
            let comma = if entries.trim_start() == "}" { "" } else { "," };
            Ok(format!("{{{}:{}{comma}{entries}", json!(TASK_ID), json!(task_id)))
        }
        None => Err(PublishError::MessageTakesNoTaskId { kind: kind.words() }),
    }
}

/// What a JSON value is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    Boolean,
    Number,
    Text,
    Array,
    Object,
}

impl Kind {
    fn of(value: &RawValue) -> Self {
        match value.get().as_bytes().first() {
            Some(b'{') => Self::Object,
            Some(b'[') => Self::Array,
            Some(b'"') => Self::Text,
            Some(b't' | b'f') => Self::Boolean,
            Some(b'n') => Self::Null,
            _ => Self::Number,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "true or false",
            Self::Number => "a number",
            Self::Text => "text",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }
}
