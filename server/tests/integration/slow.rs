//! Pages that stop reading.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use realtime::frame::ServerFrame;
use realtime::position::Position;
use realtime::room::Room;
use tokio::time::timeout;

use crate::support::PATIENCE;
use crate::support::browser::get;
use crate::support::page::Page;
use crate::support::redis::Redis;
use crate::support::server::Server;

const SITE: &str = "rt15.localhost";
const READERS: usize = 40;
const EVENT_BYTES: usize = 60_000;
const EVENTS: usize = 5000;

/// Waits until the server has taken this many events.
async fn wait_for_events(server: &Server, count: usize) {
    let began = Instant::now();
    loop {
        let body: serde_json::Value = serde_json::from_str(&get(server, "/live/readyz", &[]).await.body).expect("JSON");
        if body["events"]["accepted"] == count {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{body}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn payload(room: &str, number: usize, bytes: usize) -> String {
    let filling = "x".repeat(bytes);
    format!(r#"{{"event":"e","message":"{number} {filling}","namespace":"{SITE}","room":"{room}"}}"#)
}

/// With the frames of a flood kept for each reader that does not read, 300 MB would stay.
#[tokio::test(flavor = "multi_thread")]
async fn readers_that_do_not_read_hold_no_memory() {
    let redis = Redis::start();
    let args = ["--redis", &redis.url(), "--site", SITE, "--queue-bytes", "4000000", "--history-bytes", "8000000"];
    let server = Server::start(&args);
    redis.wait_for_subscribers(1);
    let readers = join_all((0..READERS).map(|_| Page::open(&server, &[]))).await;
    let before = server.memory();
    let mut most = 0;
    for number in 1..=EVENTS {
        redis.publish(payload("website", number, EVENT_BYTES));
        // At the server's pace: what waits between Redis and the server is another matter.
        if number % 50 == 0 {
            wait_for_events(&server, number).await;
            most = most.max(server.memory());
        }
    }
    let grown = most.saturating_sub(before) >> 20;
    println!("{READERS} readers that do not read under 300 MB of events: {grown} MiB more");
    assert!(grown < 100, "{grown} MiB");
    let codes = join_all(readers.into_iter().map(Page::close_code)).await;
    assert!(codes.iter().all(|code| *code == 4000), "{codes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_closed_as_slow_comes_back_and_misses_nothing() {
    let redis = Redis::start();
    let args = ["--redis", &redis.url(), "--site", SITE, "--queue-bytes", "4000000", "--queue-frames", "100"];
    let server = Server::start(&args);
    redis.wait_for_subscribers(1);
    let mut page = Page::open(&server, &[]).await;
    let ServerFrame::Joined { position, .. } = page.join(Room::Website, None, &[]).await else { panic!("not joined") };
    for number in 0..700 {
        redis.publish(payload("website", number, EVENT_BYTES));
    }
    wait_for_events(&server, 700).await;
    let mut read = Vec::new();
    let code = loop {
        match page.frame().await {
            ServerFrame::Event { offset: Some(offset), .. } => read.push(offset),
            ServerFrame::Bye { code, .. } => break code,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code.word(), "slow");
    let reached = read.len() as u64;
    assert!(reached < 700);
    let mut page = Page::open(&server, &[]).await;
    let since = Position::new(position.epoch, reached);
    let joined = page.join(Room::Website, Some(since), &[]).await;
    assert!(matches!(joined, ServerFrame::Joined { recovered: true, .. }), "{joined:?}");
    redis.publish(payload("website", 700, 10));
    while read.len() < 701 {
        read.push(page.event().await.3);
    }
    assert_eq!(read, (1..=701).collect::<Vec<_>>());
    page.assert_nothing_waits().await;
}

/// A phone on a train needs to know how far the task is now, not each percent that it was.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_tasks_progress_a_slow_page_gets_the_newest() {
    let redis = Redis::start();
    let args = ["--redis", &redis.url(), "--site", SITE, "--queue-frames", "100", "--open-tasks"];
    let server = Server::start(&args);
    redis.wait_for_subscribers(1);
    let mut page = Page::open(&server, &[]).await;
    assert!(matches!(page.join(Room::task("t"), None, &[]).await, ServerFrame::Joined { .. }));
    for number in 0..700 {
        redis.publish(payload("task_progress:t", number, EVENT_BYTES).replace(r#""e""#, r#""progress""#));
    }
    redis.publish(payload("task_progress:t", 0, 10).replace(r#""e""#, r#""done""#));
    // A page that reads at once would get all of them.
    wait_for_events(&server, 701).await;
    let (mut read, mut last) = (Vec::new(), String::new());
    while last != "done" {
        let (_, event, _, offset) = timeout(Duration::from_secs(30), page.event()).await.expect("in time");
        last = event;
        read.push(offset);
    }
    assert!(read.is_sorted(), "{read:?}");
    assert!(read.len() < 700, "{} came", read.len());
    assert_eq!(read[read.len() - 2..], [700, 701]);
    page.assert_nothing_waits().await;
}
