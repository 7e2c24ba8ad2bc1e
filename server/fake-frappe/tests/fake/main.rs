//! The fake over HTTP, as tests and frappe-live meet it.

mod binary;
mod changes;
mod controls;
mod replay;
mod secret;
mod support;
mod troubles;
