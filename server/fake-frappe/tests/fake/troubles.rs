//! The fake is slow, silent, broken or gone.

use std::time::{Duration, Instant};

use fake_frappe::{ALICE, FakeFrappe, Version};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::support::{ask, cookie, send, try_ask, user_info};

const PING: &str = "GET /api/method/ping";
const USER_INFO: &str = "GET /api/method/frappe.realtime.get_user_info";

async fn until(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(Duration::from_secs(5), wait).await.unwrap_or_else(|_| panic!("waited for {what} in vain"));
}

#[tokio::test]
async fn a_delayed_answer_is_the_one_of_when_it_was_asked() {
    let fake = FakeFrappe::start(Version::V16).await;
    fake.delay(Duration::from_millis(150));
    let session = cookie(&fake.sid_of(ALICE));
    let started = Instant::now();
    let end_meanwhile = async {
        until("the request", || fake.in_flight() == 1).await;
        fake.end_sessions_of(ALICE);
    };
    let (info, ()) = tokio::join!(user_info(&fake, &session), end_meanwhile);
    assert!(started.elapsed() >= Duration::from_millis(150));
    assert_eq!(info.json()["message"]["user"], ALICE);
    fake.behave();
    let started = Instant::now();
    assert_eq!(user_info(&fake, &session).await.json()["session_expired"], 1);
    assert!(started.elapsed() < Duration::from_millis(150));
}

#[tokio::test]
async fn failures_are_for_the_paths_they_are_meant_for() {
    let fake = FakeFrappe::start(Version::V14).await;
    fake.fail("get_user_info", 503);
    assert_eq!(ask(&fake, USER_INFO, &[], "").await.status, 503);
    assert!(ask(&fake, USER_INFO, &[], "").await.body.starts_with("<html>"), "a proxy speaks");
    assert_eq!(ask(&fake, PING, &[], "").await.status, 200);
    fake.fail("", 429);
    assert_eq!(ask(&fake, PING, &[], "").await.status, 429);
    assert!(ask(&fake, PING, &[], "").await.json().is_object(), "Frappe speaks");
    fake.behave();
    assert_eq!(ask(&fake, USER_INFO, &[], "").await.status, 200);
}

#[tokio::test]
async fn a_hanging_request_is_in_flight_until_its_client_leaves() {
    let fake = FakeFrappe::start(Version::V15).await;
    fake.hang("ping");
    let both = async { tokio::join!(try_ask(&fake, PING, &[], ""), try_ask(&fake, PING, &[], "")) };
    assert!(timeout(Duration::from_millis(200), both).await.is_err(), "no answer comes");
    until("the clients' leaving to be seen", || fake.in_flight() == 0).await;
    assert_eq!(fake.most_in_flight(), 2);
    assert_eq!(ask(&fake, USER_INFO, &[], "").await.status, 200, "other paths are answered");
    fake.forget_asked();
    assert_eq!((fake.most_in_flight(), fake.asked().len()), (0, 0));
}

#[tokio::test]
async fn a_closed_connection_is_no_answer() {
    let fake = FakeFrappe::start(Version::V16).await;
    fake.close("ping");
    assert!(try_ask(&fake, PING, &[], "").await.is_none());
    assert_eq!(ask(&fake, USER_INFO, &[], "").await.status, 200);
    assert_eq!(fake.in_flight(), 0);
}

#[tokio::test]
async fn a_stopped_fake_cuts_its_connections_and_leaves_its_address_to_the_next() {
    let fake = FakeFrappe::start(Version::V16).await;
    let address = fake.address();
    fake.hang("");
    let hanging = format!("{PING} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", fake.site());
    let hanging = tokio::spawn(async move { send(address, &hanging).await });
    until("the request", || fake.in_flight() == 1).await;
    fake.stop().await;
    let cut = timeout(Duration::from_secs(5), hanging).await.expect("the connection ends");
    assert!(cut.expect("the task goes on").is_none());
    assert!(TcpStream::connect(address).await.is_err());
    let next = FakeFrappe::start_on(Version::V14, address).await.expect("the address is free");
    assert_eq!(ask(&next, PING, &[], "").await.status, 200);
}

#[tokio::test]
async fn a_dropped_fake_stops() {
    let fake = FakeFrappe::start(Version::V16).await;
    let address = fake.address();
    drop(TcpStream::connect(address).await.expect("it listens"));
    drop(fake);
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    timeout(Duration::from_secs(5), refused).await.expect("it stops listening");
}

#[tokio::test]
async fn it_remembers_what_it_was_asked() {
    let fake = FakeFrappe::start(Version::V16).await;
    ask(&fake, "POST /api/method/ping?a=b", &["X-Odd: 1", "Cookie: a=b", "Cookie: c=d"], "text").await;
    let asked = fake.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].method.as_str(), asked[0].path.as_str()), ("POST", "/api/method/ping?a=b"));
    assert_eq!((asked[0].header("x-odd"), asked[0].header("cookie")), (Some("1"), Some("a=b; c=d")));
    assert_eq!(asked[0].body, "text");
    assert_eq!(asked[0].route(), "/api/method/ping");
}
