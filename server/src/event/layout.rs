//! What can be read of a payload that is not JSON, so that the log can name its site and event.
//!
//! Frappe's `as_json` writes `indent=1` and sorted keys, so every key of the payload stands on a line of
//! its own that begins with exactly one space, and those of the message begin with more.

use super::{Destination, SkipReason, Skipped};

/// A skipped payload with the site and event that its lines name.
pub(super) fn skipped(reason: SkipReason, payload: &str, default_site: &str) -> Skipped {
    let (namespace, room) = (line(payload, "namespace"), line(payload, "room"));
    let destination = Destination::new(namespace.as_deref(), room.as_deref(), default_site);
    Skipped { reason, site: destination.site().map(str::to_owned), event: line(payload, "event") }
}

/// The text of one top-level key.
fn line(payload: &str, key: &str) -> Option<String> {
    payload.lines().find_map(|line| {
        let value = line.strip_prefix(" \"")?.strip_prefix(key)?.strip_prefix("\": ")?;
        serde_json::from_str(value.strip_suffix(',').unwrap_or(value)).ok()
    })
}
