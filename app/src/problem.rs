//! What is shown where no page can be: who the visitor is, or the site, is not known.

use std::borrow::Cow;

use leptos_router::hooks::use_url;

use crate::components::trouble::Trouble;
use crate::prelude::*;
use crate::sign_in::sign_in_path;

/// Why there is no page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// No such site is served here.
    UnknownSite {
        /// What the request called the site.
        host: String,
    },
    /// Frappe does not answer.
    FrappeUnreachable,
    /// Frappe says that the session is over.
    SessionExpired,
    /// Frappe does not take the visitor's credentials.
    Unauthorized,
    /// The code that the page was opened with is used, too old or of another site.
    CodeOver,
    /// A link, of another site or of this one, led the visitor to a page with a code.
    CodeFromElsewhere,
    /// The visitor is signed in as another user than the code's.
    CodeOfAnother,
    /// Frappe answered, with something that leaves no page to show.
    Refused {
        /// What it was, for the visitor.
        sentence: String,
    },
}

/// What a visitor can do about a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Remedy {
    LookElsewhere,
    TryAgain,
    SignIn,
    /// Every page has the button to sign out.
    GoHome,
}

impl Problem {
    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::UnknownSite { .. } => 404,
            Self::SessionExpired | Self::Unauthorized | Self::CodeOver | Self::CodeFromElsewhere => 401,
            Self::CodeOfAnother => 409,
            Self::FrappeUnreachable | Self::Refused { .. } => 503,
        }
    }

    /// Its name, as in the browser's tab.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::UnknownSite { .. } => "Unknown site",
            Self::FrappeUnreachable => "Frappe does not answer",
            Self::SessionExpired => "Session expired",
            Self::Unauthorized | Self::CodeOver | Self::CodeFromElsewhere => "Not signed in",
            Self::CodeOfAnother => "Signed in already",
            Self::Refused { .. } => "Not available",
        }
    }

    /// What is wrong, as a headline.
    #[must_use]
    pub const fn title(&self) -> &'static str {
        match self {
            Self::UnknownSite { .. } => "This site is not known here",
            Self::FrappeUnreachable => "Your site does not answer",
            Self::SessionExpired => "Your session has expired",
            Self::Unauthorized => "Your site does not know you",
            Self::CodeOver => "This code does not work any more",
            Self::CodeFromElsewhere => "A link brought you here",
            Self::CodeOfAnother => "You are signed in as somebody else",
            Self::Refused { .. } => "This page cannot be shown now",
        }
    }

    /// What is wrong and what to do, in a sentence or two.
    #[must_use]
    pub fn sentence(&self) -> Cow<'_, str> {
        match self {
            Self::UnknownSite { host } => Cow::Owned(format!(
                "No site called {host} is served at this address. Check the address. \
                 If you run the server, start it with --site {host}."
            )),
            Self::FrappeUnreachable => Cow::Borrowed(
                "frappe-live is running, but Frappe behind it is not reachable. Wait a moment, then try again.",
            ),
            Self::SessionExpired => Cow::Borrowed("Sign in again and you come straight back to this page."),
            Self::Unauthorized => {
                Cow::Borrowed("It did not accept your sign-in. Sign in and you come straight back to this page.")
            }
            Self::CodeOver => Cow::Borrowed(
                "A code opens a page once, within a minute, on the site it was made for. \
                 Open the page from your app again, or sign in.",
            ),
            Self::CodeFromElsewhere => Cow::Borrowed(
                "It held a code that would sign you in as somebody of its author’s choice, so the code was not used \
                 and works no more. Open the page from your app again, or sign in.",
            ),
            Self::CodeOfAnother => Cow::Borrowed(
                "The page was opened with another user’s code, which was not used and works no more. If you want to be \
                 that user here, sign out on any page, then open the page from your app again.",
            ),
            Self::Refused { sentence } => Cow::Borrowed(sentence),
        }
    }

    const fn remedy(&self) -> Remedy {
        match self {
            Self::UnknownSite { .. } => Remedy::LookElsewhere,
            Self::FrappeUnreachable | Self::Refused { .. } => Remedy::TryAgain,
            Self::SessionExpired | Self::Unauthorized | Self::CodeOver | Self::CodeFromElsewhere => Remedy::SignIn,
            Self::CodeOfAnother => Remedy::GoHome,
        }
    }
}

/// A problem in the place of a page.
#[component]
pub(crate) fn ProblemPage(problem: Problem) -> impl IntoView {
    let sentence = problem.sentence().into_owned();
    // On a site that is not there, neither is its front page.
    let has_home = problem.remedy() != Remedy::LookElsewhere;
    let remedy = match problem.remedy() {
        Remedy::LookElsewhere | Remedy::GoHome => None,
        Remedy::TryAgain => Some((String::new(), "Try again")),
        Remedy::SignIn => Some((sign_in_path(&use_url().get_untracked()), "Sign in")),
    };
    view! {
        <Trouble
            status=problem.status()
            name=problem.name()
            title=problem.title()
            sentence
            remedy
            has_home
        />
    }
}
