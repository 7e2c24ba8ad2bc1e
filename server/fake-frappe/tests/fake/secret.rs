//! The secret between Frappe 16 and its realtime server.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fake_frappe::{ALICE, FakeFrappe, Version};
use redis::Commands;
use serde_json::json;

use crate::support::{ask, cookie, user_info};

const KEY: &str = "socketio_auth_secret";

/// A real Redis of the test's own.
struct Redis {
    process: Child,
    url: String,
}

impl Redis {
    fn start() -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.expect("a free port").port();
        let process = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed (apt-get install redis-server; cargo xtask test does it)");
        Self { process, url: format!("redis://127.0.0.1:{port}") }
    }

    /// What the key holds, once Redis answers.
    fn secret(&self) -> Option<String> {
        let client = redis::Client::open(self.url.as_str()).expect("an address");
        for _ in 0..500 {
            if let Ok(mut connection) = client.get_connection() {
                return connection.get(KEY).expect("Redis answers");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("Redis does not start");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn info_with_secret(fake: &FakeFrappe, secret: &str) -> serde_json::Value {
    let headers = [cookie(&fake.sid_of(ALICE)), format!("X-Frappe-Socket-Secret: {secret}")];
    let path = "GET /api/method/frappe.realtime.get_user_info";
    ask(fake, path, &[&headers[0], &headers[1]], "").await.json()["message"].clone()
}

#[tokio::test]
async fn without_the_secret_nobody_is_anybody() {
    let fake = FakeFrappe::start(Version::V16).await;
    assert_eq!(info_with_secret(&fake, "none").await["user"], ALICE, "not asked for");
    assert_eq!(fake.secret(), None);
    fake.require_secret(true);
    assert_eq!(user_info(&fake, &cookie(&fake.sid_of(ALICE))).await.json(), json!({"message": {}}));
    let secret = fake.secret().expect("the first question made it");
    assert!(secret.len() == 32 && secret.bytes().all(|digit| digit.is_ascii_hexdigit()), "{secret}");
    assert_eq!(info_with_secret(&fake, "wrong").await, json!({}));
    assert_eq!(info_with_secret(&fake, &secret).await["user"], ALICE);
    let next = fake.rotate_secret().await.expect("there is no Redis to fail");
    assert_eq!(info_with_secret(&fake, &secret).await, json!({}), "the old one");
    assert_eq!(info_with_secret(&fake, &next).await["user"], ALICE);
}

#[tokio::test]
async fn the_secret_is_in_redis_before_the_first_answer() {
    let redis = Redis::start();
    assert_eq!(redis.secret(), None);
    let fake = FakeFrappe::start(Version::V16).await;
    fake.keep_secret_in(&redis.url).expect("an address");
    let post = async |name: &str, body: &str| {
        ask(&fake, &format!("POST /fake/{name}"), &["Content-Type: application/json"], body).await
    };
    assert_eq!(post("require_secret", r#"{"required": true}"#).await.status, 200);
    assert_eq!(ask(&fake, "GET /api/method/ping", &[], "").await.status, 200);
    assert_eq!(redis.secret(), None, "only get_user_info needs it");
    assert_eq!(info_with_secret(&fake, "none").await, json!({}));
    assert_eq!(redis.secret(), fake.secret());
    assert!(redis.secret().is_some());
    let rotated = post("rotate_secret", "").await.json()["secret"].as_str().map(str::to_owned);
    assert_eq!(redis.secret(), rotated);
    assert_eq!(info_with_secret(&fake, &rotated.expect("the new secret")).await["user"], ALICE);
}

#[tokio::test]
async fn a_secret_that_cannot_be_written_is_an_error_of_frappes() {
    let fake = FakeFrappe::start(Version::V16).await;
    fake.keep_secret_in("redis://127.0.0.1:1").expect("an address");
    fake.require_secret(true);
    assert_eq!(user_info(&fake, &cookie(&fake.sid_of(ALICE))).await.status, 500);
}
