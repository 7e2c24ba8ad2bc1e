//! How the connection is, in a word.

use std::time::Duration;

use realtime::client::machine::LinkState;

use crate::prelude::*;

/// A break that is over sooner is neither shown nor announced.
const BLIP: Duration = Duration::from_secs(1);

/// Says how the page's connection is, and announces changes politely.
#[island]
pub fn ConnectionStatus() -> impl IntoView {
    let connection = use_connection();
    let shown = RwSignal::new(connection.get_untracked());
    Effect::new(move || {
        let state = connection.get();
        if state == LinkState::Reconnecting {
            unless_it_changes(BLIP, move || shown.set(state));
        } else {
            shown.set(state);
        }
    });
    let word = move || word(shown.get());
    view! { <span class="status" role="status" aria-live="polite" data-testid="connection">{word}</span> }
}

const fn word(state: LinkState) -> &'static str {
    match state {
        LinkState::Connecting => "Connecting",
        LinkState::Live => "Live",
        LinkState::Reconnecting => "Reconnecting",
        LinkState::Offline => "Offline",
    }
}

/// Inside an effect: calls `then` after a while, unless the effect runs again or ends before.
fn unless_it_changes(wait: Duration, then: impl FnOnce() + 'static) {
    if let Ok(timeout) = set_timeout_with_handle(then, wait) {
        on_cleanup(move || timeout.clear());
    }
}
