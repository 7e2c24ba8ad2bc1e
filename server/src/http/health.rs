//! Is the process alive, and do events arrive? For load balancers and people.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::App;
use super::forwarded::{AskedSite, FORWARDED_FOR, ProxyHeaders};
use super::websocket::Peer;
use crate::bridge::{BridgeState, BridgeStatus};

/// The process answers.
pub(super) async fn alive() -> &'static str {
    "alive\n"
}

/// Events arrive from every bus, or which one is missing and why.
pub(super) async fn ready(
    State(app): State<App>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
) -> (StatusCode, Json<Value>) {
    let bridges = &app.inner.bridges;
    let is_ready = bridges.iter().all(|bridge| bridge.state() == BridgeState::Subscribed);
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let counters = app.inner.engine.counters();
    let describe: fn((usize, &Arc<BridgeStatus>)) -> String = if is_asked_here(peer.ip(), &headers) {
        |(_, bridge)| bridge.to_string()
    } else {
        |(index, bridge)| bridge.without_address(index + 1)
    };
    let body = json!({
        "ready": is_ready,
        "bridges": bridges.iter().enumerate().map(describe).collect::<Vec<_>>(),
        "events": { "accepted": counters.accepted(), "skipped": counters.skipped() },
    });
    (status, Json(body))
}

/// Whether somebody on this machine asks, and no proxy for another: whoever runs the server may see addresses.
fn is_asked_here(peer: IpAddr, headers: &HeaderMap) -> bool {
    let asks_this_machine =
        matches!(ProxyHeaders::Ignored.asked_site(headers), AskedSite::Unsaid | AskedSite::Machine(_));
    peer.to_canonical().is_loopback() && !headers.contains_key(FORWARDED_FOR) && asks_this_machine
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::{FORWARDED_FOR, is_asked_here};

    #[test]
    fn only_this_machine_itself_sees_addresses() {
        let asked_here = |peer: &str, host: &'static str, forwarded: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            if forwarded {
                headers.insert(FORWARDED_FOR, HeaderValue::from_static("127.0.0.1"));
            }
            is_asked_here(peer.parse().expect("an address"), &headers)
        };
        for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!(asked_here(peer, "localhost:3000", false), "{peer}");
        }
        assert!(!asked_here("192.0.2.1", "localhost:3000", false), "from elsewhere");
        assert!(!asked_here("127.0.0.1", "localhost:3000", true), "through a proxy");
        assert!(!asked_here("127.0.0.1", "erp.example.com", false), "through a proxy that says nothing");
    }
}
