//! Who somebody is: asked of Frappe, or of the demo's embedded site.

pub mod demo;
pub mod frappe;

use std::fmt;

use futures_util::future::BoxFuture;
use http::{HeaderMap, header};
use realtime::close::CloseCode;
use realtime::host::Viewer;

/// What a request brings to say who it is from. Never logged.
#[derive(Clone, Default)]
pub struct Credentials {
    authorization: Option<String>,
    cookies: Vec<(String, String)>,
}

impl Credentials {
    /// Takes them from a request's headers.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        // Byte by byte: another cookie's odd ones (a name with an accent) must not hide the session.
        let cookies =
            headers.get_all(header::COOKIE).into_iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
        let cookies = cookies.filter_map(|pair| std::str::from_utf8(pair).ok()?.trim().split_once('='));
        Self {
            authorization: authorization.filter(|value| !value.trim().is_empty()).map(str::to_owned),
            cookies: cookies.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        }
    }

    /// The `Authorization` header.
    #[must_use]
    pub fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }

    /// The cookie with this name, if it says anything.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let cookie = self.cookies.iter().find(|(known, _)| known == name);
        cookie.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credentials(…)")
    }
}

/// Why nobody could say who somebody is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentifyError {
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
    /// Frappe did not answer.
    #[error("Frappe could not be asked ({problem}); check --frappe and that the bench runs")]
    Unreachable {
        /// What the network said.
        problem: String,
    },
    /// Frappe answered something that is no answer to the question.
    #[error("Frappe answered {status} without saying who is looking{hint}")]
    Unexpected {
        /// The HTTP status.
        status: u16,
        /// What is likely behind it.
        hint: &'static str,
    },
}

impl IdentifyError {
    /// How a connection ends because of it.
    #[must_use]
    pub const fn close_code(&self) -> CloseCode {
        match self {
            Self::SessionExpired => CloseCode::SessionExpired,
            Self::Unauthorized => CloseCode::Unauthorized,
            Self::UnknownSite { .. } => CloseCode::UnknownSite,
            Self::Unreachable { .. } | Self::Unexpected { .. } => CloseCode::FrappeUnreachable,
        }
    }
}

/// Who knows the users of the sites.
pub trait Site: Send + Sync {
    /// Who a request is from.
    fn identify<'a>(
        &'a self,
        site: &'a str,
        credentials: &'a Credentials,
    ) -> BoxFuture<'a, Result<Viewer, IdentifyError>>;

    /// The people one can be in the demo; nobody where Frappe is asked.
    fn demo_people(&self, site: &str) -> Vec<Viewer>;

    /// The `Set-Cookie` value that makes the visitor another of the demo's people.
    fn sign_in_as(&self, site: &str, user: &str) -> Option<String>;
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::Credentials;

    /// A signed-in user became Guest.
    #[test]
    fn another_cookies_odd_bytes_do_not_hide_the_session() {
        let mut headers = HeaderMap::new();
        let odd = HeaderValue::from_bytes(b"name=Jos\xe9; full_name=Jos\xc3\xa9; sid=good").expect("a header");
        headers.insert(header::COOKIE, odd);
        assert_eq!(Credentials::of(&headers).cookie("sid"), Some("good"));
    }

    #[test]
    fn credentials_are_read_and_never_shown() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("full_name=J%20D; sid=abc=1 ;empty="));
        headers.append(header::COOKIE, HeaderValue::from_static("other=x"));
        headers.append(header::AUTHORIZATION, HeaderValue::from_static("token key:secret"));
        let credentials = Credentials::of(&headers);
        assert_eq!(credentials.cookie("sid"), Some("abc=1"));
        assert_eq!(credentials.cookie("other"), Some("x"));
        assert_eq!(credentials.cookie("empty"), None);
        assert_eq!(credentials.authorization(), Some("token key:secret"));
        assert!(!format!("{credentials:?}").contains("secret"));
    }
}
