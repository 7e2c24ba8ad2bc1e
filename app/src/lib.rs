//! The pages and components of frappe-live: where a Frappe team writes its own.
//!
//! # Layout
//! - [`routes`]: every page with its path; one line adds a page.
//! - [`pages`]: one file a page.
//! - [`components`]: what pages share.
//! - [`prelude`]: what a page author imports.
//! - [`shell`]: the document around a page.
//! - [`code`]: the one-time code in a page's address.
//! - [`demo_job`]: how a background task is given to a user.
//! - [`handlers`]: what the server does when a page asks it something.
//! - [`lunch`]: what the vote's page and its handler agree on.
//! - [`problem`]: what is shown where no page can be.
//! - [`sign_in`]: the page to sign in on.
//! - [`sign_in_as`]: how one becomes another of the demo's people.
//!
//! Documents are rendered on the server only; what wakes up in the browser is the islands. So all
//! but the islands stands behind the feature `ssr`, and never weighs on the wasm.

#[cfg(feature = "ssr")]
pub mod code;
pub mod components;
#[cfg(feature = "ssr")]
pub mod demo_job;
#[cfg(feature = "ssr")]
pub mod handlers;
#[cfg(feature = "hydrate")]
mod hands;
mod lunch;
pub mod pages;
pub mod prelude;
#[cfg(feature = "ssr")]
pub mod problem;
#[cfg(feature = "ssr")]
pub mod routes;
#[cfg(feature = "ssr")]
pub mod shell;
#[cfg(feature = "ssr")]
pub mod sign_in;
#[cfg(feature = "ssr")]
pub mod sign_in_as;

#[cfg(all(test, feature = "ssr"))]
mod tests;
