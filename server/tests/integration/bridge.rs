//! Real Redis: present, absent, killed, silent; and what it may publish.

use std::time::Duration;

use crate::support::page::Page;
use crate::support::redis::{Redis, free_port};
use crate::support::server::Server;
use realtime::frame::ServerFrame;
use realtime::host::PageStart;
use realtime::position::Position;
use realtime::room::Room;

pub(crate) const SITE: &str = "rt15.localhost";

pub(crate) fn count(number: u64) -> String {
    format!(
        "{{\n \"event\": \"count\",\n \"message\": {{\n  \"count\": {number}\n }},\n \"namespace\": \"{SITE}\",\n \"room\": \"user:Administrator\"\n}}"
    )
}

pub(crate) async fn get(server: &Server, path: &str) -> (u16, String) {
    let answer = reqwest::get(server.url(path)).await.expect("the server answers");
    (answer.status().as_u16(), answer.text().await.expect("text"))
}

/// Waits until the server has taken this many events.
pub(crate) async fn wait_for_events(server: &Server, count: u64) {
    let deadline = tokio::time::Instant::now() + crate::support::PATIENCE;
    loop {
        let body: serde_json::Value = serde_json::from_str(&get(server, "/live/readyz").await.1).expect("JSON");
        if body["events"]["accepted"] == count {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{body}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The JSON that the document of a page carries.
pub(crate) async fn page_start(server: &Server) -> PageStart {
    let (status, html) = get(server, "/live/count").await;
    assert_eq!(status, 200);
    let (_, rest) = html.split_once("id=\"frappe-live-start\"").expect("the start is in the document");
    let (_, rest) = rest.split_once('>').expect("an element");
    let (json, _) = rest.split_once("</script>").expect("an element");
    PageStart::read(json).expect("a page start")
}

#[tokio::test]
async fn the_first_paint_holds_the_value_and_the_join_goes_on_from_there() {
    let redis = Redis::start();
    let server = Server::start(&["--redis", &redis.url(), "--site", SITE]);
    redis.wait_for_subscribers(1);
    for number in 0..=42 {
        redis.publish(count(number));
    }
    wait_for_events(&server, 43).await;
    let mut page = Page::open(&server, &[]).await;
    page.assert_nothing_waits().await;
    let (_, html) = get(&server, "/live/count").await;
    let text = html.replace(['\n', '\r'], "");
    assert!(text.contains(">42</output>"), "{html}");
    let start = page_start(&server).await;
    assert_eq!((start.user.as_str(), start.values.len()), ("Administrator", 1));

    redis.publish(count(43));
    redis.publish(count(44));
    assert_eq!(page.event().await.3, 44);
    // Both are there: what comes between a newcomer's hello and its join comes again after that.
    assert_eq!(page.event().await.3, 45);
    let mut late = Page::open(&server, &[]).await;
    let position = start.values[0].position.clone();
    assert!(matches!(
        late.join(Room::user("Administrator"), Some(position), &["count"]).await,
        ServerFrame::Joined { recovered: true, .. }
    ));
    for number in 43..=44 {
        let (room, event, message, offset) = late.event().await;
        assert_eq!((room, event.as_str(), offset), (Room::user("Administrator"), "count", number + 1));
        assert_eq!(message, format!("{{\n  \"count\": {number}\n }}"));
    }
}

#[tokio::test]
async fn a_redis_that_is_absent_at_the_start_is_waited_for() {
    let port = free_port();
    let url = format!("redis://:a-secret@127.0.0.1:{port}");
    let server = Server::start(&["--redis", &url, "--site", SITE]);
    server.wait_for_log("No events from Redis");
    assert_eq!(get(&server, "/live/healthz").await.0, 200);
    let (status, why) = get(&server, "/live/readyz").await;
    assert_eq!(status, 503);
    assert!(why.contains(&format!("redis://127.0.0.1:{port}")) && why.contains("refused"), "{why}");
    assert_eq!(get(&server, "/live/count").await.0, 200, "pages are served all the same");
    assert!(!server.log().contains("a-secret") && !why.contains("a-secret"));
}

#[tokio::test]
async fn a_killed_redis_is_a_gap_and_then_events_go_on() {
    let mut redis = Redis::start();
    let server = Server::start(&["--redis", &redis.url(), "--site", SITE]);
    redis.wait_for_subscribers(1);
    let mut page = Page::open(&server, &[]).await;
    redis.publish(count(1));
    assert_eq!(page.event().await.3, 1);
    let before = page_start(&server).await.position;

    redis.kill();
    assert!(matches!(page.frame().await, ServerFrame::Source { connected: false }), "pages are told at once");
    server.wait_for_log("No events from Redis");
    assert_eq!(get(&server, "/live/readyz").await.0, 503);
    let mut late = Page::open(&server, &[]).await;
    assert!(matches!(late.frame().await, ServerFrame::Source { connected: false }), "and whoever comes now");
    let redis = redis.restart();
    redis.wait_for_subscribers(1);
    assert!(matches!(page.frame().await, ServerFrame::Source { connected: true }));
    let mut rooms = Vec::new();
    for _ in &page.rooms.clone() {
        let ServerFrame::Gap { room, position } = page.frame().await else { panic!("every room is told") };
        assert_ne!(position.epoch, before.epoch);
        rooms.push(room);
    }
    rooms.sort();
    assert_eq!(rooms, [Room::Site, Room::Website, Room::user("Administrator")]);
    redis.publish(count(2));
    assert_eq!(page.event().await.3, 2, "offsets go on");
    assert_eq!(get(&server, "/live/readyz").await.0, 200);
    let answer = page.join(Room::user("Administrator"), Some(before), &["count"]).await;
    assert!(matches!(answer, ServerFrame::Joined { recovered: false, .. }), "{answer:?}");
    assert_eq!(page.event().await.3, 2, "the newest value follows");
}

#[tokio::test]
async fn a_half_open_line_to_redis_is_noticed() {
    let redis = Redis::start();
    let server = Server::start(&["--redis", &redis.url(), "--site", SITE]);
    redis.wait_for_subscribers(1);
    let mut waiting = Page::open(&server, &[]).await;
    let paused = std::time::Instant::now();
    redis.pause();
    assert!(matches!(waiting.frame().await, ServerFrame::Source { connected: false }));
    assert!(paused.elapsed() < Duration::from_secs(12), "{:?}", paused.elapsed());
    server.wait_for_log("a ping had no answer");
    redis.go_on();
    redis.wait_for_subscribers(1);
    assert!(matches!(waiting.frame().await, ServerFrame::Source { connected: true }));
    let mut page = Page::open(&server, &[]).await;
    page.assert_nothing_waits().await;
    redis.publish(count(5));
    assert_eq!(page.event().await.1, "count");
}

#[tokio::test]
async fn two_redis_are_both_heard_and_one_that_is_gone_is_named() {
    let (queue, mut socketio) = (Redis::start(), Redis::start());
    let server = Server::start(&["--redis", &queue.url(), "--redis", &socketio.url(), "--site", SITE]);
    queue.wait_for_subscribers(1);
    socketio.wait_for_subscribers(1);
    let mut page = Page::open(&server, &[]).await;
    queue.publish(count(1));
    assert_eq!(page.event().await.3, 1);
    socketio.publish(format!(r#"{{"event":"count","message":{{"count":2}},"room":"{SITE}:user:Administrator"}}"#));
    assert_eq!(page.event().await.2, r#"{"count":2}"#, "the form of Frappe 13 and 14");
    socketio.kill();
    server.wait_for_log("No events from Redis");
    let (status, why) = get(&server, "/live/readyz").await;
    assert!(status == 503 && why.contains(&socketio.url()), "{why}");
    queue.publish(count(3));
    assert_eq!(page.event().await.3, 3, "the one that lives is heard");
}

#[tokio::test]
async fn what_is_no_event_is_skipped_counted_and_logged_once() {
    let redis = Redis::start();
    let server = Server::start(&["--redis", &redis.url(), "--site", SITE]);
    redis.wait_for_subscribers(1);
    let mut page = Page::open(&server, &[]).await;
    let bad: [&[u8]; 12] = [
        b"not json",
        b"",
        b"null",
        b"[]",
        b"5",
        b"\"text\"",
        br#"{"message": 1, "namespace": "rt15.localhost", "room": "website"}"#,
        br#"{"event": 5, "message": 1, "namespace": "rt15.localhost", "room": "website"}"#,
        b"{\n \"event\": \"ev\",\n \"message\": {\n  \"x\": NaN\n },\n \"namespace\": \"rt15.localhost\",\n \"room\": \"website\"\n}",
        b"{\n \"event\": \"ev\",\n \"message\": {\n  \"s\": \"\\ud800\"\n },\n \"namespace\": \"rt15.localhost\",\n \"room\": \"website\"\n}",
        b"{\"event\": \"\xff\", \"message\": 1, \"namespace\": \"rt15.localhost\", \"room\": \"website\"}",
        br#"{"event":"ev","message":1,"namespace":"other.localhost","room":"all"}"#,
    ];
    for payload in bad {
        for _ in 0..3 {
            redis.publish(payload);
        }
    }
    redis.publish(count(1));
    assert_eq!(page.event().await.3, 1, "the stream goes on, and nothing bad came before");
    let (_, body) = get(&server, "/live/readyz").await;
    let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    let skipped = body["events"]["skipped"].as_object().expect("counts");
    let total: u64 = skipped.values().filter_map(serde_json::Value::as_u64).sum();
    assert_eq!((total, body["events"]["accepted"].as_u64()), (36, Some(1)), "{body}");
    assert_eq!(skipped["unknown_site"], 3);
    let log = server.log();
    let lines = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!(lines("other.localhost"), 1, "{log}");
    assert_eq!(log.lines().filter(|line| line.contains("NaN") || line.contains("not_json")).count(), 2, "{log}");
}

#[tokio::test]
async fn odd_but_usable_events_arrive_unchanged() {
    let redis = Redis::start();
    let server = Server::start(&["--redis", &redis.url(), "--site", SITE]);
    redis.wait_for_subscribers(1);
    let mut page = Page::open(&server, &[]).await;
    let large = format!("\"{}\"", "x".repeat(2 << 20));
    for (event, message) in
        [("connect", "1"), ("__proto__", "null"), ("", "[1, 2]"), ("événement ✓", "\"</script>\""), ("large", &large)]
    {
        let name = serde_json::to_string(event).expect("text");
        redis.publish(format!(r#"{{"event":{name},"message":{message},"namespace":"{SITE}","room":"website"}}"#));
        let (room, name, arrived, _) = page.event().await;
        assert_eq!((room, name.as_str()), (Room::Website, event));
        assert!(arrived == message, "{event} is changed");
    }
    // Without a message (capture r_nomsg), without a room (build_event of the asset watcher).
    redis.publish(format!(r#"{{"event":"no message","namespace":"{SITE}","room":"website"}}"#));
    assert_eq!(page.event().await.2, "null");
    redis.publish(r#"{"event":"build_event","message":{"success":true}}"#);
    assert_eq!(page.event().await.1, "build_event");
    redis.publish(format!(r#"{{"event":"no room","message":1,"namespace":"{SITE}"}}"#));
    assert_eq!(page.event().await.1, "no room");
}

#[tokio::test]
async fn a_hundred_events_at_full_speed_arrive_once_and_in_order() {
    let redis = Redis::start();
    let server = Server::start(&["--redis", &redis.url(), "--site", SITE]);
    redis.wait_for_subscribers(1);
    let mut page = Page::open(&server, &[]).await;
    let publisher = std::thread::spawn(move || {
        for number in 0..100 {
            redis.publish(count(number));
        }
        redis
    });
    for number in 0..100 {
        let (_, _, message, offset) = page.event().await;
        assert_eq!((message, offset), (format!("{{\n  \"count\": {number}\n }}"), number + 1));
    }
    let _redis = publisher.join().expect("no panic");
    page.assert_nothing_waits().await;
}

#[tokio::test]
async fn a_newcomer_in_the_middle_of_a_stream_misses_nothing_wherever_it_starts() {
    let redis = Redis::start();
    let server = Server::start(&["--redis", &redis.url(), "--site", SITE]);
    redis.wait_for_subscribers(1);
    let publisher = std::thread::spawn(move || {
        for number in 1..=2_000 {
            redis.publish(count(number));
        }
        redis
    });
    let mut newcomers = tokio::task::JoinSet::new();
    let server = std::sync::Arc::new(server);
    for newcomer in 0..20 {
        let server = std::sync::Arc::clone(&server);
        newcomers.spawn(async move {
            tokio::time::sleep(Duration::from_millis(newcomer * 7)).await;
            let position: Position = page_start(&server).await.position;
            let mut page = Page::open(&server, &[]).await;
            // What comes before the answer to the join is replayed after it.
            page.say(&realtime::frame::ClientFrame::Join {
                reference: 1,
                room: Room::user("Administrator"),
                since: Some(position.clone()),
                latest: vec![],
                token: None,
            })
            .await;
            loop {
                if let ServerFrame::Joined { recovered, .. } = page.frame().await {
                    assert!(recovered);
                    break;
                }
            }
            for expected in position.offset + 1..=2_000 {
                assert_eq!(page.event().await.3, expected, "after {}", position.offset);
            }
            page.assert_nothing_waits().await;
        });
    }
    while let Some(done) = newcomers.join_next().await {
        done.expect("a newcomer missed something");
    }
    let _redis = publisher.join().expect("no panic");
}
