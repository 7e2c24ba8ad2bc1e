//! The routing rules that the captures of Frappe do not show; `tests/captures.rs` has those they show.

use realtime::room::Room;

use super::{MessageError, PublishError, Published, Request, frappe15_payload, payload};

fn request(event: &str, message: &str) -> Request {
    Request {
        event: Some(event.to_owned()),
        message: Some(message.to_owned()),
        site: "s".to_owned(),
        ..Request::default()
    }
}

fn published(request: &Request) -> Published {
    payload(request).expect("the request can be published")
}

#[test]
fn an_empty_argument_is_not_given() {
    let empty = Request {
        user: Some(String::new()),
        room: Some(String::new()),
        task_id: Some(String::new()),
        doctype: Some(String::new()),
        docname: Some(String::new()),
        ..request("ev", "{}")
    };
    assert_eq!(published(&empty).room, Room::Site);
    assert_eq!(published(&Request { event: None, ..empty.clone() }).event, "global");
    assert_eq!(published(&Request { doctype: Some("ToDo".into()), ..empty.clone() }).room, Room::Site);
    assert_eq!(published(&Request { docname: Some("a".into()), ..empty.clone() }).room, Room::Site);
    let msgprint = Request { event: Some("msgprint".into()), ..empty };
    assert_eq!(published(&msgprint).room, Room::user("Administrator"));
}

#[test]
fn an_empty_event_is_an_event() {
    assert_eq!(published(&request("", "1")).event, "");
}

#[test]
fn msgprint_goes_to_its_user_or_room() {
    let msgprint = request("msgprint", "\"Hi\"");
    let user = Request { user: Some("jane@example.com".into()), ..msgprint.clone() };
    assert_eq!(published(&user).room, Room::user("jane@example.com"));
    let room = Request { room: Some("website".into()), ..msgprint.clone() };
    assert_eq!(published(&room).room, Room::Website);
    // The session user is only a user: a task goes first.
    let task = Request { task_id: Some("t".into()), message: None, ..msgprint };
    assert_eq!(published(&task).room, Room::task("t"));
}

#[test]
fn list_update_goes_to_the_doctype_whatever_else_is_given() {
    let list_update = Request {
        room: Some("r".into()),
        user: Some("u".into()),
        task_id: Some("t".into()),
        ..request("list_update", r#"{"doctype": "ToDo"}"#)
    };
    let to_do = published(&list_update);
    assert_eq!(to_do.room, Room::doctype("ToDo"));
    assert!(!to_do.payload.contains("task_id"), "{}", to_do.payload);
    let note = Request { doctype: Some("Note".into()), ..list_update.clone() };
    assert_eq!(published(&note).room, Room::doctype("Note"));
    let text = Request { message: Some("\"text\"".into()), ..note.clone() };
    assert_eq!(published(&text).room, Room::doctype("Note"));
    for (message, room) in [(Some("null"), "doctype:None"), (None, "doctype:None")] {
        let request = Request { message: message.map(str::to_owned), ..list_update.clone() };
        assert_eq!(published(&request).room, Room::parse(room));
    }
    for (doctype, room) in [("null", "doctype:None"), ("\"\"", "doctype:"), ("\"\\u00fc\"", "doctype:ü")] {
        let request = Request { message: Some(format!("{{\"doctype\": {doctype}}}")), ..list_update.clone() };
        assert_eq!(published(&request).room, Room::parse(room));
    }
}

#[test]
fn list_update_needs_a_doctype_that_is_text() {
    for (message, kind) in [("\"text\"", "text"), ("[]", "an array"), ("5", "a number"), ("true", "true or false")] {
        let error = payload(&request("list_update", message)).expect_err("the message holds no doctype");
        assert_eq!(error, PublishError::MessageHoldsNoDoctype { kind });
    }
    let error = payload(&request("list_update", r#"{"doctype": ["ToDo"]}"#)).expect_err("the doctype is no text");
    assert_eq!(error, PublishError::DoctypeNotText { kind: "an array" });
}

#[test]
fn docinfo_update_goes_to_the_document_whatever_else_is_given() {
    let docinfo = Request {
        room: Some("r".into()),
        user: Some("u".into()),
        task_id: Some("t".into()),
        ..request("docinfo_update", "{}")
    };
    assert_eq!(published(&docinfo).room.to_string(), "doc:None/");
    let doctype = Request { doctype: Some("ToDo".into()), ..docinfo.clone() };
    assert_eq!(published(&doctype).room.to_string(), "doc:ToDo/");
    let empty = Request { doctype: Some(String::new()), docname: Some("a".into()), ..docinfo };
    assert_eq!(published(&empty).room.to_string(), "doc:/a");
}

#[test]
fn a_task_id_is_put_into_an_object() {
    for (message, expected) in [
        ("{}", "{\n  \"task_id\": \"t\\u00fc\"\n }"),
        ("{ }", "{\n  \"task_id\": \"t\\u00fc\"\n }"),
        ("null", "{\n  \"task_id\": \"t\\u00fc\"\n }"),
        ("{\n\"a\": 12345678901234567890123}", "{\n  \"a\": 12345678901234567890123,\n  \"task_id\": \"t\\u00fc\"\n }"),
        (r#"{"\u0074ask_id": null}"#, "{\n  \"task_id\": null\n }"),
    ] {
        let task = published(&Request { task_id: Some("tü".into()), ..request("ev", message) });
        assert_eq!(task.room, Room::task("tü"));
        assert!(task.payload.contains(&format!("\"message\": {expected},")), "{}", task.payload);
    }
}

#[test]
fn a_task_id_cannot_be_put_into_what_is_no_object() {
    for (message, kind) in
        [("\"text\"", "text"), ("[\"task\", 1]", "an array"), ("5", "a number"), ("false", "true or false")]
    {
        let task = Request { task_id: Some("t".into()), ..request("ev", message) };
        let error = payload(&task).expect_err("the message takes no task_id");
        assert_eq!(error, PublishError::MessageTakesNoTaskId { kind });
    }
    // Python's `in` finds it there already.
    for message in ["\"my task_id\"", "[1, \"task_id\"]"] {
        let task = Request { task_id: Some("t".into()), ..request("ev", message) };
        assert_eq!(published(&task).room, Room::task("t"));
    }
    // A room of its own leaves the message alone.
    let room = Request { room: Some("all".into()), task_id: Some("t".into()), ..request("ev", "5") };
    assert_eq!(published(&room).room, Room::Site);
}

#[test]
fn what_is_wrong_is_said() {
    let unquoted = payload(&request("ev", "done")).expect_err("the message is not JSON");
    assert!(matches!(unquoted, PublishError::Message(MessageError::NotJson { .. })), "{unquoted}");
    let smuggled = frappe15_payload("s", &Room::user("u"), "ev", "1, \"room\": \"all\"").expect_err("two values");
    assert!(matches!(smuggled, PublishError::Message(MessageError::NotJson { .. })), "{smuggled}");
    let surrogate = payload(&request("ev", r#""\ud800""#)).expect_err("half a pair is no text");
    assert_eq!(surrogate, PublishError::Message(MessageError::LoneSurrogate));
    let nowhere = frappe15_payload("", &Room::Site, "ev", "{}").expect_err("there is no site");
    assert_eq!(nowhere, PublishError::NoSite);
}
