//! Many sites on one server: which one a request is for, and that nobody chooses who is asked.

use realtime::close::CloseCode;
use realtime::frame::ServerFrame;
use tokio_tungstenite::tungstenite::Error;

use crate::support::frappe::{Frappe, cases};
use crate::support::page::{Page, next_frame, open};
use crate::support::server::Server;

const SITES: [&str; 4] = ["--site", "a.example", "--site", "b.example"];

/// The session of the captured Administrator.
fn session() -> String {
    let case = cases("v15").into_iter().find(|case| case.name == "get_user_info_cookie_admin").expect("captured");
    case.header("cookie").expect("captured").to_owned()
}

async fn bench_and_server(args: &[&str]) -> (Frappe, Server) {
    let frappe = Frappe::start(cases("v15")).await;
    let server = Server::start(&[&SITES[..], &["--frappe", &frappe.url], args].concat());
    (frappe, server)
}

/// The sites that Frappe was asked about.
fn asked_about(frappe: &Frappe) -> Vec<String> {
    frappe.asked().iter().map(|(_, headers)| headers["x-frappe-site-name"].clone()).collect()
}

/// How a socket began, or was refused.
#[derive(Debug, PartialEq)]
enum Socket {
    Hello(String),
    Bye(CloseCode),
    Http(u16),
}

/// Loads a page and opens a socket, with the session and these headers: the page's status and the socket.
async fn visit(server: &Server, headers: &[(&'static str, &str)]) -> (u16, Socket) {
    let session = session();
    let headers = [&[("cookie", session.as_str())], headers].concat();
    let mut request = reqwest::Client::new().get(server.url("/live/count"));
    for (name, value) in &headers {
        request = request.header(*name, *value);
    }
    let status = request.send().await.expect("an answer").status().as_u16();
    let socket = match open(server, &headers).await {
        Ok(mut socket) => match next_frame(&mut socket).await {
            ServerFrame::Hello { user, .. } => Socket::Hello(user),
            ServerFrame::Bye { code, .. } => Socket::Bye(code),
            other => panic!("no beginning: {other:?}"),
        },
        Err(Error::Http(answer)) => Socket::Http(answer.status().as_u16()),
        Err(other) => panic!("no answer: {other}"),
    };
    (status, socket)
}

fn welcome() -> (u16, Socket) {
    (200, Socket::Hello("Administrator".to_owned()))
}

#[tokio::test]
async fn the_host_names_the_site_and_this_machine_is_the_first() {
    for (host, site) in [
        ("a.example", "a.example"),
        ("B.Example:8080", "b.example"),
        ("localhost", "a.example"),
        ("[::1]:3000", "a.example"),
    ] {
        let (frappe, server) = bench_and_server(&[]).await;
        assert_eq!(visit(&server, &[("host", host)]).await, welcome(), "{host}");
        let asked = asked_about(&frappe);
        assert!(!asked.is_empty() && asked.iter().all(|asked| asked == site), "{host}: {asked:?}");
    }
}

#[tokio::test]
async fn a_proxys_headers_count_only_when_it_is_trusted() {
    let headers = [("host", "a.example"), ("x-frappe-site-name", "b.example"), ("x-forwarded-host", "c.example")];
    for (args, site) in [(&[][..], "a.example"), (&["--trust-proxy"], "b.example")] {
        let (frappe, server) = bench_and_server(args).await;
        assert_eq!(visit(&server, &headers).await, welcome(), "{args:?}");
        let asked = asked_about(&frappe);
        assert!(!asked.is_empty() && asked.iter().all(|asked| asked == site), "{args:?}: {asked:?}");
    }
}

#[tokio::test]
async fn an_unknown_site_is_said_to_pages_and_sockets_without_a_question_to_frappe() {
    let unknown = (404, Socket::Bye(CloseCode::UnknownSite));
    let (frappe, server) = bench_and_server(&[]).await;
    for host in ["c.example", "a.example.evil.example", "user@a.example", "a.example:port"] {
        assert_eq!(visit(&server, &[("host", host)]).await, unknown, "{host}");
    }
    assert!(frappe.asked().is_empty());
    server.wait_for_log("no site of this server");

    let (frappe, server) = bench_and_server(&["--trust-proxy"]).await;
    for header in [("x-frappe-site-name", "c.example"), ("x-frappe-site-name", ""), ("x-forwarded-host", "c.example")] {
        assert_eq!(visit(&server, &[("host", "a.example"), header]).await, unknown, "{header:?}");
    }
    assert!(frappe.asked().is_empty());
}

/// Frappe's own realtime server asks the address in `Origin` who somebody is: whoever names one is anybody.
#[tokio::test]
async fn an_attackers_server_is_never_asked_whatever_names_it() {
    let evil = Frappe::start(cases("v15")).await;
    let address = evil.url.trim_start_matches("http://");
    let forwarded = format!("host={address}");
    let attacks: [&[(&'static str, &str)]; 4] = [
        &[("host", address), ("origin", &evil.url)],
        &[("x-frappe-site-name", address), ("x-forwarded-host", address), ("x-forwarded-server", address)],
        &[("host", address), ("origin", &evil.url), ("x-frappe-site-name", "b.example"), ("forwarded", &forwarded)],
        &[("host", "evil.example"), ("origin", "http://evil.example"), ("x-forwarded-host", address)],
    ];
    for args in [&[][..], &["--trust-proxy"]] {
        let (frappe, server) = bench_and_server(args).await;
        for attack in attacks {
            visit(&server, attack).await;
        }
        assert!(evil.asked().is_empty(), "{args:?}: {:?}", evil.asked());
        let asked = asked_about(&frappe);
        assert!(!asked.is_empty() && asked.iter().all(|site| site == "a.example" || site == "b.example"), "{asked:?}");
    }
}

#[tokio::test]
async fn connections_are_counted_by_the_visitors_address_behind_a_trusted_proxy() {
    let is_one_too_many =
        |frame: &ServerFrame| matches!(frame, ServerFrame::Bye { code: CloseCode::TooManyConnections, .. });
    let limit = ["--max-connections-per-address", "1"];
    let server = Server::start(&[&limit[..], &["--trust-proxy"]].concat());
    let _first = Page::open(&server, &[("x-forwarded-for", "192.0.2.1")]).await;
    // What the visitor wrote stands before what the proxy added.
    let _second = Page::open(&server, &[("x-forwarded-for", "192.0.2.1, 192.0.2.2")]).await;
    let mut third = open(&server, &[("x-forwarded-for", "6.6.6.6, 192.0.2.1")]).await.expect("said on the socket");
    assert!(is_one_too_many(&next_frame(&mut third).await));

    let server = Server::start(&limit);
    let _first = Page::open(&server, &[("x-forwarded-for", "192.0.2.1")]).await;
    let mut second = open(&server, &[("x-forwarded-for", "192.0.2.2")]).await.expect("said on the socket");
    assert!(is_one_too_many(&next_frame(&mut second).await));
}
