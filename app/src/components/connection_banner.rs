//! Says what is wrong with the connection, calmly: over the page, not in it, and nothing for the first second.

#[cfg(any(test, feature = "hydrate"))]
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
#[cfg(any(test, feature = "hydrate"))]
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
    /// Those of which something is said.
    #[cfg(feature = "ssr")]
    const SAID: [Self; 4] = [Self::Reconnecting, Self::Offline, Self::SourceLost, Self::Updated];

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

    #[cfg(feature = "ssr")]
    const fn sentence(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Reconnecting => "What you see may be old. It catches up by itself.",
            Self::Offline => "What you see may be old. It catches up when you are back.",
            Self::SourceLost => "Nothing new arrives for the moment. The page fetches it again by itself.",
            Self::Updated => "Reload for the new version. What you have typed is kept.",
        }
    }
}

/// The banner, with all that it may ever say; the style sheet shows what `data-notice` names.
#[cfg(feature = "ssr")]
#[component]
pub fn ConnectionBanner() -> impl IntoView {
    let said = Notice::SAID.map(|notice| {
        view! {
            <p data-about=notice.word()>
                <strong>{notice.heading()}</strong>
                {notice.sentence()}
                {(notice == Notice::Reconnecting).then(|| view! {
                    // Counted for the eye only: a number read out each second would drown everything else.
                    " "<span class="countdown" aria-hidden="true" data-testid=COUNTDOWN></span>
                })}
            </p>
        }
    });
    view! {
        <p class="unseen" role="status" data-testid=ANNOUNCEMENT></p>
        <section class="notice" aria-label="Connection" data-testid=BANNER data-notice=Notice::Nothing.word()>
            {said.into_iter().collect_view()}
            <p class="actions">
                <button type="button" data-testid=TRY_NOW>"Try now"</button>
                <button type="button" class="main" data-reload="" data-testid="reload">"Reload"</button>
            </p>
        </section>
        <ConnectionBannerHands/>
    }
}

const BANNER: &str = "connection-banner";
const ANNOUNCEMENT: &str = "connection-announcement";
const COUNTDOWN: &str = "next-try";
const TRY_NOW: &str = "try-now";

/// Moves the banner, by hand as the other islands do.
#[island]
pub fn ConnectionBannerHands() -> impl IntoView {
    #[cfg(feature = "hydrate")]
    hands::follow();
}

#[cfg(feature = "hydrate")]
mod hands {
    use super::{ANNOUNCEMENT, BANNER, COUNTDOWN, TRY_NOW, notice_of};
    use crate::hands::{always, find, on_press, write};
    use crate::prelude::*;

    pub(super) fn follow() {
        let connection = use_connection();
        always(move || {
            let notice = notice_of(connection.state(), connection.is_outdated());
            if let Some(banner) = find(BANNER) {
                // Only a name with a space in it is refused.
                let _ = banner.set_attribute("data-notice", notice.word());
            }
            write(ANNOUNCEMENT, notice.heading());
        });
        always(move || {
            let seconds = connection.seconds_to_next_try();
            let countdown = seconds.map(|seconds| ["Next try in ", &seconds.to_string(), " s."].concat());
            write(COUNTDOWN, &countdown.unwrap_or_default());
        });
        on_press(TRY_NOW, move || connection.try_now());
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
