//! Why a payload was skipped, for the log and the counters.

use thiserror::Error;

/// A payload that no page will see. Frappe's own Node server dies of most of these
/// (captures v15 `socketio.txt`, "does it survive?"); here they are counted and named.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct Skipped {
    /// What is wrong with the payload.
    pub reason: SkipReason,
    /// The site it was meant for, where that could be read.
    pub site: Option<String>,
    /// The event's name, where that could be read.
    pub event: Option<String>,
}

/// What is wrong with a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum SkipReason {
    /// The bytes are not UTF-8.
    #[error("the payload is not UTF-8 text; publish it with frappe.publish_realtime, which writes ASCII")]
    NotUtf8,
    /// The text is not JSON.
    #[error(
        "the payload is not JSON; Python writes NaN and Infinity as they are, which JSON does not have: \
         publish None or text in their place"
    )]
    NotJson,
    /// The JSON is null, an array, a number or a string.
    #[error("the payload is JSON but no object; it must hold event, message, namespace and room")]
    NotAnObject,
    /// Half of a surrogate pair stands alone: no Unicode text, and no browser can be sent it.
    #[error("the payload holds half of a surrogate pair; look where the Python code cuts a string in two")]
    LoneSurrogate,
    /// There is no event name, or it is not text.
    #[error("the payload has no event name that is text; pass one to frappe.publish_realtime")]
    NoEvent,
    /// The namespace is neither text nor null.
    #[error("the payload's namespace is not text; it must be the site's name")]
    NamespaceNotText,
    /// The room is neither text nor null, so nobody can say who may read the message.
    #[error("the payload's room is not text; pass a room's name to frappe.publish_realtime, or none")]
    RoomNotText,
}

impl SkipReason {
    /// Every reason, to count by.
    pub const ALL: [Self; 7] = [
        Self::NotUtf8,
        Self::NotJson,
        Self::NotAnObject,
        Self::LoneSurrogate,
        Self::NoEvent,
        Self::NamespaceNotText,
        Self::RoomNotText,
    ];

    /// The reason as one stable word, for metrics and log fields.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotUtf8 => "not_utf8",
            Self::NotJson => "not_json",
            Self::NotAnObject => "not_an_object",
            Self::LoneSurrogate => "lone_surrogate",
            Self::NoEvent => "no_event",
            Self::NamespaceNotText => "namespace_not_text",
            Self::RoomNotText => "room_not_text",
        }
    }
}
