//! The real binary among real processes.

mod app_session;
mod attacks;
mod bridge;
mod captures;
mod codes;
mod commands;
mod documents;
mod frappe;
mod handshake;
mod instances;
mod permissions;
mod requests;
mod reviews;
mod sign_in;
mod sites;
mod support;
