//! Pages, rendered with what is current, and the server functions they call.

use std::sync::Arc;

use app::problem::Problem;
use app::shell::{Instead, Shell};
use app::sign_in::SignInForm;
use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use cookie::Cookie;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use leptos::nonce::use_nonce;
use leptos::prelude::{expect_context, provide_context, view};
use leptos::server_fn::axum::server_fn_paths;
use leptos_axum::ResponseOptions;
use realtime::host::{Page, UserType};
use tracing::{error, info, warn};

use super::app_session::{self, AppSession};
use super::credentials::{Credentials, Identified};
use super::host::RequestHost;
use super::request_site::RequestSite;
use super::{App, RequestScheme, answers, codes, cookies};
use crate::config::FrameAncestors;
use crate::engine::SiteEngine;
use crate::site::{AskError, Credential};

/// Renders the page at a path, or says why it cannot be shown.
pub(super) async fn page(
    State(app): State<App>,
    Extension(RequestSite(site)): Extension<RequestSite>,
    Extension(scheme): Extension<RequestScheme>,
    request: Request,
) -> Response {
    if let Some(shown) = codes::Shown::in_request(&request) {
        return match codes::redeem(&app, site.name(), scheme, shown, request.headers()).await {
            Ok(same_page) => same_page,
            Err(refusal) => problem(&app, refusal, request).await,
        };
    }
    let (page, app_session) = page_of(&app, &site, scheme, request.headers()).await;
    let response = match page {
        Ok(page) => {
            let session = app_session_of(&app, &page, &request);
            let mut response = render(&app, Ok(page), request).await;
            cookies::set(response.headers_mut(), session, scheme);
            response
        }
        Err(error) => {
            info!(site = site.name(), "A page could not be shown: {error}.");
            problem(&app, problem_of(&error), request).await
        }
    };
    app_session.note_in(response)
}

/// A page that is opened with a header that names a user goes on as that user's, though what it asks for later
/// comes without the header.
fn app_session_of(app: &App, page: &Page, request: &Request) -> Option<Cookie<'static>> {
    let viewer = page.host().viewer();
    let shown = Credential::authorization(request.headers()).filter(|_| *request.method() == Method::GET)?;
    if viewer.user_type == UserType::Guest {
        return None;
    }
    let session = app_session::go_on(app, &viewer.site, request.headers(), &shown);
    if session.is_none() {
        let site = viewer.site;
        warn!(
            site,
            "A page was opened with credentials too long for a cookie: it will not be live. Use an API key and secret."
        );
    }
    session
}

/// Answers a server function's call.
pub(super) async fn server_function(
    State(app): State<App>,
    Extension(RequestSite(site)): Extension<RequestSite>,
    Extension(scheme): Extension<RequestScheme>,
    request: Request,
) -> Response {
    if let Some(refusal) = refusal_of_a_function(request.method(), request.uri().path()) {
        return refusal;
    }
    let (page, app_session) = page_of(&app, &site, scheme, request.headers()).await;
    let response = match page {
        Ok(page) => {
            let context = move || provide_context(page.clone());
            leptos_axum::handle_server_fns_with_context(context, request).await.into_response()
        }
        Err(error) => answers::of_error(&error),
    };
    app_session.note_in(response)
}

/// Before anybody is asked who calls it.
fn refusal_of_a_function(method: &Method, path: &str) -> Option<Response> {
    let methods: Vec<Method> =
        server_fn_paths().filter_map(|(known, method)| (known == path).then_some(method)).collect();
    if methods.is_empty() {
        let sentence = "No server function has this address; reload the page that called it.\n";
        return Some((StatusCode::NOT_FOUND, sentence).into_response());
    }
    if methods.contains(method) {
        return None;
    }
    let allowed = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
    Some(answers::only(&allowed, &format!("This server function is called with {allowed}.\n")))
}

/// Pages are read, not posted to.
pub(super) async fn no_such_method() -> Response {
    answers::only("GET, HEAD", "Pages can only be read.\n")
}

/// Renders the page that says what is wrong.
pub(super) async fn problem(app: &App, problem: Problem, request: Request) -> Response {
    let status = status_of_problem(&problem);
    instead(app, Instead::Problem(problem), status, request).await
}

/// Renders the page to sign in on.
pub(super) async fn sign_in(app: &App, form: SignInForm, status: StatusCode, request: Request) -> Response {
    instead(app, Instead::SignIn(form), status, request).await
}

async fn instead(app: &App, instead: Instead, status: StatusCode, request: Request) -> Response {
    let mut response = render(app, Err(instead), request).await;
    *response.status_mut() = status;
    response
}

/// The status of an answer that cannot be given because of this.
pub(super) fn status_of(error: &AskError) -> StatusCode {
    status_of_problem(&problem_of(error))
}

fn status_of_problem(problem: &Problem) -> StatusCode {
    StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
}

async fn page_of(
    app: &App,
    site: &Arc<SiteEngine>,
    scheme: RequestScheme,
    headers: &HeaderMap,
) -> (Result<Page, AskError>, AppSession) {
    let authority = Arc::clone(&app.inner.authority);
    let credentials = Credentials::of(app, site.name(), headers);
    let Identified { caller, app_session } = credentials.identify(app, site.name(), |_| {}).await;
    let page = caller.map(|caller| {
        let publisher = Arc::clone(&app.inner.session.publisher);
        Page::new(Arc::new(RequestHost { caller, engine: Arc::clone(site), authority, publisher, scheme }))
    });
    (page, app_session)
}

pub(super) fn problem_of(error: &AskError) -> Problem {
    match error {
        AskError::SessionExpired => Problem::SessionExpired,
        AskError::Unauthorized => Problem::Unauthorized,
        AskError::UnknownSite { site } => Problem::UnknownSite { host: site.clone() },
        AskError::Busy | AskError::Unreachable { .. } => Problem::FrappeUnreachable,
        AskError::Unexpected { .. } => Problem::Refused { sentence: error.to_string() },
    }
}

async fn render(app: &App, page: Result<Page, Instead>, request: Request) -> Response {
    let (page, instead) = match page {
        Ok(page) => (Some(page), None),
        Err(instead) => (None, Some(instead)),
    };
    let dev_build = app.inner.dev_reload.then(|| app.inner.session.build.clone());
    let assets = app.inner.assets.for_document(dev_build);
    let context = move || {
        if let Some(page) = &page {
            provide_context(page.clone());
        }
    };
    let frame_ancestors = app.inner.frame_ancestors.clone();
    let document = move || {
        add_headers(&expect_context::<ResponseOptions>(), &frame_ancestors);
        view! { <Shell assets=assets.clone() instead=instead.clone()/> }
    };
    in_one_piece(leptos_axum::render_app_async_with_context(context, document)(request).await).await
}

/// Leptos hands over what it has rendered as a stream, whose length nobody knows: HEAD would say 0.
async fn in_one_piece(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    match to_bytes(body, usize::MAX).await {
        Ok(document) => Response::from_parts(parts, Body::from(document)),
        Err(error) => {
            error!("A page could not be rendered to its end: {error}.");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn add_headers(response: &ResponseOptions, frame_ancestors: &FrameAncestors) {
    let nonce = use_nonce().map(|nonce| nonce.to_string()).unwrap_or_default();
    let policy = format!(
        "default-src 'self'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; \
         frame-ancestors {frame_ancestors}"
    );
    let policy = HeaderValue::from_str(&policy).expect("a nonce is base64, and an origin ASCII");
    response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
    // Who looks decides what is shown. Not `no-store`, which would keep pages out of the browser's
    // back/forward cache.
    response.insert_header(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    response.insert_header(header::VARY, HeaderValue::from_static("cookie, authorization"));
}
