mod schedules;
mod standing;
mod viewers;

use super::{Interest, ListenerId, Outcome, Store};
use crate::frame::{ClientFrame, Denial, Ref};
use crate::position::Position;
use crate::room::Room;
use crate::task::TaskTicket;

fn at(offset: u64) -> Position {
    Position::new("e", offset)
}

fn me() -> Room {
    Room::user("jane@example.com")
}

fn join_of(frame: &ClientFrame) -> (Ref, Option<Position>, Vec<String>) {
    let ClientFrame::Join { reference, since, latest, .. } = frame else { panic!("not a join: {frame:?}") };
    (*reference, since.clone(), latest.clone())
}

/// A store with one value listener that started at 5 and whose join is answered.
fn inside() -> (Store, ListenerId) {
    let mut store = Store::default();
    let (id, frame) = store.listen(&me(), "count", Interest::Value, Some(at(5)), false);
    assert!(frame.is_none(), "nothing is sent before the connection");
    let joins = store.connected();
    let (reference, since, latest) = join_of(&joins[0]);
    assert_eq!((since, latest), (Some(at(5)), vec!["count".to_owned()]));
    assert_eq!(store.joined(reference, &me(), at(8), true), None);
    (store, id)
}

#[test]
fn a_replay_is_given_once_and_in_order() {
    let (mut store, id) = inside();
    for offset in [6, 7, 8] {
        assert_eq!(store.event(&me(), "count", Some(&at(offset))), Some(Outcome::Deliver(vec![id])));
    }
    assert_eq!(store.event(&me(), "count", Some(&at(8))), None, "twice");
    assert_eq!(store.event(&me(), "count", Some(&at(9))), Some(Outcome::Deliver(vec![id])));
}

#[test]
fn an_event_before_the_answer_to_the_join_waits_for_the_replay() {
    let mut store = Store::default();
    let (id, _) = store.listen(&me(), "count", Interest::Value, Some(at(5)), false);
    let (reference, ..) = join_of(&store.connected()[0]);
    assert_eq!(store.event(&me(), "count", Some(&at(9))), None);
    store.joined(reference, &me(), at(9), true);
    assert_eq!(store.event(&me(), "count", Some(&at(6))), Some(Outcome::Deliver(vec![id])));
    assert_eq!(store.event(&me(), "count", Some(&at(9))), Some(Outcome::Deliver(vec![id])));
}

#[test]
fn a_reconnect_asks_from_the_last_event() {
    let (mut store, _) = inside();
    store.event(&me(), "count", Some(&at(6)));
    store.disconnected();
    assert!(!store.is_settled());
    assert_eq!(join_of(&store.connected()[0]).1, Some(at(6)));
}

#[test]
fn a_quiet_room_reconnects_from_where_the_site_was() {
    let (mut store, _) = inside();
    store.caught_up(&at(900));
    assert_eq!(join_of(&store.connected()[0]).1, Some(at(900)));
}

#[test]
fn who_was_here_before_is_told_of_a_gap_though_it_has_seen_nothing_yet() {
    let mut store = Store::default();
    let (quiet, _) = store.listen(&me(), "msgprint", Interest::Event, None, false);
    let (reference, ..) = join_of(&store.connected()[0]);
    assert_eq!(store.joined(reference, &me(), at(8), false), None, "nothing was before it");
    store.disconnected();
    let (newcomer, _) = store.listen(&me(), "count", Interest::Value, None, false);
    let (reference, ..) = join_of(&store.connected()[0]);
    let restarted = Position::new("restarted", 3);
    assert_eq!(store.joined(reference, &me(), restarted.clone(), false), Some(Outcome::Gap(vec![quiet])));
    let (reference, ..) = join_of(&store.connected()[0]);
    assert_eq!(store.joined(reference, &me(), restarted, false), Some(Outcome::Gap(vec![quiet, newcomer])));
}

#[test]
fn what_cannot_be_recovered_is_a_gap_and_the_newest_value_of_the_new_epoch_is_given() {
    let (mut store, id) = inside();
    let (reference, ..) = join_of(&store.connected()[0]);
    let now = Position::new("restarted", 3);
    assert_eq!(store.joined(reference, &me(), now, false), Some(Outcome::Gap(vec![id])));
    let newest = Position::new("restarted", 2);
    assert_eq!(store.event(&me(), "count", Some(&newest)), Some(Outcome::Deliver(vec![id])));
    assert_eq!(join_of(&store.connected()[0]).1, Some(Position::new("restarted", 3)));
}

#[test]
fn a_first_join_without_a_start_is_no_gap() {
    let mut store = Store::default();
    let (id, _) = store.listen(&me(), "count", Interest::Value, None, false);
    let (reference, since, _) = join_of(&store.connected()[0]);
    assert_eq!(since, None);
    assert_eq!(store.joined(reference, &me(), at(8), false), None);
    assert_eq!(store.event(&me(), "count", Some(&at(7))), Some(Outcome::Deliver(vec![id])));
}

#[test]
fn a_late_value_listener_gets_the_newest_value_and_the_others_do_not_get_it_again() {
    let (mut store, early) = inside();
    assert_eq!(store.event(&me(), "count", Some(&at(7))), Some(Outcome::Deliver(vec![early])));
    let (late, frame) = store.listen(&me(), "count", Interest::Value, None, true);
    let (reference, since, _) = join_of(&frame.expect("asks for the value"));
    assert_eq!(since, Some(at(7)));
    store.joined(reference, &me(), at(7), true);
    assert_eq!(store.event(&me(), "count", Some(&at(7))), Some(Outcome::Deliver(vec![late])));
    assert_eq!(store.event(&me(), "count", Some(&at(8))), Some(Outcome::Deliver(vec![early, late])));
}

#[test]
fn a_late_listener_of_happenings_does_not_ask_and_hears_only_what_comes() {
    let (mut store, _) = inside();
    store.event(&me(), "count", Some(&at(7)));
    let (id, frame) = store.listen(&me(), "msgprint", Interest::Event, None, true);
    assert!(frame.is_none());
    assert_eq!(store.event(&me(), "msgprint", Some(&at(7))), None);
    assert_eq!(store.event(&me(), "msgprint", Some(&at(8))), Some(Outcome::Deliver(vec![id])));
}

#[test]
fn the_last_listener_leaves_the_room() {
    let (mut store, first) = inside();
    let (second, _) = store.listen(&me(), "other", Interest::Event, None, true);
    assert!(store.forget(first, true).is_empty());
    assert!(matches!(&store.forget(second, true)[..], [ClientFrame::Leave { room, .. }] if *room == me()));
    assert_eq!(store.event(&me(), "count", Some(&at(9))), None);
    assert!(store.is_settled());
}

#[test]
fn an_older_answer_does_not_stand_for_a_newer_question() {
    let mut store = Store::default();
    store.listen(&me(), "count", Interest::Value, Some(at(5)), false);
    let (first, ..) = join_of(&store.connected()[0]);
    let (_, frame) = store.listen(&me(), "total", Interest::Value, Some(at(3)), true);
    let (second, since, _) = join_of(&frame.expect("asks again"));
    assert_eq!(since, Some(at(3)));
    store.joined(first, &me(), at(8), true);
    assert!(!store.is_settled());
    store.joined(second, &me(), at(8), true);
    assert!(store.is_settled());
}

#[test]
fn a_denied_room_is_settled_and_asked_again_on_the_next_connection() {
    let mut store = Store::default();
    store.listen(&Room::Site, "e", Interest::Event, None, false);
    store.connected();
    assert_eq!(store.denied(1, &Room::Site, Denial::SystemUsersOnly), None);
    assert!(store.is_settled());
    assert_eq!(store.connected().len(), 1);
}

/// A late listener's events came live before the answer to its join, and the replay was then dropped.
#[test]
fn a_late_listener_with_a_start_waits_for_its_replay() {
    let (mut store, early) = inside();
    store.event(&me(), "count", Some(&at(100)));
    let (late, frame) = store.listen(&me(), "count", Interest::Event, Some(at(50)), true);
    let (reference, since, _) = join_of(&frame.expect("asks for what came after its start"));
    assert_eq!(since, Some(at(50)));
    assert_eq!(store.event(&me(), "count", Some(&at(101))), Some(Outcome::Deliver(vec![early])));
    store.joined(reference, &me(), at(101), true);
    assert_eq!(store.event(&me(), "count", Some(&at(60))), Some(Outcome::Deliver(vec![late])));
    assert_eq!(store.event(&me(), "count", Some(&at(101))), Some(Outcome::Deliver(vec![late])));
    assert_eq!(store.event(&me(), "count", Some(&at(102))), Some(Outcome::Deliver(vec![early, late])));
}

/// A listener that came while the line was down was never told what lay between its start and the room.
#[test]
fn a_listener_that_came_while_reconnecting_is_told_from_its_start() {
    let (mut store, _) = inside();
    store.event(&me(), "count", Some(&at(100)));
    store.disconnected();
    store.listen(&me(), "msgprint", Interest::Event, Some(at(50)), false);
    assert_eq!(join_of(&store.connected()[0]).1, Some(at(50)));
    store.disconnected();
    let (reference, since, _) = join_of(&store.connected()[0]);
    assert_eq!(since, Some(at(50)), "unanswered: still from its start");
    store.joined(reference, &me(), at(100), true);
    store.caught_up(&at(100));
    assert_eq!(join_of(&store.connected()[0]).1, Some(at(100)));
}

#[test]
fn a_late_listener_of_another_epoch_asks_for_what_cannot_be_and_is_told_of_the_gap() {
    let (mut store, _) = inside();
    let (late, frame) = store.listen(&me(), "count", Interest::Event, Some(Position::new("before", 900)), true);
    let (reference, since, _) = join_of(&frame.expect("asks"));
    assert_eq!(since, Some(Position::new("before", 900)));
    let Some(Outcome::Gap(told)) = store.joined(reference, &me(), at(8), false) else { panic!("a gap") };
    assert!(told.contains(&late));
}

/// One join too many silenced a room that worked.
#[test]
fn a_late_join_that_is_refused_leaves_the_room_joined_and_is_a_gap_for_who_asked() {
    let (mut store, early) = inside();
    let (late, frame) = store.listen(&me(), "count", Interest::Event, Some(at(2)), true);
    let (reference, ..) = join_of(&frame.expect("asks"));
    assert_eq!(store.denied(reference, &me(), Denial::TooManyRooms), Some(Outcome::Gap(vec![late])));
    assert_eq!(store.event(&me(), "count", Some(&at(9))), Some(Outcome::Deliver(vec![early, late])));
}

#[test]
fn two_rooms_are_kept_apart() {
    let mut store = Store::default();
    let (mine, _) = store.listen(&me(), "count", Interest::Value, None, false);
    let (all, _) = store.listen(&Room::Site, "count", Interest::Value, None, false);
    for frame in store.connected() {
        let ClientFrame::Join { reference, room, .. } = frame else { panic!("a join") };
        store.joined(reference, &room, at(0), false);
    }
    assert_eq!(store.event(&me(), "count", Some(&at(1))), Some(Outcome::Deliver(vec![mine])));
    assert_eq!(store.event(&Room::Site, "count", Some(&at(2))), Some(Outcome::Deliver(vec![all])));
}

/// A page whose join met a Frappe that was restarting stayed without its events until it was loaded again.
#[test]
fn a_join_that_fails_is_still_wanted_and_asked_again() {
    let too_fast: fn(&mut Store, Ref) -> Option<Outcome> = |store, asked| store.denied(asked, &me(), Denial::TooFast);
    for fail in [Store::failed, too_fast] {
        let mut store = Store::default();
        let (id, _) = store.listen(&me(), "count", Interest::Value, Some(at(5)), false);
        let (reference, ..) = join_of(&store.connected()[0]);
        assert_eq!(fail(&mut store, reference), Some(Outcome::AskLater));
        assert!(!store.is_settled() && !store.is_inside(&me()));
        assert_eq!(store.event(&me(), "count", Some(&at(6))), None);

        let joins = store.ask_again();
        let [join] = &joins[..] else { panic!("one room failed: {joins:?}") };
        let (again, since, latest) = join_of(join);
        assert_eq!((since, latest), (Some(at(5)), vec!["count".to_owned()]));
        assert!(store.ask_again().is_empty(), "it is asked already");
        assert_eq!(fail(&mut store, reference), None, "an answer to the older question");
        store.joined(again, &me(), at(8), true);
        assert!(store.is_settled());
        assert_eq!(store.event(&me(), "count", Some(&at(6))), Some(Outcome::Deliver(vec![id])));
    }
}

#[test]
fn a_listener_that_comes_to_a_failed_room_waits_with_the_others() {
    let mut store = Store::default();
    store.listen(&me(), "count", Interest::Value, Some(at(5)), false);
    let (reference, ..) = join_of(&store.connected()[0]);
    store.failed(reference);
    let (late, frame) = store.listen(&me(), "other", Interest::Event, Some(at(3)), true);
    assert!(frame.is_none(), "not before the wait is over");
    let (again, since, _) = join_of(&store.ask_again()[0]);
    assert_eq!(since, Some(at(3)));
    store.joined(again, &me(), at(8), true);
    assert_eq!(store.event(&me(), "other", Some(&at(4))), Some(Outcome::Deliver(vec![late])));
}

#[test]
fn a_failed_room_is_asked_with_all_others_on_the_next_connection_and_left_without_a_word() {
    let mut store = Store::default();
    let (id, _) = store.listen(&me(), "count", Interest::Value, None, false);
    let (reference, ..) = join_of(&store.connected()[0]);
    store.failed(reference);
    let (reference, ..) = join_of(&store.connected()[0]);
    assert!(store.ask_again().is_empty());
    store.failed(reference);
    assert!(store.forget(id, true).is_empty(), "there is nothing to leave");
    assert!(store.ask_again().is_empty() && store.is_settled());
}

#[test]
fn a_late_join_that_fails_leaves_the_room_joined_and_is_a_gap_for_who_asked() {
    let (mut store, early) = inside();
    let (late, frame) = store.listen(&me(), "count", Interest::Event, Some(at(2)), true);
    let (reference, ..) = join_of(&frame.expect("asks"));
    assert_eq!(store.failed(reference), Some(Outcome::Gap(vec![late])));
    assert!(store.is_settled() && store.ask_again().is_empty());
    assert_eq!(store.event(&me(), "count", Some(&at(9))), Some(Outcome::Deliver(vec![early, late])));
}

#[test]
fn an_error_about_something_else_is_no_failed_join() {
    let (mut store, early) = inside();
    let about_an_emit = store.new_ref();
    assert_eq!(store.failed(about_an_emit), None);
    assert!(store.is_settled());
    assert_eq!(store.event(&me(), "count", Some(&at(9))), Some(Outcome::Deliver(vec![early])));
}

#[test]
fn a_room_that_is_taken_away_is_silent_and_the_others_go_on() {
    let (mut store, _) = inside();
    let (all, frame) = store.listen(&Room::Site, "count", Interest::Value, None, true);
    let (reference, ..) = join_of(&frame.expect("asks"));
    store.joined(reference, &Room::Site, at(8), false);

    store.taken_away(&me());
    assert!(store.is_settled() && !store.is_inside(&me()));
    assert_eq!(store.event(&me(), "count", Some(&at(9))), None);
    assert_eq!(store.event(&Room::Site, "count", Some(&at(9))), Some(Outcome::Deliver(vec![all])));
    assert!(store.ask_again().is_empty());
    let (_, frame) = store.listen(&me(), "other", Interest::Value, None, true);
    assert!(frame.is_none(), "refused is refused, on this connection");
    assert_eq!(store.connected().len(), 2);
}

/// Left and asked for again while the server takes it away: the answer to the join decides.
#[test]
fn a_room_that_is_being_asked_for_cannot_be_taken_away() {
    let (mut store, id) = inside();
    store.forget(id, true);
    let (again, frame) = store.listen(&me(), "count", Interest::Value, None, true);
    let (reference, ..) = join_of(&frame.expect("asks"));
    store.taken_away(&me());
    store.joined(reference, &me(), at(8), false);
    assert_eq!(store.event(&me(), "count", Some(&at(9))), Some(Outcome::Deliver(vec![again])));
}

#[test]
fn what_is_emitted_and_what_is_published_are_kept_apart() {
    let mut store = Store::default();
    let (published, _) = store.listen(&me(), "pointing", Interest::Event, None, false);
    let (emitted, _) = store.listen(&me(), "pointing", Interest::Emitted, None, false);
    let (reference, ..) = join_of(&store.connected()[0]);
    assert_eq!(store.emitted(&me(), "pointing"), None, "not inside yet");
    store.joined(reference, &me(), at(8), false);
    assert_eq!(store.emitted(&me(), "pointing"), Some(Outcome::Deliver(vec![emitted])));
    assert_eq!(store.emitted(&me(), "other"), None);
    assert_eq!(store.event(&me(), "pointing", Some(&at(9))), Some(Outcome::Deliver(vec![published])));
    store.taken_away(&me());
    assert_eq!(store.emitted(&me(), "pointing"), None);
}

#[test]
fn a_listener_of_what_is_emitted_joins_and_asks_for_nothing_old() {
    let mut store = Store::default();
    let (_, frame) = store.listen(&me(), "pointing", Interest::Emitted, None, true);
    let (reference, since, latest) = join_of(&frame.expect("joins"));
    assert_eq!((since, latest.len()), (None, 0));
    assert_eq!(store.joined(reference, &me(), at(8), false), None);
    assert!(store.is_inside(&me()));
    let (_, frame) = store.listen(&me(), "typing", Interest::Emitted, None, true);
    assert!(frame.is_none(), "it is inside");
}

#[test]
fn the_join_of_a_given_task_carries_the_servers_word_and_no_other_does() {
    let mut store = Store::default();
    let ticket = |token: &str| TaskTicket { task_id: "k3f9a".to_owned(), token: token.to_owned() };
    store.remember(ticket("old"));
    store.remember(ticket("new"));
    for room in [Room::task("k3f9a"), Room::task("other"), Room::user("k3f9a")] {
        store.listen(&room, "progress", Interest::Event, None, false);
    }
    let tokens = store.connected().into_iter().map(|frame| match frame {
        ClientFrame::Join { token, .. } => token,
        other => panic!("not a join: {other:?}"),
    });
    assert_eq!(tokens.collect::<Vec<_>>(), [Some("new".to_owned()), None, None]);
}

/// After a join that could not be recovered, what a counter shows was given to a listener of happenings, too.
#[test]
fn the_newest_value_of_a_room_is_no_happening() {
    let mut store = Store::default();
    let (value, _) = store.listen(&me(), "count", Interest::Value, Some(at(4)), false);
    let (happening, _) = store.listen(&me(), "count", Interest::Event, Some(at(4)), false);
    let (reference, ..) = join_of(&store.connected()[0]);
    assert_eq!(store.joined(reference, &me(), at(9), false), Some(Outcome::Gap(vec![value, happening])));
    assert_eq!(store.event(&me(), "count", Some(&at(7))), Some(Outcome::Deliver(vec![value])));
    assert_eq!(store.event(&me(), "count", Some(&at(10))), Some(Outcome::Deliver(vec![value, happening])));
}
