//! Publishing an event from the command line, as `frappe.publish_realtime` of Frappe 15 does.
//!
//! [`payload`] and [`frappe15_payload`] are pure and give the bytes that Frappe itself would publish,
//! tested against captures of the real thing. [`publish`] sends them.

mod python_json;
mod routing;
mod send;

use realtime::room::Room;
use serde_json::json;
use thiserror::Error;

pub use python_json::MessageError;
pub use send::publish;

/// The Redis channel of all Frappe versions, shared by every site of a bench (FRAPPE `realtime.py`,
/// `emit_via_redis`).
pub const CHANNEL: &str = "events";

/// The arguments of `frappe.publish_realtime`. An empty text counts as not given, as in Python.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The event's name; without one it is `task_progress` for a task and `global` otherwise.
    pub event: Option<String>,
    /// The message as JSON text; without one it is `{}`.
    pub message: Option<String>,
    /// The user to publish to.
    pub user: Option<String>,
    /// The doctype of the document to publish to.
    pub doctype: Option<String>,
    /// The name of the document to publish to.
    pub docname: Option<String>,
    /// The background task to publish to.
    pub task_id: Option<String>,
    /// The room to publish to.
    pub room: Option<String>,
    /// The site.
    pub site: String,
}

/// What will be published, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The event's name.
    pub event: String,
    /// The room that the arguments led to.
    pub room: Room,
    /// The site.
    pub site: String,
    /// The text for Redis.
    pub payload: String,
}

/// Why nothing was published.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The message cannot be published as it is.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// No site was named.
    #[error("no site was named, so nobody would see the event; pass the site's name")]
    NoSite,
    /// A task's message must take a `task_id`. Python raises a `TypeError` here.
    #[error(
        "the message is {kind}, and the task's id cannot be put into that (Python's TypeError); \
         pass an object such as {{\"percent\": 50}}"
    )]
    MessageTakesNoTaskId {
        /// What the message is.
        kind: &'static str,
    },
    /// `list_update` looks for its doctype in the message. Python raises an `AttributeError` here.
    #[error(
        "list_update takes its doctype from the message, and the message is {kind}; pass the doctype, or a \
         message such as {{\"doctype\": \"ToDo\"}}"
    )]
    MessageHoldsNoDoctype {
        /// What the message is.
        kind: &'static str,
    },
    /// The doctype in the message of `list_update` is not text.
    #[error("the doctype in the message is {kind}; list_update needs the doctype's name as text")]
    DoctypeNotText {
        /// What stands in its place.
        kind: &'static str,
    },
    /// Redis could not be reached.
    #[error("Redis at {address} cannot be reached: {problem}; is it running, and are address and password right?")]
    Unreachable {
        /// The address, without its password.
        address: String,
        /// What the attempt ended with.
        problem: String,
    },
    /// Redis answered the publish with an error.
    #[error(
        "Redis at {address} did not take the event: {problem}; its user must be allowed to PUBLISH on the channel \
         {CHANNEL}"
    )]
    Refused {
        /// The address, without its password.
        address: String,
        /// What Redis said.
        problem: String,
    },
}

/// What `frappe.publish_realtime` of Frappe 15 would publish for these arguments, run by Administrator.
pub fn payload(request: &Request) -> Result<Published, PublishError> {
    let routing::Routed { event, room, message } = routing::route(request)?;
    let payload = frappe15_payload(&request.site, &room, &event, &message)?;
    Ok(Published { event, room, site: request.site.clone(), payload })
}

/// The payload in which Frappe 15 publishes an event, byte for byte. `message` is JSON text.
pub fn frappe15_payload(site: &str, room: &Room, event: &str, message: &str) -> Result<String, PublishError> {
    if site.is_empty() {
        return Err(PublishError::NoSite);
    }
    // Checked by itself: as a part of the payload, `1}, {` would be JSON.
    python_json::check(message)?;
    let (event, namespace, room) = (json!(event), json!(site), json!(room));
    let payload = format!(r#"{{"event":{event},"message":{message},"namespace":{namespace},"room":{room}}}"#);
    Ok(python_json::dumps(&payload)?)
}

#[cfg(test)]
mod tests;
