//! Whose pages may connect and post. A browser says which origin a page is from; another site's page
//! must not use the visitor's cookies here.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, Uri, header};

use super::App;

/// Refuses what another site's page asks for.
pub(super) async fn check(State(app): State<App>, request: Request, next: Next) -> Response {
    let changes_something = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let opens_a_socket = request.headers().contains_key(header::UPGRADE);
    if (changes_something || opens_a_socket) && !is_allowed(request.headers(), &app.inner.allowed_origins) {
        let sentence = "The page that asks is of another origin than this server. If it is yours, start \
                        frappe-live with --allow-origin and that page's origin.\n";
        return (StatusCode::FORBIDDEN, sentence).into_response();
    }
    next.run(request).await
}

/// Whether a request may come from where it says. Without an `Origin` it is not from a page: browsers
/// send one with every POST and every WebSocket handshake.
fn is_allowed(headers: &HeaderMap, allowed: &[String]) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else { return true };
    let (Ok(origin), None) = (origin.to_str(), origins.next()) else { return false };
    if allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let Ok(origin) = origin.parse::<Uri>() else { return false };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse::<http::uri::Authority>().ok());
    let (Some(from), Some(host)) = (origin.authority(), host) else { return false };
    let default_port = match origin.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        _ => return false,
    };
    // A proxy may pass on the host without its port (nginx `$host`): then the names decide.
    let same_port = host.port_u16().is_none_or(|port| port == from.port_u16().unwrap_or(default_port));
    same_port && host.host().eq_ignore_ascii_case(from.host())
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::is_allowed;

    fn check(origin: &'static str, host: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        headers.insert(header::HOST, HeaderValue::from_static(host));
        is_allowed(&headers, &["https://app.example.com".to_owned()])
    }

    #[test]
    fn the_own_origin_is_allowed_behind_a_proxy_too() {
        for (origin, host) in [
            ("http://127.0.0.1:3000", "127.0.0.1:3000"),
            ("http://[::1]:3000", "[::1]:3000"),
            ("https://erp.example.com", "erp.example.com"),
            ("https://erp.example.com", "erp.example.com:443"),
            ("https://ERP.example.com:8443", "erp.example.com"),
            ("https://app.example.com", "erp.example.com"),
        ] {
            assert!(check(origin, host), "{origin} {host}");
        }
        assert!(is_allowed(&HeaderMap::new(), &[]), "no page, no origin");
    }

    #[test]
    fn another_origin_is_refused() {
        for (origin, host) in [
            ("https://evil.example", "erp.example.com"),
            ("http://127.0.0.1:4000", "127.0.0.1:3000"),
            ("https://erp.example.com.evil.example", "erp.example.com"),
            ("https://erp.example.com", "erp.example.com:80"),
            ("null", "erp.example.com"),
            ("file://", "erp.example.com"),
            ("", "erp.example.com"),
            ("https://erp.example.com@evil.example", "erp.example.com"),
        ] {
            assert!(!check(origin, host), "{origin} {host}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("a"));
        headers.append(header::ORIGIN, HeaderValue::from_static("http://a"));
        headers.append(header::ORIGIN, HeaderValue::from_static("http://evil.example"));
        assert!(!is_allowed(&headers, &[]), "two origins");
    }
}
