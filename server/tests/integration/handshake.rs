//! Handshakes and frames that break a rule: an answer or a close code, and nobody else notices.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use realtime::close::CloseCode;
use realtime::frame::ServerFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::support::page::{Page, close_code, next_frame, open};
use crate::support::redis::Redis;
use crate::support::server::Server;

async fn refused(server: &Server, headers: &[(&'static str, &str)]) -> u16 {
    match open(server, headers).await {
        Err(Error::Http(answer)) => answer.status().as_u16(),
        Err(other) => panic!("no HTTP answer: {other}"),
        Ok(_) => panic!("accepted with {headers:?}"),
    }
}

#[tokio::test]
async fn a_wrong_origin_or_protocol_is_answered_over_http() {
    let server = Server::start(&[]);
    let own = server.url("");
    assert!(open(&server, &[("origin", &own)]).await.is_ok());
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        assert_eq!(refused(&server, &[("origin", origin)]).await, 403, "{origin}");
    }
    assert_eq!(refused(&server, &[("sec-websocket-protocol", "frappe-live.v9")]).await, 400);
    let foreign = [("host", "evil.example"), ("origin", "https://other.example")];
    assert_eq!(refused(&server, &foreign).await, 403, "before the site is looked for");
    for site in ["cross-site", "same-site", "somewhere"] {
        assert_eq!(refused(&server, &[("origin", &own), ("sec-fetch-site", site)]).await, 403, "{site}");
    }
    assert!(open(&server, &[("origin", &own), ("sec-fetch-site", "same-origin")]).await.is_ok());
    let allowing = Server::start(&["--allow-origin", "https://app.example.com"]);
    assert!(open(&allowing, &[("origin", "https://app.example.com"), ("sec-fetch-site", "cross-site")]).await.is_ok());
}

/// A page's script cannot read an HTTP status: it would come back for ever.
#[tokio::test]
async fn an_unknown_site_is_said_on_the_socket() {
    let server = Server::start(&[]);
    let mut socket = open(&server, &[("host", "other.example")]).await.expect("the reason comes on the socket");
    let frame = next_frame(&mut socket).await;
    assert!(matches!(frame, ServerFrame::Bye { code: CloseCode::UnknownSite, .. }), "{frame:?}");
    assert_eq!(close_code(&mut socket).await, CloseCode::UnknownSite.number());
}

#[test]
fn a_handshake_that_is_none_gets_a_sentence() {
    let server = Server::start(&[]);
    let ask = |request: &str| {
        let mut stream = TcpStream::connect(server.address()).expect("the server listens");
        stream.write_all(request.as_bytes()).expect("open");
        let mut status = String::new();
        BufReader::new(stream).read_line(&mut status).expect("an answer");
        status
    };
    let upgrade =
        "Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: frappe-live.v1\r\n";
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (lines, status) in [
        ("Host: localhost\r\nConnection: close\r\n".to_owned(), "426"),
        (format!("{upgrade}{key}Sec-WebSocket-Version: 8\r\n"), "426"),
        (format!("{upgrade}Sec-WebSocket-Version: 13\r\n"), "400"),
        (format!("{upgrade}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n"), "400"),
    ] {
        let answer = ask(&format!("GET /live/ws HTTP/1.1\r\n{lines}\r\n"));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{lines}: {answer}");
    }
}

#[tokio::test]
async fn one_page_that_breaks_the_rules_is_nobody_elses_problem() {
    let redis = Redis::start();
    let server = Server::start(&["--redis", &redis.url(), "--max-frame-bytes", "2000"]);
    redis.wait_for_subscribers(1);
    let mut other = Page::open(&server, &[]).await;
    for (message, code) in [
        (Message::binary(vec![0; 10]), CloseCode::NotText),
        (Message::text("x".repeat(2001)), CloseCode::FrameTooLarge),
    ] {
        let mut page = Page::open(&server, &[]).await;
        page.send(message).await;
        assert_eq!(page.close_code().await, code.number());
    }
    let mut page = Page::open(&server, &[]).await;
    for (text, code) in [("nonsense", "not_json"), ("[]", "bad_frame"), (r#"{"type":"sing","ref":4}"#, "unknown_frame")]
    {
        page.send(Message::text(text)).await;
        let frame = page.frame().await;
        assert!(matches!(&frame, ServerFrame::Error { code: got, .. } if got == code), "{text}: {frame:?}");
    }
    page.assert_nothing_waits().await;
    redis.publish(r#"{"event":"e","message":1,"namespace":"demo.localhost","room":"website"}"#);
    assert_eq!(other.event().await.1, "e");
    assert_eq!(page.event().await.1, "e", "answers do not end a connection");
}

#[tokio::test]
async fn bytes_that_are_no_websocket_end_one_connection() {
    let server = Server::start(&[]);
    let mut page = Page::open(&server, &[]).await;
    let tokio_tungstenite::MaybeTlsStream::Plain(stream) = page.socket.get_mut() else { panic!("no TLS") };
    // A text frame of a client must be masked (RFC 6455 section 5.1).
    tokio::io::AsyncWriteExt::write_all(stream, b"\x81\x05hello").await.expect("open");
    assert_eq!(page.close_code().await, CloseCode::ProtocolError.number());
}

#[tokio::test]
async fn connections_of_one_user_are_bounded() {
    let server = Server::start(&["--max-connections-per-user", "2"]);
    let _two = [Page::open(&server, &[]).await, Page::open(&server, &[]).await];
    let mut third = open(&server, &[]).await.expect("the reason comes on the socket");
    assert_eq!(close_code(&mut third).await, CloseCode::TooManyConnections.number());
}
