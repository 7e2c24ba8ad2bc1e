//! How the page's connection is, for those who show it.

use leptos::prelude::*;

#[cfg(feature = "hydrate")]
use super::browser;
use crate::client::machine::{LinkState, Said};

/// The page's connection, as [`use_connection`] gives it.
#[derive(Debug, Clone, Copy)]
pub struct Connection {
    said: ReadSignal<Said>,
}

/// The page's connection: what to say of it, and to be asked to try.
///
/// ```ignore
/// let connection = use_connection();
/// view! {
///     <Show when=move || connection.state() == LinkState::Reconnecting>
///         <p>"Reconnecting" {move || connection.seconds_to_next_try().map(|seconds| format!(" in {seconds} s"))}</p>
///         <button on:click=move |_| connection.try_now()>"Try now"</button>
///     </Show>
/// }
/// ```
///
/// On the server, and before the first connection, it is connecting.
#[must_use]
pub fn use_connection() -> Connection {
    #[cfg(feature = "hydrate")]
    return Connection { said: browser::said() };
    #[cfg(not(feature = "hydrate"))]
    Connection { said: RwSignal::new(Said::AT_FIRST).read_only() }
}

impl Connection {
    /// What is to be said: a break that is over within a second is left out. Reactive.
    #[must_use]
    pub fn state(&self) -> LinkState {
        self.said.get().state
    }

    /// Seconds until the page tries again by itself; `None` while it is connected, is trying, or waits for
    /// the network or for being seen. Reactive: counts down each second while the page is reconnecting.
    #[must_use]
    pub fn seconds_to_next_try(&self) -> Option<u32> {
        self.said.get().seconds_to_next_try
    }

    /// Whether the server now serves another build of the pages than the one shown: reloading brings the
    /// new one, and there is no hurry, because this one stays live. Reactive.
    #[must_use]
    pub fn is_outdated(&self) -> bool {
        self.said.get().is_outdated
    }

    /// Tries now to connect, whatever the browser says of the network. Does nothing while connected.
    pub fn try_now(&self) {
        #[cfg(feature = "hydrate")]
        browser::try_now();
    }
}
