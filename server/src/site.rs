//! Who somebody is and what they may read: asked of Frappe, or of the demo's embedded site.

pub mod credential;
pub mod demo;
pub mod demo_job;
pub mod frappe;
#[cfg(test)]
pub(crate) mod scripted;
mod signing;

use std::net::IpAddr;

use cookie::Cookie;
use futures_util::future::BoxFuture;
use realtime::close::CloseCode;
use realtime::frame::Denial;
use realtime::host::Viewer;

pub use self::credential::Credential;
pub(crate) use self::signing::secret_cookie;
pub use self::signing::{SignIn, SignInError, SignedIn};

/// Somebody, and what said so.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who it is.
    pub viewer: Viewer,
    /// What says so, to be shown to Frappe again with each question.
    pub credential: Credential,
}

/// What somebody may read or not: a doctype, or one document of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The doctype.
    pub doctype: String,
    /// The document's name; `None` for the doctype as a whole.
    pub name: Option<String>,
}

/// Why Frappe's word could not be had, or what it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The session is over: Frappe answers as Guest and says `session_expired` (captures of 14 to 16).
    #[error("the session has expired; sign in again")]
    SessionExpired,
    /// Frappe answered 401.
    #[error("Frappe refused the credentials; sign in again")]
    Unauthorized,
    /// Frappe answered 404.
    #[error("Frappe does not know the site {site}; check --site and the bench's sites")]
    UnknownSite {
        /// The site.
        site: String,
    },
    /// Too many questions to this site were under way.
    #[error("too many questions were waiting for Frappe; it is slow, or --max-questions is too small for this site")]
    Busy,
    /// Frappe did not answer.
    #[error("Frappe could not be asked ({problem}); check --frappe and that the bench runs")]
    Unreachable {
        /// What the network said.
        problem: String,
    },
    /// Frappe answered something that is no answer to the question.
    #[error("Frappe answered {status}, which is no answer{hint}; its own log may say more")]
    Unexpected {
        /// The HTTP status.
        status: u16,
        /// What is likely behind it.
        hint: &'static str,
    },
}

impl AskError {
    /// How a connection ends because of it.
    #[must_use]
    pub const fn close_code(&self) -> CloseCode {
        match self {
            Self::SessionExpired => CloseCode::SessionExpired,
            Self::Unauthorized => CloseCode::Unauthorized,
            // This server has the site, so the bench may have it again: what stands before a bench answers 404
            // while that restarts.
            Self::UnknownSite { .. } | Self::Busy | Self::Unreachable { .. } | Self::Unexpected { .. } => {
                CloseCode::FrappeUnreachable
            }
        }
    }

    /// Whether Frappe has spoken. Otherwise nothing is known, and asking again may help.
    #[must_use]
    pub const fn is_frappes_word(&self) -> bool {
        matches!(self, Self::SessionExpired | Self::Unauthorized)
    }
}

/// Who knows the users of the sites and what they may read.
pub trait Site: Send + Sync {
    /// The cookie that names a session.
    fn session_cookie(&self) -> &'static str;

    /// Who a credential is of.
    fn identify<'a>(&'a self, site: &'a str, credential: &'a Credential) -> BoxFuture<'a, Result<Viewer, AskError>>;

    /// Whether somebody may read something: `Ok(Err(_))` is Frappe's no.
    fn may_read<'a>(
        &'a self,
        caller: &'a Caller,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Result<(), Denial>, AskError>>;

    /// The people one can be in the demo; nobody where Frappe is asked.
    fn demo_people(&self, site: &str) -> Vec<Viewer>;

    /// The cookie that makes the visitor another of the demo's people.
    fn sign_in_as(&self, site: &str, user: &str) -> Option<Cookie<'static>>;

    /// Begins a session.
    fn sign_in<'a>(&'a self, site: &'a str, who: SignIn<'a>) -> BoxFuture<'a, Result<SignedIn, SignInError>>;

    /// Whether a credential is no user's but what all guests show.
    fn is_of_guests(&self, credential: &Credential) -> bool;

    /// Ends a session, for a visitor at this address if it is known. What is no session, like a token, has no end.
    fn sign_out<'a>(
        &'a self,
        site: &'a str,
        credential: &'a Credential,
        address: Option<IpAddr>,
    ) -> BoxFuture<'a, Result<(), AskError>>;

    /// Cookies that make a browser nobody's.
    fn cookies_of_nobody(&self) -> Vec<Cookie<'static>>;
}
