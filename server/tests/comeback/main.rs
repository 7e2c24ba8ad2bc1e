//! Five thousand pages come back at once, a minute behind, and are whole again in five seconds.
//!
//! The site published 500 events a second for a minute, of which 60 were for each page; all that counts of
//! that minute is how many they were, so here they are published as fast as Redis takes them. Measured is
//! from the first SYN to the last page that has its 60 events, in their order, with server, Redis and
//! pages on the same cores.
//!
//! A debug build is several times slower, so fewer pages come back to it. The full size:
//! `cargo test --release -p server --test comeback`, or a debug test of another binary with
//! `FRAPPE_LIVE_COMEBACK_BINARY=target/release/frappe-live`. `FRAPPE_LIVE_COMEBACK_PAGES` changes the size.

mod page;
mod server;
#[expect(dead_code, reason = "what the integration tests use of it")]
#[path = "../integration/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::page::{Comeback, Task};
use crate::server::{Server, publish};
use crate::support::redis::Redis;

const SITE: &str = "comeback.localhost";
const EVENT: &str = "tick";
/// Events of the minute for each page: 500 a second in all.
const EVENTS_A_ROOM: u64 = 60;
const ROOMS: usize = 500;
/// Events of each room that the pages had seen before the minute.
const SEEN_BEFORE: u64 = 10;

/// How long they may take.
const WITHIN: Duration = Duration::from_secs(5);

/// How many pages come back to this build.
fn pages() -> usize {
    let is_release = !cfg!(debug_assertions) || std::env::var_os("FRAPPE_LIVE_COMEBACK_BINARY").is_some();
    let pages = if is_release { 5_000 } else { 1_000 };
    let asked = std::env::var("FRAPPE_LIVE_COMEBACK_PAGES").ok();
    let asked = asked.map(|text| text.parse().unwrap_or_else(|_| panic!("{text:?} is no number of pages")));
    asked.unwrap_or(pages)
}

fn room(number: usize) -> String {
    format!("lane-{number}")
}

#[tokio::test]
async fn all_pages_come_back_at_once_and_are_whole_again() {
    let pages = pages();
    let redis = Redis::start();
    let server = Server::start(&redis.url());
    redis.wait_for_subscribers(1);
    let rooms: Vec<String> = (0..ROOMS).map(room).collect();
    publish(redis.port, &rooms, 0..SEEN_BEFORE);
    server.wait_for_events(SEEN_BEFORE * ROOMS as u64).await;
    let since = server.position().await;
    assert_eq!(since.offset, SEEN_BEFORE * ROOMS as u64);
    publish(redis.port, &rooms, SEEN_BEFORE..SEEN_BEFORE + EVENTS_A_ROOM);
    server.wait_for_events((SEEN_BEFORE + EVENTS_A_ROOM) * ROOMS as u64).await;

    let cpu_before = server.cpu();
    let began = Instant::now();
    let mut coming = JoinSet::new();
    for number in 0..pages {
        let task = Task { address: server.address(), room: room(number % ROOMS), since: since.clone() };
        coming.spawn(async move { page::come_back(task, SEEN_BEFORE..SEEN_BEFORE + EVENTS_A_ROOM).await });
    }
    let mut comebacks: Vec<Comeback> = coming.join_all().await;
    let cpu = server.cpu().saturating_sub(cpu_before);
    comebacks.sort_by_key(|comeback| comeback.whole);
    let after = |moment: Instant| moment.duration_since(began);
    let last = after(comebacks[pages - 1].whole);
    let connected = comebacks.iter().map(|comeback| after(comeback.connected)).max().expect("there are pages");
    let greeted = comebacks.iter().map(|comeback| after(comeback.greeted)).max().expect("there are pages");
    println!(
        "{pages} pages came back, each to {EVENTS_A_ROOM} of {} events: half were whole after {:.2?}, all after {last:.2?} \
         (all connected after {connected:.2?}, greeted after {greeted:.2?}); the server took {:.3} ms of CPU a page",
        EVENTS_A_ROOM * ROOMS as u64,
        after(comebacks[pages / 2].whole),
        cpu.as_secs_f64() * 1000.0 / f64::from(u32::try_from(pages).expect("not so many")),
    );
    assert!(last <= WITHIN, "{pages} pages took {last:?} to be whole, longer than {WITHIN:?}");
}
