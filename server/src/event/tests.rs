//! Every rule of the parser, one test each.

use proptest::prelude::*;
use realtime::room::Room;
use serde_json::json;

use super::{Destination, Event, SkipReason, Skipped, parse};

const DEFAULT_SITE: &str = "default.local";

fn read(payload: &str) -> Event<'_> {
    parse(payload.as_bytes(), DEFAULT_SITE).expect("the payload is an event")
}

fn skip(payload: impl AsRef<[u8]>) -> Skipped {
    parse(payload.as_ref(), DEFAULT_SITE).expect_err("the payload is no event")
}

fn destination(payload: &serde_json::Value) -> Destination {
    read(&payload.to_string()).destination
}

fn room(site: &str, room: &str) -> Destination {
    Destination::Room { site: site.to_owned(), room: Room::parse(room) }
}

#[test]
fn frappe_15_names_the_site_in_the_namespace() {
    let event = read(concat!(
        "{\n \"event\": \"doc_update\",\n \"message\": {\n  \"name\": \"a\"\n },\n",
        " \"namespace\": \"site1.local\",\n \"room\": \"doc:ToDo/a\"\n}",
    ));
    assert_eq!(event.destination, room("site1.local", "doc:ToDo/a"));
    assert_eq!(event.event, "doc_update");
    assert_eq!(event.message.get(), "{\n  \"name\": \"a\"\n }");
}

#[test]
fn a_namespace_may_have_the_leading_slash_of_socketio() {
    for namespace in ["s", "/s"] {
        assert_eq!(destination(&json!({"event": "e", "namespace": namespace, "room": "all"})), room("s", "all"));
    }
    assert_eq!(destination(&json!({"event": "e", "namespace": "//s", "room": "all"})), room("/s", "all"));
}

#[test]
fn with_a_namespace_the_room_is_taken_whole() {
    for text in ["s:all", "default.local:all", "my:custom room", "user:a:b", "doc:Sales Invoice/INV/1:ü"] {
        assert_eq!(destination(&json!({"event": "e", "namespace": "s", "room": text})), room("s", text));
    }
}

#[test]
fn without_a_namespace_the_site_stands_before_a_room_that_frappe_knows() {
    for (text, site, rest) in [
        ("site1.local:all", "site1.local", "all"),
        ("site1.local:website", "site1.local", "website"),
        ("site1.local:user:a@b.c", "site1.local", "user:a@b.c"),
        ("site1.local:doc:Sales Invoice/INV/1:ü", "site1.local", "doc:Sales Invoice/INV/1:ü"),
        ("site1.local:doctype:ToDo", "site1.local", "doctype:ToDo"),
        ("site1.local:task_progress:k3", "site1.local", "task_progress:k3"),
        ("site1.local:open_doc:ToDo/a", "site1.local", "open_doc:ToDo/a"),
        ("default.local:user:x", DEFAULT_SITE, "user:x"),
        // A room of an app's own, with the default site before it.
        ("default.local:my:custom room", DEFAULT_SITE, "my:custom room"),
    ] {
        assert_eq!(destination(&json!({"event": "e", "room": text})), room(site, rest), "{text}");
    }
}

#[test]
fn a_room_without_any_site_is_of_the_default_site() {
    for text in [
        "all",
        "r",
        "user:a",
        "user:all",
        "doc:ToDo/a",
        "doc:all",
        "task_progress:user:x",
        "my:custom room",
        "site1.local:typing:ToDo/a",
        ":all",
        "default.local:",
    ] {
        assert_eq!(destination(&json!({"event": "e", "room": text})), room(DEFAULT_SITE, text), "{text}");
    }
}

#[test]
fn no_room_is_everybody_on_the_site() {
    let site = Destination::Site { site: "s".to_owned() };
    assert_eq!(destination(&json!({"event": "e", "namespace": "s"})), site);
    assert_eq!(destination(&json!({"event": "e", "namespace": "s", "room": null})), site);
    assert_eq!(destination(&json!({"event": "e", "namespace": "/s", "room": ""})), site);
}

#[test]
fn neither_room_nor_namespace_is_everybody_on_the_bench() {
    let event = read(r#"{"event":"build_event","message":{"success":true,"changed_files":[]}}"#);
    assert_eq!(event.destination, Destination::Bench);
    assert_eq!(event.destination.site(), None);
    for namespace in ["", "/"] {
        let payload = json!({"event": "e", "namespace": namespace, "room": null});
        assert_eq!(destination(&payload), Destination::Bench);
    }
}

#[test]
fn a_missing_message_is_null() {
    assert_eq!(read(r#"{"event": "e"}"#).message.get(), "null");
    assert_eq!(read(r#"{"event": "e", "message": null}"#).message.get(), "null");
}

#[test]
fn a_message_stays_the_text_it_was() {
    for message in ["1E5", "1.0", "[ 1 ,2]", r#""\u00fc\/""#, "{\"b\":1,\"a\":2,\"a\":3}", "12345678901234567890123"] {
        let payload = format!("{{\"event\": \"e\", \"message\":\t{message} \n}}");
        assert_eq!(read(&payload).message.get(), message);
    }
}

#[test]
fn any_text_is_an_event_name() {
    for event in ["", "connect", "disconnect", "newListener", "__proto__", "événement ✓", "a\"b\\", "task_complete:1"]
    {
        assert_eq!(read(&json!({ "event": event }).to_string()).event, event);
    }
    assert!(matches!(read(r#"{"event": "count"}"#).event, std::borrow::Cow::Borrowed("count")));
    assert_eq!(read(r#"{"event": "\u0063ount \ud83d\ude00"}"#).event, "count 😀");
}

#[test]
fn the_last_of_two_equal_keys_wins_and_unknown_keys_are_passed_over() {
    let event =
        read(r#"{"event": 1, "x": {"event": [2]}, "message": 1, "event": "e", "message": 2, "\u0072oom": "all"}"#);
    assert_eq!(event.event, "e");
    assert_eq!(event.message.get(), "2");
    assert_eq!(event.destination, room(DEFAULT_SITE, "all"));
}

#[test]
fn what_is_not_json_is_skipped() {
    for payload in [
        "",
        "not json",
        "{",
        "{\"event\": \"e\"} x",
        "null null",
        "{\"event\": \"e\", \"message\": NaN}",
        "{\"event\": \"e\", \"message\": {\"x\": -Infinity}}",
        "{'event': 'e'}",
        "{\"event\": \"a\nb\"}",
        "\u{feff}{\"event\": \"e\"}",
    ] {
        assert_eq!(skip(payload).reason, SkipReason::NotJson, "{payload}");
    }
}

#[test]
fn json_that_is_no_object_is_skipped() {
    for payload in ["null", "5", "\"text\"", "[]", "[{\"event\": \"e\"}]", " true "] {
        assert_eq!(skip(payload).reason, SkipReason::NotAnObject, "{payload}");
    }
}

#[test]
fn an_event_that_is_not_text_is_skipped() {
    for payload in ["{}", r#"{"message": 1}"#, r#"{"event": null}"#, r#"{"event": 5}"#, r#"{"event": {"a": "b"}}"#] {
        assert_eq!(skip(payload).reason, SkipReason::NoEvent, "{payload}");
    }
    let skipped = skip(r#"{"event": 5, "namespace": "s", "room": "all"}"#);
    assert_eq!(skipped.site.as_deref(), Some("s"));
}

#[test]
fn a_room_or_namespace_that_is_not_text_is_skipped_and_never_sent_to_everybody() {
    let skipped = skip(r#"{"event": "e", "namespace": "s", "room": 5}"#);
    let expected = Skipped { reason: SkipReason::RoomNotText, site: Some("s".to_owned()), event: Some("e".to_owned()) };
    assert_eq!(skipped, expected);
    for room in ["false", "0", "[]", "{}"] {
        assert_eq!(skip(format!(r#"{{"event": "e", "room": {room}}}"#)).reason, SkipReason::RoomNotText);
    }
    let skipped = skip(r#"{"event": "e", "namespace": ["s"], "room": "all"}"#);
    assert_eq!(skipped.reason, SkipReason::NamespaceNotText);
}

#[test]
fn a_lone_surrogate_anywhere_is_skipped() {
    let skipped = skip(r#"{"event": "e", "message": {"s": "\ud800"}, "namespace": "s", "room": "all"}"#);
    let expected =
        Skipped { reason: SkipReason::LoneSurrogate, site: Some("s".to_owned()), event: Some("e".to_owned()) };
    assert_eq!(skipped, expected);
    for payload in [
        r#"{"event": "\uDC00"}"#,
        r#"{"event": "e", "\ud800": 1}"#,
        r#"{"event": "e", "room": "user:\ud800"}"#,
        r#"{"event": "e", "message": {"\ud800": 1}}"#,
        r#"["\ud800"]"#,
    ] {
        assert_eq!(skip(payload).reason, SkipReason::LoneSurrogate, "{payload}");
    }
    assert_eq!(read(r#"{"event": "e", "message": "\\ud800"}"#).message.get(), r#""\\ud800""#);
}

#[test]
fn the_log_names_site_and_event_of_what_is_not_json() {
    let frappe_15 = concat!(
        "{\n \"event\": \"\\u00e9v\",\n \"message\": {\n  \"event\": \"inner\",\n  \"nan\": NaN\n },\n",
        " \"namespace\": \"site1.local\",\n \"room\": \"all\"\n}",
    );
    let frappe_14 = "{\n \"event\": \"ev\",\n \"message\": NaN,\n \"room\": \"site1.local:all\"\n}";
    let custom = "{\n \"event\": \"ev\",\n \"message\": NaN,\n \"room\": \"r\"\n}";
    for (payload, site, event) in [
        (frappe_15, Some("site1.local"), Some("év")),
        (frappe_14, Some("site1.local"), Some("ev")),
        (custom, Some(DEFAULT_SITE), Some("ev")),
        ("{\"event\":\"e\",\"message\":NaN}", None, None),
    ] {
        let skipped = skip(payload);
        assert_eq!(skipped.reason, SkipReason::NotJson);
        assert_eq!((skipped.site.as_deref(), skipped.event.as_deref()), (site, event));
    }
}

#[test]
fn what_is_not_utf8_is_skipped_and_named_as_far_as_it_can_be_read() {
    let skipped = skip(b"{\n \"event\": \"e\xff\",\n \"namespace\": \"s\",\n \"room\": \"website\"\n}");
    assert_eq!(skipped.reason, SkipReason::NotUtf8);
    assert_eq!(skipped.site.as_deref(), Some("s"));
    assert_eq!(skipped.event.as_deref(), Some("e\u{fffd}"));
}

#[test]
fn every_reason_has_a_word_and_a_sentence_of_its_own() {
    let words: std::collections::HashSet<_> = SkipReason::ALL.map(SkipReason::word).into();
    let sentences: std::collections::HashSet<_> = SkipReason::ALL.map(|reason| reason.to_string()).into();
    assert_eq!((words.len(), sentences.len()), (SkipReason::ALL.len(), SkipReason::ALL.len()));
    assert!(words.iter().all(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == '8')));
}

/// JSON text with the spacing, escapes and number forms that a writer may choose.
fn json_text() -> impl Strategy<Value = String> {
    let text = any::<String>().prop_map(|text| json!(text).to_string());
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,2})?",
        r#""(\\\\|\\"|\\u00[fF]c|\\uD83D\\ude00|\\ue000|[a-z ])*""#,
        text.clone(),
    ];
    leaf.prop_recursive(5, 30, 5, move |inner| {
        let entry = (text.clone(), inner.clone()).prop_map(|(key, value)| format!("{key} :{value}"));
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(|items| format!("[\n {}]", items.join(", "))),
            prop::collection::vec(entry, 0..5).prop_map(|entries| format!("{{{}}}", entries.join(",\n"))),
        ]
    })
}

fn known_room() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("all".to_owned()),
        Just("website".to_owned()),
        any::<String>().prop_map(|user| format!("user:{user}")),
        any::<String>().prop_map(|doctype| format!("doctype:{doctype}")),
        any::<(String, String)>().prop_map(|(doctype, name)| format!("doc:{doctype}/{name}")),
        any::<String>().prop_map(|task_id| format!("task_progress:{task_id}")),
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_skipped(payload in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&payload, DEFAULT_SITE);
    }

    #[test]
    fn near_json_is_read_or_skipped(pieces in prop::collection::vec(
        prop::sample::select(vec![
            "{", "}", "[", "]", ":", ",", "\n ", "\"event\"", "\"room\"", "\"namespace\"", "\"message\"", "null",
            "\"a:all\"", "\\ud800", "\"", "\\", "ü", "1", "-", "NaN", ": ",
        ]),
        0..30,
    )) {
        let _ = parse(pieces.concat().as_bytes(), DEFAULT_SITE);
    }

    #[test]
    fn both_forms_come_back_equal(
        site in "[a-z][a-z0-9-]{0,20}\\.[a-z]{2,5}",
        room in known_room(),
        event in any::<String>(),
        message in json_text(),
    ) {
        let name = json!(event);
        let frappe_14 = format!(
            "{{\n \"event\": {name},\n \"message\": {message},\n \"room\": {}\n}}",
            json!(format!("{site}:{room}")),
        );
        let frappe_15 = format!(
            "{{\n \"event\": {name},\n \"message\": {message},\n \"namespace\": {},\n \"room\": {}\n}}",
            json!(site),
            json!(room),
        );
        let expected = Destination::Room { site, room: Room::parse(&room) };
        for payload in [frappe_14, frappe_15] {
            let read = read(&payload);
            prop_assert_eq!(&read.destination, &expected);
            prop_assert_eq!(&read.event, &event);
            prop_assert_eq!(read.message.get(), &message);
        }
    }
}
