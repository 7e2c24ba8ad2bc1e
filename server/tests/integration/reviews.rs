//! After a sign-out, for a disabled user, with a lost role: nothing more arrives, and the page is told.

use fake_frappe::{ALICE, CAROL, Permission, Version};
use futures_util::{SinkExt, StreamExt};
use realtime::close::CloseCode;
use realtime::frame::{Denial, ServerFrame};
use realtime::room::Room;

use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::support::PATIENCE;
use crate::support::beside::{Beside, SYSTEM_USER, Who, join};

const SOON: [&str; 2] = ["--review-seconds", "1"];

#[tokio::test]
async fn after_a_sign_out_nothing_more_arrives() {
    for version in Version::ALL {
        let beside = Beside::start(version, &SOON).await;
        let mut page = beside.connect(SYSTEM_USER).await.expect("Alice");
        assert_eq!(join(&mut page, "doctype:ToDo").await, "joined");
        beside.frappe.end_session(&beside.frappe.sid_of(ALICE));
        assert_eq!(page.close_code().await, CloseCode::SessionExpired.number());
        assert_eq!(beside.redis.publish("{}"), 1, "the server goes on");
        beside.server.wait_for_log("Ended a session");
    }
}

/// A page that never stopped sending was never looked at again, and held the bench's turns.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_floods_the_line_is_sent_away_all_the_same() {
    let beside = Beside::start(Version::V15, &SOON).await;
    let page = beside.connect(SYSTEM_USER).await.expect("Alice");
    let (mut sending, mut reading) = page.socket.split();
    let flood = tokio::spawn(async move { while sending.send(Message::Pong(Bytes::new())).await.is_ok() {} });
    beside.frappe.end_sessions_of(ALICE);
    let closed = async {
        while let Some(Ok(message)) = reading.next().await {
            if let Message::Close(close) = message {
                return close.map(|close| u16::from(close.code));
            }
        }
        None
    };
    let closed = timeout(PATIENCE, closed).await.expect("an end");
    assert_eq!(closed, Some(CloseCode::SessionExpired.number()));
    flood.abort();
}

#[tokio::test]
async fn a_disabled_user_is_sent_away_with_session_and_token() {
    for (who, code) in [(SYSTEM_USER, CloseCode::SessionExpired), (Who::Token(ALICE), CloseCode::Unauthorized)] {
        let beside = Beside::start(Version::V15, &SOON).await;
        let page = beside.connect(who).await.expect("Alice");
        let other = beside.connect(Who::Session(CAROL)).await.expect("Carol");
        beside.frappe.disable(ALICE);
        assert_eq!(page.close_code().await, code.number());
        let mut other = other;
        beside.publish("website", "e");
        assert_eq!(other.event().await.1, "e", "others go on");
    }
}

#[tokio::test]
async fn a_lost_permission_takes_the_room_away_and_no_other() {
    for version in Version::ALL {
        let beside = Beside::start(version, &SOON).await;
        let todo = beside.frappe.todo_of_alice();
        let room = Room::doc("ToDo", &todo);
        let mut page = beside.connect(SYSTEM_USER).await.expect("Alice");
        assert_eq!(join(&mut page, &room.to_string()).await, "joined");
        assert_eq!(join(&mut page, "doctype:ToDo").await, "joined");
        beside.frappe.set_permission(ALICE, "ToDo", &todo, Permission::Deny);
        let lost = page.frame().await;
        let ServerFrame::Denied { reference: None, room: lost, denial } = lost else { panic!("{lost:?}") };
        assert_eq!((lost, denial), (room.clone(), Denial::NotPermitted));
        beside.publish(&room.to_string(), "doc_update");
        beside.publish("doctype:ToDo", "list_update");
        assert_eq!(page.event().await.1, "list_update");
    }
}

#[tokio::test]
async fn who_is_no_longer_a_system_user_leaves_all() {
    let beside = Beside::start(Version::V16, &SOON).await;
    let mut page = beside.connect(SYSTEM_USER).await.expect("Alice");
    beside.frappe.set_user_type(ALICE, "Website User");
    let lost = page.frame().await;
    let ServerFrame::Denied { reference: None, room: Room::Site, denial: Denial::SystemUsersOnly } = lost else {
        panic!("{lost:?}")
    };
    beside.publish("all", "secret");
    beside.publish("website", "news");
    assert_eq!(page.event().await.1, "news");
}

// The fake answers while the test waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bench_that_restarts_sends_nobody_away() {
    let beside = Beside::start(Version::V15, &SOON).await;
    let mut page = beside.connect(SYSTEM_USER).await.expect("Alice");
    beside.frappe.fail("", 502);
    let asked = beside.frappe.asked().len();
    crate::support::wait_for("two looks in vain", || (beside.frappe.asked().len() >= asked + 2).then_some(()));
    beside.publish("website", "e");
    assert_eq!(page.event().await.1, "e");
    beside.frappe.behave();
    beside.frappe.end_sessions_of(ALICE);
    assert_eq!(page.close_code().await, CloseCode::SessionExpired.number());
}

#[tokio::test]
async fn a_hundred_tabs_of_one_session_are_looked_at_once() {
    let beside = Beside::start(Version::V15, &["--review-seconds", "4"]).await;
    let mut pages = Vec::new();
    for _ in 0..50 {
        pages.push(beside.connect(SYSTEM_USER).await.expect("Alice"));
    }
    beside.frappe.forget_asked();
    beside.frappe.end_sessions_of(ALICE);
    for page in pages {
        assert_eq!(page.close_code().await, CloseCode::SessionExpired.number());
    }
    let asked = beside.frappe.asked().len();
    assert!(asked <= 3, "{asked} questions for one session");
}
