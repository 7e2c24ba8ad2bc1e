//! What a request brings to say who it is from.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, header};

/// What stands for a session that Frappe cannot have given: it is asked about all the same, and is expired.
const UNREADABLE: &str = "unreadable";
/// The same for a header: no silent guest.
const UNREADABLE_TOKEN: &str = "token unreadable";

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
        let value = headers.get(header::AUTHORIZATION)?.to_str().unwrap_or(UNREADABLE_TOKEN);
        // Frappe looks at no header of one word (`frappe.auth.validate_auth`): then the session counts.
        (value.split_whitespace().count() > 1).then(|| Self::Authorization(value.into()))
    }

    /// What the session's cookie says.
    #[must_use]
    pub fn session(headers: &HeaderMap, session_cookie: &str) -> Option<Self> {
        let value = cookie_bytes(headers, session_cookie)?;
        let session = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
        Some(Self::Session(session.unwrap_or(UNREADABLE).into()))
    }

    /// Its length in bytes.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Nobody => 0,
            Self::Authorization(value) | Self::Session(value) => value.len(),
        }
    }
}

/// The request's cookie with this name, if it says anything that is text.
#[must_use]
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    std::str::from_utf8(cookie_bytes(headers, name)?).ok()
}

/// Byte by byte: another cookie's odd ones (a name with an accent) must not hide the session.
pub(crate) fn cookie_bytes<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let pairs =
        headers.get_all(header::COOKIE).into_iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    let mut values = pairs.filter_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    values.next().map(<[u8]>::trim_ascii).filter(|value| !value.is_empty())
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
