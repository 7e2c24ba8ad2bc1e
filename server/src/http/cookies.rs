//! Setting cookies: `Secure` where the visitor came over https.

use cookie::Cookie;
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};

use super::RequestScheme;

/// Adds cookies to an answer.
pub(super) fn set(headers: &mut HeaderMap, cookies: impl IntoIterator<Item = Cookie<'static>>, scheme: RequestScheme) {
    for cookie in cookies {
        if let Ok(cookie) = HeaderValue::from_str(&written(cookie, scheme)) {
            headers.append(SET_COOKIE, cookie);
        }
    }
}

/// A cookie as `Set-Cookie` says it.
pub(super) fn written(mut cookie: Cookie<'static>, scheme: RequestScheme) -> String {
    cookie.set_secure(scheme.is_secure());
    cookie.to_string()
}
