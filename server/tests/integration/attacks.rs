//! What somebody might try who should not.

use std::time::{Duration, Instant};

use fake_frappe::{ADMINISTRATOR, ALICE, FakeFrappe, Version};
use realtime::close::CloseCode;
use realtime::frame::{ClientFrame, Denial, ServerFrame};
use realtime::room::Room;
use tokio_tungstenite::tungstenite::Message;

use crate::support::beside::{Beside, SYSTEM_USER, Who, join};
use crate::support::page::{Page, open};
use crate::support::server::Server;

#[tokio::test]
async fn rooms_of_others_and_of_other_sites_stay_closed() {
    let beside = Beside::start(Version::V15, &["--site", "other.localhost"]).await;
    let mut guest = beside.connect(Who::Guest).await.expect("a guest");
    for (room, answer) in [
        ("user:Administrator", "denied not_yours"),
        ("all", "denied system_users_only"),
        ("other.localhost:all", "denied no_rule"),
        ("other.localhost:user:Guest", "denied no_rule"),
        ("/other.localhost/website", "denied no_rule"),
        ("website ", "denied no_rule"),
        ("WEBSITE", "denied no_rule"),
        ("*", "denied no_rule"),
        ("user:*", "denied not_yours"),
        ("task_progress:1", "denied task_not_given"),
    ] {
        assert_eq!(join(&mut guest, room).await, answer, "{room}");
    }
    let payload = r#"{"event":"e","message":1,"namespace":"other.localhost","room":"website"}"#;
    beside.redis.publish(payload);
    beside.publish("all", "e");
    beside.publish("user:Administrator", "e");
    guest.assert_nothing_waits().await;
}

#[tokio::test]
async fn nobody_is_somebody_else_by_a_header() {
    let evil = FakeFrappe::start(Version::V15).await;
    let beside = Beside::start(Version::V15, &[]).await;
    let evil_host = evil.address().to_string();
    let evil_url = evil.url();
    for (name, value) in [
        ("x-frappe-site-name", evil_host.as_str()),
        ("x-forwarded-host", &evil_host),
        ("x-forwarded-proto", "https"),
        ("forwarded", "host=evil.example"),
        ("x-frappe-user", ADMINISTRATOR),
        ("x-frappe-socket-secret", "guess"),
        ("x-real-ip", "127.0.0.1"),
    ] {
        let page = Page::open(&beside.server, &[(name, value)]).await;
        assert_eq!(page.user, "Guest", "{name}");
    }
    assert!(open(&beside.server, &[("origin", &evil_url)]).await.is_err(), "another origin");
    assert!(open(&beside.server, &[("sec-fetch-site", "cross-site")]).await.is_err(), "another site's page");
    assert!(evil.asked().is_empty(), "the evil server was never asked");
}

/// A room's name with a line break stood in the log as a line of its own.
#[tokio::test]
async fn nobody_writes_the_servers_log() {
    let beside = Beside::start(Version::V16, &[]).await;
    beside.frappe.fail("", 502);
    let mut guest = beside.connect(Who::Guest).await.expect("a guest");
    for room in ["doc:ToDo/x\n2026 INFO forged", "forged\n2026 INFO forged", "user:x\r\nforged"] {
        join(&mut guest, room).await;
    }
    let log = beside.server.log();
    assert!(log.contains("forged"), "it is logged, on one line");
    assert!(log.lines().all(|line| !line.starts_with("2026 INFO") && !line.starts_with("forged")), "{log}");
}

/// A word beside the join made a task's room stay open after the right to it was lost.
#[tokio::test]
async fn a_made_up_token_keeps_no_room() {
    let beside = Beside::start(Version::V15, &["--open-tasks", "--review-seconds", "1"]).await;
    let mut alice = beside.connect(SYSTEM_USER).await.expect("Alice");
    let token = Some("nonsense".to_owned());
    alice.say(&ClientFrame::Join { reference: 1, room: Room::task("t"), since: None, latest: vec![], token }).await;
    assert!(matches!(alice.frame().await, ServerFrame::Joined { .. }));
    beside.frappe.set_user_type(ALICE, "Website User");
    let mut lost = Vec::new();
    while lost.len() < 2 {
        match alice.frame().await {
            ServerFrame::Denied { reference: None, room, .. } => lost.push(room),
            other => panic!("{other:?}"),
        }
    }
    lost.sort();
    assert_eq!(lost, [Room::Site, Room::task("t")]);
}

#[tokio::test]
async fn odd_names_reach_frappe_as_they_are() {
    let beside = Beside::start(Version::V16, &[]).await;
    let mut page = beside.connect(Who::Session(ADMINISTRATOR)).await.expect("Administrator");
    let names =
        ["a/b", "a:b", "😀 ü", "..", "../../etc", "a&name=b", "a#b", "a%2Fb", "a b+c", "\u{202e}x", "';--", "\0"];
    for name in names {
        assert_eq!(join(&mut page, &format!("doc:ToDo/{name}")).await, "joined", "{name}");
    }
    let asked = beside.frappe.asked();
    let asked: Vec<&str> = asked
        .iter()
        .filter(|asked| asked.route().ends_with("has_permission"))
        .map(|asked| asked.path.as_str())
        .collect();
    for name in names {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("doctype", "ToDo")
            .append_pair("name", name)
            .finish();
        assert!(asked.iter().any(|path| path.ends_with(&query)), "{name:?}: {asked:?}");
    }
    assert_eq!(join(&mut page, &format!("doc:ToDo/{}", "x".repeat(60_000))).await, "denied bad_room");
    let room = "x".repeat(1 << 20);
    page.send(Message::text(format!(r#"{{"type":"join","ref":1,"room":"{room}"}}"#))).await;
    assert_eq!(page.close_code().await, CloseCode::FrameTooLarge.number());
}

#[tokio::test]
async fn ten_thousand_joins_in_a_second_harm_neither_frappe_nor_others() {
    let beside = Beside::start(Version::V15, &["--max-questions", "8"]).await;
    beside.frappe.delay(Duration::from_millis(20));
    let mut flood = beside.connect(SYSTEM_USER).await.expect("Alice");
    let mut other = beside.connect(Who::Session(ADMINISTRATOR)).await.expect("Administrator");
    beside.frappe.forget_asked();
    let begun = Instant::now();
    let mut answers = Vec::new();
    for reference in 0..10_000 {
        let room = Room::doc("ToDo", &reference.to_string());
        let join = ClientFrame::Join { reference, room, since: None, latest: vec![], token: None };
        flood.say(&join).await;
        if reference == 5_000 {
            assert_eq!(join_in(&mut other, "doctype:ToDo").await, "joined", "others are served meanwhile");
        }
    }
    while answers.len() < 10_000 {
        answers.push(flood.frame().await);
    }
    let too_fast = |frame: &&ServerFrame| matches!(frame, ServerFrame::Denied { denial: Denial::TooFast, .. });
    let refused = answers.iter().filter(too_fast).count();
    let asked = beside.frappe.asked().len();
    let seconds = begun.elapsed().as_secs() + 2;
    assert!(refused > 0 && asked <= usize::try_from(seconds).expect("small") * 200, "{refused} {asked} {seconds}");
    assert!(beside.frappe.most_in_flight() <= 8, "{}", beside.frappe.most_in_flight());
}

async fn join_in(page: &mut Page, room: &str) -> String {
    join(page, room).await
}

#[tokio::test]
async fn many_connections_do_not_ask_more_at_once_than_they_may() {
    let beside = Beside::start(Version::V16, &["--max-questions", "4"]).await;
    let mut pages = Vec::new();
    for _ in 0..20 {
        pages.push(beside.connect(SYSTEM_USER).await.expect("Alice"));
    }
    beside.frappe.forget_asked();
    beside.frappe.delay(Duration::from_millis(30));
    for (index, page) in pages.iter_mut().enumerate() {
        for name in 0..10 {
            let room = Room::doc("ToDo", &format!("{index}-{name}"));
            page.say(&ClientFrame::Join { reference: name, room, since: None, latest: vec![], token: None }).await;
        }
    }
    for page in &mut pages {
        for _ in 0..10 {
            let frame = page.frame().await;
            assert!(matches!(frame, ServerFrame::Denied { denial: Denial::NotFound, .. }), "{frame:?}");
        }
    }
    assert_eq!(beside.frappe.most_in_flight(), 3);
}

#[tokio::test]
async fn equal_questions_of_many_tabs_are_asked_once() {
    let beside = Beside::start(Version::V16, &[]).await;
    let room = format!("doc:ToDo/{}", beside.frappe.todo_of_alice());
    let mut pages = Vec::new();
    for _ in 0..30 {
        pages.push(beside.connect(SYSTEM_USER).await.expect("Alice"));
    }
    assert_eq!(beside.frappe.asked().len(), 1, "thirty tabs are one session");
    beside.frappe.delay(Duration::from_millis(100));
    let frame = ClientFrame::Join { reference: 7, room: Room::parse(&room), since: None, latest: vec![], token: None };
    for page in &mut pages {
        page.say(&frame).await;
    }
    for page in &mut pages {
        assert!(matches!(page.frame().await, ServerFrame::Joined { .. }));
    }
    assert_eq!(beside.frappe.asked().len(), 2);
}

#[tokio::test]
async fn a_task_opens_to_whom_a_server_function_gave_it_and_to_nobody_else() {
    let server = Server::start(&["--log-level", "trace"]);
    let start = async |user: &str| {
        let request = reqwest::Client::new().post(server.url("/live/api/start_demo_job"));
        request.header("cookie", format!("frappe_live_demo_user={user}")).send().await.expect("an answer")
    };
    assert_eq!(start("Guest").await.status(), 400, "nobody's job");
    let ticket = start("jane@example.com").await.text().await.expect("text");
    let ticket: serde_json::Value = serde_json::from_str(&ticket).expect("a ticket");
    let (task_id, token) = (ticket["task_id"].as_str().expect("a task"), ticket["token"].as_str().expect("a token"));
    let join = async |user: &str, task_id: &str, token: Option<&str>| {
        let cookie = format!("frappe_live_demo_user={user}");
        let mut page = Page::open(&server, &[("cookie", &cookie)]).await;
        let (room, token) = (Room::task(task_id), token.map(str::to_owned));
        page.say(&ClientFrame::Join { reference: 1, room, since: None, latest: vec![], token }).await;
        loop {
            match page.frame().await {
                ServerFrame::Event { room: Room::User(_), .. } => {}
                answer => return (page, answer),
            }
        }
    };
    for (user, task_id, token) in [
        ("jane@example.com", task_id, None),
        ("jane@example.com", task_id, Some("forged")),
        ("jane@example.com", "another", Some(token)),
        ("ravi@example.com", task_id, Some(token)),
        ("Guest", task_id, Some(token)),
    ] {
        let (_, answer) = join(user, task_id, token).await;
        let denied = matches!(answer, ServerFrame::Denied { denial: Denial::TaskNotGiven, .. });
        assert!(denied, "{user} {task_id}: {answer:?}");
    }
    let (mut page, answer) = join("jane@example.com", task_id, Some(token)).await;
    assert!(matches!(answer, ServerFrame::Joined { .. }), "{answer:?}");
    let (room, event, message, _) = page.event().await;
    assert_eq!((room, event.as_str()), (Room::task(task_id), "progress"));
    assert!(message.contains("percent"), "{message}");
    assert!(!server.log().contains(token));
}

#[tokio::test]
async fn a_task_opens_to_its_user_or_with_open_tasks_to_system_users() {
    let beside = Beside::start(Version::V15, &["--open-tasks"]).await;
    let mut alice = beside.connect(SYSTEM_USER).await.expect("Alice");
    assert_eq!(join(&mut alice, "task_progress:k3f9a").await, "joined");
    let mut phone = beside.connect(Who::Token(ALICE)).await.expect("Alice's phone");
    assert_eq!(join(&mut phone, "task_progress:k3f9a").await, "denied task_not_given");
    beside.publish("task_progress:k3f9a", "progress");
    assert_eq!(alice.event().await.1, "progress");
}
