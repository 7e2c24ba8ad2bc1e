//! A page's connection without a browser.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use realtime::frame::{ClientFrame, SUBPROTOCOL, ServerFrame};
use realtime::position::Position;
use realtime::room::Room;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::PATIENCE;
use super::server::Server;

pub(crate) struct Page {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The user that `hello` named.
    pub(crate) user: String,
    /// The automatic rooms that `hello` named.
    pub(crate) rooms: Vec<Room>,
}

/// Opens a socket with these headers beside the usual ones.
pub(crate) async fn open(
    server: &Server,
    headers: &[(&'static str, &str)],
) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, Error> {
    let mut request = format!("ws://{}/live/ws", server.address()).into_client_request()?;
    let mut add = |name, value: &str| {
        let value = HeaderValue::from_str(value).expect("a header");
        request.headers_mut().insert(name, value);
    };
    add("sec-websocket-protocol", SUBPROTOCOL);
    for (name, value) in headers {
        add(name, value);
    }
    connect_async(request).await.map(|(socket, _)| socket)
}

impl Page {
    /// Connects and waits for `hello`.
    pub(crate) async fn open(server: &Server, headers: &[(&'static str, &str)]) -> Self {
        let mut socket = open(server, headers).await.expect("the handshake is accepted");
        let ServerFrame::Hello { user, rooms, .. } = next_frame(&mut socket).await else { panic!("hello comes first") };
        Self { socket, user, rooms }
    }

    /// The next frame.
    pub(crate) async fn frame(&mut self) -> ServerFrame {
        next_frame(&mut self.socket).await
    }

    /// The next event: its room, name, message text and offset.
    pub(crate) async fn event(&mut self) -> (Room, String, String, u64) {
        match self.frame().await {
            ServerFrame::Event { room, event, message, offset: Some(offset) } => {
                (room, event, message.get().to_owned(), offset)
            }
            other => panic!("not an event: {other:?}"),
        }
    }

    /// Joins a room and returns the answer.
    pub(crate) async fn join(&mut self, room: Room, since: Option<Position>, latest: &[&str]) -> ServerFrame {
        let latest = latest.iter().map(ToString::to_string).collect();
        self.say(&ClientFrame::Join { reference: 1, room, since, latest, token: None }).await;
        self.frame().await
    }

    /// Sends a frame.
    pub(crate) async fn say(&mut self, frame: &ClientFrame) {
        self.send(Message::text(frame.encode())).await;
    }

    /// Sends a message.
    pub(crate) async fn send(&mut self, message: Message) {
        self.socket.send(message).await.expect("the connection stands");
    }

    /// Waits for the close frame and returns its code.
    pub(crate) async fn close_code(mut self) -> u16 {
        close_code(&mut self.socket).await
    }

    /// Fails if anything but a pong comes before the answer to a ping: nothing was on its way.
    pub(crate) async fn assert_nothing_waits(&mut self) {
        self.say(&ClientFrame::Ping { reference: Some(99) }).await;
        let frame = self.frame().await;
        assert!(matches!(frame, ServerFrame::Ok { reference: Some(99), .. }), "{frame:?}");
    }
}

pub(crate) async fn next_frame(socket: &mut WebSocketStream<MaybeTlsStream<TcpStream>>) -> ServerFrame {
    loop {
        match next(socket).await {
            Message::Text(text) => return ServerFrame::parse(&text).expect("a known frame"),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("no text: {other:?}"),
        }
    }
}

pub(crate) async fn close_code(socket: &mut WebSocketStream<MaybeTlsStream<TcpStream>>) -> u16 {
    loop {
        if let Message::Close(close) = next(socket).await {
            return close.map_or(1005, |close| close.code.into());
        }
    }
}

async fn next(socket: &mut WebSocketStream<MaybeTlsStream<TcpStream>>) -> Message {
    let next = timeout(PATIENCE + Duration::from_secs(30), socket.next()).await;
    next.expect("a message in time").expect("the stream goes on").expect("a message")
}
