//! One event as it came over Redis: a payload of channel `events`, understood once.
//!
//! Frappe writes the payload in `emit_via_redis` (FRAPPE `realtime.py`): JSON with `event`, `message`,
//! `room` and, since Frappe 15, `namespace` (the site). Only those four keys are read. The message is any
//! JSON value and stays the text it was.

mod layout;
mod skip;
pub(crate) mod surrogate;

use std::borrow::Cow;
use std::fmt;

use realtime::room::Room;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

pub use skip::{SkipReason, Skipped};

/// One event, borrowed from the payload it came in.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// Who the event is for.
    pub destination: Destination,
    /// The event's name. Any text is one, the empty text and `connect` too.
    pub event: Cow<'a, str>,
    /// The message as published, byte for byte; `null` when the payload holds none.
    pub message: &'a RawValue,
}

/// Who an event is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Destination {
    /// The members of one room of a site.
    Room {
        /// The site the room belongs to.
        site: String,
        /// The room, without its site.
        room: Room,
    },
    /// Everybody on one site: the payload names a site and no room.
    Site {
        /// The site.
        site: String,
    },
    /// Everybody on every site: the payload names neither, as the asset watcher's `build_event` does.
    Bench,
}

impl Destination {
    /// The one site that the event stays on, if it does.
    #[must_use]
    pub fn site(&self) -> Option<&str> {
        match self {
            Self::Room { site, .. } | Self::Site { site } => Some(site),
            Self::Bench => None,
        }
    }

    /// Reads the two keys that say who an event is for; an empty one says nothing.
    fn new(namespace: Option<&str>, room: Option<&str>, default_site: &str) -> Self {
        // The namespace is a Socket.IO one, which some write with the leading `/` it has there.
        let site = namespace.map(|namespace| namespace.strip_prefix('/').unwrap_or(namespace));
        let site = site.filter(|site| !site.is_empty());
        match (site, room.filter(|room| !room.is_empty())) {
            (Some(site), Some(room)) => Self::Room { site: site.to_owned(), room: Room::parse(room) },
            (Some(site), None) => Self::Site { site: site.to_owned() },
            (None, Some(room)) => {
                let (site, room) = site_and_room(room, default_site);
                Self::Room { site, room }
            }
            (None, None) => Self::Bench,
        }
    }
}

/// Takes the site off a room of Frappe 13 and 14 (`site1.local:doc:ToDo/a1b2`). A room that an app named
/// itself has none: it belongs to the default site.
fn site_and_room(text: &str, default_site: &str) -> (String, Room) {
    if let Some((site, rest)) = text.split_once(':')
        && !site.is_empty()
        && !rest.is_empty()
    {
        let room = Room::parse(rest);
        if site == default_site || (room.is_known_to_frappe() && !Room::is_kind(site)) {
            return (site.to_owned(), room);
        }
    }
    (default_site.to_owned(), Room::parse(text))
}

/// Understands one payload. `default_site` is the site of a room that names none.
pub fn parse<'a>(payload: &'a [u8], default_site: &str) -> Result<Event<'a>, Skipped> {
    let Ok(text) = std::str::from_utf8(payload) else {
        let readable = String::from_utf8_lossy(payload);
        return Err(layout::skipped(SkipReason::NotUtf8, &readable, default_site));
    };
    let Ok(keys) = serde_json::from_str::<Keys<'a>>(text) else {
        return Err(layout::skipped(why_unreadable(text), text, default_site));
    };
    if surrogate::has_lone(text) {
        return Err(keys.skipped(SkipReason::LoneSurrogate, default_site));
    }
    let Ok(Some(event)) = text_of(keys.event) else {
        return Err(keys.skipped(SkipReason::NoEvent, default_site));
    };
    let Ok(namespace) = text_of(keys.namespace) else {
        return Err(keys.skipped(SkipReason::NamespaceNotText, default_site));
    };
    let Ok(room) = text_of(keys.room) else {
        return Err(keys.skipped(SkipReason::RoomNotText, default_site));
    };
    Ok(Event {
        destination: Destination::new(namespace.as_deref(), room.as_deref(), default_site),
        event,
        message: keys.message.unwrap_or(RawValue::NULL),
    })
}

/// Why a text is not an object with readable keys.
fn why_unreadable(text: &str) -> SkipReason {
    // A raw value is checked for its grammar only, so a lone surrogate in a key passes here.
    match serde_json::from_str::<&RawValue>(text) {
        Err(_) => SkipReason::NotJson,
        Ok(_) if surrogate::has_lone(text) => SkipReason::LoneSurrogate,
        Ok(_) => SkipReason::NotAnObject,
    }
}

/// A value that is neither text nor null.
struct NotText;

/// The text of a key's value; nothing when the key is missing or null.
fn text_of(value: Option<&RawValue>) -> Result<Option<Cow<'_, str>>, NotText> {
    let Some(value) = value.map(RawValue::get).filter(|value| *value != "null") else {
        return Ok(None);
    };
    match value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
        Some(text) if !text.contains('\\') => Ok(Some(Cow::Borrowed(text))),
        _ => serde_json::from_str(value).map(|text: String| Some(Cow::Owned(text))).map_err(|_| NotText),
    }
}

/// The keys of a payload, each as the text it was. The last of two equal keys wins, as in Python and
/// JavaScript, which is why this is no derive.
#[derive(Default)]
struct Keys<'a> {
    event: Option<&'a RawValue>,
    message: Option<&'a RawValue>,
    namespace: Option<&'a RawValue>,
    room: Option<&'a RawValue>,
}

impl Keys<'_> {
    fn skipped(&self, reason: SkipReason, default_site: &str) -> Skipped {
        let readable = |value| text_of(value).ok().flatten();
        let (namespace, room) = (readable(self.namespace), readable(self.room));
        let destination = Destination::new(namespace.as_deref(), room.as_deref(), default_site);
        Skipped {
            reason,
            site: destination.site().map(str::to_owned),
            event: readable(self.event).map(Cow::into_owned),
        }
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Key {
    Event,
    Message,
    Namespace,
    Room,
    #[serde(other)]
    Unknown,
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object with event, message, namespace and room")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys<'de>, A::Error> {
        let mut keys = Keys::default();
        while let Some(key) = map.next_key()? {
            match key {
                Key::Event => keys.event = Some(map.next_value()?),
                Key::Message => keys.message = Some(map.next_value()?),
                Key::Namespace => keys.namespace = Some(map.next_value()?),
                Key::Room => keys.room = Some(map.next_value()?),
                Key::Unknown => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(keys)
    }
}

impl<'de> Deserialize<'de> for Keys<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KeysVisitor)
    }
}

#[cfg(test)]
mod tests;
