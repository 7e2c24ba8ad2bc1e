//! How the connection is, in a word.

use realtime::client::machine::LinkState;

use crate::prelude::*;

/// Says how the page's connection is. The [banner](super::connection_banner) announces what matters of it.
#[island]
pub fn ConnectionStatus() -> impl IntoView {
    let connection = use_connection();
    let word = move || word(connection.state());
    view! { <span class="status" data-testid="connection">{word}</span> }
}

const fn word(state: LinkState) -> &'static str {
    match state {
        LinkState::Connecting => "Connecting",
        LinkState::Live => "Live",
        LinkState::Reconnecting | LinkState::SourceLost => "Reconnecting",
        LinkState::Offline => "Offline",
        LinkState::SessionExpired => "Session expired",
    }
}
