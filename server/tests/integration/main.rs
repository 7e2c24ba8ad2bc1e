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
mod poll;
mod presence;
mod requests;
mod restart;
mod reviews;
mod sign_in;
mod sites;
mod slow;
mod support;
mod viewers_ledger;
