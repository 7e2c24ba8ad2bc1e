//! How a page's frames travel, whatever the transport: texts one way, texts and an end the other.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use realtime::frame::SUBPROTOCOL;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, Receiver, Sender, UnboundedReceiver, UnboundedSender};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::line::socket;

/// What comes to a page.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// A frame.
    Text(String),
    /// The end, with its WebSocket close code; nothing follows.
    Closed(u16),
}

/// One connection of a page. One that is dropped says good-bye by itself and reports nothing more.
pub(crate) struct Link {
    sent: UnboundedSender<String>,
    arrivals: Receiver<Arrival>,
}

/// Frames that a browser has read and its page has not: more stay on the line.
const READ_AHEAD: usize = 8;
/// The close code of a line that broke.
const BROKEN: u16 = 1006;

impl Link {
    /// Begins to open a WebSocket to this address with this cookie.
    pub(crate) fn websocket(address: SocketAddr, cookie: &str) -> Self {
        let ((sent, to_send), (arrived, arrivals)) = (mpsc::unbounded_channel(), mpsc::channel(READ_AHEAD));
        tokio::spawn(websocket(address, cookie.to_owned(), to_send, arrived));
        Self { sent, arrivals }
    }

    /// Sends a frame, or drops it where the connection is over.
    pub(crate) fn send(&self, text: String) {
        let _ = self.sent.send(text);
    }

    /// What comes next. Losing this future loses nothing.
    pub(crate) async fn next(&mut self) -> Arrival {
        self.arrivals.recv().await.unwrap_or(Arrival::Closed(BROKEN))
    }
}

type Socket = WebSocketStream<TcpStream>;

async fn websocket(address: SocketAddr, cookie: String, mut frames: UnboundedReceiver<String>, page: Sender<Arrival>) {
    let mut request = format!("ws://{address}/live/ws").into_client_request().expect("an address");
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
    request.headers_mut().insert("cookie", HeaderValue::from_str(&cookie).expect("a header"));
    let open = async {
        let stream = socket().connect(address).await?;
        client_async(request, stream).await
    };
    let opened = tokio::select! {
        opened = open => opened,
        // The page gave up.
        () = page.closed() => return,
    };
    let code = match opened {
        Ok((mut socket, _)) => talk(&mut socket, &mut frames, &page).await,
        Err(_) => BROKEN,
    };
    // The page may have gone.
    let _ = page.send(Arrival::Closed(code)).await;
}

async fn talk(socket: &mut Socket, frames: &mut UnboundedReceiver<String>, page: &Sender<Arrival>) -> u16 {
    loop {
        tokio::select! {
            frame = frames.recv() => {
                let Some(frame) = frame else {
                    let close = CloseFrame { code: CloseCode::Normal, reason: "".into() };
                    // As a browser, it does not wait for ever for a line that may be dead.
                    let _ = timeout(Duration::from_secs(1), socket.close(Some(close))).await;
                    return CloseCode::Normal.into();
                };
                if socket.send(Message::text(frame)).await.is_err() {
                    return BROKEN;
                }
            }
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    if page.send(Arrival::Text(text.as_str().to_owned())).await.is_err() {
                        return BROKEN;
                    }
                }
                Some(Ok(Message::Close(close))) => return close.map_or(1005, |close| close.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return BROKEN,
            },
        }
    }
}
