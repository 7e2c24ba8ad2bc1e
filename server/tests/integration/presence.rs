//! Who looks at a document: one server or two, on the embedded bus or a real Redis.

use std::time::{Duration, Instant};

use fake_frappe::{ALICE, BOB, CAROL, Permission, Version};
use realtime::close::CloseCode;
use realtime::frame::{ClientFrame, Denial, ServerFrame};
use realtime::room::Room;

use crate::support::beside::{Beside, Who};
use crate::support::page::Page;
use crate::support::redis::Redis;
use crate::support::server::Server;
use crate::support::wait_for;

const CHANNEL: &str = "frappe_live:viewers";
const JANE: &str = "jane@example.com";
const RAVI: &str = "ravi@example.com";
const MIA: &str = "mia@example.com";

async fn connect(server: &Server, user: &str) -> Page {
    Page::open(server, &[("authorization", &format!("token {user}:demo"))]).await
}

/// Says that the user looks at a note, and reads the answer.
async fn open(page: &mut Page, name: &str, away: bool) {
    let frame = ClientFrame::Open { reference: 5, doctype: "Note".into(), name: name.into(), away, seen: None };
    page.say(&frame).await;
    // Another's change may come first.
    loop {
        match page.frame().await {
            ServerFrame::Joined { reference: 5, room, .. } => return assert_eq!(room, Room::open_doc("Note", name)),
            ServerFrame::Event { offset: None, .. } | ServerFrame::Gap { .. } | ServerFrame::Source { .. } => {}
            other => panic!("no answer to an open: {other:?}"),
        }
    }
}

async fn close(page: &mut Page, name: &str) {
    page.say(&ClientFrame::Close { reference: 6, doctype: "Note".into(), name: name.into() }).await;
    let answer = page.frame().await;
    assert!(matches!(answer, ServerFrame::Ok { reference: Some(6), .. }), "{answer:?}");
}

/// The next list, as the document, the first letters of its users, and of who of them is away.
async fn list(page: &mut Page) -> String {
    let (room, event, message) = loop {
        match page.frame().await {
            ServerFrame::Event { room, event, message, offset: None } => break (room, event, message),
            // Redis went away and came back.
            ServerFrame::Gap { .. } | ServerFrame::Source { .. } => {}
            other => panic!("no list: {other:?}"),
        }
    };
    let list: serde_json::Value = serde_json::from_str(message.get()).expect("JSON");
    let name = list["docname"].as_str().expect("text");
    assert_eq!((event.as_str(), room), ("doc_viewers", Room::open_doc("Note", name)));
    let letters = |key: &str| -> String {
        let users = list[key].as_array().expect("a list").iter().filter_map(serde_json::Value::as_str);
        assert!(users.clone().all(|user| list["names"][user].is_string()), "{list}");
        users.filter_map(|user| user.chars().next()).collect()
    };
    format!("{name}:{}/{}", letters("users"), letters("away"))
}

/// Reads lists until this one comes: how many there are before depends on who is faster.
async fn wait_for_list(page: &mut Page, expected: &str) {
    while list(page).await != expected {}
}

fn ask(redis: &Redis, command: &[&str]) -> redis::Value {
    let mut line = redis::Client::open(redis.url()).and_then(|client| client.get_connection()).expect("it runs");
    let mut asked = redis::cmd(command[0]);
    asked.arg(&command[1..]);
    asked.query(&mut line).expect("an answer")
}

fn wait_for_servers(redis: &Redis, count: i64) {
    wait_for("servers on the channel of viewers", || {
        let redis::Value::Array(answer) = ask(redis, &["PUBSUB", "NUMSUB", CHANNEL]) else { panic!("no array") };
        (answer.get(1) == Some(&redis::Value::Int(count))).then_some(())
    });
}

fn start(redis: &Redis, args: &[&str]) -> Server {
    Server::start(&[&["--redis", &redis.url()], args].concat())
}

/// What is so wherever the two are connected.
async fn two_users_see_each_other(janes: &Server, ravis: &Server) {
    let mut jane = connect(janes, JANE).await;
    open(&mut jane, "a", false).await;
    assert_eq!(list(&mut jane).await, "a:j/");
    let mut ravi = connect(ravis, RAVI).await;
    open(&mut ravi, "a", false).await;
    wait_for_list(&mut ravi, "a:jr/").await;
    assert_eq!(list(&mut jane).await, "a:jr/");

    // A second tab is the same user, and away only with the first.
    let mut tab = connect(ravis, JANE).await;
    open(&mut tab, "a", true).await;
    assert_eq!(list(&mut tab).await, "a:jr/");
    open(&mut jane, "a", true).await;
    wait_for_list(&mut jane, "a:jr/j").await;
    assert_eq!(list(&mut ravi).await, "a:jr/j");
    open(&mut tab, "a", false).await;
    wait_for_list(&mut tab, "a:jr/").await;
    assert_eq!(list(&mut ravi).await, "a:jr/");
    assert_eq!(list(&mut jane).await, "a:jr/");

    // Closing one document is no word about another, and one tab none about the other.
    open(&mut tab, "b", false).await;
    assert_eq!(list(&mut tab).await, "b:j/");
    open(&mut ravi, "b", false).await;
    wait_for_list(&mut ravi, "b:jr/").await;
    assert_eq!(list(&mut tab).await, "b:jr/");
    close(&mut tab, "b").await;
    assert_eq!(list(&mut ravi).await, "b:r/");
    close(&mut tab, "a").await;
    assert_eq!(list(&mut ravi).await, "a:jr/j", "the other tab is hidden");
    assert_eq!(list(&mut jane).await, "a:jr/j");

    // Whoever joins is told, and looks at nothing.
    let mut mia = connect(janes, MIA).await;
    assert!(matches!(mia.join(Room::open_doc("Note", "a"), None, &[]).await, ServerFrame::Joined { .. }));
    assert_eq!(list(&mut mia).await, "a:jr/j");
    close(&mut ravi, "a").await;
    assert_eq!(list(&mut mia).await, "a:j/j");
    assert_eq!(list(&mut jane).await, "a:j/j");
    close(&mut jane, "a").await;
    assert_eq!(list(&mut mia).await, "a:/");
    close(&mut ravi, "b").await;
    for page in [&mut jane, &mut ravi, &mut tab, &mut mia] {
        page.assert_nothing_waits().await;
    }
}

#[tokio::test]
async fn on_one_server_without_redis() {
    let server = Server::start(&[]);
    let mut guest = connect(&server, "Guest").await;
    guest
        .say(&ClientFrame::Open { reference: 5, doctype: "Note".into(), name: "a".into(), away: false, seen: None })
        .await;
    let denied = guest.frame().await;
    assert!(matches!(denied, ServerFrame::Denied { denial: Denial::NotPermitted, .. }), "{denied:?}");
    // The demo's count goes to Administrator, who is not here.
    two_users_see_each_other(&server, &server).await;
    guest.assert_nothing_waits().await;
}

#[tokio::test]
async fn on_two_servers_with_one_redis() {
    let redis = Redis::start();
    let servers = [start(&redis, &[]), start(&redis, &[])];
    wait_for_servers(&redis, 2);
    two_users_see_each_other(&servers[0], &servers[1]).await;
    wait_for("nothing to be left behind", || {
        let keys = ask(&redis, &["KEYS", "frappe_live:*"]);
        (keys == redis::Value::Array(Vec::new())).then_some(())
    });
}

#[tokio::test]
async fn a_reconnect_within_the_grace_is_not_seen_and_one_who_stays_away_is_gone_after_it() {
    let redis = Redis::start();
    let servers = [start(&redis, &["--viewer-grace-seconds", "3"]), start(&redis, &["--viewer-grace-seconds", "3"])];
    wait_for_servers(&redis, 2);
    let mut witnesses = Vec::new();
    for server in &servers {
        let mut ravi = connect(server, RAVI).await;
        open(&mut ravi, "a", false).await;
        wait_for_list(&mut ravi, "a:r/").await;
        witnesses.push(ravi);
    }
    let mut jane = connect(&servers[0], JANE).await;
    open(&mut jane, "a", false).await;
    for ravi in &mut witnesses {
        assert_eq!(list(ravi).await, "a:jr/");
    }
    // To the same server, to the other one, and back; each time the grace of the line before ends meanwhile.
    for server in [&servers[0], &servers[1], &servers[0]] {
        drop(jane);
        tokio::time::sleep(Duration::from_millis(500)).await;
        jane = connect(server, JANE).await;
        open(&mut jane, "a", false).await;
        tokio::time::sleep(Duration::from_secs(4)).await;
        for ravi in &mut witnesses {
            ravi.assert_nothing_waits().await;
        }
    }
    let left = Instant::now();
    drop(jane);
    for ravi in &mut witnesses {
        assert_eq!(list(ravi).await, "a:r/");
        let elapsed = left.elapsed();
        assert!((2_900..4_500).contains(&elapsed.as_millis()), "{elapsed:?}");
    }
}

/// The worst case is the lease of 18 seconds, said again just before the end, and a moment for the others to look.
#[tokio::test]
async fn a_server_that_is_killed_leaves_no_ghost() {
    let redis = Redis::start();
    let (killed, other) = (start(&redis, &[]), start(&redis, &[]));
    wait_for_servers(&redis, 2);
    let mut ravi = connect(&other, RAVI).await;
    open(&mut ravi, "a", false).await;
    wait_for_list(&mut ravi, "a:r/").await;
    let mut jane = connect(&killed, JANE).await;
    open(&mut jane, "a", false).await;
    let mut mia = connect(&killed, MIA).await;
    open(&mut mia, "a", false).await;
    wait_for_list(&mut ravi, "a:jmr/").await;
    // SIGKILL.
    drop(killed);
    let died = Instant::now();
    // Mia comes back at once, to the one that lives, and is never gone.
    let mut mia = connect(&other, MIA).await;
    open(&mut mia, "a", false).await;
    assert_eq!(list(&mut mia).await, "a:jmr/");
    for page in [&mut ravi, &mut mia] {
        assert_eq!(list(page).await, "a:mr/");
        let elapsed = died.elapsed();
        assert!(elapsed < Duration::from_secs(20), "{elapsed:?}");
    }
    assert!(died.elapsed() > Duration::from_secs(11), "two renewals may be lost before anybody is given up");
}

#[tokio::test]
async fn without_redis_each_server_knows_its_own_pages_and_then_all_again() {
    let mut redis = Redis::start();
    let servers = [start(&redis, &[]), start(&redis, &[])];
    wait_for_servers(&redis, 2);
    let mut jane = connect(&servers[0], JANE).await;
    open(&mut jane, "a", false).await;
    wait_for_list(&mut jane, "a:j/").await;
    redis.kill();
    // A newcomer is told without Redis, and soon.
    let mut mia = connect(&servers[0], MIA).await;
    let asked = Instant::now();
    open(&mut mia, "a", false).await;
    wait_for_list(&mut mia, "a:jm/").await;
    assert_eq!(list(&mut jane).await, "a:jm/");
    let mut ravi = connect(&servers[1], RAVI).await;
    open(&mut ravi, "a", false).await;
    assert_eq!(list(&mut ravi).await, "a:r/");
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    let logged = "known of this server's own pages only";
    servers[0].wait_for_log(logged);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(servers[0].log().matches(logged).count(), 1);
    let _redis = redis.restart();
    for page in [&mut jane, &mut ravi, &mut mia] {
        wait_for_list(page, "a:jmr/").await;
    }
    servers[0].wait_for_log("shared with the other servers again");
}

#[tokio::test]
async fn a_redis_that_does_not_answer_keeps_nobody_waiting() {
    let redis = Redis::start();
    let server = start(&redis, &[]);
    wait_for_servers(&redis, 1);
    let mut jane = connect(&server, JANE).await;
    open(&mut jane, "a", false).await;
    assert_eq!(list(&mut jane).await, "a:j/");
    redis.pause();
    let mut ravi = connect(&server, RAVI).await;
    let asked = Instant::now();
    open(&mut ravi, "a", false).await;
    assert_eq!(list(&mut jane).await, "a:jr/", "what is known here is told without Redis");
    assert_eq!(list(&mut ravi).await, "a:jr/");
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    open(&mut ravi, "b", false).await;
    assert_eq!(list(&mut ravi).await, "b:r/");
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    redis.go_on();
    server.wait_for_log("shared with the other servers again");
    for page in [&mut jane, &mut ravi] {
        page.assert_nothing_waits().await;
    }
}

#[tokio::test]
async fn what_others_put_into_redis_is_no_viewer_and_no_harm() {
    let redis = Redis::start();
    let server = start(&redis, &[]);
    wait_for_servers(&redis, 1);
    let mut jane = connect(&server, JANE).await;
    open(&mut jane, "a", false).await;
    assert_eq!(list(&mut jane).await, "a:j/");
    let site = "demo.localhost";
    let (ends, said) =
        (format!("frappe_live:viewers:until:{site}:Note/a"), format!("frappe_live:viewers:pages:{site}:Note/a"));
    let notice = format!(r#"{{"from":"x","site":"{site}","doctype":"Note","docname":"a"}}"#);
    for (page, details) in
        [("p1", ""), ("p2", "nonsense"), ("p3", "x {\"user\":1}"), ("p4", "\u{0}"), ("p5", &"x".repeat(1 << 20))]
    {
        ask(&redis, &["HSET", &said, page, details]);
        ask(&redis, &["ZADD", &ends, "99999999999999", page]);
    }
    ask(&redis, &["ZADD", &ends, "99999999999999", "nothing is said of this one"]);
    let long = "x".repeat(1 << 20);
    for payload in ["", "null", "{}", "[", "\u{0}", &long, r#"{"from":1}"#, &notice.replace("demo", "other"), &notice] {
        ask(&redis, &["PUBLISH", CHANNEL, payload]);
    }
    // One that looks as ours do is one, for as long as it says.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_millis();
    let zoe = r#"x {"user":"zoe@example.com","name":"Zoe","away":true,"lingers":false}"#;
    ask(&redis, &["HSET", &said, "p6", zoe]);
    ask(&redis, &["ZADD", &ends, &(now + 2_000).to_string(), "p6"]);
    ask(&redis, &["PUBLISH", CHANNEL, &notice]);
    assert_eq!(list(&mut jane).await, "a:jz/z");
    assert_eq!(list(&mut jane).await, "a:j/");
    jane.assert_nothing_waits().await;
}

#[tokio::test]
async fn who_may_no_longer_read_or_is_signed_out_no_longer_looks() {
    let beside = Beside::start(Version::V16, &["--review-seconds", "1"]).await;
    for user in [ALICE, CAROL, BOB] {
        beside.frappe.set_permission(user, "Note", "a", Permission::Allow);
    }
    let mut alice = beside.connect(Who::Session(ALICE)).await.expect("Alice");
    let mut carol = beside.connect(Who::Session(CAROL)).await.expect("Carol");
    let mut bob = beside.connect(Who::Session(BOB)).await.expect("Bob");
    for page in [&mut carol, &mut bob, &mut alice] {
        open(page, "a", false).await;
    }
    wait_for_list(&mut alice, "a:abc/").await;
    beside.frappe.set_permission(CAROL, "Note", "a", Permission::Deny);
    assert_eq!(list(&mut alice).await, "a:ab/");
    let denied = async {
        loop {
            match carol.frame().await {
                ServerFrame::Denied { reference: None, room, .. } => return room,
                ServerFrame::Event { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    };
    assert_eq!(denied.await, Room::open_doc("Note", "a"));
    let ended = Instant::now();
    beside.frappe.end_sessions_of(BOB);
    assert_eq!(list(&mut alice).await, "a:a/");
    assert!(ended.elapsed() < Duration::from_secs(5), "no grace for who is sent away: {:?}", ended.elapsed());
    assert_eq!(bob.close_code().await, CloseCode::SessionExpired.number());
    let mut again = beside.connect(Who::Session(CAROL)).await.expect("Carol");
    again
        .say(&ClientFrame::Open { reference: 5, doctype: "Note".into(), name: "a".into(), away: false, seen: None })
        .await;
    let denied = again.frame().await;
    assert!(
        matches!(denied, ServerFrame::Denied { reference: Some(5), denial: Denial::NotPermitted, .. }),
        "{denied:?}"
    );
    alice.assert_nothing_waits().await;
}
