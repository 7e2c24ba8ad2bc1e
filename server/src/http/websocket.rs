//! The WebSocket handshake (RFC 6455 section 4.2), and how a connection begins.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, header};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use realtime::close::CloseCode;
use realtime::frame::SUBPROTOCOL;
use tokio::net::TcpStream;
use tracing::{debug, warn};
use tungstenite::handshake::derive_accept_key;

use super::App;
use super::credentials::Credentials;
use super::entrance::{self, Visit, Visitor};
use super::request_site::site_of;
use crate::conn;
use crate::queue::Queue;
use crate::session::Session;

/// The address a request came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

/// Answers a handshake and starts the connection.
pub(super) async fn handshake(
    State(app): State<App>,
    Extension(Peer(peer)): Extension<Peer>,
    mut request: Request,
) -> Response {
    let upgrade = request.extensions_mut().remove::<OnUpgrade>().filter(|_| request.method() == Method::GET);
    let Some(upgrade) = upgrade else {
        return NO_WEBSOCKET.into_response();
    };
    let accept = match accept_key(request.headers()) {
        Ok(accept) => accept,
        Err(refusal) => return refusal.into_response(),
    };
    let site = site_of(&app.inner.engine, app.inner.proxy, request.headers());
    let address = app.inner.proxy.client_address(request.headers(), peer.ip());
    let name = site.as_ref().map(|site| site.name()).unwrap_or_default();
    let credentials = Credentials::of(&app, name, request.headers());
    let visit = Visit { site, address, credentials };
    let tasks = app.inner.tasks.clone();
    tasks.spawn(async move {
        match upgrade.await {
            Ok(upgraded) => connect(app, visit, upgraded).await,
            Err(error) => debug!(%address, "A WebSocket handshake was not finished: {error}."),
        }
    });
    let headers = [
        (header::UPGRADE, "websocket"),
        (header::CONNECTION, "upgrade"),
        (header::SEC_WEBSOCKET_ACCEPT, accept.as_str()),
        (header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers, Body::empty()).into_response()
}

/// Why a handshake is refused over HTTP.
struct Refusal(StatusCode, &'static str);

const NO_WEBSOCKET: Refusal =
    Refusal(StatusCode::UPGRADE_REQUIRED, "This address speaks WebSocket; open a page under /live/ instead.\n");
const OTHER_VERSION: Refusal = Refusal(StatusCode::UPGRADE_REQUIRED, "Only version 13 of WebSocket is spoken here.\n");
const OTHER_PROTOCOL: Refusal = Refusal(
    StatusCode::BAD_REQUEST,
    "The subprotocol frappe-live.v1 must be asked for; a page of another version may reload.\n",
);
const NO_KEY: Refusal = Refusal(StatusCode::BAD_REQUEST, "The handshake has no valid Sec-WebSocket-Key.\n");

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(status, sentence) = self;
        (status, [(header::SEC_WEBSOCKET_VERSION, "13")], sentence).into_response()
    }
}

fn accept_key(headers: &HeaderMap) -> Result<String, Refusal> {
    let has = |name, word: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(word))
    };
    if !has(header::UPGRADE, "websocket") || !has(header::CONNECTION, "upgrade") {
        return Err(NO_WEBSOCKET);
    }
    if !has(header::SEC_WEBSOCKET_VERSION, "13") {
        return Err(OTHER_VERSION);
    }
    if !has(header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL) {
        return Err(OTHER_PROTOCOL);
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|key| key.len() == 24);
    key.map(|key| derive_accept_key(key.as_bytes())).ok_or(NO_KEY)
}

/// From here on the connection is a plain socket: nothing of HTTP is kept.
async fn connect(app: App, visit: Visit, upgraded: Upgraded) {
    let address = visit.address;
    let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() else {
        return warn!(%address, "A connection that is no plain TCP stream was dropped.");
    };
    let line = Arc::new(parts.io.into_inner());
    let queue = Arc::new(Queue::new(line.clone(), app.inner.limits.queue));
    let limits = app.inner.limits.connection;
    let Visitor { site, caller, stay: _stay } = match entrance::enter(&app, visit, &queue).await {
        Ok(visitor) => visitor,
        Err(code) => return conn::refuse(&line, &queue, code, limits).await,
    };
    let (site_name, user) = (caller.viewer.site.clone(), caller.viewer.user.clone());
    let connection = app.inner.engine.new_connection();
    debug!(site = site_name, user, %connection, %address, "Connected.");
    let session = Session::begin(Arc::clone(&app.inner.session), site, caller, connection, Arc::clone(&queue));
    let stopping = app.inner.stopping.clone();
    let run = conn::run(line, parts.read_buf.to_vec(), queue, session, limits, stopping);
    let reason = run.await.map_or("gone", CloseCode::word);
    debug!(site = site_name, user, %connection, reason, "Disconnected.");
}
