//! The command line: exit codes, one line for what is wrong, and `publish`.

use std::net::TcpListener;

use crate::support::page::Page;
use crate::support::redis::{Redis, free_port};
use crate::support::server::{Server, command, run};

fn refusal(args: &[&str]) -> String {
    let output = run(args);
    let text = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
    assert_eq!(text.lines().count(), 1, "{args:?}: {text}");
    text
}

#[test]
fn what_cannot_be_used_ends_with_2_and_one_line_that_names_the_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("bound").to_string();
    for (args, named) in [
        (["--listen", &taken], "--listen"),
        (["--listen", "somewhere"], "--listen"),
        (["--redis", "ftp://127.0.0.1"], "--redis"),
        (["--frappe", "nowhere"], "--frappe"),
        (["--config", "/nowhere/at/all.toml"], "--config"),
        (["--log-level", "loud"], "--log-level"),
        (["--max-rooms", "many"], "--max-rooms"),
        (["--no-such-flag", "1"], "--no-such-flag"),
    ] {
        let text = refusal(&args);
        assert!(text.contains(named), "{text}");
    }
}

#[test]
fn settings_come_from_the_environment_too() {
    let mut command = command(&[]);
    let output = command.env("FRAPPE_LIVE_LISTEN", "nowhere").output().expect("the binary runs");
    let text = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(2));
    assert!(text.contains("--listen") && text.contains("nowhere"), "{text}");
}

/// Compose files write variables that are left open as empty ones: the server did not start.
#[test]
fn an_empty_variable_was_a_wrong_setting() {
    let lists = ["SECRET_KEY", "SITE", "REDIS", "ALLOW_ORIGIN", "FRAME_ANCESTOR", "ROOM_RULE"];
    let texts = ["LISTEN", "FRAPPE", "TRUST_PROXY", "OPEN_TASKS", "LOG_LEVEL", "CONFIG", "HEARTBEAT", "QUEUE_BYTES"];
    let empty = lists.into_iter().chain(texts).map(|name| (format!("FRAPPE_LIVE_{name}"), ""));
    // What is checked last: all others are taken.
    for args in [&["--max-rooms", "0"][..], &["serve", "--max-rooms", "0"]] {
        let output = command(args).envs(empty.clone()).output().expect("the binary runs");
        let text = String::from_utf8(output.stderr).expect("text");
        assert_eq!(text, "frappe-live: --max-rooms: give 1 or more\n");
    }
    let output = command(&["publish", "--event", "count"]).envs(empty).output().expect("the binary runs");
    assert!(String::from_utf8_lossy(&output.stderr).contains("--redis: say where to publish"), "{output:?}");
}

#[test]
fn startup_says_what_is_used_and_masks_secrets() {
    let url = format!("redis://user:very-secret@127.0.0.1:{}/3", free_port());
    let server = Server::start(&["--redis", &url, "--site", "a.example", "--site", "b.example"]);
    server.wait_for_log("build");
    let log = server.log();
    for part in ["a.example, b.example", "redis://127.0.0.1:", "/3"] {
        assert!(log.contains(part), "{log}");
    }
    assert!(!log.contains("very-secret"), "{log}");
}

#[test]
fn a_demo_on_a_real_bus_is_warned_of_louder_when_others_reach_it() {
    let redis = format!("redis://127.0.0.1:{}", free_port());
    let server = Server::start(&["--redis", &redis]);
    server.wait_for_log("WARN frappe_live: --redis without --frappe: every visitor is the demo's Administrator");

    let server = Server::start_on("0.0.0.0:0", &["--redis", &redis]);
    server.wait_for_log("WARN frappe_live: --redis without --frappe on 0.0.0.0:0");
    server.wait_for_log("ANYBODY there is Administrator");

    let frappe = format!("http://127.0.0.1:{}", free_port());
    let server = Server::start(&["--redis", &redis, "--frappe", &frappe, "--log-level", "debug"]);
    server.wait_for_log("build");
    assert!(!server.log().contains("without --frappe"), "{}", server.log());
}

#[test]
fn a_wrong_file_ends_with_one_line_and_without_its_password() {
    let path = std::env::temp_dir().join(format!("frappe-live-command-{}.toml", std::process::id()));
    std::fs::write(&path, "redis = [\"redis://:hunter2@h]\n").expect("a file");
    let text = refusal(&["--config", path.to_str().expect("a plain path")]);
    assert!(text.contains("line 1") && !text.contains("hunter2"), "{text}");
    std::fs::remove_file(path).expect("still there");
}

#[test]
fn publish_says_what_to_give_without_redis() {
    let text = refusal(&["publish", "--event", "count"]);
    assert!(text.contains("--redis") && text.contains("redis://"), "{text}");
}

#[test]
fn publish_names_what_is_wrong() {
    let redis = Redis::start();
    for (args, named) in
        [(vec!["--message", "hello"], "JSON"), (vec!["--task-id", "t", "--message", "\"text\""], "task")]
    {
        let text = refusal(&[&["publish", "--redis", &redis.url()], args.as_slice()].concat());
        assert!(text.to_lowercase().contains(&named.to_lowercase()), "{text}");
    }
    let gone = format!("redis://:hidden@127.0.0.1:{}", free_port());
    let text = refusal(&["publish", "--redis", &gone]);
    assert!(text.contains("refused") && !text.contains("hidden"), "{text}");
}

#[tokio::test]
async fn publish_reaches_the_page_and_counts_who_got_it() {
    let redis = Redis::start();
    let publish = |args: &[&str]| {
        let output = run(&[&["publish", "--redis", &redis.url(), "--site", "rt15.localhost"], args].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let count = ["--event", "count", "--user", "Administrator", "--message", r#"{"count": 7}"#];
    assert!(publish(&count).starts_with("0 subscribers"), "nobody listens");
    let server = Server::start(&["--redis", &redis.url(), "--site", "rt15.localhost"]);
    redis.wait_for_subscribers(1);
    let mut page = Page::open(&server, &[]).await;
    assert!(publish(&count).starts_with("1 subscriber "));
    assert_eq!(page.event().await.2, "{\n  \"count\": 7\n }", "the bytes of Frappe 15");
    assert!(publish(&["--event", "ev"]).contains("room all"), "no room, no user: the whole site");
    assert_eq!(page.event().await.0.to_string(), "all");
}

#[tokio::test]
async fn a_stopping_server_tells_its_pages_and_ends_well() {
    let mut server = Server::start(&[]);
    let mut page = Page::open(&server, &[]).await;
    let page = tokio::spawn(async move {
        loop {
            if let realtime::frame::ServerFrame::Bye { code, .. } = page.frame().await {
                return (code, page.close_code().await);
            }
        }
    });
    let stopped = tokio::task::spawn_blocking(move || server.stop()).await.expect("no panic");
    let (code, number) = page.await.expect("no panic");
    assert_eq!((code.number(), number, stopped), (4001, 4001, Some(0)));
}

/// The first page of a server that had just started was sometimes rendered before the demo's first event.
#[tokio::test]
async fn the_very_first_page_of_the_demo_holds_a_value() {
    for _ in 0..5 {
        let server = Server::start(&[]);
        let html = reqwest::get(server.url("/live/count")).await.expect("an answer").text().await.expect("text");
        assert!(html.contains(">0</output>") || html.contains(">1</output>"), "{html}");
    }
}
