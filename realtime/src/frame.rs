//! Frames: what travels between page and server. `docs/PROTOCOL.md` says the same in prose.
//!
//! A frame is one WebSocket text message holding one JSON object with readable keys; `type` says which
//! frame it is. Each direction has an enum, its encoder and its parser, so that the server cannot send
//! what the page cannot read. An event's `message` is carried as raw text from Redis to the page.

mod client;
mod poll;
mod refusal;
mod server;

pub use client::{ClientFrame, FrameError};
pub use poll::{PollRequest, poll_answer, read_poll_answer};
pub use refusal::{Denial, Trouble};
pub use server::{ServerFrame, UnreadableFrame, event_text};

/// The WebSocket subprotocol that both sides name in the handshake.
pub const SUBPROTOCOL: &str = "frappe-live.v1";

/// The number a page gives a frame, which the answer to it repeats.
pub type Ref = u64;
