//! The session of a page in a native app.
//!
//! A webview sends its `Authorization` header with the first page only: not with the WebSocket, nor with what a
//! page asks for later. So that page is answered with a cookie that holds the credential, sealed; it counts on the
//! site it was made for.

use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use cookie::Cookie;
use http::HeaderMap;
use http::header::SET_COOKIE;
use serde::{Deserialize, Serialize};

use super::{App, RequestScheme, cookies};
use crate::seal::Sealer;
use crate::site::{Credential, credential, secret_cookie};

const COOKIE: &str = "frappe_live_session";
const PATH: &str = "/live/";
/// What it is sealed for.
const PURPOSE: &str = "session";
const LIFETIME: Duration = Duration::from_hours(7 * 24);
/// Browsers keep cookies of 4096 bytes, name and attributes included.
const LONGEST: usize = 3_900;

/// What becomes of the request's cookie, in the answer's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AppSession {
    /// It stays as it is.
    Kept,
    /// Frappe does not take what it holds any more: the browser loses it.
    Over,
}

impl AppSession {
    /// Says it to [`give_way`].
    pub(super) fn note_in(self, mut response: Response) -> Response {
        response.extensions_mut().insert(self);
        response
    }
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Content {
    site: String,
    kind: Kind,
    value: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Authorization,
    Session,
}

/// The cookie that stands for a credential on a site. `None` for nobody's, and for one that no cookie can hold.
pub(super) fn begin(sealer: &Sealer, site: &str, credential: &Credential) -> Option<Cookie<'static>> {
    let (kind, value) = match credential {
        Credential::Nobody => return None,
        Credential::Authorization(value) => (Kind::Authorization, value),
        Credential::Session(value) => (Kind::Session, value),
    };
    let content = Content { site: site.to_owned(), kind, value: value.as_ref().to_owned() };
    let content = serde_json::to_string(&content).expect("texts can be written as JSON");
    let value = sealer.seal(PURPOSE, &content, LIFETIME);
    if value.len() > LONGEST {
        return None;
    }
    let mut cookie = secret_cookie(COOKIE, &value, PATH);
    cookie.set_max_age(LIFETIME.try_into().ok());
    Some(cookie)
}

/// What the request's cookie stands for on this site.
pub(super) fn credential(sealer: &Sealer, site: &str, headers: &HeaderMap) -> Option<Credential> {
    let content = sealer.open(PURPOSE, credential::cookie(headers, COOKIE)?)?;
    let Content { site: made_for, kind, value } = serde_json::from_str(&content).ok()?;
    let credential = match kind {
        Kind::Authorization => Credential::Authorization(value.into()),
        Kind::Session => Credential::Session(value.into()),
    };
    (made_for == site).then_some(credential)
}

/// Whoever gets the site's own session cookie, or loses it, is meant to be its user from then on; and what Frappe
/// does not take any more is of no use.
pub(super) async fn give_way(
    State(app): State<App>,
    Extension(scheme): Extension<RequestScheme>,
    request: Request,
    next: Next,
) -> Response {
    let has_one = credential::cookie(request.headers(), COOKIE).is_some();
    let mut response = next.run(request).await;
    let is_over = response.extensions().get() == Some(&AppSession::Over);
    if has_one && (is_over || sets(response.headers(), app.inner.authority.site().session_cookie())) {
        let mut ended = secret_cookie(COOKIE, "", PATH);
        ended.make_removal();
        cookies::set(response.headers_mut(), [ended], scheme);
    }
    response
}

fn sets(headers: &HeaderMap, name: &str) -> bool {
    let mut set = headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()?.split_once('='));
    set.any(|(known, _)| known == name)
}

#[cfg(test)]
mod tests {
    use http::header::{COOKIE as COOKIE_HEADER, SET_COOKIE};
    use http::{HeaderMap, HeaderValue};

    use super::{begin, credential};
    use crate::http::{RequestScheme, cookies};
    use crate::seal::Sealer;
    use crate::site::Credential;

    fn token() -> Credential {
        Credential::Authorization("token key:secret".into())
    }

    fn sealer(letters: &[&str]) -> Sealer {
        Sealer::new(&letters.iter().map(|letter| letter.repeat(32)).collect::<Vec<_>>())
    }

    fn brought(sealer: &Sealer, credential: &Credential) -> HeaderMap {
        let cookie = begin(sealer, "a", credential).expect("a cookie").stripped().to_string();
        HeaderMap::from_iter([(COOKIE_HEADER, HeaderValue::from_str(&cookie).expect("a header"))])
    }

    #[test]
    fn it_holds_the_credential_for_its_site_and_shows_nothing() {
        let sealer = sealer(&["a"]);
        for shown in [token(), Credential::Session("0123".into())] {
            let headers = brought(&sealer, &shown);
            let text = headers[COOKIE_HEADER].to_str().expect("text");
            assert!(!text.contains("secret") && !text.contains("0123"), "{text}");
            assert_eq!(credential(&sealer, "a", &headers), Some(shown));
            assert_eq!(credential(&sealer, "b", &headers), None, "another site");
        }
        assert!(begin(&sealer, "a", &Credential::Nobody).is_none());
        assert!(begin(&sealer, "a", &Credential::Authorization("x".repeat(4000).into())).is_none());
    }

    #[test]
    fn a_key_may_change_while_cookies_are_about() {
        let headers = brought(&sealer(&["o"]), &token());
        assert_eq!(credential(&sealer(&["n", "o"]), "a", &headers), Some(token()));
        assert_eq!(credential(&sealer(&["n"]), "a", &headers), None);
    }

    #[test]
    fn scripts_and_other_sites_do_not_get_it() {
        let cookie = begin(&sealer(&["a"]), "a", &token()).expect("a cookie");
        for (scheme, secure) in [(RequestScheme::Http, ""), (RequestScheme::Https, " Secure;")] {
            let mut headers = HeaderMap::new();
            cookies::set(&mut headers, [cookie.clone()], scheme);
            let (_, attributes) = headers[SET_COOKIE].to_str().expect("text").split_once("; ").expect("attributes");
            assert_eq!(attributes, format!("HttpOnly; SameSite=Lax;{secure} Path=/live/; Max-Age=604800"));
        }
    }
}
