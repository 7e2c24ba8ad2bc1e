//! The engine of frappe-live and what it is served with.
//!
//! # Layout
//! An event goes down this list, one way: [`bridge`] (Redis, or the embedded bus) -> [`event`] (parsed
//! once) -> [`history`] (stamped and kept) -> [`hub`] (who is in the room) -> [`queue`] (what waits for a
//! page) -> [`conn`] (the socket) -> [`http`]. [`websocket`] is the bytes of a frame. [`engine`] holds history
//! and hub together. [`presence`] is who looks at which document, told by the hub and kept in no history.
//!
//! [`poll`] is the way for pages that have no socket: a session and its queue for one request. Servers on one Redis come
//! to number events alike in [`bridge`].
//!
//! A question goes up: [`conn`] or [`poll`] -> [`session`] (what a page asks) -> [`authz`] (what it may) -> [`site`] (who
//! knows: Frappe, or the demo). [`seal`] is the texts that only this server can have written, [`config`] what
//! was asked for, [`publish`] the command of that name.
#![warn(missing_docs)]

pub mod authz;
pub mod bridge;
pub mod config;
pub mod conn;
pub mod engine;
pub mod event;
pub mod history;
pub mod http;
pub mod hub;
pub mod poll;
pub mod presence;
pub mod publish;
pub mod queue;
pub mod redis_address;
pub mod seal;
pub mod session;
pub mod site;
pub mod stopping;
pub mod websocket;
