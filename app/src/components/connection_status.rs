//! How the connection is, in a word.

use realtime::signals::LinkState;

use crate::prelude::*;

/// Says how the page's connection is, and announces changes politely.
#[island]
pub fn ConnectionStatus() -> impl IntoView {
    let connection = use_connection();
    let word = move || word(connection.state());
    view! { <span class="status" role="status" aria-live="polite" data-testid="connection">{word}</span> }
}

const fn word(state: LinkState) -> &'static str {
    match state {
        LinkState::Connecting => "Connecting",
        LinkState::Live => "Live",
        LinkState::Reconnecting => "Reconnecting",
        LinkState::SourceLost => "Reconnecting to the source",
        LinkState::Offline => "Offline",
        LinkState::SessionExpired => "Session expired",
    }
}
