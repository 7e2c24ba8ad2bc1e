//! What a page sends, read by tungstenite: masks, fragments, UTF-8, control frames and limits are its
//! work (RFC 6455). What it wants to write in answer to pings is collected for the queue, because only
//! the queue writes.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use realtime::close::CloseCode;
use tungstenite::error::{CapacityError, Error, ProtocolError};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Message, WebSocket};

use super::Line;

/// Frames of this protocol are small; the buffer grows with a larger one.
const READ_BUFFER: usize = 1024;

pub(super) enum Received {
    Text(tungstenite::Utf8Bytes),
    /// A ping or a pong.
    Heartbeat,
    /// All that was there is read.
    Nothing,
    /// The page broke a rule.
    Refused(CloseCode),
    /// The page said good-bye.
    Closed,
    /// The line is dead.
    Gone,
}

pub(super) struct Reader<L> {
    socket: WebSocket<Inward<L>>,
    /// The socket may have more that was not asked for yet.
    has_more: bool,
}

/// The reading half of a line, as tungstenite wants it.
struct Inward<L> {
    line: Arc<L>,
    early: Vec<u8>,
    replies: Vec<u8>,
}

impl<L: Line> Reader<L> {
    pub(super) fn new(line: Arc<L>, early: Vec<u8>, frame_bytes: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_frame_size(Some(frame_bytes))
            .max_message_size(Some(frame_bytes));
        let inward = Inward { line, early, replies: Vec::new() };
        Self { socket: WebSocket::from_raw_socket(inward, Role::Server, Some(config)), has_more: true }
    }

    /// Waits until there is something to read.
    pub(super) async fn ready(&self) -> io::Result<()> {
        if self.has_more { Ok(()) } else { self.socket.get_ref().line.readable().await }
    }

    /// The next thing the page sent.
    pub(super) fn next(&mut self) -> Received {
        let received = match self.socket.read() {
            Ok(Message::Text(text)) => Received::Text(text),
            Ok(Message::Binary(_)) => Received::Refused(CloseCode::NotText),
            Ok(Message::Close(_)) => Received::Closed,
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => Received::Heartbeat,
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Received::Nothing,
            Err(
                Error::Io(_)
                | Error::ConnectionClosed
                | Error::AlreadyClosed
                | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake),
            ) => Received::Gone,
            Err(Error::Capacity(CapacityError::MessageTooLong { .. })) => Received::Refused(CloseCode::FrameTooLarge),
            Err(_) => Received::Refused(CloseCode::ProtocolError),
        };
        self.has_more = !matches!(received, Received::Nothing);
        received
    }

    /// What must be written in answer to what was read.
    pub(super) fn take_replies(&mut self) -> Bytes {
        std::mem::take(&mut self.socket.get_mut().replies).into()
    }

    /// Throws away what is there; `false` at the end.
    pub(super) fn discard(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let read = self.socket.get_mut().read(&mut buffer);
        self.has_more = read.as_ref().is_ok_and(|count| *count > 0);
        read.map_or_else(|error| error.kind() == ErrorKind::WouldBlock, |count| count > 0)
    }
}

impl<L: Line> Read for Inward<L> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.early.is_empty() {
            return self.line.try_read(buffer);
        }
        let count = self.early.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.early[..count]);
        self.early.drain(..count);
        Ok(count)
    }
}

impl<L> Write for Inward<L> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.replies.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
