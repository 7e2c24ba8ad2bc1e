//! The controls over HTTP do what the methods do.

use fake_frappe::{ALICE, BOB, FakeFrappe, Version};
use serde_json::{Value, json};

use crate::support::{Answer, ask, cookie, try_ask, user_info};

async fn control(fake: &FakeFrappe, name: &str, body: Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    ask(fake, &format!("POST /fake/{name}"), &["Content-Type: application/json"], &body).await
}

async fn ok(fake: &FakeFrappe, name: &str, body: Value) -> Answer {
    let answer = control(fake, name, body).await;
    assert_eq!(answer.status, 200, "{name}: {}", answer.body);
    answer
}

async fn status(fake: &FakeFrappe) -> u16 {
    ask(fake, "GET /api/method/ping", &[], "").await.status
}

#[tokio::test]
async fn troubles_begin_and_end() {
    let fake = FakeFrappe::start(Version::V16).await;
    ok(&fake, "fail", json!({"status": 502, "path": "ping"})).await;
    assert_eq!(status(&fake).await, 502);
    ok(&fake, "close", json!({})).await;
    assert!(try_ask(&fake, "GET /api/method/ping", &[], "").await.is_none());
    ok(&fake, "behave", Value::Null).await;
    assert_eq!(status(&fake).await, 200);
    ok(&fake, "delay", json!({"milliseconds": 100})).await;
    let started = std::time::Instant::now();
    assert_eq!(status(&fake).await, 200);
    assert!(started.elapsed().as_millis() >= 100);
    ok(&fake, "hang", json!({"path": "ping"})).await;
    let hanging = tokio::time::timeout(std::time::Duration::from_millis(200), status(&fake)).await;
    assert!(hanging.is_err());
}

#[tokio::test]
async fn people_sessions_and_permissions_change() {
    let fake = FakeFrappe::start(Version::V16).await;
    let facts = ask(&fake, "GET /fake/facts", &[], "").await.json();
    let alice = cookie(facts["sids"][ALICE].as_str().expect("a sid"));
    let todo = facts["todo_of_alice"].as_str().expect("a name");
    let question = format!("GET /api/method/frappe.realtime.has_permission?doctype=ToDo&name={todo}");
    let set = |permission: Value| json!({"user": ALICE, "doctype": "ToDo", "name": todo, "permission": permission});
    ok(&fake, "permission", set(json!("deny"))).await;
    assert_eq!(ask(&fake, &question, &[&alice], "").await.status, 403);
    ok(&fake, "permission", set(Value::Null)).await;
    assert_eq!(ask(&fake, &question, &[&alice], "").await.status, 200);
    ok(&fake, "user_type", json!({"user": ALICE, "user_type": "Website User"})).await;
    assert_eq!(user_info(&fake, &alice).await.json()["message"]["user_type"], "Website User");
    let token = ok(&fake, "visit_desk", json!({"sid": fake.sid_of(BOB)})).await.json();
    assert_eq!(token["csrf_token"].as_str().map(str::len), Some(56));
    ok(&fake, "end_session", json!({"sid": fake.sid_of(BOB)})).await;
    assert_eq!(user_info(&fake, &cookie(&fake.sid_of(BOB))).await.json()["session_expired"], 1);
    assert_eq!(control(&fake, "visit_desk", json!({"sid": fake.sid_of(BOB)})).await.status, 404);
    ok(&fake, "end_sessions", json!({"user": ALICE})).await;
    assert_eq!(user_info(&fake, &alice).await.json()["session_expired"], 1);
    let login = r#"{"usr": "alice@example.com", "pwd": "alice-pw-4711"}"#;
    let login = || ask(&fake, "POST /api/method/login", &["Content-Type: application/json"], login);
    ok(&fake, "two_factor", json!({"user": ALICE, "required": true})).await;
    assert!(login().await.json()["verification"].is_object());
    ok(&fake, "disable", json!({"user": ALICE})).await;
    assert_eq!(login().await.status, 401);
    ok(&fake, "enable", json!({"user": ALICE})).await;
    assert_eq!(login().await.status, 200);
    assert_eq!(control(&fake, "disable", json!({"user": "alice"})).await.status, 404, "misspelt");
}

#[tokio::test]
async fn what_was_asked_can_be_read_without_being_counted() {
    let fake = FakeFrappe::start(Version::V15).await;
    assert_eq!(status(&fake).await, 200);
    let asked = ask(&fake, "GET /fake/asked", &[], "").await.json();
    assert_eq!(asked.as_array().map(Vec::len), Some(1));
    assert_eq!(asked[0]["path"], "/api/method/ping");
    assert_eq!(asked[0]["headers"]["host"], fake.site());
    let counts = ask(&fake, "GET /fake/in_flight", &[], "").await.json();
    assert_eq!(counts, json!({"in_flight": 0, "most_in_flight": 1}));
    ask(&fake, "DELETE /fake/asked", &[], "").await;
    assert_eq!(ask(&fake, "GET /fake/asked", &[], "").await.json(), json!([]));
    assert_eq!(fake.most_in_flight(), 0);
}
