//! The real binary among real processes.

mod bridge;
mod commands;
mod frappe;
mod handshake;
mod requests;
mod support;
