//! Real engines behind real intakes, and between them a bus with one order.

mod schedule;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use realtime::frame::ServerFrame;
use realtime::position::Position;
use realtime::room::Room;

use super::Intake;
use crate::authz::Grant;
use crate::bridge::Arrival;
use crate::bridge::agreement::MOST_KEPT;
use crate::bridge::own_channel::{Mark, Note, Numbering, Told};
use crate::engine::tests::Recorder;
use crate::engine::{Engine, Join, Written};
use crate::history::HistoryLimits;
use crate::hub::ConnectionId;
use crate::queue::{Queue, QueueLimits};

const SITES: [&str; 2] = ["a.example", "b.example"];
const RUN: &str = "run";

/// A server without sockets, with a page on each site.
struct Server {
    engine: Arc<Engine>,
    intake: Intake,
    pages: Vec<(Arc<Recorder>, Arc<Queue>)>,
}

fn mark(id: &str, run_id: &str) -> Mark {
    Mark { id: id.to_owned(), numbering: Numbering::new(run_id, SITES[0]) }
}

fn note(note: &Note) -> Arrival {
    Arrival::OwnChannel(note.encode().expect("short").into())
}

fn event(site: &str, message: usize) -> Arrival {
    let payload = format!(r#"{{"event":"e","message":{message},"namespace":"{site}","room":"website"}}"#);
    Arrival::Payload(payload.into())
}

fn join(engine: &Engine, site: &str, room: Room, since: Option<&Position>) -> (Arc<Recorder>, Arc<Queue>) {
    let wire = Arc::new(Recorder::default());
    let queue = Arc::new(Queue::new(wire.clone(), QueueLimits { frames: 100_000, bytes: 16 << 20 }));
    let join = Join { reference: 1, grant: Grant::for_a_test(room), since, latest: &[], is_standing: false };
    engine.site(site).expect("a site").join(join, engine.new_connection(), &queue);
    queue.flush();
    (wire, queue)
}

impl Server {
    fn new(instance: &str) -> Self {
        let engine = Arc::new(Engine::new(&SITES.map(str::to_owned), HistoryLimits::default()));
        engine.source_lost(&mut Written::default());
        let pages = SITES.map(|site| join(&engine, site, Room::Website, None));
        for (wire, _) in &pages {
            wire.take();
        }
        Self { intake: Intake::new(Arc::clone(&engine), instance), engine, pages: pages.into() }
    }

    fn take(&mut self, arrival: Arrival, now: Instant) {
        let mut written = Written::default();
        self.intake.take(arrival, now, &mut written);
        written.write_now();
    }

    fn look_at_the_clock(&mut self, now: Instant) {
        let mut written = Written::default();
        self.intake.look_at_the_clock(now, &mut written);
        written.write_now();
    }

    fn answers(&mut self) -> Vec<Arrival> {
        self.intake.answers().map(|answer| Arrival::OwnChannel(answer.into())).collect()
    }

    fn position(&self, site: &str) -> Position {
        self.engine.site(site).expect("a site").position()
    }

    /// What the page of the first site was told since the last call.
    fn told(&self) -> Vec<ServerFrame> {
        self.pages[0].0.take()
    }

    /// Subscribes and is the only one.
    fn alone(instance: &str, now: Instant) -> Self {
        let mut server = Self::new(instance);
        server.take(Arrival::Subscribed { bridge: 0, mark: Some(mark(instance, RUN)) }, now);
        server.take(Arrival::Alone { mark: instance.to_owned() }, now);
        assert!(server.engine.source_connected());
        server.told();
        server
    }
}

fn is_source(frame: &ServerFrame, expected: bool) -> bool {
    matches!(frame, ServerFrame::Source { connected } if *connected == expected)
}

#[test]
fn a_newcomer_numbers_as_the_one_that_is_there() {
    let now = Instant::now();
    let mut first = Server::alone("first", now);
    for number in 0..5 {
        first.take(event(SITES[0], number), now);
    }
    let mut second = Server::new("second");
    second.take(Arrival::Subscribed { bridge: 0, mark: Some(mark("m2", RUN)) }, now);
    // Both hear: one event of each site, one of the whole bench, one that counts for nobody, and the mark.
    let bench = || Arrival::Payload(Bytes::from_static(br#"{"event":"build_event","message":1}"#));
    let nobody = || Arrival::Payload(Bytes::from_static(b"NaN"));
    let asked = || note(&Note::Mark(mark("m2", RUN)));
    for server in [&mut first, &mut second] {
        for arrival in [event(SITES[0], 5), event(SITES[1], 0), bench(), nobody(), event("c.example", 0), asked()] {
            server.take(arrival, now);
        }
        server.take(event(SITES[0], 6), now);
    }
    assert!(!second.engine.source_connected() && second.told().is_empty(), "nothing is known yet");
    let answers = first.answers();
    assert_eq!(answers.len(), 1);
    for answer in answers {
        second.take(answer, now);
    }
    for site in SITES {
        assert_eq!(second.position(site), first.position(site));
    }
    assert_eq!(first.position(SITES[0]).offset, 8);
    let told = second.told();
    assert!(is_source(&told[0], true), "{told:?}");
    let ServerFrame::Gap { position, .. } = &told[1] else { panic!("{told:?}") };
    assert_eq!(*position, Position::new(first.position(SITES[0]).epoch, 5));
    let offsets = told[2..].iter().map(|frame| match frame {
        ServerFrame::Event { offset: Some(offset), .. } => *offset,
        other => panic!("{other:?}"),
    });
    assert_eq!(offsets.collect::<Vec<_>>(), [6, 7, 8]);
}

#[test]
fn of_two_that_come_at_once_the_second_numbers_as_the_first() {
    let start = Instant::now();
    let mut servers = [Server::new("x"), Server::new("y")];
    for (server, id) in servers.iter_mut().zip(["x", "y"]) {
        server.take(Arrival::Subscribed { bridge: 0, mark: Some(mark(id, RUN)) }, start);
    }
    for server in &mut servers {
        server.take(event(SITES[0], 1), start);
        server.take(note(&Note::Mark(mark("x", RUN))), start);
        server.take(event(SITES[0], 2), start);
        server.take(note(&Note::Mark(mark("y", RUN))), start);
    }
    let [x, y] = &mut servers;
    let later = start + Duration::from_secs(1);
    y.look_at_the_clock(later);
    assert!(!y.engine.source_connected(), "the one that marked first is waited for");
    x.look_at_the_clock(later);
    for answer in x.answers() {
        y.take(answer, later);
    }
    assert!(y.engine.source_connected());
    assert_eq!(x.position(SITES[0]), y.position(SITES[0]));
}

#[test]
fn nobody_is_waited_for_longer_than_some_seconds_whatever_marks_come() {
    let start = Instant::now();
    let mut server = Server::new("x");
    server.take(Arrival::Subscribed { bridge: 0, mark: Some(mark("x", RUN)) }, start);
    for number in 0..100 {
        server.take(note(&Note::Mark(mark(&number.to_string(), RUN))), start);
    }
    server.look_at_the_clock(start + Duration::from_secs(4));
    assert!(server.engine.source_connected());
}

#[test]
fn an_answer_of_another_redis_or_to_another_mark_counts_for_nothing() {
    let start = Instant::now();
    let mut other = Server::alone("other", start);
    for id in ["m", "stranger"] {
        other.take(note(&Note::Mark(mark(id, RUN))), start);
    }
    let mut server = Server::new("x");
    server.take(Arrival::Subscribed { bridge: 0, mark: Some(mark("m", "another run")) }, start);
    server.take(note(&Note::Mark(mark("m", "another run"))), start);
    for answer in other.answers() {
        server.take(answer, start);
    }
    assert!(!server.engine.source_connected());
    server.take(note(&Note::Mark(mark("m3", RUN))), start);
    server.look_at_the_clock(start + Duration::from_secs(1));
    assert!(server.engine.source_connected());
    assert_eq!(server.answers().len(), 0, "whoever numbers otherwise is not answered");
    assert_ne!(server.position(SITES[0]).epoch, other.position(SITES[0]).epoch);
}

#[test]
fn an_answer_that_counts_less_than_came_is_not_believed() {
    let start = Instant::now();
    let mut first = Server::alone("first", start);
    let mut second = Server::new("second");
    second.take(Arrival::Subscribed { bridge: 0, mark: Some(mark("m", RUN)) }, start);
    second.take(event(SITES[0], 1), start);
    for server in [&mut first, &mut second] {
        server.take(note(&Note::Mark(mark("m", RUN))), start);
    }
    for answer in first.answers() {
        second.take(answer, start);
    }
    assert!(second.engine.source_connected());
    assert_ne!(second.position(SITES[0]).epoch, first.position(SITES[0]).epoch);
    assert_eq!(second.position(SITES[1]), first.position(SITES[1]));
}

#[test]
fn too_much_to_keep_is_not_waited_with() {
    let start = Instant::now();
    let mut server = Server::new("x");
    server.take(Arrival::Subscribed { bridge: 0, mark: Some(mark("m", RUN)) }, start);
    for number in 0..MOST_KEPT {
        server.take(event(SITES[0], number), start);
    }
    assert!(!server.engine.source_connected());
    server.take(event(SITES[0], MOST_KEPT), start);
    assert!(server.engine.source_connected());
    let told = server.told();
    assert!(matches!(told.last(), Some(ServerFrame::Event { message, .. }) if message.get() == MOST_KEPT.to_string()));
    assert_eq!(told.len(), 2 + MOST_KEPT + 1, "the source, a gap, and all that came");
}

#[test]
fn pages_are_told_once_that_nothing_is_heard_and_then_that_it_is() {
    let start = Instant::now();
    let mut server = Server::alone("x", start);
    for _ in 0..2 {
        server.take(Arrival::Lost { bridge: 0 }, start);
    }
    let told = server.told();
    assert!(told.len() == 1 && is_source(&told[0], false), "{told:?}");
    let before = server.position(SITES[0]);
    server.take(Arrival::Subscribed { bridge: 0, mark: None }, start);
    let told = server.told();
    assert!(told.len() == 2 && is_source(&told[0], true), "{told:?}");
    assert!(matches!(&told[1], ServerFrame::Gap { position, .. } if position.epoch != before.epoch));
}

#[test]
fn of_two_bridges_one_that_lives_is_enough() {
    let start = Instant::now();
    let mut server = Server::new("x");
    for bridge in 0..2 {
        server.take(Arrival::Subscribed { bridge, mark: None }, start);
    }
    server.told();
    server.take(Arrival::Lost { bridge: 1 }, start);
    server.take(event(SITES[0], 1), start);
    assert!(matches!(server.told().as_slice(), [ServerFrame::Event { .. }]));
    server.take(Arrival::Subscribed { bridge: 1, mark: None }, start);
    assert!(
        matches!(server.told().as_slice(), [ServerFrame::Gap { .. }]),
        "one that comes back may have lost something"
    );
    for bridge in 0..2 {
        server.take(Arrival::Lost { bridge }, start);
    }
    assert!(matches!(server.told().as_slice(), [ServerFrame::Source { connected: false }]));
}

#[test]
fn what_pages_of_other_servers_tell_arrives_and_what_ones_own_tell_does_not_come_back() {
    let start = Instant::now();
    let mut server = Server::alone("x", start);
    let frame = r#"{"type":"emitted","user":"jane","room":"website","event":"e","message":1}"#;
    let told = |instance: &str, site: &str, frame: &str| {
        let told = Told { instance: instance.into(), site: site.into(), from: ConnectionId(1), frame: frame.into() };
        note(&Note::Told(told))
    };
    server.take(told("x", SITES[0], frame), start);
    server.take(told("y", "c.example", frame), start);
    server.take(told("y", SITES[0], r#"{"type":"bye","code":"restart"}"#), start);
    server.take(told("y", SITES[0], r#""text""#), start);
    assert!(server.told().is_empty());
    server.take(told("y", SITES[0], frame), start);
    let frames = server.told();
    assert!(matches!(frames.as_slice(), [ServerFrame::Emitted { user, .. }] if user == "jane"), "{frames:?}");
}
