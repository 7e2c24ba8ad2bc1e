//! The hooks that a page author uses inside an island.
//!
//! ```ignore
//! let count = live_value(Room::me(), "count", |message: Count| message.count);
//! view! { <output>{count}</output> }
//! ```
//!
//! On the server a hook gives the value that is current while the page is rendered. In the browser it
//! begins with that value, without a flash, and follows what is published after it. All hooks of a page
//! share one connection; a listener is dropped with the component that made it.

#[cfg(feature = "hydrate")]
mod browser;
mod connection;
mod query;
mod viewers;

pub use connection::{Connection, use_connection};
pub use query::live_query;
pub use viewers::{ViewerSeen, Viewers, use_viewers};

pub use crate::client::machine::LinkState;

use leptos::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::room::Room;

#[cfg(not(feature = "hydrate"))]
use crate::host::Page;

/// What a listener of [`on_event`] hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard<M> {
    /// An event's message.
    Message(M),
    /// Events may have been missed: fetch again what is shown.
    Gap,
}

impl Room {
    /// The room of the user who looks at the page.
    #[must_use]
    pub fn me() -> Self {
        #[cfg(feature = "hydrate")]
        let user = browser::user();
        #[cfg(not(feature = "hydrate"))]
        let user = use_context::<Page>().map(|page| page.host().viewer().user);
        Self::User(user.unwrap_or_else(|| "Guest".to_owned()))
    }
}

/// The newest value that was published as `event` in `room`, kept current.
///
/// `read` takes the value out of Frappe's message. It is `None` until something is known. A message
/// that `M` does not fit is skipped and named in the browser's console.
///
/// After a gap the newest value that the server knows follows. A server that has just started knows none, and then
/// the old value stays until the next one is published: where that matters, [`live_query`] loads it.
pub fn live_value<M, T>(room: Room, event: &str, read: impl Fn(M) -> T + 'static) -> ReadSignal<Option<T>>
where
    M: DeserializeOwned + 'static,
    T: Send + Sync + 'static,
{
    #[cfg(feature = "hydrate")]
    return browser::live_value(room, event, read);
    #[cfg(not(feature = "hydrate"))]
    {
        let message = use_context::<Page>().and_then(|page| page.latest(&room, event));
        let value = message.and_then(|message| serde_json::from_str(&message).ok()).map(read);
        RwSignal::new(value).read_only()
    }
}

/// Calls `listener` for each `event` in `room`, from the moment the page was rendered.
///
/// On the server it does nothing.
#[cfg_attr(not(feature = "hydrate"), expect(unused_variables, reason = "only a browser listens"))]
pub fn on_event<M>(room: Room, event: &str, listener: impl Fn(Heard<M>) + 'static)
where
    M: DeserializeOwned + 'static,
{
    #[cfg(feature = "hydrate")]
    browser::on_event(room, event, listener);
}

/// Tells the other pages in a room something, as the user who looks at this one.
///
/// It is fire and forget, for what is true for a moment: who points where, who types. Newest wins: of several
/// in a tenth of a second for one event and room the last one is sent. It is dropped while there is no
/// connection, and while the page is not in the room, which it is where something on it listens there.
///
/// ```ignore
/// view! { <button on:pointerenter=move |_| emit(&Room::Website, "pointing", &"dosa")>"Dosa"</button> }
/// ```
///
/// On the server it does nothing.
#[cfg_attr(not(feature = "hydrate"), expect(unused_variables, reason = "only a browser emits"))]
pub fn emit(room: &Room, event: &str, message: &impl Serialize) {
    #[cfg(feature = "hydrate")]
    browser::emit(room, event, message);
}

/// Calls `listener` with the user and the message of each `event` that another page in `room` emits.
///
/// The server says who the user is; the message is whatever that user's page sent. Frappe's own events never
/// come here, and what is emitted never comes to [`on_event`] or [`live_value`].
///
/// ```ignore
/// on_emitted(Room::Website, "pointing", |from: String, dish: String| …);
/// ```
///
/// On the server it does nothing.
#[cfg_attr(not(feature = "hydrate"), expect(unused_variables, reason = "only a browser listens"))]
pub fn on_emitted<M>(room: Room, event: &str, listener: impl Fn(String, M) + 'static)
where
    M: DeserializeOwned + 'static,
{
    #[cfg(feature = "hydrate")]
    browser::on_emitted(room, event, listener);
}

/// Asks the server something, which one of its handlers answers.
///
/// `then` is called once: with the answer, or with a sentence that says why there is none. Nothing is asked
/// twice, so when the connection is lost meanwhile the handler may have done its work or not.
///
/// ```ignore
/// let answer = RwSignal::new(String::new());
/// let vote = move |_| ask("vote", &"dosa", move |said: Result<String, String>| {
///     answer.set(said.unwrap_or_else(|why_not| why_not));
/// });
/// ```
///
/// On the server it does nothing.
#[cfg_attr(not(feature = "hydrate"), expect(unused_variables, reason = "only a browser asks"))]
pub fn ask<A>(event: &str, message: &impl Serialize, then: impl FnOnce(Result<A, String>) + 'static)
where
    A: DeserializeOwned,
{
    #[cfg(feature = "hydrate")]
    browser::ask(event, message, then);
}
