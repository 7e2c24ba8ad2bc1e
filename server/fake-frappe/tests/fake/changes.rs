//! The fake changes its mind.

use fake_frappe::{ADMINISTRATOR, ALICE, BOB, CAROL, FakeFrappe, GUEST, Permission, Version};
use serde_json::{Value, json};

use crate::support::{Answer, ask, cookie, user_info};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

async fn log_in(fake: &FakeFrappe, user: &str, password: &str) -> Answer {
    let body = format!("usr={}&pwd={password}", user.replace('@', "%40"));
    ask(fake, "POST /api/method/login", &[FORM], &body).await
}

async fn user_of(fake: &FakeFrappe, sid: &str) -> (Value, Value) {
    let info = user_info(fake, &cookie(sid)).await.json();
    (info["message"]["user"].clone(), info["session_expired"].clone())
}

async fn may_read(fake: &FakeFrappe, user: &str, doctype: &str, name: &str) -> u16 {
    let question = match (fake.version(), name) {
        (Version::V16, name) => format!("has_permission?doctype={doctype}&name={name}"),
        (_, "") => format!("can_subscribe_doctype?doctype={doctype}"),
        (_, name) => format!("can_subscribe_doc?doctype={doctype}&docname={}", name.replace(' ', "+")),
    };
    let sid = if user == GUEST { GUEST.to_owned() } else { fake.sid_of(user) };
    ask(fake, &format!("GET /api/method/frappe.realtime.{question}"), &[&cookie(&sid)], "").await.status
}

#[tokio::test]
async fn every_login_is_a_new_session() {
    let fake = FakeFrappe::start(Version::V15).await;
    let (first, second) =
        (log_in(&fake, BOB, "bob-pw-4711").await.sid(), log_in(&fake, BOB, "bob-pw-4711").await.sid());
    assert_ne!(first, second);
    ask(&fake, "POST /api/method/logout", &[&cookie(&first)], "").await;
    assert_eq!(user_of(&fake, &first).await, (json!(GUEST), json!(1)));
    assert_eq!(user_of(&fake, &second).await, (json!(BOB), Value::Null));
}

#[tokio::test]
async fn sessions_end_one_by_one_or_all_of_a_user() {
    let fake = FakeFrappe::start(Version::V16).await;
    let first = log_in(&fake, ALICE, "alice-pw-4711").await.sid();
    let second = log_in(&fake, ALICE, "alice-pw-4711").await.sid();
    fake.end_session(&first);
    assert_eq!(user_of(&fake, &first).await, (json!(GUEST), json!(1)));
    assert_eq!(user_of(&fake, &second).await, (json!(ALICE), Value::Null));
    fake.end_sessions_of(ALICE);
    assert_eq!(user_of(&fake, &second).await, (json!(GUEST), json!(1)));
    assert_eq!(user_of(&fake, &fake.sid_of(ALICE)).await, (json!(GUEST), json!(1)));
    assert_eq!(user_of(&fake, &fake.sid_of(BOB)).await, (json!(BOB), Value::Null));
}

#[tokio::test]
async fn a_disabled_user_is_nobody() {
    for version in Version::ALL {
        let fake = FakeFrappe::start(version).await;
        let token = format!("Authorization: {}", fake.token_of(ALICE).expect("Alice has one"));
        assert_eq!(user_info(&fake, &token).await.status, 200);
        fake.disable(ALICE);
        assert_eq!(user_info(&fake, &token).await.status, 401);
        assert_eq!(user_of(&fake, &fake.sid_of(ALICE)).await, (json!(GUEST), json!(1)));
        let refused = log_in(&fake, ALICE, "alice-pw-4711").await;
        assert_eq!((refused.status, &refused.json()["message"]), (401, &json!("User disabled or missing")));
        assert!(refused.json()["exc_type"].is_string(), "the envelope is the captured one");
        fake.enable(ALICE);
        assert_eq!(user_info(&fake, &token).await.status, 200);
        assert_eq!(user_of(&fake, &log_in(&fake, ALICE, "alice-pw-4711").await.sid()).await.0, json!(ALICE));
    }
}

#[tokio::test]
async fn a_second_factor_is_asked_for_instead_of_a_session() {
    let fake = FakeFrappe::start(Version::V14).await;
    fake.require_two_factor(ALICE, true);
    let answer = log_in(&fake, ALICE, "alice-pw-4711").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["verification"], json!({"method": "OTP App", "setup": true}));
    assert!(answer.json()["tmp_id"].is_string());
    assert_eq!(answer.json()["message"], Value::Null);
    assert!(!answer.headers.iter().any(|(name, _)| name == "set-cookie"));
    assert_eq!(log_in(&fake, ALICE, "wrong").await.status, 401, "the password comes first");
    fake.require_two_factor(ALICE, false);
    assert_eq!(log_in(&fake, ALICE, "alice-pw-4711").await.json()["message"], "Logged In");
}

#[tokio::test]
async fn a_users_type_can_change() {
    let fake = FakeFrappe::start(Version::V16).await;
    fake.set_user_type(ALICE, "Website User");
    let info = user_info(&fake, &cookie(&fake.sid_of(ALICE))).await.json();
    assert_eq!(info["message"]["user_type"], "Website User");
    assert_eq!(log_in(&fake, ALICE, "alice-pw-4711").await.json()["home_page"], "/me");
}

#[tokio::test]
async fn permissions_can_be_set_and_cleared() {
    for version in Version::ALL {
        let fake = FakeFrappe::start(version).await;
        for (user, doctype, name) in [(ALICE, "ToDo", fake.todo_of_alice()), (CAROL, "ToDo", String::new())] {
            let before = may_read(&fake, user, doctype, &name).await;
            for (permission, status) in [(Permission::Deny, 403), (Permission::Missing, 404), (Permission::Allow, 200)]
            {
                fake.set_permission(user, doctype, &name, permission);
                assert_eq!(may_read(&fake, user, doctype, &name).await, status, "{version} {user} {permission:?}");
            }
            fake.set_permission(user, doctype, &name, Permission::Missing);
            fake.clear_permission(user, doctype, &name);
            assert_eq!(may_read(&fake, user, doctype, &name).await, before, "{version} {user}");
        }
    }
}

#[tokio::test]
async fn the_documents_are_what_their_names_say() {
    for version in Version::ALL {
        let fake = FakeFrappe::start(version).await;
        for (doctype, name, of_admin, of_alice, of_bob, of_guest) in [
            ("ToDo", fake.todo_of_admin(), 200, 403, 403, 403),
            ("ToDo", fake.todo_of_alice(), 200, 200, 403, 403),
            ("Note", fake.public_note(), 200, 200, 200, 403),
            ("Note", fake.private_note(), 200, 403, 403, 403),
            ("ToDo", "nosuch".to_owned(), 200, 404, 404, 404),
            ("Unheard", "of".to_owned(), 200, 404, 404, 404),
            ("ToDo", String::new(), 200, 200, 200, 403),
        ] {
            for (user, status) in [(ADMINISTRATOR, of_admin), (ALICE, of_alice), (BOB, of_bob), (GUEST, of_guest)] {
                let name = name.replace(' ', "+");
                assert_eq!(may_read(&fake, user, doctype, &name).await, status, "{version} {user} {doctype} {name}");
            }
        }
    }
}

#[tokio::test]
async fn the_question_of_another_version_is_a_validation_error() {
    for (version, question) in [
        (Version::V14, "has_permission?doctype=ToDo&name=x"),
        (Version::V16, "can_subscribe_doc?doctype=ToDo&docname=x"),
        (Version::V16, "can_subscribe_doctype?doctype=ToDo"),
    ] {
        let fake = FakeFrappe::start(version).await;
        let answer = ask(&fake, &format!("GET /api/method/frappe.realtime.{question}"), &[], "").await;
        assert_eq!((answer.status, &answer.json()["exc_type"]), (417, &json!("ValidationError")), "{question}");
    }
}

#[tokio::test]
async fn the_desk_gives_a_token_that_is_needed_from_then_on() {
    let fake = FakeFrappe::start(Version::V16).await;
    let sid = log_in(&fake, ALICE, "alice-pw-4711").await.sid();
    let session = cookie(&sid);
    assert_eq!(ask(&fake, "POST /api/method/ping", &[&session], "").await.status, 200);
    let page = ask(&fake, "GET /app", &[&session], "").await.body;
    let token = page.split("frappe.csrf_token = \"").nth(1).and_then(|rest| rest.split('"').next()).expect("a token");
    let refused = ask(&fake, "POST /api/method/logout", &[&session], "").await;
    assert_eq!((refused.status, &refused.json()["exc_type"]), (400, &json!("CSRFTokenError")));
    assert_eq!(user_of(&fake, &sid).await.0, json!(ALICE), "the session goes on");
    assert_eq!(ask(&fake, "GET /api/method/ping", &[&session], "").await.status, 200, "reading needs no token");
    assert_eq!(fake.visit_desk(&sid).as_deref(), Some(token), "it stays the same");
    let with_token = [session.as_str(), &format!("X-Frappe-CSRF-Token: {token}")];
    assert_eq!(ask(&fake, "POST /api/method/logout", &with_token, "").await.status, 200);
    assert_eq!(user_of(&fake, &sid).await, (json!(GUEST), json!(1)));
    assert_eq!(fake.visit_desk(&sid), None);
}

#[tokio::test]
#[should_panic(expected = "the fake has no user alice")]
async fn a_misspelt_user_is_a_mistake() {
    FakeFrappe::start(Version::V16).await.disable("alice");
}
