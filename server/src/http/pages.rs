//! Pages, rendered with what is current, and the server functions they call.

use std::sync::Arc;

use app::problem::Problem;
use app::shell::Shell;
use axum::Extension;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use leptos::nonce::use_nonce;
use leptos::prelude::{expect_context, provide_context, view};
use leptos_axum::ResponseOptions;
use realtime::host::Page;
use tracing::info;

use super::App;
use super::host::RequestHost;
use super::request_site::RequestSite;
use crate::engine::SiteEngine;
use crate::site::{Credentials, IdentifyError};

/// Renders the page at a path, or says why it cannot be shown.
pub(super) async fn page(
    State(app): State<App>,
    Extension(RequestSite(site)): Extension<RequestSite>,
    request: Request,
) -> Response {
    match page_of(&app, &site, Credentials::of(request.headers())).await {
        Ok(page) => render(&app, Some(page), None, request).await,
        Err(error) => {
            info!(site = site.name(), "A page could not be shown: {error}.");
            problem(&app, problem_of(&error), request).await
        }
    }
}

/// Answers a server function's call.
pub(super) async fn server_function(
    State(app): State<App>,
    Extension(RequestSite(site)): Extension<RequestSite>,
    request: Request,
) -> Response {
    match page_of(&app, &site, Credentials::of(request.headers())).await {
        Ok(page) => {
            let context = move || provide_context(page.clone());
            leptos_axum::handle_server_fns_with_context(context, request).await.into_response()
        }
        Err(error) => {
            let problem = problem_of(&error);
            let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            (status, format!("{error}\n")).into_response()
        }
    }
}

/// Pages are read, not posted to.
pub(super) async fn no_such_method() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")], "Pages can only be read.\n").into_response()
}

/// Renders the page that says what is wrong.
pub(super) async fn problem(app: &App, problem: Problem, request: Request) -> Response {
    let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let mut response = render(app, None, Some(problem), request).await;
    *response.status_mut() = status;
    response
}

async fn page_of(app: &App, site: &Arc<SiteEngine>, credentials: Credentials) -> Result<Page, IdentifyError> {
    let viewer = app.inner.site.identify(site.name(), &credentials).await?;
    let host = RequestHost { viewer, engine: Arc::clone(site), site: Arc::clone(&app.inner.site) };
    Ok(Page::new(Arc::new(host)))
}

fn problem_of(error: &IdentifyError) -> Problem {
    match error {
        IdentifyError::SessionExpired => Problem::SessionExpired,
        IdentifyError::Unauthorized => Problem::Unauthorized,
        IdentifyError::UnknownSite { site } => Problem::UnknownSite { host: site.clone() },
        IdentifyError::Unreachable { .. } => Problem::FrappeUnreachable,
        IdentifyError::Unexpected { .. } => Problem::Refused { sentence: error.to_string() },
    }
}

async fn render(app: &App, page: Option<Page>, problem: Option<Problem>, request: Request) -> Response {
    let dev_build = app.inner.dev_reload.then(|| app.inner.build.clone());
    let assets = app.inner.assets.for_document(dev_build);
    let context = move || {
        if let Some(page) = &page {
            provide_context(page.clone());
        }
    };
    let document = move || {
        add_headers(&expect_context::<ResponseOptions>());
        view! { <Shell assets=assets.clone() problem=problem.clone()/> }
    };
    leptos_axum::render_app_async_with_context(context, document)(request).await
}

fn add_headers(response: &ResponseOptions) {
    let nonce = use_nonce().map(|nonce| nonce.to_string()).unwrap_or_default();
    let policy = format!(
        "default-src 'self'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    );
    let policy = HeaderValue::from_str(&policy).expect("a nonce is base64");
    response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
    // Who looks decides what is shown. Not `no-store`, which would keep pages out of the browser's
    // back/forward cache.
    response.insert_header(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    response.insert_header(header::VARY, HeaderValue::from_static("cookie, authorization"));
}
