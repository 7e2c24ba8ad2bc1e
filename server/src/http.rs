//! What answers over HTTP: pages, server functions, files, health and the WebSocket handshake.
//!
//! Everything a browser needs is under `/live/`, so that one nginx location puts it on a Frappe site.

mod admission;
mod answers;
mod app_session;
mod assets;
mod codes;
mod cookies;
mod credentials;
mod entrance;
mod forwarded;
mod health;
mod host;
mod listen;
mod origin;
mod own_path;
mod pages;
mod poll;
mod request_site;
mod sessions;
mod sign_in;
mod sign_out;
mod throttle;
mod websocket;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{Redirect, Response};
use axum::routing::{any, get};
use http::{HeaderValue, StatusCode, header};
use realtime::handlers::{Handlers, Publisher};
use tokio_util::task::TaskTracker;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

pub use self::assets::AssetNames;
pub use self::forwarded::RequestScheme;
pub use self::listen::{listen, serve};
use crate::authz::Authority;
use crate::bridge::BridgeStatus;
use crate::config::{FrameAncestors, Limits};
use crate::engine::Engine;
use crate::http::admission::Admissions;
use crate::http::app_session::EndedAppSessions;
use crate::http::codes::Codes;
use crate::http::forwarded::ProxyHeaders;
use crate::http::sessions::OpenSessions;
use crate::http::sign_in::Tries;
use crate::presence::Presence;
use crate::seal::Sealer;
use crate::session::{PollPaces, SessionParts, Voices};
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
    authority: Arc<Authority>,
    sealer: Arc<Sealer>,
    session: Arc<SessionParts>,
    bridges: Vec<Arc<BridgeStatus>>,
    assets: AssetNames,
    allowed_origins: Vec<String>,
    frame_ancestors: FrameAncestors,
    proxy: ProxyHeaders,
    limits: Limits,
    dev_reload: bool,
    admissions: Arc<Admissions>,
    sessions: Arc<OpenSessions>,
    poll_paces: PollPaces,
    ended_app_sessions: EndedAppSessions,
    codes: Codes,
    tries: Tries,
    stopping: Stopping,
    tasks: TaskTracker,
}

/// What an [`App`] is made of.
pub struct Parts {
    /// The sites and their events.
    pub engine: Arc<Engine>,
    /// Who decides who somebody is and what they may read.
    pub authority: Arc<Authority>,
    /// Seals the sessions of native apps.
    pub sealer: Arc<Sealer>,
    /// What the app does with events from pages.
    pub handlers: Handlers,
    /// Where handlers publish.
    pub publisher: Arc<dyn Publisher>,
    /// Who looks at which document.
    pub presence: Arc<Presence>,
    /// Where events come from.
    pub bridges: Vec<Arc<BridgeStatus>>,
    /// The files of the build.
    pub assets: AssetNames,
    /// Origins beside the request's own host.
    pub allowed_origins: Vec<String>,
    /// Whose pages may embed pages of this server.
    pub frame_ancestors: FrameAncestors,
    /// The proxy in front overwrites the headers that say where a request came from and to whom it was sent.
    pub trust_proxy: bool,
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
        let Parts { engine, authority, sealer, handlers, publisher, presence, bridges, assets, .. } = parts;
        let Parts { allowed_origins, frame_ancestors, trust_proxy, limits, dev_reload, stopping, tasks, .. } = parts;
        let admissions = Arc::new(Admissions::new(limits.connections_per_user, limits.connections_per_address));
        let build = if dev_reload {
            // What is rendered changes without any of the files: each start is another build.
            format!("{}-{}", assets.build(), engine.default_site().position().epoch)
        } else {
            assets.build()
        };
        let session = Arc::new(SessionParts {
            authority: Arc::clone(&authority),
            handlers,
            publisher,
            presence,
            voices: Voices::new(limits.session.emits_per_second),
            limits: limits.session,
            heartbeat: u32::try_from(limits.connection.heartbeat.as_secs()).unwrap_or(u32::MAX),
            build,
        });
        let inner = Inner {
            engine,
            authority,
            sealer,
            session,
            bridges,
            assets,
            allowed_origins,
            frame_ancestors,
            proxy: ProxyHeaders::trusted_if(trust_proxy),
            limits,
            dev_reload,
            admissions,
            sessions: Arc::default(),
            poll_paces: PollPaces::new(limits.session),
            ended_app_sessions: EndedAppSessions::new(),
            codes: Codes::new(),
            tries: Tries::new(),
            stopping,
            tasks,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Everything that is answered.
    pub fn router(self) -> Router {
        let with_a_site = Router::new()
            .route("/live/api/{*function}", any(pages::server_function))
            .route("/live/login", get(sign_in::page).post(sign_in::sign_in))
            .route("/live/logout", get(sign_out::only_posted).post(sign_out::sign_out))
            .route("/live/code", get(codes::only_posted).post(codes::give))
            .fallback(get(pages::page).post(pages::no_such_method))
            .layer(from_fn_with_state(self.clone(), app_session::give_way))
            .layer(from_fn_with_state(self.clone(), request_site::find));
        Router::new()
            .route("/", get(|| async { Redirect::temporary("/live/") }))
            .route("/live/healthz", get(health::alive))
            .route("/live/readyz", get(health::ready))
            .route("/live/pkg/{file}", get(assets::file))
            // Both find their site themselves: a page's script can read why only once the socket stands.
            .route("/live/ws", get(websocket::handshake))
            .route("/live/poll", get(poll::only_posted).post(poll::poll))
            .merge(with_a_site)
            .layer(from_fn_with_state(self.clone(), credentials::check_length))
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
