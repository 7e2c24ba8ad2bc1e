//! One-time codes: a native app asks for one, and opens a page with it in its webview.
//!
//! They are kept in this process: a code is good on the instance that made it.

use std::num::NonZeroU32;
use std::time::Duration;

use app::code::code_in;
use app::problem::Problem;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, Method, StatusCode};
use moka::future::Cache;
use moka::policy::EvictionPolicy;
use realtime::host::UserType;
use serde_json::json;
use tokio::time::Instant;
use tracing::info;

use super::credentials::{Credentials, Identified};
use super::origin::{is_by_a_browser, is_by_no_page};
use super::own_path::{HOME, own_path};
use super::request_site::RequestSite;
use super::throttle::Throttle;
use super::{App, RequestScheme, answers, app_session, cookies, pages};
use crate::seal::random_text;
use crate::site::{AskError, Caller, Credential};

/// How long a code works.
const LIFETIME: Duration = Duration::from_mins(1);
/// Codes that wait to be used.
const CODES: u64 = 10_000;
/// Codes that one user may ask for in a minute, so that nobody pushes out those of others.
const CODES_A_MINUTE: NonZeroU32 = NonZeroU32::new(60).expect("not zero");

/// The codes that wait to be used.
pub(super) struct Codes {
    /// By site and code.
    waiting: Cache<(String, String), Waiting>,
    throttle: Throttle,
}

/// What a code stands for.
#[derive(Clone)]
struct Waiting {
    /// Goes into a cookie when the code is shown.
    credential: Credential,
    user: String,
    made: Instant,
}

impl Codes {
    pub(super) fn new() -> Self {
        let waiting = Cache::builder().max_capacity(CODES).time_to_live(LIFETIME);
        // The usual policy may turn away the newest, which was just promised.
        let waiting = waiting.eviction_policy(EvictionPolicy::lru()).build();
        Self { waiting, throttle: Throttle::a_minute(CODES_A_MINUTE) }
    }

    async fn make(&self, site: &str, user: String, credential: Credential) -> String {
        let code = random_text();
        let waiting = Waiting { credential, user, made: Instant::now() };
        self.waiting.insert((site.to_owned(), code.clone()), waiting).await;
        code
    }

    /// What a code stands for, to the first who shows it in time.
    async fn take(&self, site: &str, code: &str) -> Option<Waiting> {
        let waiting = self.waiting.remove(&(site.to_owned(), code.to_owned())).await?;
        // The cache lets go of old ones a little later than it should.
        (waiting.made.elapsed() < LIFETIME).then_some(waiting)
    }
}

/// Gives a code to whoever shows a user's credential.
pub(super) async fn give(
    State(app): State<App>,
    Extension(RequestSite(site)): Extension<RequestSite>,
    headers: HeaderMap,
) -> Response {
    // A script of a page cannot read the cookies that come with its request: a code for them would let it take the
    // session elsewhere.
    if is_by_a_browser(&headers) && Credential::authorization(&headers).is_none() {
        let sentence = "A page gets no code for its cookies: ask from your app, or send the Authorization header.\n";
        return (StatusCode::FORBIDDEN, sentence).into_response();
    }
    let credentials = Credentials::of(&app, site.name(), &headers);
    let Identified { caller, app_session } = credentials.identify(&app, site.name(), |_| {}).await;
    let response = match caller {
        Ok(caller) => give_to(&app, site.name(), caller).await,
        Err(error) => answers::of_error(&error),
    };
    app_session.note_in(response)
}

async fn give_to(app: &App, site: &str, caller: Caller) -> Response {
    let Caller { viewer, credential } = caller;
    if credential == Credential::Nobody || viewer.user_type == UserType::Guest {
        let sentence = "A code is for a user: send the Authorization header, or the session's cookie, of one.\n";
        return (StatusCode::UNAUTHORIZED, sentence).into_response();
    }
    if app_session::begin(&app.inner.sealer, site, &credential, None).is_none() {
        let sentence = "These credentials are too long for a cookie, so no page can go on with them: use an API key and \
                        secret.\n";
        return (StatusCode::PAYLOAD_TOO_LARGE, sentence).into_response();
    }
    if app.inner.codes.throttle.check((site, &viewer.user)).is_err() {
        let sentence = "This user has asked for too many codes; wait a minute, then ask again.\n";
        return (StatusCode::TOO_MANY_REQUESTS, sentence).into_response();
    }
    info!(site, user = viewer.user, "Gave a code to open a page with.");
    let code = app.inner.codes.make(site, viewer.user, credential).await;
    let body = Json(json!({ "code": code, "expires_in": LIFETIME.as_secs() }));
    ([(CACHE_CONTROL, "no-store")], body).into_response()
}

/// Whoever follows a link wants no code.
pub(super) async fn only_posted() -> Response {
    answers::only("POST", "A code is asked for with POST, and the Authorization header of its user.\n")
}

/// A page that is opened with a code.
pub(super) struct Shown {
    code: String,
    /// Its address without the code.
    page: String,
    /// Whoever wrote the link could sign the visitor in as somebody of their choice. An app's webview says that no
    /// page led here, and old ones say nothing.
    by_a_link: bool,
}

impl Shown {
    /// What a request shows; `None` where there is no code.
    pub(super) fn in_request(request: &Request) -> Option<Self> {
        let address = request.uri().path_and_query().filter(|_| *request.method() == Method::GET)?;
        let code = code_in(address.query()?)?;
        let page = own_path(address.as_str()).unwrap_or_else(|| HOME.to_owned());
        Some(Self { code, page, by_a_link: !is_by_no_page(request.headers()) })
    }
}

/// Answers a page that is opened with a code: with the same page without it, and the cookie. Whatever the answer,
/// the code is used up.
pub(super) async fn redeem(
    app: &App,
    site: &str,
    scheme: RequestScheme,
    shown: Shown,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let Shown { code, page, by_a_link } = shown;
    let waiting = app.inner.codes.take(site, &code).await;
    if by_a_link {
        info!(site, "A link led a visitor here with a code, which is void now.");
        return Err(Problem::CodeFromElsewhere);
    }
    let Some(Waiting { credential, user, .. }) = waiting else {
        info!(site, "A page was opened with a code that is used, too old or unknown.");
        return Err(Problem::CodeOver);
    };
    match is_another(app, site, headers, &user).await {
        Ok(false) => {}
        Ok(true) => {
            info!(site, "A page was opened with a code by a visitor who is signed in as another user.");
            return Err(Problem::CodeOfAnother);
        }
        Err(error) => return Err(pages::problem_of(&error)),
    }
    let mut response = answers::go_to(&page);
    let session = app_session::go_on(app, site, headers, &credential);
    cookies::set(response.headers_mut(), session, scheme);
    Ok(response)
}

/// Whether a request is signed in as another user: a redirect from elsewhere looks like the visitor's own wish, and
/// must not make somebody else of them.
async fn is_another(app: &App, site: &str, headers: &HeaderMap, user: &str) -> Result<bool, AskError> {
    for shown in Credentials::of(app, site, headers).all() {
        match app.inner.authority.identify(site, &shown.credential).await {
            Ok(viewer) if viewer.user_type != UserType::Guest && viewer.user != user => return Ok(true),
            Err(error) if !error.is_frappes_word() => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{CODES, Codes, LIFETIME};
    use crate::site::Credential;

    async fn make(codes: &Codes, site: &str) -> String {
        codes.make(site, "jane".to_owned(), Credential::Session("0123".into())).await
    }

    async fn take(codes: &Codes, site: &str, code: &str) -> Option<String> {
        codes.take(site, code).await.map(|waiting| waiting.user)
    }

    #[tokio::test(start_paused = true)]
    async fn a_code_works_once_for_a_minute_on_its_site() {
        let codes = Codes::new();
        let code = make(&codes, "a").await;
        assert!(code.len() >= 32, "128 bits: {code}");
        assert_eq!(take(&codes, "b", &code).await, None, "another site");
        assert_eq!(take(&codes, "a", "").await, None);
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(take(&codes, "a", &code).await.as_deref(), Some("jane"));
        assert_eq!(take(&codes, "a", &code).await, None, "used");

        let late = make(&codes, "a").await;
        assert_ne!(late, code);
        tokio::time::advance(LIFETIME).await;
        assert_eq!(take(&codes, "a", &late).await, None, "too old");
    }

    #[tokio::test]
    async fn of_many_who_show_a_code_at_once_one_gets_in() {
        let codes = Codes::new();
        let code = make(&codes, "a").await;
        let tries = (0..32).map(|_| take(&codes, "a", &code));
        let taken = futures_util::future::join_all(tries).await;
        assert_eq!(taken.into_iter().flatten().count(), 1);
    }

    /// The cache turned away the newest when it was full: an app was given a code that never worked.
    #[tokio::test]
    async fn the_newest_code_works_when_there_is_no_room_left() {
        let codes = Codes::new();
        for _ in 0..CODES {
            make(&codes, "a").await;
        }
        codes.waiting.run_pending_tasks().await;
        let newest = make(&codes, "a").await;
        codes.waiting.run_pending_tasks().await;
        assert_eq!(take(&codes, "a", &newest).await.as_deref(), Some("jane"));
    }
}
