//! A server that stops: what is said to its pages, and what is not lost.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::join_all;
use realtime::frame::{ClientFrame, ServerFrame};
use realtime::position::Position;
use realtime::room::Room;

use crate::support::page::Page;
use crate::support::poller::{Poller, offsets};
use crate::support::redis::Redis;
use crate::support::server::Server;

const SITE: &str = "rt15.localhost";
const PAGES: usize = 200;

fn start(redis: &Redis) -> Server {
    Server::start(&["--redis", &redis.url(), "--site", SITE, "--max-connections-per-user", "1000"])
}

fn publish(redis: &Redis, number: u64) {
    redis.publish(format!(r#"{{"event":"e","message":{number},"namespace":"{SITE}","room":"website"}}"#));
}

/// The offsets of the events until `bye`, when to come back, and how far everything was told.
async fn until_bye(page: &mut Page) -> (Vec<u64>, u64, Position) {
    let mut read = Vec::new();
    loop {
        match page.frame().await {
            ServerFrame::Event { offset: Some(offset), .. } => read.push(offset),
            ServerFrame::Bye { after: Some(after), position: Some(position), .. } => return (read, after, position),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_told_everything_and_then_when_to_come_back() {
    let redis = Redis::start();
    let mut server = start(&redis);
    redis.wait_for_subscribers(1);
    let mut pages = join_all((0..PAGES).map(|_| Page::open(&server, &[]))).await;
    let mut poller = Poller::new(&server, &[]);
    poller.begin(&[Room::Website]).await;
    let polls = tokio::spawn(async move {
        let (mut read, mut is_over) = (Vec::new(), false);
        while !is_over {
            // Between two polls nobody is told, and the next finds nobody.
            let Ok(frames) = poller.try_poll(&[]).await else { break };
            read.extend(offsets(&frames));
            is_over = matches!(frames.last(), Some(ServerFrame::Bye { after: Some(_), position: Some(_), .. }));
        }
        (read, poller)
    });
    let publishing = tokio::task::spawn_blocking(move || {
        (1..=500).for_each(|number| publish(&redis, number));
        redis
    });
    // In the middle of it.
    while !matches!(pages[0].frame().await, ServerFrame::Event { offset: Some(100), .. }) {}
    server.signal("TERM");
    let mut told = join_all(pages.iter_mut().map(until_bye)).await;
    let (read, poller) = polls.await.expect("no panic");
    for (read, _, position) in &mut told {
        let first = read.first().copied().unwrap_or(position.offset + 1);
        assert!(first == 1 || first == 101, "{first}");
        assert_eq!(*read, (first..=position.offset).collect::<Vec<_>>(), "all before the bye, and nothing after it");
    }
    assert_eq!(read, (1..=poller.inside[&Room::Website].offset).collect::<Vec<_>>());
    let afters: HashSet<u64> = told.iter().map(|(_, after, _)| *after).collect();
    assert!(afters.len() >= PAGES - 1, "each at another time: {afters:?}");
    assert!(afters.iter().all(|after| *after < 1000), "{afters:?}");
    for page in &mut pages {
        while let Some(Ok(_)) = page.socket.next().await {}
    }
    drop(pages);
    assert_eq!(server.wait(), Some(0));
    assert!(server.log().contains("every page has read all"), "{}", server.log());
    drop(publishing.await.expect("no panic"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_does_not_go_is_cut_and_counted() {
    let redis = Redis::start();
    let mut server = start(&redis);
    redis.wait_for_subscribers(1);
    let pages = join_all((0..3).map(|_| Page::open(&server, &[]))).await;
    let began = Instant::now();
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert!(server.log().contains("3 connections were cut"), "{}", server.log());
    drop(pages);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_twice_does_not_wait() {
    let redis = Redis::start();
    let mut server = start(&redis);
    let mut page = Page::open(&server, &[]).await;
    page.say(&ClientFrame::Ping { reference: None }).await;
    let began = Instant::now();
    server.signal("TERM");
    server.wait_for_log("Stopping");
    assert!(tokio::net::TcpStream::connect(server.address()).await.is_err(), "nobody new comes in");
    server.signal("INT");
    assert_eq!(server.wait(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    drop(page);
}
