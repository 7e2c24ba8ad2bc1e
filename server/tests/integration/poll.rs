//! Pages without a socket.

use std::time::{Duration, Instant};

use fake_frappe::Version;
use realtime::frame::{ClientFrame, Denial, PollRequest, ServerFrame};
use realtime::room::Room;

use crate::support::beside::{Beside, SYSTEM_USER, Who};
use crate::support::browser::{JANE, post};
use crate::support::poller::{Poller, join, offsets, only_bye, request};
use crate::support::redis::Redis;
use crate::support::server::Server;

const SITE: &str = "rt15.localhost";

fn start(redis: &Redis, args: &[&str]) -> Server {
    let url = redis.url();
    Server::start(&[&["--redis", &url, "--site", SITE, "--log-level", "debug"], args].concat())
}

fn publish(redis: &Redis, room: &str, number: usize) {
    redis.publish(format!(r#"{{"event":"e","message":{number},"namespace":"{SITE}","room":"{room}"}}"#));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_polls_is_woken_and_comes_back_to_what_it_missed() {
    let redis = Redis::start();
    let server = start(&redis, &[]);
    redis.wait_for_subscribers(1);
    let mut jane = Poller::new(&server, &JANE);
    let mut other = Poller::new(&server, &[]);
    assert_eq!(jane.begin(&[Room::Website, Room::user("jane@example.com")]).await, "jane@example.com");
    assert_eq!(other.begin(&[Room::Website]).await, "Administrator");

    let mut waiting = jane.clone();
    let waits = tokio::spawn(async move { (waiting.poll(&[]).await, waiting) });
    let began = Instant::now();
    publish(&redis, "user:jane@example.com", 1);
    let (frames, mut jane) = waits.await.expect("no panic");
    assert_eq!(offsets(&frames), [1]);
    assert!(began.elapsed() < Duration::from_secs(10), "woken: {:?}", began.elapsed());

    publish(&redis, "website", 2);
    publish(&redis, "user:jane@example.com", 3);
    let mut read = Vec::new();
    while read.len() < 2 {
        let frames = jane.poll(&[]).await;
        assert!(!frames.iter().any(|frame| matches!(frame, ServerFrame::Joined { .. })), "{frames:?}");
        read.extend(offsets(&frames));
    }
    read.sort_unstable();
    assert_eq!(read, [2, 3]);
    assert_eq!(offsets(&other.poll(&[]).await), [2], "what is Jane's is Jane's");

    let frames = jane.poll(&[join(&Room::user("ravi@example.com"))]).await;
    assert!(
        matches!(frames[0], ServerFrame::Denied { reference: Some(7), denial: Denial::NotYours, .. }),
        "{frames:?}"
    );
    let frames = jane.poll(&[ClientFrame::Ping { reference: Some(1) }]).await;
    assert!(matches!(frames[0], ServerFrame::Ok { reference: Some(1), .. }), "{frames:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_events_come_once_and_in_order_while_they_are_published() {
    let redis = Redis::start();
    let server = start(&redis, &["--queue-frames", "100"]);
    redis.wait_for_subscribers(1);
    let mut page = Poller::new(&server, &[]);
    page.begin(&[Room::Website, Room::Site]).await;
    let publishing = tokio::task::spawn_blocking(move || {
        for number in 0..1000 {
            publish(&redis, ["website", "all"][number % 2], number);
        }
        redis
    });
    let (mut read, mut polls) = (Vec::new(), 0);
    while read.len() < 1000 {
        let frames = page.poll(&[]).await;
        for room in [Room::Website, Room::Site] {
            let of_room =
                frames.iter().filter(|frame| matches!(frame, ServerFrame::Event { room: of, .. } if *of == room));
            let of_room: Vec<ServerFrame> = of_room.cloned().collect();
            assert!(offsets(&of_room).is_sorted(), "{frames:?}");
        }
        read.extend(offsets(&frames));
        polls += 1;
    }
    drop(publishing.await.expect("no panic"));
    read.sort_unstable();
    assert_eq!(read, (1..=1000).collect::<Vec<_>>());
    assert!(polls < 500, "bursts come together: {polls} polls");
}

#[tokio::test]
async fn any_server_answers_a_poll() {
    let redis = Redis::start();
    let (first, second) = (start(&redis, &[]), start(&redis, &[]));
    redis.wait_for_subscribers(2);
    let mut page = Poller::new(&first, &[]);
    page.begin(&[Room::Website]).await;
    publish(&redis, "website", 1);
    page.hop(&second);
    let frames = page.poll(&[]).await;
    let is_whole = offsets(&frames) == [1];
    let is_told = matches!(frames[0], ServerFrame::Joined { recovered: false, .. });
    assert!(is_whole || is_told, "nothing is lost in silence: {frames:?}");
    publish(&redis, "website", 2);
    assert_eq!(offsets(&page.poll(&[]).await).len(), 1);
}

#[tokio::test]
async fn who_is_nobody_any_more_is_told_why() {
    let beside = Beside::start(Version::V15, &[]).await;
    for (who, word) in [(Who::Expired, "session_expired"), (Who::BadToken, "unauthorized")] {
        let (name, value) = beside.header_of(who).expect("a header");
        assert_eq!(only_bye(&Poller::new(&beside.server, &[(name, &value)]).poll(&[]).await), word);
    }
    let mut elsewhere = Poller::new(&beside.server, &[("host", "nowhere.example")]);
    assert_eq!(only_bye(&elsewhere.poll(&[]).await), "unknown_site");
    let mut guest = Poller::new(&beside.server, &[]);
    assert_eq!(guest.begin(&[Room::Website]).await, "Guest");
}

#[tokio::test]
async fn frappe_is_asked_about_a_polling_pages_rooms() {
    let beside = Beside::start(Version::V16, &["--answer-seconds", "0"]).await;
    let mut pages = Vec::new();
    for who in [SYSTEM_USER, Who::Guest] {
        let header = beside.header_of(who);
        let headers: Vec<(&str, &str)> = header.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut page = Poller::new(&beside.server, &headers);
        page.poll(&[]).await;
        let frames = page.poll(&[join(&Room::doctype("ToDo"))]).await;
        pages.push((page, frames));
    }
    assert!(matches!(pages[0].1[0], ServerFrame::Joined { .. }), "{:?}", pages[0].1);
    assert!(matches!(pages[1].1[0], ServerFrame::Denied { .. }), "{:?}", pages[1].1);
    let (mut page, _) = pages.remove(0);
    beside.publish("doctype:ToDo", "list_update");
    assert_eq!(offsets(&page.poll(&[]).await), [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_out_ends_a_poll_that_waits() {
    let beside = Beside::start(Version::V15, &[]).await;
    let (name, value) = beside.header_of(SYSTEM_USER).expect("a header");
    let mut page = Poller::new(&beside.server, &[(name, &value)]);
    page.begin(&[Room::Website]).await;
    let before = beside.server.log().matches("Polled.").count();
    let waits = tokio::spawn(async move { page.poll(&[]).await });
    crate::support::wait_for("the poll", || (beside.server.log().matches("Polled.").count() > before).then_some(()));
    let began = Instant::now();
    assert_eq!(post(&beside.server, "/live/logout", "", &[(name, &value)]).await.status, 303);
    assert_eq!(only_bye(&waits.await.expect("no panic")), "session_expired");
    assert!(began.elapsed() < Duration::from_secs(10), "at once: {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_takes_a_place_until_it_ends_or_its_page_hangs_up() {
    let redis = Redis::start();
    let server = start(&redis, &["--max-connections-per-user", "1"]);
    let mut page = Poller::new(&server, &JANE);
    page.begin(&[Room::Website]).await;
    let before = server.log().matches("Polled.").count();
    let mut waiting = page.clone();
    let waits = tokio::spawn(async move { waiting.poll(&[]).await });
    crate::support::wait_for("the poll", || (server.log().matches("Polled.").count() > before).then_some(()));
    assert_eq!(only_bye(&page.poll(&[]).await), "too_many_connections");
    waits.abort();
    let began = Instant::now();
    while matches!(page.poll(&[ClientFrame::Ping { reference: None }]).await[..], [ServerFrame::Bye { .. }]) {
        assert!(began.elapsed() < Duration::from_secs(10), "its place is free soon");
    }
}

#[tokio::test]
async fn joins_are_as_many_a_second_as_on_a_socket() {
    let redis = Redis::start();
    let server = start(&redis, &["--max-joins-per-second", "5"]);
    let mut page = Poller::new(&server, &[]);
    page.poll(&[]).await;
    let mut denied = 0;
    let began = Instant::now();
    for _ in 0..20 {
        let frames = page.poll(&[join(&Room::Website)]).await;
        denied += usize::from(matches!(frames[0], ServerFrame::Denied { denial: Denial::TooFast, .. }));
        // A denial takes the room away from this page.
        page.inside.clear();
    }
    let most = 5 + usize::try_from(5 * (began.elapsed().as_secs() + 1)).expect("few");
    assert!(denied >= 20_usize.saturating_sub(most), "{denied} were denied in {:?}", began.elapsed());
}

#[tokio::test]
async fn a_bad_request_is_said_to_be_one() {
    let server = Server::start(&["--max-rooms", "3"]);
    let post = async |headers: &[(&str, &str)], body: String| {
        let answer = request(&server, headers).body(body).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    };
    let join = join(&Room::Website).encode();
    let with = |standing: usize, frames: usize| {
        let (standing, frames) = (vec![join.clone(); standing], vec![join.clone(); frames]);
        PollRequest { page: "p".to_owned(), standing, frames, ..PollRequest::default() }.encode()
    };
    for (body, word) in [
        (String::new(), "not a JSON object"),
        ("[]".to_owned(), "not a JSON object"),
        ("{}".to_owned(), "\"page\""),
        (r#"{"page":"p","frames":{}}"#.to_owned(), "\"frames\""),
        (r#"{"page":"p","standing":[{"type":"ping"}]}"#.to_owned(), "Only join and open"),
        (with(4, 0), "at most 3 rooms"),
        (with(0, 201), "at most 200 frames"),
    ] {
        let (status, sentence) = post(&[], body.clone()).await;
        assert!(status == 400 && sentence.contains(word), "{body}: {status} {sentence}");
    }
    assert_eq!(post(&[], "x".repeat((1 << 20) + 1)).await.0, 413);
    assert_eq!(post(&[("origin", "https://evil.example")], with(1, 0)).await.0, 403);
    assert_eq!(post(&[("sec-fetch-site", "cross-site")], with(1, 0)).await.0, 403);
    let token = format!("token {}", "x".repeat(9000));
    assert_eq!(post(&[("authorization", &token)], with(1, 0)).await.0, 431);
    for method in [reqwest::Method::GET, reqwest::Method::PUT, reqwest::Method::DELETE] {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let answer = client.request(method.clone(), server.url("/live/poll")).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 405, "{method}");
    }
}
