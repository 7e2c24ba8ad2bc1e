//! Says what is wrong with the connection, calmly: over the page, not in it, and nothing for the first second.

use realtime::client::machine::LinkState;

use crate::prelude::*;

/// What is said, and what one can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notice {
    /// All is well.
    Nothing,
    Reconnecting,
    Offline,
    SourceLost,
    /// The server has newer pages than this one.
    Updated,
}

/// A session that is over has a notice of its own, with links that work without scripts.
const fn notice_of(state: LinkState, is_outdated: bool) -> Notice {
    match state {
        LinkState::Reconnecting => Notice::Reconnecting,
        LinkState::Offline => Notice::Offline,
        LinkState::SourceLost => Notice::SourceLost,
        LinkState::Live if is_outdated => Notice::Updated,
        LinkState::Connecting | LinkState::Live | LinkState::SessionExpired => Notice::Nothing,
    }
}

impl Notice {
    const fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Reconnecting => "reconnecting",
            Self::Offline => "offline",
            Self::SourceLost => "reconnecting-to-source",
            Self::Updated => "updated",
        }
    }

    const fn heading(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Reconnecting => "Reconnecting",
            Self::Offline => "You are offline",
            Self::SourceLost => "Reconnecting to the site’s events",
            Self::Updated => "This page has been updated",
        }
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Reconnecting => "What you see may be old. It catches up by itself.",
            Self::Offline => "What you see may be old. It catches up when you are back.",
            Self::SourceLost => "Nothing new arrives for the moment. The page fetches it again by itself.",
            Self::Updated => "Reload for the new version. What you have typed is kept.",
        }
    }

    const fn can_try_now(self) -> bool {
        matches!(self, Self::Reconnecting | Self::Offline)
    }
}

/// The banner. One a page; the style sheet lays it over the foot of the page.
#[island]
pub fn ConnectionBanner() -> impl IntoView {
    let connection = use_connection();
    let notice = Memo::new(move |_| notice_of(connection.state(), connection.is_outdated()));
    #[cfg(feature = "hydrate")]
    browser::try_when_pressed(connection);
    // Counted for the eye only: a number that is read out each second would drown everything else.
    let countdown = move || {
        let seconds = connection.seconds_to_next_try().filter(|_| notice.get() == Notice::Reconnecting);
        seconds.map_or_else(String::new, |seconds| format!("Next try in {seconds} s."))
    };
    view! {
        <p class="unseen" role="status" data-testid="connection-announcement">
            {move || notice.get().heading()}
        </p>
        <section
            class="notice"
            aria-label="Connection"
            data-testid="connection-banner"
            data-notice=move || notice.get().word()
        >
            <p>
                <strong>{move || notice.get().heading()}</strong>
                <span>{move || notice.get().sentence()}</span>
                <span class="countdown" aria-hidden="true" data-testid="next-try">{countdown}</span>
            </p>
            <p class="actions">
                <button
                    type="button"
                    class="try-now"
                    data-testid="try-now"
                    hidden=move || !notice.get().can_try_now()
                >
                    "Try now"
                </button>
                <button
                    type="button"
                    class="main"
                    data-reload=""
                    data-testid="reload"
                    hidden=move || notice.get() != Notice::Updated
                >
                    "Reload"
                </button>
            </p>
        </section>
    }
}

#[cfg(feature = "hydrate")]
mod browser {
    use leptos::wasm_bindgen::JsCast;
    use leptos::wasm_bindgen::prelude::Closure;
    use leptos::web_sys::{Element, Event};
    use realtime::signals::Connection;

    use crate::prelude::*;

    /// One listener of the document, by hand: Leptos' `on:` weighs more than the banner (measured).
    pub(super) fn try_when_pressed(connection: Connection) {
        let press = Closure::<dyn FnMut(Event)>::new(move |event: Event| {
            let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
            if target.is_some_and(|target| target.class_list().contains("try-now")) {
                connection.try_now();
            }
        });
        // Adding a listener for a named event does not fail.
        let _ = document().add_event_listener_with_callback("click", press.as_ref().unchecked_ref());
        press.forget();
    }
}

#[cfg(test)]
mod tests {
    use realtime::client::machine::LinkState;

    use super::{Notice, notice_of};

    #[test]
    fn a_page_that_is_live_says_nothing_unless_it_is_old() {
        assert_eq!(notice_of(LinkState::Live, false), Notice::Nothing);
        assert_eq!(notice_of(LinkState::Live, true), Notice::Updated);
        assert_eq!(notice_of(LinkState::Connecting, true), Notice::Nothing);
        assert_eq!(notice_of(LinkState::Reconnecting, true), Notice::Reconnecting, "first things first");
    }
}
