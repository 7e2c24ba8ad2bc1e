//! Signing out: the session ends, and with it its open connections.

use std::collections::HashSet;
use std::net::IpAddr;

use app::sign_in::SignInForm;
use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::future::join_all;
use http::StatusCode;
use tracing::{info, warn};

use super::credentials::{Credentials, Shown};
use super::own_path::HOME;
use super::request_site::RequestSite;
use super::websocket::Peer;
use super::{App, RequestScheme, answers, app_session, cookies, pages, sign_in};

/// Ends whatever the request is signed in with.
pub(super) async fn sign_out(
    State(app): State<App>,
    Extension(RequestSite(site)): Extension<RequestSite>,
    Extension(scheme): Extension<RequestScheme>,
    Extension(Peer(peer)): Extension<Peer>,
    request: Request,
) -> Response {
    let known_site = app.inner.authority.site();
    let address = app.inner.proxy.visitor_address(request.headers(), peer.ip());
    let all = Credentials::of(&app, site.name(), request.headers()).all();
    // What all guests show is nobody's to end.
    let own: HashSet<Shown> = all.filter(|shown| !known_site.is_of_guests(&shown.credential)).collect();
    // Before its connections: whoever comes with a copy of the cookie meanwhile comes too late.
    app_session::end(&app, site.name(), request.headers());
    let ends = own.into_iter().map(|shown| {
        // Each by itself: a browser that hangs up must not stop it half-way.
        app.inner.tasks.spawn(end(app.clone(), site.name().to_owned(), shown, address))
    });
    let are_over = join_all(ends).await.into_iter().all(|is_over| is_over.unwrap_or(false));
    let nobodys = known_site.cookies_of_nobody();
    let mut response = if are_over {
        answers::go_to(sign_in::PATH)
    } else {
        let sentence = "You are signed out in this browser, but your site did not confirm it: it may know the session \
                        for some time yet. Sign in and out again to end it.";
        let form = sign_in::form(&app, site.name(), String::new(), HOME.to_owned());
        let form = SignInForm { problem: Some(sentence.to_owned()), ..form };
        pages::sign_in(&app, form, StatusCode::SERVICE_UNAVAILABLE, request).await
    };
    cookies::set(response.headers_mut(), nobodys, scheme);
    response
}

/// Ends one session, its connections before Frappe is asked. `false` where Frappe may know the session yet.
async fn end(app: App, site: String, shown: Shown, address: Option<IpAddr>) -> bool {
    let Shown { credential, session } = shown;
    let authority = &app.inner.authority;
    let end_connections = async || {
        authority.forget(&site, &credential).await;
        app.inner.sessions.end(&site, &session)
    };
    let ended = end_connections().await;
    let outcome = authority.site().sign_out(&site, &credential, address).await;
    // Who came meanwhile came by Frappe's word of before.
    let ended = ended + end_connections().await;
    info!(site, "Signed out; {ended} open connections ended.");
    if let Err(error) = &outcome {
        warn!(site, "A session could not be ended: {error}.");
    }
    outcome.is_ok()
}

/// A link must sign nobody out.
pub(super) async fn only_posted() -> Response {
    answers::only("POST", "Signing out is a POST: use the button “Sign out” of any page.\n")
}
