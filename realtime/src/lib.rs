//! What both sides of frappe-live agree on, and how a page stays connected.
//!
//! # Layout
//! - [`room`], [`position`], [`frame`], [`close`], [`event`]: the protocol, pure, used by server and page.
//! - [`host`]: what a page may ask of the server that renders it.
//! - [`client`]: how a page stays connected. [`client::machine`], [`client::backoff`] and
//!   [`client::store`] are pure; the browser's socket and lifecycle are thin around them.
//! - [`signals`]: the hooks that a page author uses.
//! - [`task`]: background tasks that the server gave to a user.
//! - `handlers` (with `ssr`): what the server does when a page asks it something.
//!
//! Features: `ssr` for the server's half of the hooks, `hydrate` for the browser's.

#![warn(missing_docs)]

pub mod client;
pub mod close;
pub mod event;
mod fields;
pub mod frame;
#[cfg(feature = "ssr")]
pub mod handlers;
pub mod host;
pub mod position;
pub mod room;
pub mod signals;
pub mod task;
