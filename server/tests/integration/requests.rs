//! Requests that are unusual, large or slow.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::redis::free_port;
use crate::support::server::Server;

/// Sends bytes as they are and returns what comes back until the end.
fn ask(server: &Server, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).expect("the server listens");
    // A server that refuses early may close before everything is sent.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(server: &Server, path: &str) -> String {
    ask(server, format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes())
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status: {answer:?}"))
}

#[test]
fn unknown_paths_are_404_with_a_page() {
    let server = Server::start(&[]);
    for path in ["/live/nothing", "/live/count/more", "/favicon.ico", "/live/pkg", "/app"] {
        let answer = get(&server, path);
        assert_eq!(status(&answer), 404, "{path}");
        assert!(answer.contains("<html") && answer.contains("/live/"), "{path}: {answer}");
    }
    assert_eq!(status(&get(&server, "/live/pkg/nothing.js")), 404);
    assert_eq!(status(&get(&server, "/")), 307);
    for path in ["/live", "/live/", "/live/count", "/live/count/"] {
        assert_eq!(status(&get(&server, path)), 200, "{path}");
    }
}

#[test]
fn a_path_cannot_climb_out() {
    let server = Server::start(&[]);
    for path in [
        "/live/pkg/../../../../etc/passwd",
        "/live/pkg/..%2f..%2f..%2fetc%2fpasswd",
        "/live/pkg/%2e%2e/%2e%2e/Cargo.toml",
        "/live/pkg/..%5c..%5cCargo.toml",
        "/live/pkg/%00.js",
        "/live/pkg/....//Cargo.css",
        "//etc/passwd",
        "/live/../Cargo.toml",
    ] {
        let answer = get(&server, path);
        assert!(matches!(status(&answer), 400 | 404), "{path}: {answer}");
        assert!(!answer.contains("root:") && !answer.contains("[workspace]"), "{path}");
    }
}

#[test]
fn too_much_is_refused_and_the_server_lives() {
    let server = Server::start(&[]);
    let long = "x".repeat(100_000);
    let request = format!("GET /live/ HTTP/1.1\r\nHost: localhost\r\nX-Long: {long}\r\n\r\n");
    assert_eq!(status(&ask(&server, request.as_bytes())), 431);
    let many = "X-Many: 1\r\n".repeat(500);
    assert_eq!(status(&ask(&server, format!("GET /live/ HTTP/1.1\r\nHost: localhost\r\n{many}\r\n").as_bytes())), 431);
    let request = format!("GET /live/{long} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(matches!(status(&ask(&server, request.as_bytes())), 414 | 431));
    let body = "POST /live/api/sign_in_as HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 5000000\r\n\r\n";
    assert_eq!(status(&ask(&server, body.as_bytes())), 413);
    assert_eq!(status(&ask(&server, b"\x16\x03\x01 this is TLS\r\n\r\n")), 400);
    assert_eq!(status(&get(&server, "/live/healthz")), 200);
}

#[test]
fn slow_headers_are_given_up() {
    let server = Server::start(&[]);
    let mut stream = TcpStream::connect(server.address()).expect("the server listens");
    stream.write_all(b"GET /live/ HTTP/1.1\r\nHost: local").expect("open");
    stream.set_read_timeout(Some(Duration::from_secs(40))).expect("a timeout");
    let start = Instant::now();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the server closes, not this test's patience");
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

#[test]
fn another_sites_page_cannot_post() {
    let server = Server::start(&[]);
    let post = |origin: &str| {
        let request = format!(
            "POST /live/api/sign_in_as HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 23\r\n\r\nuser=jane%40example.com"
        );
        ask(&server, request.as_bytes())
    };
    assert_eq!(status(&post("https://evil.example")), 403);
    let answer = post("http://localhost");
    assert!(answer.contains("frappe_live_demo_user=jane@example.com"), "{answer}");
}

#[test]
fn an_unknown_site_is_told_apart_from_this_machine() {
    let server = Server::start(&["--site", "erp.example.com"]);
    let with_host = |host: &str| {
        ask(&server, format!("GET /live/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())
    };
    for host in ["erp.example.com", "127.0.0.1:3000", "localhost", "[::1]:3000"] {
        assert_eq!(status(&with_host(host)), 200, "{host}");
    }
    let answer = with_host("<script>alert(1)</script>.example");
    assert!(matches!(status(&answer), 400 | 404) && !answer.contains("<script>alert"), "{answer}");
    let answer = with_host("other.example.com");
    assert!(status(&answer) == 404 && answer.contains("other.example.com"), "{answer}");
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let lines = answer.split("\r\n\r\n").next()?.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
}

#[test]
fn head_says_the_length_of_the_page() {
    // No event comes, so that both answers are of the same page.
    let redis = format!("redis://127.0.0.1:{}", free_port());
    let server = Server::start(&["--redis", &redis]);
    let ask_with = |method: &str, path: &str, host: &str| {
        ask(&server, format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())
    };
    for (path, host) in [("/live/", "localhost"), ("/live/nothing", "localhost"), ("/live/", "other.example")] {
        let (head, get) = (ask_with("HEAD", path, host), ask_with("GET", path, host));
        let body = get.split_once("\r\n\r\n").expect("a body").1;
        assert_eq!(header(&head, "content-length"), Some(body.len().to_string().as_str()), "{path} {host}: {head}");
        assert!(head.ends_with("\r\n\r\n"), "{path} {host}: {head}");
    }
}

#[test]
fn a_server_function_that_does_not_exist_is_404_in_our_own_words() {
    let server = Server::start(&[]);
    for path in ["/live/api/nothing", "/live/api/sign_in_as/more"] {
        let answer = get(&server, path);
        assert!(status(&answer) == 404 && answer.contains("No server function"), "{path}: {answer}");
    }
    let answer = get(&server, "/live/api/sign_in_as");
    assert!(status(&answer) == 405 && header(&answer, "allow") == Some("POST"), "{answer}");
}

#[test]
fn another_sites_page_cannot_call_a_function_and_can_link_to_a_page() {
    let server = Server::start(&[]);
    let from = |site: &str, request: &str| {
        let rest =
            format!("Host: localhost\r\nSec-Fetch-Site: {site}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        status(&ask(&server, format!("{request} HTTP/1.1\r\n{rest}").as_bytes()))
    };
    for site in ["cross-site", "same-site", "elsewhere"] {
        assert_eq!(from(site, "POST /live/api/sign_in_as"), 403, "{site}");
        assert_eq!(from(site, "GET /live/api/sign_in_as"), 403, "{site}");
        assert_eq!(from(site, "GET /live/count"), 200, "{site}");
    }
    assert_eq!(from("same-origin", "GET /live/api/nothing"), 404);
}

#[test]
fn a_page_holds_no_script_but_those_that_its_policy_names() {
    let server = Server::start(&[]);
    for path in ["/live/", "/live/count", "/live/nothing"] {
        let answer = get(&server, path);
        let (_, policy) =
            header(&answer, "content-security-policy").expect("a policy").split_once("'nonce-").expect("a nonce");
        let nonce = format!("nonce=\"{}\"", policy.split_once('\'').expect("it ends").0);
        let tags = answer.split("<script").skip(1).map(|rest| rest.split_once('>').expect("a tag ends").0);
        for tag in tags {
            assert!(tag.contains(&nonce) || tag.contains("type=\"application/json\""), "{path}: <script{tag}>");
        }
        let is_handler = |rest: &str| {
            let name = rest.split_once("=\"").map(|(name, _)| name);
            name.is_some_and(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase()))
        };
        assert!(!answer.split(" on").skip(1).any(is_handler), "{path}: {answer}");
    }
}

#[test]
fn the_operator_says_whose_pages_may_embed_ours() {
    let policy = |args: &[&str]| {
        let answer = get(&Server::start(args), "/live/");
        header(&answer, "content-security-policy").expect("a policy").to_owned()
    };
    let nobody_else = policy(&[]);
    assert!(nobody_else.ends_with("; frame-ancestors 'self'"), "{nobody_else}");
    let two = policy(&["--frame-ancestor", "https://app.example.com", "--frame-ancestor", "https://*.example.org"]);
    assert!(two.ends_with("; frame-ancestors 'self' https://app.example.com https://*.example.org"), "{two}");
    assert!(policy(&["--frame-ancestor", "none"]).ends_with("; frame-ancestors 'none'"));
}

#[test]
fn strangers_do_not_learn_where_redis_is() {
    let redis = format!("127.0.0.1:{}", free_port());
    let server = Server::start(&["--redis", &format!("redis://{redis}")]);
    let ready =
        |line: &str| ask(&server, format!("GET /live/readyz HTTP/1.1\r\n{line}Connection: close\r\n\r\n").as_bytes());
    assert!(ready("Host: localhost\r\n").contains(&redis));
    for line in ["Host: localhost\r\nX-Forwarded-For: 127.0.0.1\r\n", "Host: demo.localhost\r\n"] {
        let answer = ready(line);
        assert!(status(&answer) == 503 && answer.contains("redis 1: ") && !answer.contains(&redis), "{answer}");
    }
}
