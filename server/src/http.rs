//! What answers over HTTP: pages, server functions, files, health and the WebSocket handshake.
//!
//! Everything a browser needs is under `/live/`, so that one nginx location puts it on a Frappe site.

mod admission;
mod assets;
mod health;
mod host;
mod listen;
mod origin;
mod pages;
mod request_site;
mod websocket;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{Redirect, Response};
use axum::routing::{any, get};
use http::{HeaderValue, StatusCode, header};
use tokio_util::task::TaskTracker;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

pub use self::assets::AssetNames;
pub use self::listen::serve;
use crate::bridge::BridgeStatus;
use crate::config::Limits;
use crate::engine::Engine;
use crate::http::admission::Admissions;
use crate::site::Site;
use crate::stopping::Stopping;

/// The largest body of a request.
const BODY_BYTES: usize = 1 << 20;
/// How long a request may take, its body included.
const PATIENCE: Duration = Duration::from_secs(30);

/// What every request may need. Cheap to clone.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Arc<Engine>,
    site: Arc<dyn Site>,
    bridges: Vec<Arc<BridgeStatus>>,
    assets: AssetNames,
    /// Names what pages are made with.
    build: String,
    allowed_origins: Vec<String>,
    limits: Limits,
    dev_reload: bool,
    admissions: Arc<Admissions>,
    stopping: Stopping,
    tasks: TaskTracker,
}

/// What an [`App`] is made of.
pub struct Parts {
    /// The sites and their events.
    pub engine: Arc<Engine>,
    /// Who knows the users.
    pub site: Arc<dyn Site>,
    /// Where events come from.
    pub bridges: Vec<Arc<BridgeStatus>>,
    /// The files of the build.
    pub assets: AssetNames,
    /// Origins beside the request's own host.
    pub allowed_origins: Vec<String>,
    /// What is bounded.
    pub limits: Limits,
    /// Pages of an older build load themselves again.
    pub dev_reload: bool,
    /// Hears that the server stops.
    pub stopping: Stopping,
    /// Every connection's task.
    pub tasks: TaskTracker,
}

impl App {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { engine, site, bridges, assets, allowed_origins, limits, dev_reload, stopping, tasks } = parts;
        let admissions = Arc::new(Admissions::new(limits.connections_per_user, limits.connections_per_address));
        let build = if dev_reload {
            // What is rendered changes without any of the files: each start is another build.
            format!("{}-{}", assets.build(), engine.default_site().position().epoch)
        } else {
            assets.build()
        };
        let inner = Inner {
            engine,
            site,
            bridges,
            assets,
            build,
            allowed_origins,
            limits,
            dev_reload,
            admissions,
            stopping,
            tasks,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Everything that is answered.
    pub fn router(self) -> Router {
        let with_a_site = Router::new()
            .route("/live/ws", get(websocket::handshake))
            .route("/live/api/{*function}", any(pages::server_function))
            .fallback(get(pages::page).post(pages::no_such_method))
            .layer(from_fn_with_state(self.clone(), request_site::find));
        Router::new()
            .route("/", get(|| async { Redirect::temporary("/live/") }))
            .route("/live/healthz", get(health::alive))
            .route("/live/readyz", get(health::ready))
            .route("/live/pkg/{file}", get(assets::file))
            .merge(with_a_site)
            .layer(from_fn_with_state(self.clone(), origin::check))
            .layer(map_response(add_security_headers))
            .layer(DefaultBodyLimit::disable())
            .layer(RequestBodyLimitLayer::new(BODY_BYTES))
            .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, PATIENCE))
            .with_state(self)
    }
}

async fn add_security_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}
