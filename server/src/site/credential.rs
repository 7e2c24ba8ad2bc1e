//! What a request brings to say who it is from.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, header};

/// What says who somebody is. Never logged; compared as a whole, so that answers can be kept for it.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub enum Credential {
    /// Nothing: a guest.
    #[default]
    Nobody,
    /// The value of an `Authorization` header: `token key:secret`, `Bearer …` or `Basic …`.
    Authorization(Arc<str>),
    /// The session that a cookie names; Frappe's is `sid`.
    Session(Arc<str>),
}

impl Credential {
    /// What the `Authorization` header says.
    #[must_use]
    pub fn authorization(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        (!value.trim().is_empty()).then(|| Self::Authorization(value.into()))
    }

    /// What the session's cookie says.
    #[must_use]
    pub fn session(headers: &HeaderMap, session_cookie: &str) -> Option<Self> {
        cookie(headers, session_cookie).map(|session| Self::Session(session.into()))
    }
}

impl Credential {
    /// Its length in bytes.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Nobody => 0,
            Self::Authorization(value) | Self::Session(value) => value.len(),
        }
    }
}

/// The request's cookie with this name, if it says anything.
#[must_use]
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    // Byte by byte: another cookie's odd ones (a name with an accent) must not hide the session.
    let pairs =
        headers.get_all(header::COOKIE).into_iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    let mut pairs = pairs.filter_map(|pair| std::str::from_utf8(pair).ok()?.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value).filter(|value| !value.is_empty())
}

impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Nobody => "Credential::Nobody",
            Self::Authorization(_) => "Credential::Authorization(…)",
            Self::Session(_) => "Credential::Session(…)",
        })
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::{Credential, cookie};

    /// A signed-in user became Guest.
    #[test]
    fn another_cookies_odd_bytes_do_not_hide_the_session() {
        let mut headers = HeaderMap::new();
        let odd = HeaderValue::from_bytes(b"name=Jos\xe9; full_name=Jos\xc3\xa9; sid=good").expect("a header");
        headers.insert(header::COOKIE, odd);
        assert_eq!(Credential::session(&headers, "sid"), Some(Credential::Session("good".into())));
    }

    #[test]
    fn headers_and_cookies_are_read_and_not_shown() {
        let mut headers = HeaderMap::new();
        assert_eq!((Credential::authorization(&headers), Credential::session(&headers, "sid")), (None, None));
        headers.append(header::COOKIE, HeaderValue::from_static("full_name=J%20D; sid=abc=1 ;empty="));
        headers.append(header::COOKIE, HeaderValue::from_static("other=x"));
        assert_eq!(Credential::session(&headers, "sid"), Some(Credential::Session("abc=1".into())));
        assert_eq!((cookie(&headers, "other"), cookie(&headers, "empty")), (Some("x"), None));
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("token key:secret"));
        let credential = Credential::authorization(&headers);
        assert_eq!(credential, Some(Credential::Authorization("token key:secret".into())));
        assert!(!format!("{credential:?}").contains("secret"));
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static(" "));
        assert_eq!(Credential::authorization(&headers), None);
    }
}
