//! A client that sends exactly what it is told.

use std::net::SocketAddr;

use fake_frappe::FakeFrappe;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The fake's answer, taken apart.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The sid the answer sets.
    pub(crate) fn sid(&self) -> String {
        let cookies = self.headers.iter().filter(|(name, _)| name == "set-cookie");
        let mut sids = cookies.filter_map(|(_, cookie)| cookie.strip_prefix("sid=")?.split(';').next());
        sids.next().expect("the answer sets a sid").to_owned()
    }
}

/// Sends a request as it is; it must ask to close the connection. `None` when that happens without an answer.
pub(crate) async fn send(address: SocketAddr, request: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).await.expect("the fake listens");
    stream.write_all(request.as_bytes()).await.expect("the fake reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line");
    let headers = lines.filter_map(|line| line.split_once(": "));
    Some(Answer {
        status: status.parse().expect("a status"),
        headers: headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect(),
        body: body.to_owned(),
    })
}

/// Sends a request to the fake's site; `None` when the connection is closed without an answer.
pub(crate) async fn try_ask(fake: &FakeFrappe, start: &str, headers: &[&str], body: &str) -> Option<Answer> {
    let site = fake.site();
    let headers: String = headers.iter().flat_map(|header| [header, "\r\n"]).collect();
    let head = format!("{start} HTTP/1.1\r\nHost: {site}\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    send(fake.address(), &format!("{head}{headers}\r\n{body}")).await
}

/// Sends a request, like `GET /path` with headers like `Cookie: sid=…`, to the fake's site.
pub(crate) async fn ask(fake: &FakeFrappe, start: &str, headers: &[&str], body: &str) -> Answer {
    try_ask(fake, start, headers, body).await.expect("the fake answers")
}

/// Asks who a session or token is.
pub(crate) async fn user_info(fake: &FakeFrappe, header: &str) -> Answer {
    ask(fake, "GET /api/method/frappe.realtime.get_user_info", &[header], "").await
}

/// The `Cookie` header of a session.
pub(crate) fn cookie(sid: &str) -> String {
    format!("Cookie: sid={sid}")
}
