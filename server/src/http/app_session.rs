//! The session of a page in a native app.
//!
//! A webview sends its `Authorization` header with the first page only: not with the WebSocket, nor with what a
//! page asks for later. So that page is answered with a cookie that holds the credential, sealed; it counts on the
//! site it was made for.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use cookie::Cookie;
use http::HeaderMap;
use http::header::SET_COOKIE;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use serde::{Deserialize, Serialize};

use super::request_site::RequestSite;
use super::sessions::SessionId;
use super::{App, RequestScheme, cookies};
use crate::seal::{Sealer, random_text};
use crate::site::{Credential, credential, secret_cookie};

const COOKIE: &str = "frappe_live_session";
const PATH: &str = "/live/";
/// What it is sealed for.
const PURPOSE: &str = "session";
const LIFETIME: Duration = Duration::from_hours(7 * 24);
/// Browsers keep cookies of 4096 bytes, name and attributes included.
const LONGEST: usize = 3_900;
/// Sessions of which it is remembered that they were signed out.
const ENDED: u64 = 100_000;

/// What becomes of the request's cookie, in the answer's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AppSession {
    /// It stays as it is.
    Kept,
    /// It is dead, or Frappe does not take what it holds any more: the browser loses it.
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
    id: String,
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

/// What the request's cookie is.
pub(super) enum Brought {
    /// It stands for a credential.
    Live(Live),
    /// It was signed out, is too old, not this server's or not of this site.
    Dead,
}

/// A session of an app.
pub(super) struct Live {
    /// All cookies of the session have the same.
    pub(super) id: Arc<str>,
    pub(super) credential: Credential,
}

impl Brought {
    pub(super) fn into_live(self) -> Option<Live> {
        match self {
            Self::Live(live) => Some(live),
            Self::Dead => None,
        }
    }
}

impl Live {
    /// What its connections end with.
    pub(super) fn session(&self) -> SessionId {
        match &self.credential {
            Credential::Authorization(_) => SessionId::App(Arc::clone(&self.id)),
            // It is over for whoever has it.
            session => SessionId::Of(session.clone()),
        }
    }
}

/// The sessions that were signed out in this process, for as long as a cookie of theirs could be opened.
pub(super) struct EndedAppSessions(Cache<Arc<str>, ()>);

impl EndedAppSessions {
    pub(super) fn new() -> Self {
        let ended = Cache::builder().max_capacity(ENDED).time_to_live(LIFETIME);
        // The usual policy may turn away the newest.
        Self(ended.eviction_policy(EvictionPolicy::lru()).build())
    }

    pub(super) fn has(&self, id: &Arc<str>) -> bool {
        self.0.contains_key(id)
    }
}

/// The cookie that stands for a credential on a site, in the session with this `id` or in a new one. `None` for
/// nobody's, and for one that no cookie can hold.
pub(super) fn begin(
    sealer: &Sealer,
    site: &str,
    credential: &Credential,
    id: Option<Arc<str>>,
) -> Option<Cookie<'static>> {
    let (kind, value) = match credential {
        Credential::Nobody => return None,
        Credential::Authorization(value) => (Kind::Authorization, value),
        Credential::Session(value) => (Kind::Session, value),
    };
    let id = id.map_or_else(random_text, |id| id.as_ref().to_owned());
    let content = Content { id, site: site.to_owned(), kind, value: value.as_ref().to_owned() };
    let content = serde_json::to_string(&content).expect("texts can be written as JSON");
    let value = sealer.seal(PURPOSE, &content, LIFETIME);
    if value.len() > LONGEST {
        return None;
    }
    let mut cookie = secret_cookie(COOKIE, &value, PATH);
    cookie.set_max_age(LIFETIME.try_into().ok());
    Some(cookie)
}

/// Whether there is a cookie, text or not.
fn is_brought(headers: &HeaderMap) -> bool {
    credential::cookie_bytes(headers, COOKIE).is_some()
}

/// What the request's cookie is on this site, if there is one.
pub(super) fn of_request(app: &App, site: &str, headers: &HeaderMap) -> Option<Brought> {
    if !is_brought(headers) {
        return None;
    }
    let live = credential::cookie(headers, COOKIE).and_then(|sealed| open(&app.inner.sealer, site, sealed));
    let live = live.filter(|live| !app.inner.ended_app_sessions.has(&live.id));
    Some(live.map_or(Brought::Dead, Brought::Live))
}

/// The cookie that a credential goes on with: in the session of the request's own cookie, if that is of the same
/// credential, so that a sign-out ends all cookies that it ever had.
pub(super) fn go_on(app: &App, site: &str, headers: &HeaderMap, credential: &Credential) -> Option<Cookie<'static>> {
    let known = of_request(app, site, headers).and_then(Brought::into_live);
    let id = known.filter(|known| known.credential == *credential).map(|known| known.id);
    begin(&app.inner.sealer, site, credential, id)
}

/// Ends the session of the request's cookie, whoever has a copy of it.
pub(super) fn end(app: &App, site: &str, headers: &HeaderMap) {
    if let Some(Brought::Live(live)) = of_request(app, site, headers) {
        // A site's own session that a cookie holds may go on elsewhere.
        if let session @ SessionId::App(_) = live.session() {
            app.inner.sessions.end(site, &session);
        }
        app.inner.ended_app_sessions.0.insert(live.id, ());
    }
}

fn open(sealer: &Sealer, site: &str, text: &str) -> Option<Live> {
    let content = sealer.open(PURPOSE, text)?;
    let Content { id, site: made_for, kind, value } = serde_json::from_str(&content).ok()?;
    let credential = match kind {
        Kind::Authorization => Credential::Authorization(value.into()),
        Kind::Session => Credential::Session(value.into()),
    };
    (made_for == site).then(|| Live { id: id.into(), credential })
}

/// Whoever gets the site's own session cookie, or loses it, is meant to be its user from then on; and what Frappe
/// does not take any more is of no use.
pub(super) async fn give_way(
    State(app): State<App>,
    Extension(RequestSite(site)): Extension<RequestSite>,
    Extension(scheme): Extension<RequestScheme>,
    request: Request,
    next: Next,
) -> Response {
    if !is_brought(request.headers()) {
        return next.run(request).await;
    }
    let headers = request.headers().clone();
    let mut response = next.run(request).await;
    let is_over = response.extensions().get() == Some(&AppSession::Over);
    let is_replaced = sets(response.headers(), app.inner.authority.site().session_cookie());
    if is_replaced {
        end(&app, site.name(), &headers);
    }
    if is_over || is_replaced {
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
    use http::HeaderMap;
    use http::header::SET_COOKIE;

    use super::{begin, open};
    use crate::http::{RequestScheme, cookies};
    use crate::seal::Sealer;
    use crate::site::Credential;

    fn token() -> Credential {
        Credential::Authorization("token key:secret".into())
    }

    fn sealer(letters: &[&str]) -> Sealer {
        Sealer::new(&letters.iter().map(|letter| letter.repeat(32)).collect::<Vec<_>>())
    }

    fn sealed(sealer: &Sealer, credential: &Credential) -> String {
        begin(sealer, "a", credential, None).expect("a cookie").value().to_owned()
    }

    fn opened(sealer: &Sealer, site: &str, text: &str) -> Option<Credential> {
        open(sealer, site, text).map(|live| live.credential)
    }

    #[test]
    fn it_holds_the_credential_for_its_site_and_shows_nothing() {
        let sealer = sealer(&["a"]);
        for shown in [token(), Credential::Session("0123".into())] {
            let text = sealed(&sealer, &shown);
            assert!(!text.contains("secret") && !text.contains("0123"), "{text}");
            assert_eq!(opened(&sealer, "a", &text), Some(shown));
            assert_eq!(opened(&sealer, "b", &text), None, "another site");
        }
        assert!(begin(&sealer, "a", &Credential::Nobody, None).is_none());
        assert!(begin(&sealer, "a", &Credential::Authorization("x".repeat(4000).into()), None).is_none());
    }

    #[test]
    fn a_key_may_change_while_cookies_are_about() {
        let text = sealed(&sealer(&["o"]), &token());
        assert_eq!(opened(&sealer(&["n", "o"]), "a", &text), Some(token()));
        assert_eq!(opened(&sealer(&["n"]), "a", &text), None);
    }

    #[test]
    fn scripts_and_other_sites_do_not_get_it() {
        let cookie = begin(&sealer(&["a"]), "a", &token(), None).expect("a cookie");
        for (scheme, secure) in [(RequestScheme::Http, ""), (RequestScheme::Https, " Secure;")] {
            let mut headers = HeaderMap::new();
            cookies::set(&mut headers, [cookie.clone()], scheme);
            let (_, attributes) = headers[SET_COOKIE].to_str().expect("text").split_once("; ").expect("attributes");
            assert_eq!(attributes, format!("HttpOnly; SameSite=Lax;{secure} Path=/live/; Max-Age=604800"));
        }
    }
}
