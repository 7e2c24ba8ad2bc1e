//! What real Frappe published, through the event parser; and what our own publish makes of the same calls.

use std::collections::BTreeMap;

use realtime::room::Room;
use serde_json::Value;
use server::event::{self, Destination, SkipReason};
use server::publish::{self, PublishError, Request};

use crate::support::captures;

/// A site of no capture, so that a site that was not read from the payload shows.
const DEFAULT_SITE: &str = "default.localhost";

/// The messages that are no JSON, and no text.
const SKIPPED: [(&str, SkipReason); 2] =
    [("message_nan_inf", SkipReason::NotJson), ("message_lone_surrogate", SkipReason::LoneSurrogate)];

fn site_of(version: &str) -> String {
    format!("r{}.localhost", version.replace('v', "t"))
}

#[test]
fn every_captured_payload_is_understood() {
    let mut read: BTreeMap<&str, usize> = BTreeMap::new();
    let mut custom: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut skipped: BTreeMap<&str, Vec<(String, SkipReason)>> = BTreeMap::new();

    for (version, case, payload) in captures::payloads() {
        match event::parse(payload.as_bytes(), DEFAULT_SITE) {
            Ok(event) => {
                assert_is_what_the_payload_says(&event, version, &payload);
                if let Destination::Room { room: Room::Custom(room), .. } = event.destination {
                    custom.entry(version).or_default().push(room);
                }
                *read.entry(version).or_default() += 1;
            }
            Err(skip) => {
                assert_eq!(skip.site, Some(site_of(version)), "{version} {case}");
                assert_eq!(skip.event.as_deref(), Some("ev"), "{version} {case}");
                skipped.entry(version).or_default().push((case, skip.reason));
            }
        }
    }

    assert_eq!(read, BTreeMap::from([("v14", 192), ("v15", 194), ("v16", 193)]));
    for version in captures::VERSIONS {
        assert_eq!(skipped[version], SKIPPED.map(|(case, reason)| (case.to_owned(), reason)), "{version}");
        assert_eq!(custom[version], ["my:custom room", "r"], "{version}");
    }
}

/// Compares with the payload's parsed tree and, for the message, with its lines.
fn assert_is_what_the_payload_says(event: &event::Event<'_>, version: &str, payload: &str) {
    let tree: Value = serde_json::from_str(payload).expect("the payload is JSON");
    let text = |key: &str| tree[key].as_str().map(str::to_owned);
    let room = text("room").expect("Frappe names a room");
    let site = text("namespace");
    assert_eq!(site.is_none(), version == "v14", "{payload}");

    let prefix = format!("{}:", site_of(version));
    let (site, room) = match (site, room.strip_prefix(&prefix)) {
        (Some(site), _) => (site, room),
        (None, Some(rest)) => (site_of(version), rest.to_owned()),
        (None, None) => (DEFAULT_SITE.to_owned(), room),
    };
    let Destination::Room { site: read_site, room: read_room } = &event.destination else {
        panic!("{payload}: the destination is {:?}", event.destination);
    };
    assert_eq!((read_site, read_room.to_string()), (&site, room), "{payload}");
    assert_eq!(Some(event.event.as_ref()), tree["event"].as_str(), "{payload}");

    let next_key = if version == "v14" { ",\n \"room\": " } else { ",\n \"namespace\": " };
    let start = payload.find("\n \"message\": ").expect("there is a message") + "\n \"message\": ".len();
    let end = payload.rfind(next_key).expect("a key comes after the message");
    assert_eq!(event.message.get(), &payload[start..end]);
    assert!(std::ptr::eq(event.message.get(), &raw const payload[start..end]), "the message was copied");
}

/// A request with an event and a message, and what else a case of the table below adds.
macro_rules! request {
    ($event:expr, $message:expr $(, $argument:ident: $value:expr)*) => {
        Request {
            event: Option::<&str>::from($event).map(str::to_owned),
            message: Option::<&str>::from($message).map(str::to_owned),
            $($argument: Some($value.to_owned()),)*
            site: site_of("v15"),
            ..Request::default()
        }
    };
}

const USER: &str = "Administrator";

/// The calls of Frappe 15's captures that the arguments of our command can express. Keys stand in another
/// order than in the capture where there are several.
#[rustfmt::skip]
fn table() -> Vec<(&'static str, Vec<Request>)> {
    let count = |value: u8| request!("count", format!("{{\"count\": {value}}}").as_str(), user: USER);
    let to_user = |message: &str| request!("ev", message, user: USER);
    let x = r#"{"x": 1}"#;
    let to_do = "q6h22oh891";
    vec![
        ("article_count", vec![count(7)]),
        ("article_count_loop_3", vec![count(0), count(1), count(2)]),
        ("user_unicode", vec![request!("ev", r#"{"a": "ünï ✓ 😀 \u2028 \"q\" \\ \u0007 </script>"}"#, user: "jürgen@example.com")]),
        ("doctype_docname", vec![request!("ev", x, doctype: "ToDo", docname: to_do)]),
        ("docname_int", vec![request!("ev", x, doctype: "ToDo", docname: "42")]),
        ("docname_unicode_slash_colon", vec![request!("ev", x, doctype: "Sales Invoice", docname: "INV/2026:ü 1")]),
        ("doctype_only", vec![request!("ev", x, doctype: "ToDo")]),
        ("room_custom", vec![request!("ev", x, room: "my:custom room")]),
        ("room_overrides_user", vec![request!("ev", x, room: "r", user: USER)]),
        ("user_overrides_doc", vec![request!("ev", x, user: USER, doctype: "ToDo", docname: to_do)]),
        ("sitewide", vec![request!("ev", x)]),
        ("sitewide_nothing", vec![request!(None, None)]),
        ("website_room", vec![request!("ev", x, room: "website")]),
        ("task_id", vec![request!("ev", x, task_id: "task-1")]),
        ("task_id_no_event", vec![request!(None, x, task_id: "task-1")]),
        ("task_id_user", vec![request!("ev", x, task_id: "task-1", user: USER)]),
        ("task_id_own_in_message", vec![request!("ev", r#"{"task_id": "other"}"#, task_id: "task-1")]),
        ("message_none", vec![request!("ev", None, user: USER)]),
        ("message_none", vec![to_user("null")]),
        ("message_str", vec![to_user("\"hello ü\"")]),
        ("message_list", vec![to_user(r#"[1, "a", null, true]"#)]),
        ("message_int", vec![to_user("5")]),
        ("message_bool_zero_empty", ["true", "false", "0", "\"\"", "[]"].map(to_user).into()),
        ("message_types", vec![to_user(r#"{
            "date": "2026-11-24", "dt": "2026-11-24 09:08:07.123456", "dt0": "2026-11-24 09:08:07",
            "dttz": "2026-11-24 09:08:07+00:00", "time": "09:08:07", "td": "27:01:2.000005",
            "dec": 1234567890.123456789, "dec_int": 5.0, "f": 0.1, "f2": 1e22, "f3": 1e-7,
            "i": 9223372036854775808, "i53": 9007199254740993, "none": null, "t": true,
            "nested": {"b": [1, {"c": null}], "a": {"z": [], "y": {}}}, "dict": {"k": 1}, "tuple": [1, 2],
            "set": [1], "ü": "é"
        }"#)]),
        ("message_query_rows", vec![to_user(r#"[
            {"name": "hvmdehn8ik", "date": "2026-11-24", "creation": "2026-11-24 14:35:01.400179"},
            {"name": "3sv2kuqbiv", "date": "2026-11-25", "creation": "2026-11-24 14:33:16.032089"}
        ]"#)]),
        ("message_bytes", vec![to_user(r#"{"b": [114, 97, 119]}"#)]),
        ("message_int_keys", vec![to_user(r#"{"2": "b", "1": "a"}"#)]),
        ("message_mixed_keys", vec![to_user(r#"{"b": "b", "1": "a"}"#)]),
        ("message_uuid", vec![to_user(r#"{"u": "00000000-0000-0000-0000-000000000001"}"#)]),
        ("message_1mb", vec![to_user(&format!("{{\"s\": \"{}\"}}", "x".repeat(1_000_000)))]),
        ("event_unicode", vec![request!("événement ✓", x, user: USER)]),
        ("event_reserved_connect", vec![request!("connect", x, user: USER)]),
        ("msgprint_no_user", vec![request!("msgprint", "\"Hello\"")]),
        ("msgprint_realtime", vec![request!("msgprint", r#"{"title": "T", "message": "Hi ü", "indicator": "green"}"#)]),
        ("toast_alert", vec![request!("msgprint", r#"{"title": "Message", "message": "Hi", "alert": 1}"#)]),
        ("list_update_message_doctype", vec![request!("list_update", r#"{"user": "Administrator", "name": "q6h22oh891", "doctype": "ToDo"}"#)]),
        ("list_update_doctype_arg", vec![request!("list_update", x, doctype: "Note")]),
        ("list_update_no_doctype", vec![request!("list_update", x)]),
        ("docinfo_update", vec![request!("docinfo_update", r#"{"key": "comments", "doc": {}, "action": "add"}"#, doctype: "ToDo", docname: to_do)]),
        ("docinfo_update_no_doc", vec![request!("docinfo_update", x)]),
        ("after_commit_commit", vec![request!("ev", x, user: USER)]),
        ("after_commit_task_id_is_immediate", vec![request!("ev", r#"{"x": 6}"#, task_id: "t")]),
        ("progress_user", vec![request!("progress", r#"{"title": "Importing", "percent": 25, "description": "row 1"}"#, user: USER)]),
        ("progress_doc", vec![request!("progress", r#"{"title": "Importing", "percent": 50.5, "description": null}"#, doctype: "ToDo", docname: to_do)]),
        ("progress_task", vec![request!("progress", r#"{"title": "T", "percent": 75, "description": null}"#, user: USER, task_id: "task-1")]),
        ("progress_min", vec![request!("progress", r#"{"title": null, "percent": 100, "description": null}"#, user: USER)]),
        ("progress_as_guest", vec![request!("progress", r#"{"title": null, "percent": 1, "description": null}"#, user: "Guest")]),
    ]
}

#[test]
fn our_publish_writes_the_bytes_that_frappe_15_writes() {
    let cases = captures::cases("v15");
    let mut compared = 0;
    for (name, requests) in table() {
        let case = cases.iter().find(|case| case.name == name).expect("the case was captured");
        assert_eq!(case.error, None, "{name}");
        assert!(case.published.iter().all(|published| published.channel == publish::CHANNEL), "{name}");
        let frappe: Vec<_> = case.published.iter().map(|published| published.payload.as_str()).collect();
        let ours: Vec<_> =
            requests.iter().map(|request| publish::payload(request).expect("it can be published").payload).collect();
        assert_eq!(ours, frappe, "{name}");
        compared += ours.len();
    }
    assert_eq!((table().len(), compared), (47, 53));
}

#[test]
fn a_text_with_a_task_id_fails_as_in_frappe_15() {
    let cases = captures::cases("v15");
    let case = cases.iter().find(|case| case.name == "task_id_message_str").expect("the case was captured");
    assert_eq!(case.error.as_deref(), Some("TypeError: 'str' object does not support item assignment"));
    let error = publish::payload(&request!("ev", "\"text\"", task_id: "task-1")).expect_err("text takes no task_id");
    assert_eq!(error, PublishError::MessageTakesNoTaskId { kind: "text" });
}

#[test]
fn what_we_publish_is_what_we_read() {
    for (name, requests) in table() {
        for request in requests {
            let published = publish::payload(&request).expect("it can be published");
            let event = event::parse(published.payload.as_bytes(), DEFAULT_SITE).expect("it can be read");
            assert_eq!(event.event, published.event, "{name}");
            assert_eq!(event.destination, Destination::Room { site: published.site, room: published.room }, "{name}");
        }
    }
}
