//! One-time codes: a native app asks for one, and opens a page with it in its webview.
//!
//! They are kept in this process: a code is good on the instance that made it.

use std::num::NonZeroU32;
use std::time::Duration;

use app::problem::Problem;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::header::{ALLOW, CACHE_CONTROL, LOCATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use moka::future::Cache;
use realtime::host::{UserType, Viewer};
use serde_json::json;
use tokio::time::Instant;
use tracing::info;
use url::form_urlencoded;

use super::credentials::credential_of;
use super::origin::is_from_own_site;
use super::own_path::{HOME, location, own_path};
use super::request_site::RequestSite;
use super::throttle::Throttle;
use super::{App, RequestScheme, app_session, pages};
use crate::seal::random_text;
use crate::site::Credential;

/// How long a code works.
const LIFETIME: Duration = Duration::from_mins(1);
/// Codes that wait to be used.
const CODES: u64 = 10_000;
/// Codes that one user may ask for in a minute, so that nobody pushes out those of others.
const CODES_A_MINUTE: NonZeroU32 = NonZeroU32::new(60).expect("not zero");
/// The query's key.
const KEY: &str = "code";

/// The codes that wait to be used.
pub(super) struct Codes {
    /// By site and code.
    waiting: Cache<(String, String), Waiting>,
    throttle: Throttle,
}

#[derive(Clone)]
struct Waiting {
    credential: Credential,
    made: Instant,
}

impl Codes {
    pub(super) fn new() -> Self {
        let waiting = Cache::builder().max_capacity(CODES).time_to_live(LIFETIME).build();
        Self { waiting, throttle: Throttle::a_minute(CODES_A_MINUTE) }
    }

    async fn make(&self, site: &str, credential: Credential) -> String {
        let code = random_text();
        let waiting = Waiting { credential, made: Instant::now() };
        self.waiting.insert((site.to_owned(), code.clone()), waiting).await;
        code
    }

    /// What a code stands for, to the first who shows it in time.
    async fn take(&self, site: &str, code: &str) -> Option<Credential> {
        let waiting = self.waiting.remove(&(site.to_owned(), code.to_owned())).await?;
        // The cache lets go of old ones a little later than it should.
        (waiting.made.elapsed() < LIFETIME).then_some(waiting.credential)
    }
}

/// Gives a code to whoever shows a user's credential.
pub(super) async fn give(
    State(app): State<App>,
    Extension(RequestSite(site)): Extension<RequestSite>,
    headers: HeaderMap,
) -> Response {
    let credential = credential_of(&app, site.name(), &headers);
    let viewer = match user_of(&app, site.name(), &credential).await {
        Ok(viewer) => viewer,
        Err((status, sentence)) => return (status, sentence).into_response(),
    };
    if app.inner.codes.throttle.check((site.name(), &viewer.user)).is_err() {
        let sentence = "This user has asked for too many codes; wait a minute, then ask again.\n";
        return (StatusCode::TOO_MANY_REQUESTS, sentence).into_response();
    }
    let code = app.inner.codes.make(site.name(), credential).await;
    info!(site = site.name(), user = viewer.user, "Gave a code to open a page with.");
    let body = Json(json!({ "code": code, "expires_in": LIFETIME.as_secs() }));
    ([(CACHE_CONTROL, "no-store")], body).into_response()
}

/// Whoever follows a link wants no code.
pub(super) async fn only_posted() -> Response {
    let sentence = "A code is asked for with POST, and the Authorization header of its user.\n";
    (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "POST")], sentence).into_response()
}

async fn user_of(app: &App, site: &str, credential: &Credential) -> Result<Viewer, (StatusCode, String)> {
    let refuse = "A code is for a user: send the Authorization header, or the session's cookie, of one.\n";
    if *credential == Credential::Nobody {
        return Err((StatusCode::UNAUTHORIZED, refuse.to_owned()));
    }
    match app.inner.authority.identify(site, credential).await {
        Ok(viewer) if viewer.user_type == UserType::Guest => Err((StatusCode::UNAUTHORIZED, refuse.to_owned())),
        Ok(viewer) => Ok(viewer),
        Err(error) => Err((pages::status_of(&error), format!("{error}\n"))),
    }
}

/// A page that is opened with a code.
pub(super) struct Shown {
    code: String,
    /// Its address without the code.
    page: String,
    /// Another site could sign the visitor in as somebody of its choice. An app's webview says that none led here,
    /// and old ones say nothing.
    by_another_site: bool,
}

impl Shown {
    /// What a request shows; `None` where there is no code.
    pub(super) fn in_request(request: &Request) -> Option<Self> {
        let code = code_in(request.uri()).filter(|_| *request.method() == Method::GET)?;
        let page = own_path(&without_code(request.uri())).unwrap_or_else(|| HOME.to_owned());
        Some(Self { code, page, by_another_site: !is_from_own_site(request.headers()) })
    }
}

/// Answers a page that is opened with a code: with the same page without it, and the cookie.
pub(super) async fn redeem(app: &App, site: &str, scheme: RequestScheme, shown: Shown) -> Result<Response, Problem> {
    let Shown { code, page, by_another_site } = shown;
    if by_another_site {
        info!(site, "Another site led a visitor here with a code, which was not used.");
        return Err(Problem::CodeFromElsewhere);
    }
    let Some(credential) = app.inner.codes.take(site, &code).await else {
        info!(site, "A page was opened with a code that is used, too old or unknown.");
        return Err(Problem::CodeOver);
    };
    let headers = [(LOCATION, location(&page)), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    let mut response = (StatusCode::SEE_OTHER, headers).into_response();
    if let Some(cookie) = app_session::begin(&app.inner.sealer, site, &credential) {
        app_session::set(response.headers_mut(), cookie, scheme);
    }
    Ok(response)
}

fn code_in(uri: &Uri) -> Option<String> {
    let mut pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    pairs.find(|(key, _)| key == KEY).map(|(_, code)| code.into_owned())
}

/// The path and the rest of the query, as it was written.
fn without_code(uri: &Uri) -> String {
    let is_code = |pair: &str| form_urlencoded::parse(pair.as_bytes()).next().is_some_and(|(key, _)| key == KEY);
    let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty() && !is_code(pair));
    let query = pairs.collect::<Vec<_>>().join("&");
    let separator = if query.is_empty() { "" } else { "?" };
    format!("{}{separator}{query}", uri.path())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::Uri;

    use super::{Codes, LIFETIME, code_in, without_code};
    use crate::site::Credential;

    fn token() -> Credential {
        Credential::Authorization("token key:secret".into())
    }

    #[tokio::test(start_paused = true)]
    async fn a_code_works_once_for_a_minute_on_its_site() {
        let codes = Codes::new();
        let code = codes.make("a", token()).await;
        assert!(code.len() >= 32, "128 bits: {code}");
        assert_eq!(codes.take("b", &code).await, None, "another site");
        assert_eq!(codes.take("a", "").await, None);
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(codes.take("a", &code).await, Some(token()));
        assert_eq!(codes.take("a", &code).await, None, "used");

        let late = codes.make("a", token()).await;
        assert_ne!(late, code);
        tokio::time::advance(LIFETIME).await;
        assert_eq!(codes.take("a", &late).await, None, "too old");
    }

    #[tokio::test]
    async fn of_many_who_show_a_code_at_once_one_gets_in() {
        let codes = Codes::new();
        let code = codes.make("a", token()).await;
        let tries = (0..32).map(|_| codes.take("a", &code));
        let taken = futures_util::future::join_all(tries).await;
        assert_eq!(taken.into_iter().flatten().count(), 1);
    }

    #[test]
    fn the_rest_of_the_address_stays_as_it_was() {
        for (uri, code, rest) in [
            ("/live/count?code=k3", Some("k3"), "/live/count"),
            ("/live/count?a=%20b&code=k3&c", Some("k3"), "/live/count?a=%20b&c"),
            ("/live/?%63ode=k3&code=k4&encode=1", Some("k3"), "/live/?encode=1"),
            ("/live/?a=code", None, "/live/?a=code"),
            ("/live/", None, "/live/"),
        ] {
            let uri = Uri::from_static(uri);
            assert_eq!((code_in(&uri).as_deref(), without_code(&uri).as_str()), (code, rest), "{uri}");
        }
    }
}
