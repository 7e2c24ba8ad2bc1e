//! The loop without a port: over a pair of connected Unix sockets.

mod replaying;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use realtime::close::CloseCode;
use realtime::frame::{ClientFrame, Denial, ServerFrame};
use realtime::host::{UserType, Viewer};
use realtime::position::Position;
use realtime::room::Room;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tungstenite::protocol::Role;

use super::{ConnectionLimits, run};
use crate::engine::{Engine, Written};
use crate::history::HistoryLimits;
use crate::queue::{Queue, QueueLimits};
use crate::session::{Session, SessionLimits, SessionParts};
use crate::site::{Caller, Credential};
use crate::stopping::{self, Stop};

const SITE: &str = "site1.local";

struct Connected {
    page: WebSocketStream<UnixStream>,
    task: JoinHandle<Option<CloseCode>>,
    stop: Stop,
}

fn engine() -> Engine {
    Engine::new(&[SITE.to_owned()], HistoryLimits::default())
}

fn limits() -> ConnectionLimits {
    ConnectionLimits { frame_bytes: 1024, heartbeat: Duration::from_secs(25), farewell: Duration::from_millis(300) }
}

async fn connect(engine: &Engine, limits: ConnectionLimits, queue_limits: QueueLimits) -> Connected {
    let (near, far) = UnixStream::pair().expect("a socket pair");
    let line = Arc::new(near);
    let queue = Arc::new(Queue::new(line.clone(), queue_limits));
    let viewer = Viewer {
        site: SITE.into(),
        user: "jane@example.com".into(),
        full_name: "Jane".into(),
        user_type: UserType::WebsiteUser,
    };
    let joins_per_second = NonZeroU32::new(10).expect("not zero");
    let parts = SessionParts::for_a_test(SessionLimits { rooms: 3, joins_per_second, ..SessionLimits::WIDE });
    let caller = Caller { viewer, credential: Credential::Session("jane@example.com".into()) };
    let site = Arc::clone(engine.site(SITE).expect("the site"));
    let connection = engine.new_connection();
    let session = Session::begin(parts, site, caller, connection, queue.clone());
    let (stop, stopping) = stopping::channel();
    let task = tokio::spawn(run(line, Vec::new(), queue, session, limits, stopping));
    Connected { page: WebSocketStream::from_raw_socket(far, Role::Client, None).await, task, stop }
}

async fn connect_usual(engine: &Engine) -> Connected {
    connect(engine, limits(), QueueLimits { frames: 100, bytes: 1 << 20 }).await
}

async fn frame(page: &mut WebSocketStream<UnixStream>) -> ServerFrame {
    loop {
        match page.next().await.expect("a frame").expect("a frame") {
            Message::Text(text) => return ServerFrame::parse(&text).expect("a known frame"),
            Message::Ping(_) => {}
            other => panic!("not text: {other:?}"),
        }
    }
}

async fn say(page: &mut WebSocketStream<UnixStream>, frame: &ClientFrame) {
    page.send(Message::text(frame.encode())).await.expect("the line is open");
}

async fn close_code(page: &mut WebSocketStream<UnixStream>) -> u16 {
    loop {
        match page.next().await.expect("a close").expect("a close") {
            Message::Close(Some(close)) => return close.code.into(),
            Message::Close(None) => return 1005,
            _ => {}
        }
    }
}

fn publish(engine: &Engine, room: &str, count: u64) {
    let payload = format!(r#"{{"event":"count","message":{{"count":{count}}},"namespace":"{SITE}","room":"{room}"}}"#);
    let mut written = Written::default();
    engine.take(payload.as_bytes(), &mut written);
    written.write_now();
}

fn offset_of(frame: &ServerFrame) -> u64 {
    let ServerFrame::Event { offset: Some(offset), .. } = frame else { panic!("not an event: {frame:?}") };
    *offset
}

fn me() -> Room {
    Room::user("jane@example.com")
}

#[tokio::test]
async fn hello_comes_first_and_automatic_rooms_need_no_join() {
    let engine = engine();
    let mut connected = connect_usual(&engine).await;
    let ServerFrame::Hello { user, rooms, heartbeat, .. } = frame(&mut connected.page).await else { panic!() };
    assert_eq!((user.as_str(), heartbeat), ("jane@example.com", 25));
    assert_eq!(rooms, [me(), Room::Website]);
    publish(&engine, "user:jane@example.com", 1);
    publish(&engine, "user:ravi@example.com", 2);
    publish(&engine, "all", 3);
    publish(&engine, "website", 4);
    assert_eq!(offset_of(&frame(&mut connected.page).await), 1);
    assert_eq!(offset_of(&frame(&mut connected.page).await), 4);
}

#[tokio::test]
async fn a_join_with_a_position_replays_what_was_missed_then_goes_on() {
    let engine = engine();
    let epoch = engine.default_site().position().epoch;
    for count in 1..=5 {
        publish(&engine, "user:jane@example.com", count);
    }
    let mut connected = connect_usual(&engine).await;
    frame(&mut connected.page).await;
    let join = ClientFrame::Join {
        reference: 7,
        room: me(),
        since: Some(Position::new(epoch, 2)),
        latest: vec!["count".into()],
        token: None,
    };
    say(&mut connected.page, &join).await;
    let ServerFrame::Joined { reference, position, recovered, .. } = frame(&mut connected.page).await else { panic!() };
    assert_eq!((reference, position.offset, recovered), (7, 5, true));
    publish(&engine, "user:jane@example.com", 6);
    for expected in 3..=6 {
        assert_eq!(offset_of(&frame(&mut connected.page).await), expected);
    }
}

#[tokio::test]
async fn a_join_without_a_position_or_with_a_foreign_one_brings_the_newest_value() {
    let engine = engine();
    for count in 1..=3 {
        publish(&engine, "user:jane@example.com", count);
    }
    let mut connected = connect_usual(&engine).await;
    frame(&mut connected.page).await;
    for since in [None, Some(Position::new("another", 2))] {
        let join = ClientFrame::Join {
            reference: 1,
            room: me(),
            since,
            latest: vec!["count".into(), "none".into()],
            token: None,
        };
        say(&mut connected.page, &join).await;
        let ServerFrame::Joined { recovered: false, .. } = frame(&mut connected.page).await else { panic!() };
        assert_eq!(offset_of(&frame(&mut connected.page).await), 3);
    }
}

#[tokio::test]
async fn every_frame_is_answered() {
    let engine = engine();
    let mut connected = connect_usual(&engine).await;
    frame(&mut connected.page).await;
    say(
        &mut connected.page,
        &ClientFrame::Join { reference: 1, room: Room::Site, since: None, latest: vec![], token: None },
    )
    .await;
    let answer = frame(&mut connected.page).await;
    assert!(
        matches!(answer, ServerFrame::Denied { reference: Some(1), denial: Denial::SystemUsersOnly, .. }),
        "{answer:?}"
    );
    say(&mut connected.page, &ClientFrame::Leave { reference: 2, room: Room::Website }).await;
    assert!(matches!(frame(&mut connected.page).await, ServerFrame::Ok { reference: Some(2), .. }));
    publish(&engine, "website", 1);
    say(&mut connected.page, &ClientFrame::Ping { reference: None }).await;
    let answer = frame(&mut connected.page).await;
    assert!(
        matches!(&answer, ServerFrame::Ok { reference: None, position } if position.offset == 1),
        "left: only the pong comes: {answer:?}"
    );
    connected.page.send(Message::text("nonsense")).await.expect("open");
    assert!(matches!(frame(&mut connected.page).await, ServerFrame::Error { code, .. } if code == "not_json"));
}

#[tokio::test]
async fn joins_are_limited_in_number_and_speed() {
    let engine = engine();
    let mut connected = connect_usual(&engine).await;
    frame(&mut connected.page).await;
    let mut denials = Vec::new();
    for reference in 0..20 {
        say(
            &mut connected.page,
            &ClientFrame::Join { reference, room: me(), since: None, latest: vec![], token: None },
        )
        .await;
        if let ServerFrame::Denied { denial, .. } = frame(&mut connected.page).await {
            denials.push(denial);
        }
    }
    assert!(!denials.is_empty() && denials.iter().all(|denial| *denial == Denial::TooFast), "{denials:?}");
}

#[tokio::test]
async fn rules_are_kept_by_close_codes_from_the_table() {
    let engine = engine();
    for (message, code) in [
        (Message::binary(vec![1, 2, 3]), CloseCode::NotText),
        (Message::text("x".repeat(2000)), CloseCode::FrameTooLarge),
    ] {
        let mut connected = connect_usual(&engine).await;
        frame(&mut connected.page).await;
        connected.page.send(message).await.expect("open");
        assert_eq!(close_code(&mut connected.page).await, code.number());
        assert_eq!(connected.task.await.expect("no panic"), Some(code));
    }
    let mut connected = connect_usual(&engine).await;
    for _ in 0..7 {
        let _ = connected.page.send(Message::text("nonsense")).await;
    }
    assert_eq!(close_code(&mut connected.page).await, CloseCode::TooManyErrors.number());
}

#[tokio::test]
async fn a_page_that_does_not_read_is_closed_as_slow_and_holds_no_memory() {
    let engine = engine();
    let mut connected = connect(&engine, limits(), QueueLimits { frames: 50, bytes: 1 << 20 }).await;
    for count in 0..20_000 {
        publish(&engine, "user:jane@example.com", count);
    }
    assert_eq!(close_code(&mut connected.page).await, CloseCode::Slow.number());
    assert_eq!(connected.task.await.expect("no panic"), Some(CloseCode::Slow));
}

#[tokio::test(start_paused = true)]
async fn a_silent_page_is_pinged_and_then_given_up() {
    let engine = engine();
    let mut connected = connect_usual(&engine).await;
    // The client library answers pings only while it is polled.
    let ended = tokio::time::timeout(Duration::from_mins(2), &mut connected.task).await;
    assert_eq!(ended.expect("within two heartbeats").expect("no panic"), Some(CloseCode::Idle));
    let hello = connected.page.next().await;
    assert!(matches!(hello, Some(Ok(Message::Text(_)))), "{hello:?}");
    assert!(matches!(connected.page.next().await, Some(Ok(Message::Ping(_)))));
}

#[tokio::test]
async fn a_stopping_server_says_so() {
    let engine = engine();
    let mut connected = connect_usual(&engine).await;
    frame(&mut connected.page).await;
    connected.stop.stop(1);
    assert!(matches!(frame(&mut connected.page).await, ServerFrame::Bye { code: CloseCode::Restart, .. }));
    assert_eq!(close_code(&mut connected.page).await, CloseCode::Restart.number());
}

#[tokio::test]
async fn a_good_bye_is_answered_and_the_rooms_are_left() {
    let engine = engine();
    let mut connected = connect_usual(&engine).await;
    frame(&mut connected.page).await;
    connected.page.close(None).await.expect("open");
    assert_eq!(close_code(&mut connected.page).await, 1000);
    drop(connected.page);
    assert_eq!(connected.task.await.expect("no panic"), None);
}

/// Chromium waited two seconds for the server to close its side, and showed a dead line as live.
#[tokio::test]
async fn the_server_hangs_up_first() {
    let engine = engine();
    let patient = ConnectionLimits { farewell: Duration::from_hours(1), ..limits() };
    let mut connected = connect(&engine, patient, QueueLimits { frames: 100, bytes: 1 << 20 }).await;
    frame(&mut connected.page).await;
    connected.stop.stop(1);
    assert_eq!(close_code(&mut connected.page).await, CloseCode::Restart.number());
    // The page's side stays open: only the server's end of the line can bring this end of file.
    let mut rest = Vec::new();
    let stream = connected.page.get_mut();
    let ended = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
    ended.expect("the server has hung up").expect("a clean end");
}

#[tokio::test]
async fn an_interruption_of_the_bus_is_a_gap_in_every_room() {
    let engine = engine();
    let mut connected = connect_usual(&engine).await;
    let ServerFrame::Hello { epoch, .. } = frame(&mut connected.page).await else { panic!() };
    let mut written = Written::default();
    engine.resume(&HashMap::new(), 0, &mut written);
    written.write_now();
    let mut rooms = Vec::new();
    for _ in 0..2 {
        let ServerFrame::Gap { room, position } = frame(&mut connected.page).await else { panic!() };
        assert_ne!(position.epoch, epoch);
        rooms.push(room);
    }
    rooms.sort();
    assert_eq!(rooms, [Room::Website, me()]);
}

/// Twenty thousand pings in one go used to be read in one go: the answers filled the queue unwritten, and
/// nobody else had a turn.
#[tokio::test]
async fn a_flood_of_pings_is_answered_in_turns() {
    let engine = engine();
    let mut connected = connect_usual(&engine).await;
    frame(&mut connected.page).await;
    let (mut sink, mut stream) = connected.page.split();
    let flood = tokio::spawn(async move {
        for _ in 0..20_000 {
            sink.feed(Message::text(r#"{"type":"ping"}"#)).await.expect("open");
        }
        sink.flush().await.expect("open");
        sink
    });
    for number in 0..20_000 {
        let Some(Ok(Message::Text(text))) = stream.next().await else { panic!("ended after {number}") };
        assert!(text.contains("\"ok\""), "{number}: {text}");
    }
    drop(flood.await.expect("no panic"));
}

/// What was pushed in one go before the first write counted as if the page did not read.
#[tokio::test]
async fn a_batch_larger_than_the_queue_reaches_a_page_that_reads() {
    let engine = engine();
    let mut connected = connect(&engine, limits(), QueueLimits { frames: 10, bytes: 1 << 20 }).await;
    frame(&mut connected.page).await;
    let mut written = Written::default();
    for _ in 0..50 {
        let payload = format!(r#"{{"event":"e","message":1,"namespace":"{SITE}","room":"website"}}"#);
        engine.take(payload.as_bytes(), &mut written);
    }
    written.write_now();
    for expected in 1..=50 {
        assert_eq!(offset_of(&frame(&mut connected.page).await), expected);
    }
}

/// A peer that took nothing was waited for again and again.
#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_is_given_up_after_two_heartbeats() {
    let engine = engine();
    let mut connected = connect(&engine, limits(), QueueLimits { frames: 100_000, bytes: 1 << 30 }).await;
    tokio::task::yield_now().await;
    for count in 0..20_000 {
        publish(&engine, "user:jane@example.com", count);
    }
    let start = tokio::time::Instant::now();
    let ended = tokio::time::timeout(Duration::from_mins(5), &mut connected.task).await;
    assert_eq!(ended.expect("in time").expect("no panic"), Some(CloseCode::Idle));
    assert!(start.elapsed() <= 2 * limits().heartbeat + limits().farewell, "{:?}", start.elapsed());
}
