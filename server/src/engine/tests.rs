#[path = "../../tests/integration/support/captures.rs"]
#[expect(dead_code, reason = "the integration tests read more of a case")]
mod captures;
mod schedule;

use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex};

use realtime::frame::ServerFrame;
use realtime::position::Position;
use realtime::room::Room;

use super::{Engine, Written};
use crate::authz::Grant;
use crate::engine::Join;
use crate::event::{self, Destination};
use crate::history::HistoryLimits;
use crate::hub::ConnectionId;
use crate::queue::{Queue, QueueLimits, Wire};

/// A socket that takes everything, and what it took.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Vec<u8>>);

impl Wire for Recorder {
    fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut taken = self.0.lock().unwrap();
        let before = taken.len();
        for part in parts {
            taken.extend_from_slice(part);
        }
        Ok(taken.len() - before)
    }
}

impl Recorder {
    /// The frames that it took since the last call.
    pub(crate) fn take(&self) -> Vec<ServerFrame> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        let mut rest = bytes.as_slice();
        let mut frames = Vec::new();
        while let [_, length, after @ ..] = rest {
            let (length, payload) = match length {
                126 => (usize::from(u16::from_be_bytes([after[0], after[1]])), &after[2..]),
                127 => (usize::try_from(u64::from_be_bytes(after[..8].try_into().unwrap())).unwrap(), &after[8..]),
                short => (usize::from(*short), after),
            };
            let (payload, next) = payload.split_at(length);
            frames.push(ServerFrame::parse(std::str::from_utf8(payload).unwrap()).unwrap());
            rest = next;
        }
        frames
    }
}

/// Somebody who is in one room of one site.
struct Member {
    wire: Arc<Recorder>,
    queue: Arc<Queue>,
    connection: ConnectionId,
}

impl Member {
    fn of(engine: &Engine, site: &str, room: Room) -> Self {
        let wire = Arc::new(Recorder::default());
        let queue = Arc::new(Queue::new(wire.clone(), QueueLimits { frames: 1000, bytes: 16 << 20 }));
        let connection = engine.new_connection();
        let join = Join { reference: 1, grant: Grant::for_a_test(room), since: None, latest: &[], is_standing: false };
        engine.site(site).expect("a site").join(join, connection, &queue);
        queue.flush();
        let member = Self { wire, queue, connection };
        assert!(matches!(member.wire.take().as_slice(), [ServerFrame::Joined { .. }]));
        member
    }

    fn leave(self, engine: &Engine, site: &str) {
        engine.site(site).expect("a site").disconnect(self.connection);
    }
}

fn engine(sites: &[&str]) -> Engine {
    Engine::new(&sites.iter().map(ToString::to_string).collect::<Vec<_>>(), HistoryLimits::default())
}

fn publish(engine: &Engine, payload: &str) {
    let mut written = Written::default();
    engine.take(payload.as_bytes(), &mut written);
    written.write_now();
}

/// Each payload that real Frappe published reaches the room it is for, on its site only, once, and with
/// the message as it was. (That the room is the right one is `captures.rs` of the integration tests.)
#[test]
fn every_captured_payload_reaches_its_room() {
    let mut reached = 0;
    for (version, case, payload) in captures::payloads() {
        let site = format!("r{}.localhost", version.replace('v', "t"));
        let engine = engine(&["default.localhost", &site]);
        let Ok(event) = event::parse(payload.as_bytes(), "default.localhost") else {
            publish(&engine, &payload);
            assert_eq!(engine.counters().accepted(), 0, "{version} {case}");
            continue;
        };
        let Destination::Room { site: destination, room } = &event.destination else { panic!("{version} {case}") };
        let (here, elsewhere) = match destination.as_str() {
            "default.localhost" => ("default.localhost", site.as_str()),
            _ => (site.as_str(), "default.localhost"),
        };
        let member = Member::of(&engine, here, room.clone());
        let stranger = Member::of(&engine, elsewhere, room.clone());
        let neighbour = Member::of(&engine, here, Room::doc("Nobody publishes", "here"));
        publish(&engine, &payload);
        let frames = member.wire.take();
        let [ServerFrame::Event { room: got, event: name, message, offset: Some(1) }] = frames.as_slice() else {
            panic!("{version} {case}: {frames:?}");
        };
        assert_eq!((got, name.as_str(), message.get()), (room, &*event.event, event.message.get()), "{version} {case}");
        assert!(stranger.wire.take().is_empty() && neighbour.wire.take().is_empty(), "{version} {case}");
        reached += 1;
    }
    assert_eq!(reached, 192 + 194 + 193);
}

#[test]
fn an_event_without_a_room_reaches_everybody_of_its_site_or_of_all() {
    let engine = engine(&["a.example", "b.example"]);
    let members = ["a.example", "b.example"].map(|site| Member::of(&engine, site, Room::Website));
    let got = |payload| {
        publish(&engine, payload);
        members.each_ref().map(|member| member.wire.take().len())
    };
    assert_eq!(got(r#"{"event":"e","message":1,"namespace":"a.example"}"#), [1, 0]);
    assert_eq!(got(r#"{"event":"build_event","message":{}}"#), [1, 1]);
    assert_eq!(got(r#"{"event":"e","message":1,"namespace":"c.example","room":"website"}"#), [0, 0]);
    assert_eq!(engine.counters().skipped().get("unknown_site"), Some(&1));
}

#[test]
fn who_has_left_gets_nothing() {
    let engine = engine(&["a.example"]);
    let member = Member::of(&engine, "a.example", Room::Website);
    let (wire, queue) = (Arc::clone(&member.wire), Arc::clone(&member.queue));
    member.leave(&engine, "a.example");
    publish(&engine, r#"{"event":"e","message":1,"namespace":"a.example","room":"website"}"#);
    queue.flush();
    assert!(wire.take().is_empty());
}

/// What a batch of events brings a page goes out in one write.
#[test]
fn a_batch_is_one_write() {
    struct Counted(Mutex<usize>);
    impl Wire for Counted {
        fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
            *self.0.lock().unwrap() += 1;
            Ok(parts.iter().map(|part| part.len()).sum())
        }
    }
    let engine = engine(&["a.example"]);
    let wire = Arc::new(Counted(Mutex::new(0)));
    let queue = Arc::new(Queue::new(wire.clone(), QueueLimits { frames: 1000, bytes: 1 << 20 }));
    let join =
        Join { reference: 1, grant: Grant::for_a_test(Room::Website), since: None, latest: &[], is_standing: false };
    engine.default_site().join(join, engine.new_connection(), &queue);
    queue.flush();
    *wire.0.lock().unwrap() = 0;
    let mut written = Written::default();
    for _ in 0..50 {
        engine.take(br#"{"event":"e","message":1,"namespace":"a.example","room":"website"}"#, &mut written);
    }
    written.write_now();
    assert_eq!(*wire.0.lock().unwrap(), 1);
}

#[test]
fn each_connection_is_told_once_that_nothing_is_heard_and_who_comes_then_too() {
    let engine = engine(&["a.example", "b.example"]);
    let site = engine.default_site();
    let member = Member::of(&engine, "a.example", Room::Website);
    for room in [Room::user("jane"), Room::Site] {
        let join = Join { reference: 1, grant: Grant::for_a_test(room), since: None, latest: &[], is_standing: false };
        site.join(join, member.connection, &member.queue);
    }
    let elsewhere = Member::of(&engine, "b.example", Room::Website);
    member.queue.flush();
    member.wire.take();

    let mut written = Written::default();
    engine.source_lost(&mut written);
    engine.source_lost(&mut written);
    written.write_now();
    for member in [&member, &elsewhere] {
        let frames = member.wire.take();
        assert!(matches!(frames.as_slice(), [ServerFrame::Source { connected: false }]), "{frames:?}");
    }
    assert!(!engine.source_connected() && !site.source_connected());

    let late = Arc::new(Recorder::default());
    let queue = Arc::new(Queue::new(late.clone(), QueueLimits { frames: 1000, bytes: 1 << 20 }));
    let hello = |position: Position| ServerFrame::Ok { reference: None, position };
    site.enter(vec![Grant::for_a_test(Room::Website)], engine.new_connection(), &queue, hello);
    queue.flush();
    let frames = late.take();
    assert!(
        matches!(frames.as_slice(), [ServerFrame::Ok { .. }, ServerFrame::Source { connected: false }]),
        "{frames:?}"
    );

    engine.resume(&HashMap::new(), 0, &mut written);
    written.write_now();
    let frames = member.wire.take();
    assert!(matches!(frames[0], ServerFrame::Source { connected: true }), "{frames:?}");
    assert_eq!(frames.iter().filter(|frame| matches!(frame, ServerFrame::Gap { .. })).count(), 3, "{frames:?}");
    assert_eq!(frames.len(), 4);
    assert!(engine.source_connected() && site.source_connected());
}

#[test]
fn the_site_that_holds_most_pays_when_all_together_are_too_much() {
    let sites = ["large.example", "small.example", "middle.example"];
    let limits = HistoryLimits { total_bytes: 200_000, ..HistoryLimits::default() };
    let engine = Engine::new(&sites.map(str::to_owned), limits);
    let start = sites.map(|site| engine.site(site).expect("a site").position());
    let event = |site: &str| {
        format!(r#"{{"event":"e","message":"{}","namespace":"{site}","room":"website"}}"#, "x".repeat(900))
    };
    let bytes = |site: &str| engine.site(site).expect("a site").bytes();
    for _ in 0..20 {
        publish(&engine, &event("small.example"));
    }
    for _ in 0..60 {
        publish(&engine, &event("middle.example"));
    }
    let (small, middle) = (bytes("small.example"), bytes("middle.example"));
    for _ in 0..1000 {
        publish(&engine, &event("large.example"));
        assert!(sites.iter().map(|site| bytes(site)).sum::<usize>() <= 200_000);
    }
    assert_eq!((bytes("small.example"), bytes("middle.example")), (small, middle), "they keep their past");
    assert!(bytes("large.example") > 100_000, "and the large one what is left: {}", bytes("large.example"));
    // Whoever grows takes from the largest, until all are alike.
    for _ in 0..1000 {
        publish(&engine, &event("small.example"));
        publish(&engine, &event("middle.example"));
    }
    let mut held = sites.map(bytes);
    held.sort_unstable();
    assert!(held[0] + 8_000 > held[2] && held[0] > 55_000, "{held:?}");
    for (site, start) in sites.iter().zip(&start) {
        let (wire, queue) = (Arc::new(Recorder::default()), QueueLimits { frames: 10_000, bytes: 16 << 20 });
        let queue = Arc::new(Queue::new(wire.clone(), queue));
        let join = Join {
            reference: 1,
            grant: Grant::for_a_test(Room::Website),
            since: Some(start),
            latest: &[],
            is_standing: false,
        };
        engine.site(site).expect("a site").join(join, engine.new_connection(), &queue);
        queue.flush();
        assert!(matches!(wire.take()[0], ServerFrame::Joined { recovered: false, .. }), "what is gone is a gap");
    }
}
