//! The real binary among real processes.

mod bridge;
mod captures;
mod commands;
mod documents;
mod frappe;
mod handshake;
mod requests;
mod support;
