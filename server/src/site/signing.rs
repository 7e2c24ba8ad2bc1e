//! Signing in and out: what is asked for, and what comes of it.

use std::net::IpAddr;

use cookie::{Cookie, SameSite};

use super::AskError;

/// Who wants to sign in. Never logged.
#[derive(Clone, Copy)]
pub struct SignIn<'a> {
    /// The login id.
    pub user: &'a str,
    /// The password.
    pub password: &'a str,
    /// Where the visitor is, if that is known: Frappe counts wrong tries by address too, and may allow only some.
    pub address: Option<IpAddr>,
}

/// A session has begun.
pub struct SignedIn {
    /// What the browser has to keep of it.
    pub cookies: Vec<Cookie<'static>>,
}

/// Why no session began. Its words are for the visitor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// Frappe does not say which of the two is wrong.
    #[error("This user name and password do not belong together. Check both, then try again.")]
    WrongPassword,
    /// An administrator has disabled the user.
    #[error("This user is disabled. Ask whoever administers your site to enable it.")]
    Disabled,
    /// Frappe wants a second factor, which only its own page asks for.
    #[error("This user signs in with a second factor, and only your site’s own page asks for it. Sign in there.")]
    TwoFactor,
    /// Frappe took the password, and its answer holds no session.
    #[error(
        "Your site took the password but began no session. Sign in on its own page; if that fails too, ask whoever \
         administers your site."
    )]
    NoSession,
    /// Frappe has locked the user or the address for a while, or we have.
    #[error("There were too many tries. Wait a few minutes, then try again.")]
    TooManyTries,
    /// Frappe's own words.
    #[error("{sentence}")]
    Refused {
        /// Plain text.
        sentence: String,
    },
    /// Frappe has not spoken.
    #[error("Your site does not answer, so nobody can sign in now. Wait a moment, then try again.")]
    Ask(#[from] AskError),
}

impl SignInError {
    /// The HTTP status of the page that says it.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::WrongPassword | Self::Refused { .. } => 401,
            Self::Disabled | Self::TwoFactor => 403,
            Self::TooManyTries => 429,
            Self::NoSession | Self::Ask(_) => 503,
        }
    }
}

/// A cookie for the browser. A `Domain` would hand it to other hosts: there never is one.
pub(super) fn browser_cookie(name: &str, value: &str, path: &'static str) -> Cookie<'static> {
    Cookie::build((name.to_owned(), value.to_owned())).path(path).same_site(SameSite::Lax).build()
}

/// A cookie that no script reads.
pub(crate) fn secret_cookie(name: &str, value: &str, path: &'static str) -> Cookie<'static> {
    let mut cookie = browser_cookie(name, value, path);
    cookie.set_http_only(true);
    cookie
}
