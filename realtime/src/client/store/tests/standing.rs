use super::{at, inside, join_of, me};
use crate::client::store::{Interest, Outcome, Store};
use crate::frame::{ClientFrame, Denial};
use crate::position::Position;
use crate::room::Room;
use crate::task::TaskTicket;

#[test]
fn a_poll_says_where_the_page_is_and_how_far_it_has_read() {
    let (mut store, _) = inside();
    assert_eq!(join_of(&store.standing()[0]).1, Some(at(5)), "the replay is still to come");
    store.event(&me(), "count", Some(&at(6)));
    store.remember(TaskTicket { task_id: "k3f9a".to_owned(), token: "word".to_owned() });
    let (_, asked) = store.listen(&Room::task("k3f9a"), "progress", Interest::Value, None, true);
    let frames = store.standing();
    assert_eq!(frames.len(), 1, "not where it is not answered yet");
    let (_, since, latest) = join_of(&frames[0]);
    assert_eq!((since, latest), (Some(at(6)), vec!["count".to_owned()]));

    let (reference, ..) = join_of(&asked.expect("joins"));
    store.joined(reference, &Room::task("k3f9a"), at(7), false);
    store.caught_up(&at(9));
    let frames = store.standing();
    assert!(frames.iter().all(|frame| join_of(frame).1 == Some(at(9))));
    let tokens = |frame: &ClientFrame| matches!(frame, ClientFrame::Join { token: Some(token), .. } if token == "word");
    assert_eq!(frames.iter().filter(|frame| tokens(frame)).count(), 1);
    store.disconnected();
    assert!(store.standing().is_empty());
}

/// What a late listener waits for is asked beside it: the room itself is as far as it is.
#[test]
fn a_late_listener_does_not_take_the_room_back() {
    let (mut store, _) = inside();
    store.event(&me(), "count", Some(&at(100)));
    store.listen(&me(), "other", Interest::Event, Some(at(50)), true);
    assert_eq!(join_of(&store.standing()[0]).1, Some(at(100)));
}

#[test]
fn what_is_missing_between_two_polls_is_a_gap() {
    let (mut store, id) = inside();
    let (reference, ..) = join_of(&store.standing()[0]);
    let now = Position::new("restarted", 3);
    assert_eq!(store.joined(reference, &me(), now.clone(), false), Some(Outcome::Gap(vec![id])));
    assert_eq!(join_of(&store.standing()[0]).1, Some(now));
}

/// Asked for with each poll and refused with each, it would have been a storm.
#[test]
fn a_room_that_is_refused_between_two_polls_does_not_stand_any_more() {
    let (mut store, _) = inside();
    let (reference, ..) = join_of(&store.standing()[0]);
    assert_eq!(store.denied(reference, &me(), Denial::NotPermitted), None);
    assert!(store.standing().is_empty() && store.is_settled());

    let (mut store, _) = inside();
    let (reference, ..) = join_of(&store.standing()[0]);
    assert_eq!(store.failed(reference), Some(Outcome::AskLater));
    assert!(store.standing().is_empty());
    assert_eq!(store.ask_again().len(), 1);
}

#[test]
fn a_viewed_document_stands_open() {
    let room = Room::open_doc("ToDo", "a1");
    let mut store = Store::default();
    let (_, frame) = store.listen(&room, "doc_viewers", Interest::Viewers, None, true);
    let Some(ClientFrame::Open { reference, .. }) = frame else { panic!("opens: {frame:?}") };
    store.joined(reference, &room, at(5), false);
    store.shows_viewers(&room, "v1".to_owned());
    store.set_away(true);
    let frames = store.standing();
    let [ClientFrame::Open { away: true, seen: Some(seen), .. }] = &frames[..] else { panic!("{frames:?}") };
    assert_eq!(seen, "v1");
}
