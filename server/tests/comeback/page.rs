//! The least of a page: a handshake, a join, and a look at what comes. Thousands of them must not weigh
//! more than the server that is measured.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Instant;

use realtime::frame::{ClientFrame, SUBPROTOCOL, ServerFrame};
use realtime::position::Position;
use realtime::room::Room;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a page comes back for.
pub(crate) struct Task {
    pub(crate) address: SocketAddr,
    pub(crate) room: String,
    pub(crate) since: Position,
}

/// When a page was how far.
pub(crate) struct Comeback {
    pub(crate) connected: Instant,
    pub(crate) greeted: Instant,
    pub(crate) whole: Instant,
}

struct Page {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Bytes of the buffer that are read.
    read: usize,
}

/// Comes back, and has these numbers in their order.
pub(crate) async fn come_back(task: Task, numbers: Range<u64>) -> Comeback {
    let mut page = Page::connect(task.address).await;
    let connected = Instant::now();
    page.shake_hands().await;
    let hello = page.frame().await;
    assert!(hello.starts_with(r#"{"type":"hello""#), "{hello}");
    let greeted = Instant::now();
    page.join(&task.room, Some(task.since)).await;
    let joined = page.frame().await;
    assert!(joined.starts_with(r#"{"type":"joined""#) && joined.contains(r#""recovered":true"#), "{joined}");
    for number in numbers {
        let event = page.frame().await;
        let marked = format!("\"number\": {number}\n }}}}");
        assert!(event.ends_with(&marked) && event.contains(&task.room), "{number} of {}: {event}", task.room);
    }
    Comeback { connected, greeted, whole: Instant::now() }
}

/// Where the site is.
pub(crate) async fn position(address: SocketAddr) -> Position {
    let mut page = Page::connect(address).await;
    page.shake_hands().await;
    page.frame().await;
    page.join("website", None).await;
    match ServerFrame::parse(page.frame().await) {
        Ok(ServerFrame::Joined { position, .. }) => position,
        other => panic!("no answer to a join: {other:?}"),
    }
}

impl Page {
    async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server takes the connection");
        stream.set_nodelay(true).expect("an option that every stream has");
        Self { stream, buffer: Vec::with_capacity(32 << 10), read: 0 }
    }

    async fn shake_hands(&mut self) {
        let request = format!(
            "GET /live/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
        );
        self.stream.write_all(request.as_bytes()).await.expect("the connection stands");
        loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                assert!(self.buffer.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&self.buffer));
                self.read = end + 4;
                return;
            }
            self.fill().await;
        }
    }

    async fn join(&mut self, room: &str, since: Option<Position>) {
        let room = Room::parse(room);
        let frame = ClientFrame::Join { reference: 1, room, since, latest: Vec::new(), token: None }.encode();
        let length = u16::try_from(frame.len()).expect("a short frame");
        // RFC 6455, 5.2: a final text, masked with a key of zeros, with its length in two bytes.
        let mut bytes = vec![0x81, 0x80 | 0x7e];
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(frame.as_bytes());
        self.stream.write_all(&bytes).await.expect("the connection stands");
    }

    /// The next text.
    async fn frame(&mut self) -> &str {
        let (start, length) = loop {
            let waiting = &self.buffer[self.read..];
            let header = match waiting {
                [0x81, 126, high, low, ..] => Some((4, usize::from(u16::from_be_bytes([*high, *low])))),
                [0x81, length @ 0..126, ..] => Some((2, usize::from(*length))),
                [0x81] | [] | [0x81, 126, ..] => None,
                other => panic!("no text of moderate size: {:?}", &other[..2]),
            };
            match header {
                Some((start, length)) if waiting.len() >= start + length => break (start, length),
                _ => self.fill().await,
            }
        };
        let start = self.read + start;
        self.read = start + length;
        std::str::from_utf8(&self.buffer[start..self.read]).expect("text")
    }

    async fn fill(&mut self) {
        self.buffer.drain(..self.read);
        self.read = 0;
        let count = self.stream.read_buf(&mut self.buffer).await.expect("the connection stands");
        assert!(count > 0, "the server hung up");
    }
}
