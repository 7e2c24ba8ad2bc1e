use proptest::prelude::*;
use serde_json::value::RawValue;

use super::{Denial, ServerFrame, event_text};
use crate::close::CloseCode;
use crate::position::Position;
use crate::room::Room;

#[test]
fn the_message_of_an_event_is_untouched() {
    let message = "{\n \"a\": 1.10,\n \"big\": 123456789012345678901234567890\n}";
    let text = event_text(&Room::doc("Sales Invoice", "INV/1"), "count", message, 7);
    let ServerFrame::Event { room, event, message: back, offset } = ServerFrame::parse(&text).expect("a frame") else {
        panic!("not an event: {text}");
    };
    assert_eq!(
        (room, event.as_str(), back.get(), offset),
        (Room::doc("Sales Invoice", "INV/1"), "count", message, Some(7))
    );
}

#[test]
fn a_null_message_stays_null() {
    let text = event_text(&Room::Site, "e", "null", 1);
    let Ok(ServerFrame::Event { message, .. }) = ServerFrame::parse(&text) else { panic!("{text}") };
    assert_eq!(message.get(), "null");
}

/// A tab opened before a deploy stayed "connecting" for ever.
#[test]
fn a_newer_servers_reason_is_a_denial_too() {
    let text = r#"{"type":"denied","ref":1,"room":"all","code":"brand_new","reason":"…"}"#;
    let Ok(ServerFrame::Denied { reference: Some(1), denial, .. }) = ServerFrame::parse(text) else { panic!("{text}") };
    assert_eq!(denial, Denial::Unknown);
}

#[test]
fn unknown_frames_are_named_not_fatal() {
    assert!(ServerFrame::parse(r#"{"type":"sing"}"#).is_err());
    assert!(ServerFrame::parse("pong").expect_err("not a frame").to_string().contains("pong"));
}

fn any_frame() -> impl Strategy<Value = ServerFrame> {
    let room = || ".*".prop_map(|text: String| Room::parse(&text));
    let position = || (".*", any::<u64>()).prop_map(|(epoch, offset)| Position::new(epoch, offset));
    let message = || {
        let texts = vec!["1", "null", "\"x\"", "[1,  2]", "{ \"a\" : {} }"];
        prop::sample::select(texts).prop_map(|text| RawValue::from_string(text.to_owned()).expect("JSON"))
    };
    prop_oneof![
        (".*", ".*", ".*", any::<u32>(), prop::collection::vec(room(), 0..3), ".*").prop_map(
            |(connection, epoch, user, heartbeat, rooms, build)| ServerFrame::Hello {
                connection,
                epoch,
                user,
                heartbeat,
                rooms,
                build
            }
        ),
        (room(), ".*", message(), prop::option::of(any::<u64>()))
            .prop_map(|(room, event, message, offset)| ServerFrame::Event { room, event, message, offset }),
        (any::<u64>(), room(), position(), any::<bool>()).prop_map(|(reference, room, position, recovered)| {
            ServerFrame::Joined { reference, room, position, recovered }
        }),
        (prop::option::of(any::<u64>()), position())
            .prop_map(|(reference, position)| ServerFrame::Ok { reference, position }),
        (prop::option::of(any::<u64>()), room(), prop::sample::select(Denial::ALL.to_vec()))
            .prop_map(|(reference, room, denial)| ServerFrame::Denied { reference, room, denial }),
        (prop::option::of(any::<u64>()), ".*", ".*", prop::option::of(".*"))
            .prop_map(|(reference, code, reason, remedy)| ServerFrame::Error { reference, code, reason, remedy }),
        (room(), ".*", ".*", message()).prop_map(|(room, event, user, message)| ServerFrame::Emitted {
            room,
            event,
            user,
            message
        }),
        (any::<u64>(), message()).prop_map(|(reference, message)| ServerFrame::Answer { reference, message }),
        (room(), position()).prop_map(|(room, position)| ServerFrame::Gap { room, position }),
        any::<bool>().prop_map(|connected| ServerFrame::Source { connected }),
        (prop::sample::select(CloseCode::ALL.to_vec()), prop::option::of(any::<u64>()), prop::option::of(position()))
            .prop_map(|(code, after, position)| ServerFrame::Bye { code, after, position }),
    ]
}

proptest! {
    #[test]
    fn frames_come_back_equal(frame in any_frame()) {
        let text = frame.encode();
        let back = ServerFrame::parse(&text).expect("what is encoded can be read");
        prop_assert_eq!(format!("{back:?}"), format!("{frame:?}"));
        prop_assert_eq!(back.encode(), text);
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in ".*") {
        let _ = ServerFrame::parse(&text);
    }
}
