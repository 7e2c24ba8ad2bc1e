//! What carries frames in the browser: a WebSocket, or polls.

mod poll;
mod socket;

use leptos::prelude::window;

use self::poll::Poll;
use self::socket::Socket;
use super::machine::Transport;
use super::store::Store;

/// A link to the server. A dropped one reports nothing more.
pub(super) enum Link {
    Socket(Socket),
    Poll(Poll),
}

impl Link {
    /// Starts to connect, as the page's link of this number; `None` where the browser refuses to try.
    pub(super) fn open(transport: Transport, number: u32) -> Option<Self> {
        match transport {
            Transport::WebSocket => Socket::open(number).map(Self::Socket),
            Transport::Poll => Poll::open(number).map(Self::Poll),
        }
    }

    /// Sends a frame, with a poll soon.
    pub(super) fn send(&mut self, text: String) {
        match self {
            Self::Socket(socket) => socket.send(&text),
            Self::Poll(poll) => poll.send(text),
        }
    }

    /// Lets a poll go on, if this is one and it can.
    pub(super) fn go_on(&mut self, page: &str, store: &Store, source_lost: bool) {
        if let Self::Poll(poll) = self {
            poll.go_on(page, store, source_lost);
        }
    }

    /// What a poll was answered, once.
    pub(super) fn take_answer(&mut self) -> Option<String> {
        if let Self::Poll(poll) = self { poll.take_answer() } else { None }
    }

    /// Milliseconds to wait before the next poll, after an answer with these frames.
    pub(super) fn pause_after(&mut self, frames: &[&str]) -> u64 {
        if let Self::Poll(poll) = self { poll.pause_after(frames) } else { 0 }
    }

    /// Whether nothing waits to be sent.
    pub(super) fn is_at_rest(&self) -> bool {
        if let Self::Poll(poll) = self { poll.is_at_rest() } else { true }
    }
}

/// The transport that the page's address asks for: `?transport=poll`.
pub(super) fn forced() -> Option<Transport> {
    let search = window().location().search().ok()?;
    let asked = search[1.min(search.len())..].split('&').find_map(|pair| pair.strip_prefix("transport="))?;
    [Transport::WebSocket, Transport::Poll].into_iter().find(|transport| transport.word() == asked)
}
