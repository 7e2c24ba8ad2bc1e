use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use realtime::frame::ServerFrame;
use realtime::position::Position;
use realtime::room::Room;

use super::{History, HistoryLimits};

fn history(limits: HistoryLimits) -> History {
    History::new(limits, "one".into(), Arc::default())
}

fn room(name: &str) -> Arc<Room> {
    Arc::new(Room::user(name))
}

/// The offset and message of a frame, read as a page reads it: past the WebSocket header.
fn read(frame: &[u8]) -> (u64, String) {
    let start = frame.iter().position(|byte| *byte == b'{').expect("JSON");
    let text = std::str::from_utf8(&frame[start..]).expect("UTF-8");
    let Ok(ServerFrame::Event { offset: Some(offset), message, .. }) = ServerFrame::parse(text) else {
        panic!("{text}")
    };
    (offset, message.get().to_owned())
}

fn replay(history: &History, room: &Room, since: u64) -> Option<Vec<u64>> {
    let since = Position::new(history.position().epoch, since);
    history.since(room, &since).map(|frames| {
        frames
            .map(|(offset, frame)| {
                assert_eq!(read(frame).0, offset);
                offset
            })
            .collect()
    })
}

#[test]
fn a_room_is_replayed_from_a_position_without_its_neighbours() {
    let mut history = history(HistoryLimits::default());
    let (jane, ravi) = (room("jane"), room("ravi"));
    for number in 0..6 {
        history.append(Instant::now(), if number % 2 == 0 { &jane } else { &ravi }, "e", "1");
    }
    assert_eq!(replay(&history, &jane, 0), Some(vec![1, 3, 5]));
    assert_eq!(replay(&history, &jane, 1), Some(vec![3, 5]));
    assert_eq!(replay(&history, &ravi, 6), Some(vec![]));
    assert_eq!(replay(&history, &room("nobody"), 0), Some(vec![]));
}

#[test]
fn a_position_of_another_epoch_is_a_gap_and_one_from_another_server_may_be_ahead() {
    let mut history = history(HistoryLimits::default());
    history.append(Instant::now(), &room("jane"), "e", "1");
    assert_eq!(replay(&history, &room("jane"), 2), Some(vec![]));
    assert!(history.since(&room("jane"), &Position::new("other", 0)).is_none());
}

#[test]
fn what_is_too_much_goes_and_is_a_gap() {
    let mut history = history(HistoryLimits { site_bytes: 500, ..HistoryLimits::default() });
    for _ in 0..50 {
        history.append(Instant::now(), &room("jane"), "e", "12345");
    }
    assert!(history.bytes <= 500);
    assert_eq!(replay(&history, &room("jane"), 10), None);
    let kept = replay(&history, &room("jane"), history.floor).expect("what is kept is whole");
    assert_eq!(kept, (history.floor + 1..=50).collect::<Vec<_>>());
}

#[test]
fn what_is_too_old_goes() {
    let mut history = history(HistoryLimits { age: Duration::from_mins(2), ..HistoryLimits::default() });
    let start = Instant::now();
    for second in 0..200 {
        history.append(start + Duration::from_secs(second), &room("jane"), "e", "1");
    }
    assert_eq!(replay(&history, &room("jane"), 78), None);
    assert_eq!(replay(&history, &room("jane"), 79).map(|kept| kept.len()), Some(121));
    history.forget_old(start + Duration::from_secs(1000));
    assert_eq!((history.bytes, history.order.len(), history.rooms.len()), (0, 0, 0));
    assert_eq!(replay(&history, &room("jane"), 200), Some(vec![]), "a page that has all needs nothing");
}

#[test]
fn the_newest_value_outlives_the_events_but_a_toast_does_not() {
    let mut history = history(HistoryLimits { age: Duration::from_secs(1), ..HistoryLimits::default() });
    let start = Instant::now();
    history.append(start, &room("jane"), "count", r#"{"count":1}"#);
    history.append(start, &room("jane"), "count", r#"{"count": 2}"#);
    history.append(start, &room("jane"), "msgprint", r#""Hello""#);
    let later = start + Duration::from_mins(1);
    history.forget_old(later);
    assert_eq!(history.newest_message(later, &room("jane"), "count").as_deref(), Some(r#"{"count": 2}"#));
    assert_eq!(history.newest_frame(later, &room("jane"), "count").map(|value| value.offset), Some(2));
    assert_eq!(history.newest_message(later, &room("jane"), "msgprint"), None);
    assert_eq!(history.newest_message(start + Duration::from_hours(25), &room("jane"), "count"), None);
}

#[test]
fn newest_values_are_bounded_in_number_and_bytes() {
    let limits = HistoryLimits { values: 10, value_bytes: 100_000, ..HistoryLimits::default() };
    let mut history = history(limits);
    let now = Instant::now();
    for number in 0..50 {
        history.append(now, &room("jane"), &format!("e{number}"), "1");
    }
    assert_eq!(history.newest_message(now, &room("jane"), "e39"), None);
    assert!(history.newest_message(now, &room("jane"), "e40").is_some());
    history.append(now, &room("jane"), "large", &format!("\"{}\"", "x".repeat(99_000)));
    history.append(now, &room("jane"), "larger", &format!("\"{}\"", "x".repeat(99_000)));
    assert_eq!(history.newest_message(now, &room("jane"), "large"), None);
    assert!(history.newest_message(now, &room("jane"), "larger").is_some());
}

#[test]
fn an_interruption_is_a_gap_and_offsets_go_on() {
    let mut history = history(HistoryLimits::default());
    history.append(Instant::now(), &room("jane"), "count", "1");
    let before = history.position();
    history.interrupted("two".into(), 0);
    assert!(history.since(&room("jane"), &before).is_none());
    assert_eq!(history.position(), Position::new("two", 1));
    assert!(history.newest_message(Instant::now(), &room("jane"), "count").is_some());
    history.append(Instant::now(), &room("jane"), "count", "2");
    assert_eq!(replay(&history, &room("jane"), 1), Some(vec![2]));
}

#[test]
fn an_own_count_leaves_room_for_those_that_began_to_listen_earlier() {
    let mut history = history(HistoryLimits::default());
    history.append(Instant::now(), &room("jane"), "count", "1");
    history.interrupted("two".into(), 100);
    assert_eq!(history.position(), Position::new("two", 100));
    history.interrupted("three".into(), 50);
    assert_eq!(history.position(), Position::new("three", 100));
}

#[test]
fn a_value_of_another_count_has_none_of_the_numbers_of_the_adopted_one() {
    let (mut history, now) = (history(HistoryLimits::default()), Instant::now());
    for number in ["1", "2", "3"] {
        history.append(now, &room("jane"), "count", number);
    }
    history.append(now, &room("jane"), "other", "4");
    history.adopt(Position::new("two", 2));
    assert_eq!(history.position(), Position::new("two", 2));
    assert!(history.since(&room("jane"), &Position::new("two", 1)).is_none());
    let value = |history: &History, event| history.newest_frame(now, &room("jane"), event).expect("a value");
    assert_eq!(read(&value(&history, "count").frame), (0, "3".to_owned()));
    assert!(value(&history, "count").order < value(&history, "other").order, "the order stays");
    history.append(now, &room("jane"), "count", "5");
    assert_eq!(read(&value(&history, "count").frame), (3, "5".to_owned()));
    assert_eq!(history.newest_message(now, &room("jane"), "other").as_deref(), Some("4"));
}

#[test]
fn a_value_of_the_same_count_keeps_its_number() {
    let (mut history, now) = (history(HistoryLimits::default()), Instant::now());
    history.append(now, &room("jane"), "count", "1");
    history.append(now, &room("jane"), "other", "2");
    let value =
        |history: &History, event| read(&history.newest_frame(now, &room("jane"), event).expect("a value").frame);
    history.adopt(Position::new("one", 7));
    assert_eq!((value(&history, "count"), value(&history, "other")), ((1, "1".to_owned()), (2, "2".to_owned())));
    history.adopt(Position::new("one", 1));
    assert_eq!(value(&history, "other").0, 0, "a number that is ahead of the count would hide an event");
}

proptest! {
    /// A reader that comes back at any point gets exactly what it missed, or is told of a gap.
    #[test]
    fn a_replay_is_complete_or_refused(rooms in prop::collection::vec(0..4_u8, 1..120), site_bytes in 200..4_000_usize, since in 0..130_u64) {
        let mut history = history(HistoryLimits { site_bytes, ..HistoryLimits::default() });
        for number in &rooms {
            history.append(Instant::now(), &room(&number.to_string()), "e", "null");
        }
        for number in 0..4_u8 {
            let all = rooms.iter().zip(1_u64..).filter(|(room, _)| **room == number).map(|(_, offset)| offset);
            let missed: Vec<u64> = all.filter(|offset| *offset > since).collect();
            match replay(&history, &room(&number.to_string()), since) {
                Some(replayed) => prop_assert_eq!(replayed, missed),
                None => prop_assert!(since < history.floor || since > history.head),
            }
        }
    }
}
