//! Who joins which room: every caller and every kind of room, beside Frappe 14, 15 and 16 as captured.

use fake_frappe::{ADMINISTRATOR, ALICE, BOB, Version};
use realtime::close::CloseCode;
use realtime::room::Room;

use crate::support::beside::{Beside, SYSTEM_USER, WEBSITE_USER, Who, join};

const ADMIN: Who = Who::Session(ADMINISTRATOR);
const TOKEN: Who = Who::Token(ALICE);
const CALLERS: [Who; 5] = [ADMIN, SYSTEM_USER, WEBSITE_USER, Who::Guest, TOKEN];

/// A room and what each of [`CALLERS`] is answered. What is said here of documents and doctypes is what
/// real Frappe answered (captures `perm_*`).
fn table(beside: &Beside) -> Vec<(String, [&'static str; 5])> {
    const JOINED: &str = "joined";
    const NOT_PERMITTED: &str = "denied not_permitted";
    const NOT_FOUND: &str = "denied not_found";
    const NOT_YOURS: &str = "denied not_yours";
    const SYSTEM_USERS_ONLY: &str = "denied system_users_only";
    const TASK_NOT_GIVEN: &str = "denied task_not_given";
    const NO_RULE: &str = "denied no_rule";
    const BAD_ROOM: &str = "denied bad_room";
    let frappe = &beside.frappe;
    // Frappe 14 lets a Website User read a public note, 15 and 16 do not.
    let public_note_for_carol = if frappe.version() == Version::V14 { JOINED } else { NOT_PERMITTED };
    let public_note = [JOINED, JOINED, public_note_for_carol, NOT_PERMITTED, JOINED];
    let of_admin = [JOINED, NOT_PERMITTED, NOT_PERMITTED, NOT_PERMITTED, NOT_PERMITTED];
    let signed_in = [JOINED, JOINED, JOINED, NOT_PERMITTED, JOINED];
    vec![
        ("website".to_owned(), [JOINED; 5]),
        ("all".to_owned(), [JOINED, JOINED, SYSTEM_USERS_ONLY, SYSTEM_USERS_ONLY, SYSTEM_USERS_ONLY]),
        (Room::user(ADMINISTRATOR).to_string(), [JOINED, NOT_YOURS, NOT_YOURS, NOT_YOURS, NOT_YOURS]),
        (Room::user(ALICE).to_string(), [NOT_YOURS, JOINED, NOT_YOURS, NOT_YOURS, JOINED]),
        (Room::user(BOB).to_string(), [NOT_YOURS; 5]),
        (Room::user("Guest").to_string(), [NOT_YOURS, NOT_YOURS, NOT_YOURS, JOINED, NOT_YOURS]),
        (format!("doc:ToDo/{}", frappe.todo_of_admin()), of_admin),
        (format!("open_doc:ToDo/{}", frappe.todo_of_admin()), of_admin),
        (format!("doc:ToDo/{}", frappe.todo_of_alice()), [JOINED, JOINED, NOT_PERMITTED, NOT_PERMITTED, JOINED]),
        (format!("doc:Note/{}", frappe.public_note()), public_note),
        (format!("doc:Note/{}", frappe.private_note()), of_admin),
        ("doc:User/Administrator".to_owned(), of_admin),
        ("doc:ToDo/nosuch".to_owned(), [JOINED, NOT_FOUND, NOT_FOUND, NOT_FOUND, NOT_FOUND]),
        ("doctype:ToDo".to_owned(), signed_in),
        ("doctype:User".to_owned(), signed_in),
        ("doctype:No Such".to_owned(), [JOINED, NOT_FOUND, NOT_FOUND, NOT_FOUND, NOT_FOUND]),
        ("task_progress:k3f9a".to_owned(), [TASK_NOT_GIVEN; 5]),
        ("board:7".to_owned(), [JOINED, JOINED, NO_RULE, NO_RULE, NO_RULE]),
        ("another room".to_owned(), [NO_RULE; 5]),
        ("doc:ToDo/".to_owned(), [BAD_ROOM; 5]),
    ]
}

#[tokio::test]
async fn every_caller_and_every_room_beside_every_version() {
    for version in Version::ALL {
        let beside = Beside::start(version, &["--room-rule", "board:*=system-users"]).await;
        let table = table(&beside);
        for (index, caller) in CALLERS.into_iter().enumerate() {
            let mut page = beside.connect(caller).await.expect("somebody");
            for (room, answers) in &table {
                assert_eq!(join(&mut page, room).await, answers[index], "{version} {caller:?} {room}");
            }
        }
        for (caller, code) in [(Who::Expired, CloseCode::SessionExpired), (Who::BadToken, CloseCode::Unauthorized)] {
            assert_eq!(beside.connect(caller).await.err(), Some(code.number()), "{version} {caller:?}");
        }
    }
}

#[tokio::test]
async fn those_who_may_read_hear_and_the_others_do_not() {
    for version in Version::ALL {
        let beside = Beside::start(version, &[]).await;
        let (document, list) = (format!("doc:ToDo/{}", beside.frappe.todo_of_alice()), "doctype:ToDo");
        let mut alice = beside.connect(SYSTEM_USER).await.expect("Alice");
        let mut phone = beside.connect(TOKEN).await.expect("Alice's phone");
        let mut carol = beside.connect(WEBSITE_USER).await.expect("Carol");
        let mut guest = beside.connect(Who::Guest).await.expect("a guest");
        for page in [&mut alice, &mut phone, &mut carol, &mut guest] {
            join(page, &document).await;
            join(page, list).await;
        }
        beside.publish(&document, "doc_update");
        beside.publish(list, "list_update");
        beside.publish("all", "version-update");
        beside.publish(&Room::user(ALICE).to_string(), "notification");
        beside.publish("website", "last");
        for (page, heard) in [
            (&mut alice, &["doc_update", "list_update", "version-update", "notification", "last"][..]),
            (&mut phone, &["doc_update", "list_update", "notification", "last"]),
            (&mut carol, &["list_update", "last"]),
            (&mut guest, &["last"]),
        ] {
            for event in heard {
                assert_eq!(page.event().await.1, *event, "{version} {}", page.user);
            }
            page.assert_nothing_waits().await;
        }
    }
}

#[tokio::test]
async fn which_method_a_site_has_is_found_out_once() {
    for (version, other) in [(Version::V14, "has_permission"), (Version::V15, "has_permission"), (Version::V16, "can_")]
    {
        let beside = Beside::start(version, &[]).await;
        let mut page = beside.connect(ADMIN).await.expect("Administrator");
        for name in 0..5 {
            assert_eq!(join(&mut page, &format!("doc:ToDo/{name}")).await, "joined");
        }
        let asked = beside.frappe.asked();
        let in_vain = asked.iter().filter(|asked| asked.route().contains(other)).count();
        assert_eq!(in_vain, usize::from(version != Version::V16), "{version}: the newest is tried first, once");
        assert!(asked.iter().all(|asked| !asked.path.contains("sid=")), "no session in an address");
    }
}

#[tokio::test]
async fn what_could_not_be_asked_is_no_denial_and_may_be_asked_again() {
    let beside = Beside::start(Version::V15, &[]).await;
    let mut page = beside.connect(ADMIN).await.expect("Administrator");
    for status in [500, 502, 503, 504, 429] {
        beside.frappe.fail("can_subscribe", status);
        beside.frappe.fail("has_permission", status);
        assert_eq!(join(&mut page, &format!("doc:ToDo/{status}")).await, "error could_not_ask", "{status}");
    }
    beside.frappe.close("");
    assert_eq!(join(&mut page, "doctype:ToDo").await, "error could_not_ask", "a lost line");
    beside.frappe.behave();
    // What failed is kept for a moment.
    let joined = async {
        while join(&mut page, "doctype:ToDo").await != "joined" {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, joined).await.expect("it is asked again");
    beside.server.wait_for_log("A join could not be decided");
}

// The fake answers while the test waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_all_turns_taken_joins_wait_and_then_fail_with_a_clear_answer() {
    let beside = Beside::start(Version::V16, &["--max-questions", "3"]).await;
    let mut slow = beside.connect(ADMIN).await.expect("Administrator");
    let mut waiting = beside.connect(SYSTEM_USER).await.expect("Alice");
    beside.frappe.hang("has_permission");
    for name in ["a", "b"] {
        let join = realtime::frame::ClientFrame::Join {
            reference: 1,
            room: Room::doc("ToDo", name),
            since: None,
            latest: vec![],
            token: None,
        };
        slow.say(&join).await;
    }
    crate::support::wait_for("two questions under way", || (beside.frappe.in_flight() == 2).then_some(()));
    assert_eq!(join(&mut waiting, "doctype:ToDo").await, "error busy");
    assert_eq!(beside.frappe.most_in_flight(), 2);
}

#[tokio::test]
async fn frappe_16_gets_its_secret_and_nobody_sees_it() {
    let beside = Beside::start(Version::V16, &["--answer-seconds", "0"]).await;
    beside.frappe.require_secret(true);
    let page = beside.connect(ADMIN).await.expect("the secret was made, read and shown");
    assert_eq!(page.user, ADMINISTRATOR);
    let asked = |frappe: &fake_frappe::Controls| {
        frappe.asked().iter().filter(|asked| asked.route().ends_with("get_user_info")).count()
    };
    assert_eq!(asked(&beside.frappe), 2, "one try without it, one with it");
    beside.connect(SYSTEM_USER).await.expect("known by now");
    assert_eq!(asked(&beside.frappe), 3);
    let old = beside.frappe.secret().expect("it was made");
    beside.frappe.rotate_secret().await.expect("Redis runs");
    beside.connect(WEBSITE_USER).await.expect("the new one is read");
    assert!(!beside.server.log().contains(&old));
}

#[tokio::test]
async fn a_secret_that_cannot_be_had_is_said() {
    let beside = Beside::start(Version::V16, &[]).await;
    let elsewhere = crate::support::redis::Redis::start();
    beside.frappe.keep_secret_in(&elsewhere.url()).expect("the fake takes the address");
    beside.frappe.require_secret(true);
    let header = beside.header_of(ADMIN).expect("a session");
    let mut socket =
        crate::support::page::open(&beside.server, &[(header.0, &header.1)]).await.expect("the reason comes on it");
    let code = crate::support::page::close_code(&mut socket).await;
    assert_eq!(code, CloseCode::FrappeUnreachable.number());
    beside.server.wait_for_log("socketio_auth_secret");
}
