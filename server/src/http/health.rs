//! Is the process alive, and do events arrive? For load balancers and people.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Value, json};

use super::App;
use crate::bridge::BridgeState;

/// The process answers.
pub(super) async fn alive() -> &'static str {
    "alive\n"
}

/// Events arrive from every bus, or which one is missing and why.
pub(super) async fn ready(State(app): State<App>) -> (StatusCode, Json<Value>) {
    let bridges = &app.inner.bridges;
    let is_ready = bridges.iter().all(|bridge| bridge.state() == BridgeState::Subscribed);
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let counters = app.inner.engine.counters();
    let body = json!({
        "ready": is_ready,
        "bridges": bridges.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "events": { "accepted": counters.accepted(), "skipped": counters.skipped() },
    });
    (status, Json(body))
}
