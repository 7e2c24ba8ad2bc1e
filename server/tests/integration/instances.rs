//! Several servers on one Redis: a position of one is honoured by the others, and pages reach each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use realtime::frame::{ClientFrame, ServerFrame};
use realtime::position::Position;
use realtime::room::Room;
use tokio_tungstenite::tungstenite::Message;

use crate::bridge::{SITE, count, get, page_start, wait_for_events};
use crate::support::page::Page;
use crate::support::redis::{Redis, free_port};
use crate::support::server::Server;
use crate::support::wait_for;

fn start(redis: &Redis) -> Server {
    Server::start(&["--redis", &redis.url(), "--site", SITE])
}

fn me() -> Room {
    Room::user("Administrator")
}

async fn position(server: &Server) -> Position {
    page_start(server).await.position
}

/// Waits until both are at one position. Returns it.
async fn wait_until_equal(first: &Server, second: &Server) -> Position {
    let deadline = tokio::time::Instant::now() + crate::support::PATIENCE;
    loop {
        let positions = (position(first).await, position(second).await);
        if positions.0 == positions.1 {
            return positions.0;
        }
        assert!(tokio::time::Instant::now() < deadline, "{positions:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A page with this position comes to a server, which has taken all events: it gets those after the position, each
/// once and in order.
async fn assert_recovers(server: &Server, since: &Position, expected: impl IntoIterator<Item = u64>) {
    let mut page = Page::open(server, &[]).await;
    let answer = page.join(me(), Some(since.clone()), &[]).await;
    assert!(matches!(answer, ServerFrame::Joined { recovered: true, .. }), "{since:?}: {answer:?}");
    for number in expected {
        assert_eq!(page.event().await.2, format!("{{\n  \"count\": {number}\n }}"));
    }
    page.assert_nothing_waits().await;
}

async fn assert_source(page: &mut Page, expected: bool) {
    let frame = page.frame().await;
    assert!(matches!(frame, ServerFrame::Source { connected } if connected == expected), "{frame:?}");
}

/// The gap of each automatic room, and nothing else. Returns the position.
async fn gaps(page: &mut Page) -> Position {
    let mut last = None;
    for _ in 0..page.rooms.len() {
        let frame = page.frame().await;
        let ServerFrame::Gap { position, .. } = frame else { panic!("{frame:?}") };
        assert!(last.is_none_or(|last| last == position));
        last = Some(position);
    }
    page.assert_nothing_waits().await;
    last.expect("a page has rooms")
}

#[tokio::test]
async fn a_page_goes_on_at_the_other_server_whenever_that_came() {
    let redis = Redis::start();
    let first = start(&redis);
    for number in 1..=3 {
        redis.publish(count(number));
    }
    wait_for_events(&first, 3).await;
    let second = start(&redis);
    redis.wait_for_subscribers(2);
    assert_eq!(wait_until_equal(&first, &second).await.offset, 3);
    let mut pages = [Page::open(&first, &[]).await, Page::open(&second, &[]).await];
    for number in 4..=8 {
        redis.publish(count(number));
        for page in &mut pages {
            assert_eq!(page.event().await.3, number, "both give it the same number");
        }
    }
    let epoch = position(&first).await.epoch;
    assert_recovers(&second, &Position::new(epoch.clone(), 5), 6..=8).await;
    assert_recovers(&first, &Position::new(epoch.clone(), 5), 6..=8).await;
    assert_recovers(&second, &Position::new(epoch.clone(), 3), 4..=8).await;
    let mut early = Page::open(&second, &[]).await;
    let answer = early.join(me(), Some(Position::new(epoch.clone(), 2)), &[]).await;
    assert!(matches!(answer, ServerFrame::Joined { recovered: false, .. }), "it did not hear that: {answer:?}");

    // Killed, without a word to anybody.
    drop(first);
    redis.wait_for_subscribers(1);
    redis.publish(count(9));
    wait_for_events(&second, 6).await;
    assert_recovers(&second, &Position::new(epoch, 7), 8..=9).await;
}

#[tokio::test]
async fn servers_that_start_at_once_number_alike() {
    let redis = Redis::start();
    let (first, second) = std::thread::scope(|scope| {
        let second = scope.spawn(|| start(&redis));
        (start(&redis), second.join().expect("no panic"))
    });
    redis.wait_for_subscribers(2);
    wait_until_equal(&first, &second).await;
    redis.publish(count(1));
    redis.publish(count(2));
    for server in [&first, &second] {
        wait_for_events(server, 2).await;
    }
    let head = wait_until_equal(&first, &second).await;
    for server in [&first, &second] {
        assert_recovers(server, &Position::new(head.epoch.clone(), head.offset - 1), [2]).await;
    }
}

#[tokio::test]
async fn a_server_whose_line_is_cut_comes_back_to_the_same_numbers() {
    let redis = Redis::start();
    let cut = start(&redis);
    let other = start(&redis);
    redis.wait_for_subscribers(2);
    let (mut of_cut, mut of_other) = (Page::open(&cut, &[]).await, Page::open(&other, &[]).await);
    redis.publish(count(1));
    assert_eq!((of_cut.event().await.3, of_other.event().await.3), (1, 1));
    let before = position(&other).await;

    redis.kill_the_oldest_subscriber();
    redis.publish(count(2));
    assert_eq!(of_other.event().await.3, 2);
    assert_source(&mut of_cut, false).await;
    assert_source(&mut of_cut, true).await;
    let after = gaps(&mut of_cut).await;
    assert_eq!(after.epoch, before.epoch, "the count goes on");
    of_other.assert_nothing_waits().await;
    redis.publish(count(3));
    let (_, _, _, number) = of_cut.event().await;
    assert_eq!((number, of_other.event().await.3), (3, 3));
    assert_recovers(&other, &after, (after.offset + 1)..=3).await;
    assert_recovers(&cut, &Position::new(before.epoch.clone(), 2), [3]).await;
    assert_recovers(&other, &before, 2..=3).await;
}

/// A server that came back while Redis was only slow did not ask how the others number, and numbered alone.
#[tokio::test]
async fn after_a_redis_that_was_only_slow_all_servers_are_of_one_epoch() {
    let redis = Redis::start();
    let servers = [start(&redis), start(&redis)];
    redis.wait_for_subscribers(2);
    let mut pages = [Page::open(&servers[0], &[]).await, Page::open(&servers[1], &[]).await];
    redis.pause();
    for (server, page) in servers.iter().zip(&mut pages) {
        assert_source(page, false).await;
        // The line is given up, and then an attempt to have another one.
        wait_for("a second complaint", || (server.log().matches("No events from Redis").count() > 1).then_some(()));
    }
    // Not before the next attempt has begun, and its first question has waited long enough.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    redis.go_on();
    for page in &mut pages {
        assert_source(page, true).await;
        gaps(page).await;
    }
    let after = wait_until_equal(&servers[0], &servers[1]).await;
    redis.publish(count(1));
    for server in &servers {
        wait_for_events(server, 1).await;
        assert_recovers(server, &after, [1]).await;
    }
}

#[tokio::test]
async fn after_a_restart_of_redis_all_servers_are_of_one_epoch() {
    let mut redis = Redis::start();
    let servers = [start(&redis), start(&redis), start(&redis)];
    redis.wait_for_subscribers(3);
    let mut pages = Vec::new();
    for server in &servers {
        pages.push(Page::open(server, &[]).await);
    }
    let before = wait_until_equal(&servers[0], &servers[1]).await;
    redis.kill();
    for page in &mut pages {
        assert_source(page, false).await;
    }
    let redis = redis.restart();
    for page in &mut pages {
        assert_source(page, true).await;
        assert_ne!(gaps(page).await.epoch, before.epoch);
    }
    let after = wait_until_equal(&servers[0], &servers[1]).await;
    assert_eq!(wait_until_equal(&servers[1], &servers[2]).await, after);
    redis.publish(count(1));
    for page in &mut pages {
        assert_eq!(page.event().await.3, after.offset + 1);
    }
    for server in &servers {
        assert_recovers(server, &after, [1]).await;
    }
}

/// Reads until the server has said good-bye. Returns the numbers of the events that came before.
async fn read_to_the_end(page: &mut Page) -> Vec<u64> {
    use futures_util::StreamExt;
    let mut numbers = Vec::new();
    while let Some(Ok(message)) = page.socket.next().await {
        let Message::Text(text) = message else { continue };
        if let Ok(ServerFrame::Event { offset: Some(offset), .. }) = ServerFrame::parse(&text) {
            numbers.push(offset);
        }
    }
    numbers
}

#[tokio::test]
async fn servers_are_exchanged_one_by_one_and_a_page_misses_nothing() {
    let redis = Redis::start();
    let mut servers = [start(&redis), start(&redis)];
    redis.wait_for_subscribers(2);
    let epoch = wait_until_equal(&servers[0], &servers[1]).await.epoch;
    let (redis, has_to_stop) = (Arc::new(redis), Arc::new(AtomicBool::new(false)));
    let publisher = std::thread::spawn({
        let (redis, has_to_stop) = (Arc::clone(&redis), Arc::clone(&has_to_stop));
        move || {
            let mut number = 0;
            while !has_to_stop.load(Ordering::Relaxed) {
                number += 1;
                redis.publish(count(number));
            }
        }
    });
    let mut seen = 0;
    for round in 0..4 {
        let at = round % 2;
        let mut page = Page::open(&servers[at], &[]).await;
        // What comes before the answer comes again after it.
        let since = Some(Position::new(epoch.clone(), seen));
        page.say(&ClientFrame::Join { reference: 1, room: me(), since, latest: vec![], token: None }).await;
        loop {
            if let ServerFrame::Joined { recovered, .. } = page.frame().await {
                assert!(recovered, "round {round}, after {seen}");
                break;
            }
        }
        // The other server, which was exchanged, must have heard what this page has not read yet.
        let other = position(&servers[1 - at]).await;
        assert_eq!(other.epoch, epoch);
        while seen < other.offset {
            seen += 1;
            assert_eq!(page.event().await.3, seen);
        }
        servers[at].signal("TERM");
        for number in read_to_the_end(&mut page).await {
            seen += 1;
            assert_eq!(number, seen, "round {round}");
        }
        servers[at] = start(&redis);
    }
    has_to_stop.store(true, Ordering::Relaxed);
    publisher.join().expect("no panic");
}

#[tokio::test]
async fn what_a_page_emits_reaches_the_pages_of_all_servers_once() {
    let redis = Redis::start();
    let (here, there) = (start(&redis), start(&redis));
    redis.wait_for_subscribers(2);
    let mut from = Page::open(&here, &[]).await;
    let mut others = [Page::open(&here, &[]).await, Page::open(&there, &[]).await, Page::open(&there, &[]).await];
    let message = serde_json::value::to_raw_value(&5).expect("JSON");
    from.say(&ClientFrame::Emit { reference: 7, room: Some(Room::Website), event: "cursor".into(), message }).await;
    let answer = from.frame().await;
    assert!(matches!(answer, ServerFrame::Ok { reference: Some(7), .. }), "{answer:?}");
    for page in &mut others {
        let frame = page.frame().await;
        let ServerFrame::Emitted { room, event, user, message } = frame else { panic!("{frame:?}") };
        assert_eq!(
            (room, event.as_str(), user.as_str(), message.get()),
            (Room::Website, "cursor", "Administrator", "5")
        );
    }
    // After all that was on its way.
    redis.publish(count(1));
    for page in others.iter_mut().chain([&mut from]) {
        assert_eq!(page.event().await.1, "count");
        page.assert_nothing_waits().await;
    }
}

#[tokio::test]
async fn whatever_is_said_on_the_own_channel_servers_go_on() {
    let redis = Redis::start();
    let (first, second) = (start(&redis), start(&redis));
    redis.wait_for_subscribers(2);
    let mut page = Page::open(&first, &[]).await;
    let before = wait_until_equal(&first, &second).await;
    let huge = format!(r#"{{"kind":"mark","mark":"{}","numbering":"n"}}"#, "x".repeat(3 << 20));
    let garbage: [&[u8]; 8] = [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[[[[",
        huge.as_bytes(),
        br#"{"kind":"mark","mark":"m","numbering":"other"}"#,
        br#"{"kind":"answer","mark":"m","numbering":"n","sites":{"rt15.localhost":["e",18446744073709551615]}}"#,
        br#"{"kind":"told","instance":"i","site":"rt15.localhost","connection":1,"frame":{"type":"bye","code":"restart"}}"#,
    ];
    for payload in garbage {
        assert_eq!(redis.publish_on("frappe_live", payload), 2);
    }
    redis.publish(count(1));
    assert_eq!(page.event().await.3, before.offset + 1);
    assert_eq!(wait_until_equal(&first, &second).await, Position::new(before.epoch, before.offset + 1));
    let log = first.log();
    assert_eq!(log.lines().filter(|line| line.contains("not understood")).count(), 1, "{log}");
}

#[tokio::test]
async fn where_redis_allows_only_frappes_channel_a_server_numbers_by_itself() {
    let redis = Redis::start();
    assert_eq!(redis.execute("ACL SETUSER limited on >secret resetchannels &events +@all -info"), "+OK");
    let url = redis.url().replace("redis://", "redis://limited:secret@");
    let server = Server::start(&["--redis", &url, "--site", SITE]);
    redis.wait_for_subscribers(1);
    let mut page = Page::open(&server, &[]).await;
    redis.publish(count(1));
    assert_eq!(page.event().await.1, "count");
    let log = server.log();
    assert!(log.contains("refused the channel frappe_live") && log.contains("refused INFO"), "{log}");
    assert!(!log.contains("secret"), "{log}");
}

#[tokio::test]
async fn of_two_redis_the_one_that_lives_is_enough_from_the_start() {
    let (redis, absent) = (Redis::start(), format!("redis://127.0.0.1:{}", free_port()));
    let server = Server::start(&["--redis", &absent, "--redis", &redis.url(), "--site", SITE]);
    redis.wait_for_subscribers(1);
    let mut page = Page::open(&server, &[]).await;
    page.assert_nothing_waits().await;
    redis.publish(count(1));
    assert_eq!(page.event().await.3, 1);
    assert_eq!(get(&server, "/live/readyz").await.0, 503, "one is missing");
    wait_for("the log to name it", || server.log().contains(&absent).then_some(()));
}
