use super::{at, join_of};
use crate::client::store::{Interest, ListenerId, Outcome, Store};
use crate::frame::{ClientFrame, Denial, Ref};
use crate::room::Room;

const DOC_VIEWERS: &str = "doc_viewers";

fn todo() -> Room {
    Room::open_doc("ToDo", "a1")
}

fn view(store: &mut Store, connected: bool) -> (ListenerId, Option<ClientFrame>) {
    store.listen(&todo(), DOC_VIEWERS, Interest::Viewers, None, connected)
}

fn open_of(frame: &ClientFrame) -> (Ref, bool, Option<&str>) {
    let ClientFrame::Open { reference, doctype, name, away, seen } = frame else { panic!("not an open: {frame:?}") };
    assert_eq!((doctype.as_str(), name.as_str()), ("ToDo", "a1"));
    (*reference, *away, seen.as_deref())
}

/// A store that views the document and is told who else does.
fn viewing() -> (Store, ListenerId) {
    let mut store = Store::default();
    let (id, frame) = view(&mut store, true);
    let frame = frame.expect("opens");
    let (reference, away, seen) = open_of(&frame);
    assert_eq!((away, seen), (false, None));
    assert_eq!(store.joined(reference, &todo(), at(5), false), None);
    assert!(store.is_settled() && store.is_inside(&todo()));
    store.shows_viewers(&todo(), "v1".to_owned());
    assert_eq!(store.event(&todo(), DOC_VIEWERS, None), Some(Outcome::Deliver(vec![id])));
    (store, id)
}

#[test]
fn opening_a_document_joins_its_room_and_a_new_connection_opens_it_again() {
    let (mut store, id) = viewing();
    store.disconnected();
    let frames = store.connected();
    assert_eq!(frames.len(), 1, "no join beside it: {frames:?}");
    let (reference, away, seen) = open_of(&frames[0]);
    assert_eq!((away, seen), (false, Some("v1")), "it is told only what it does not know");
    assert!(!store.is_settled());
    assert_eq!(store.joined(reference, &todo(), at(9), false), None, "nothing is missing: it is of the moment");
    assert_eq!(store.event(&todo(), DOC_VIEWERS, None), Some(Outcome::Deliver(vec![id])));
}

#[test]
fn a_room_with_other_listeners_is_joined_first_and_then_opened() {
    let mut store = Store::default();
    let (typing, _) = store.listen(&todo(), "typing", Interest::Emitted, None, false);
    let (event, _) = store.listen(&todo(), "changed", Interest::Event, Some(at(3)), false);
    let (viewers, frame) = view(&mut store, false);
    assert!(frame.is_none(), "nobody to tell");
    let frames = store.connected();
    let [join, open] = &frames[..] else { panic!("a join and an open: {frames:?}") };
    let (joined, since, _) = join_of(join);
    let (opened, ..) = open_of(open);
    assert_eq!(since, Some(at(3)));
    assert_eq!(store.joined(joined, &todo(), at(7), true), None);
    assert_eq!(store.joined(opened, &todo(), at(7), false), None, "an open in a joined room is no gap");
    assert_eq!(store.event(&todo(), "changed", Some(&at(5))), Some(Outcome::Deliver(vec![event])));
    assert_eq!(store.emitted(&todo(), "typing"), Some(Outcome::Deliver(vec![typing])));
    assert_eq!(store.event(&todo(), DOC_VIEWERS, None), Some(Outcome::Deliver(vec![viewers])));
}

#[test]
fn a_second_component_is_told_too_and_the_last_one_closes() {
    let (mut store, first) = viewing();
    let (second, frame) = view(&mut store, true);
    let frame = frame.expect("asks for what the first one shows");
    let (reference, _, seen) = open_of(&frame);
    assert_eq!(seen, None);
    assert_eq!(store.joined(reference, &todo(), at(9), false), None);
    assert_eq!(store.event(&todo(), DOC_VIEWERS, None), Some(Outcome::Deliver(vec![first, second])));
    assert!(store.forget(first, true).is_empty());
    let frames = store.forget(second, true);
    assert!(matches!(&frames[..], [ClientFrame::Close { .. }]), "closing leaves the room: {frames:?}");
    assert!(store.standing().is_empty() && store.connected().is_empty());
}

#[test]
fn who_listens_to_something_else_in_the_room_stays_in_it() {
    let (mut store, viewers) = viewing();
    let (typing, frame) = store.listen(&todo(), "typing", Interest::Emitted, None, true);
    assert!(frame.is_none(), "it is in the room");
    let frames = store.forget(viewers, true);
    let [ClientFrame::Close { .. }, join] = &frames[..] else { panic!("a close and a join: {frames:?}") };
    let (reference, ..) = join_of(join);
    store.joined(reference, &todo(), at(9), true);
    assert_eq!(store.emitted(&todo(), "typing"), Some(Outcome::Deliver(vec![typing])));
    let frames = store.forget(typing, true);
    assert!(matches!(&frames[..], [ClientFrame::Leave { .. }]), "{frames:?}");
}

#[test]
fn a_hidden_page_is_away_and_says_so_once() {
    let (mut store, _) = viewing();
    store.listen(&Room::Website, "e", Interest::Event, None, true);
    let frames = store.set_away(true);
    assert_eq!(frames.len(), 1, "{frames:?}");
    let (reference, away, seen) = open_of(&frames[0]);
    assert_eq!((away, seen), (true, Some("v1")));
    assert_eq!(store.joined(reference, &todo(), at(9), false), None);
    assert!(store.is_inside(&todo()));
    assert!(store.set_away(true).is_empty());
    store.disconnected();
    assert!(store.set_away(false).is_empty(), "nobody to tell");
    store.set_away(true);
    let frames = store.connected();
    assert!(frames.iter().any(|frame| matches!(frame, ClientFrame::Open { away: true, .. })), "{frames:?}");
}

#[test]
fn an_open_that_fails_is_asked_again_and_one_that_is_refused_is_not() {
    let mut store = Store::default();
    let (_, frame) = view(&mut store, true);
    let (reference, ..) = open_of(&frame.expect("opens"));
    assert_eq!(store.failed(reference), Some(Outcome::AskLater));
    let frames = store.ask_again();
    let (reference, ..) = open_of(&frames[0]);
    assert_eq!(store.denied(reference, &todo(), Denial::NotPermitted), None);
    assert!(store.is_settled() && store.set_away(true).is_empty());
    assert_eq!(store.event(&todo(), DOC_VIEWERS, None), None);
}
