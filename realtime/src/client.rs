//! How a page stays connected: one connection for all that a page shows.
//!
//! [`machine`] decides when to connect, wait and give up; [`store`] knows the rooms, positions and
//! listeners; [`backoff`] says how long to wait; [`outbox`] keeps what waits to be said;
//! [`refetch`] says when to load a value again, and [`unrest`] when polls take a breath. All are pure: time and
//! chance come in as arguments. In the browser, `connection` carries out what they decide with the help
//! of `transport` (a WebSocket, or polls) and `lifecycle` (visibility, network and page events); `speaking` is what the
//! page says by itself.

pub mod backoff;
pub mod machine;
pub mod outbox;
pub mod refetch;
pub mod store;
pub mod unrest;

#[cfg(feature = "hydrate")]
pub(crate) mod connection;
#[cfg(feature = "hydrate")]
mod lifecycle;
#[cfg(feature = "hydrate")]
pub(crate) mod speaking;
#[cfg(feature = "hydrate")]
mod transport;
