//! Any bytes on the Redis channel `events`: read or skipped with a reason, never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use serde_json::value::RawValue;
use server::event::{Destination, Event, SkipReason, Skipped, parse};
use server::publish::frappe15_payload;

const DEFAULT_SITE: &str = "site1.local";

fuzz_target!(|payload: &[u8]| {
    match parse(payload, DEFAULT_SITE) {
        Ok(event) => check_event(&event, payload),
        Err(skipped) => check_skipped(&skipped, payload),
    }
});

fn check_event(event: &Event<'_>, payload: &[u8]) {
    let text = std::str::from_utf8(payload).expect("what is read is UTF-8");
    let message = event.message.get();
    assert!(serde_json::from_str::<&RawValue>(message).is_ok(), "the message is JSON");
    assert!(message == "null" || text.contains(message), "the message stands in the payload");
    assert_ne!(event.destination.site(), Some(""), "a site has a name");

    // The same event, written anew, is read the same. A namespace's leading `/` is no part of the site.
    let name = json!(event.event);
    let to_whom = match &event.destination {
        Destination::Room { site, room } => {
            format!(r#","namespace":{},"room":{}"#, json!(format!("/{site}")), json!(room))
        }
        Destination::Site { site } => format!(r#","namespace":{}"#, json!(format!("/{site}"))),
        Destination::Bench => String::new(),
    };
    let anew = format!(r#"{{"event":{name},"message":{message}{to_whom}}}"#);
    let read = parse(anew.as_bytes(), "another.local").expect("an event written anew is one");
    assert_eq!((&read.destination, &read.event), (&event.destination, &event.event));
    assert_eq!(read.message.get(), message);

    // And in Frappe 15's own form, where Python can write the message at all.
    if let Destination::Room { site, room } = &event.destination
        && !site.starts_with('/')
        && let Ok(payload) = frappe15_payload(site, room, &event.event, message)
    {
        let read = parse(payload.as_bytes(), "another.local").expect("what Frappe writes is an event");
        assert_eq!((&read.destination, &read.event), (&event.destination, &event.event));
        assert!(payload.is_ascii(), "Frappe writes ASCII");
    }
}

fn check_skipped(skipped: &Skipped, payload: &[u8]) {
    assert!(!skipped.to_string().is_empty());
    assert!(SkipReason::ALL.contains(&skipped.reason));
    assert_ne!(skipped.site.as_deref(), Some(""), "a site has a name");
    let text = std::str::from_utf8(payload);
    assert_eq!(text.is_err(), skipped.reason == SkipReason::NotUtf8);
    if let Ok(text) = text {
        let is_json = serde_json::from_str::<&RawValue>(text).is_ok();
        assert_eq!(is_json, skipped.reason != SkipReason::NotJson);
    }
}
