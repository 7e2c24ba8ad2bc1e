//! Whose pages may connect and post. A browser says which origin a page is from; another site's page
//! must not use the visitor's cookies here.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};

use super::App;
use super::forwarded::{ProxyHeaders, is_origin_of};

/// How a page's origin and this server are related, as the browser sees it (W3C Fetch Metadata).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses what another site's page asks for.
pub(super) async fn check(State(app): State<App>, request: Request, next: Next) -> Response {
    let inner = &app.inner;
    if is_answered_to_own_pages_only(&request) && !is_allowed(request.headers(), inner.proxy, &inner.allowed_origins) {
        let sentence = "The page that asks is of another origin than this server. If it is yours, start \
                        frappe-live with --allow-origin and that page's origin.\n";
        return (StatusCode::FORBIDDEN, sentence).into_response();
    }
    next.run(request).await
}

fn is_answered_to_own_pages_only(request: &Request) -> bool {
    let changes_something = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let opens_a_socket = request.headers().contains_key(header::UPGRADE);
    // A server function that is read with GET answers what only its visitor may see.
    let calls_a_function = request.uri().path().starts_with("/live/api/");
    changes_something || opens_a_socket || calls_a_function
}

/// Whether a request may come from where it says. Without an `Origin` it is not from a page, or from one of
/// ours that reads: browsers send one with every POST and every WebSocket handshake. Those that send
/// `Sec-Fetch-Site` say with it of every request whether another site's page is behind it.
fn is_allowed(headers: &HeaderMap, proxy: ProxyHeaders, allowed: &[String]) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else { return is_from_own_site(headers) };
    let (Ok(origin), None) = (origin.to_str(), origins.next()) else { return false };
    if allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let (Ok(origin), Some(host)) = (origin.parse::<Uri>(), proxy.host(headers)) else { return false };
    is_from_own_site(headers) && is_origin_of(&origin, &host)
}

/// Whether the browser, if it says anything, calls the request the own page's (`same-origin`) or the visitor's
/// own (`none`). A word that it does not use is no reason to go on.
fn is_from_own_site(headers: &HeaderMap) -> bool {
    says_at_most(headers, &["same-origin", "none"])
}

/// Whether nothing says that a page led here: also a page of the own site may show what somebody else wrote.
pub(super) fn is_by_no_page(headers: &HeaderMap) -> bool {
    says_at_most(headers, &["none"])
}

/// Whether a browser's page asks, and not an app by itself.
pub(super) fn is_by_a_browser(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN) || headers.contains_key(SEC_FETCH_SITE)
}

fn says_at_most(headers: &HeaderMap, words: &[&str]) -> bool {
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
    match (sites.next(), sites.next()) {
        (None, _) => true,
        (Some(site), None) => words.iter().any(|word| site == word),
        (Some(_), Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;
    use http::{HeaderMap, HeaderValue, header};

    use super::{ProxyHeaders, SEC_FETCH_SITE, is_allowed, is_answered_to_own_pages_only};

    const ALLOWED: &str = "https://app.example.com";

    fn request(origin: &'static str, host: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        headers.insert(header::HOST, HeaderValue::from_static(host));
        headers
    }

    fn allows(headers: &HeaderMap) -> bool {
        is_allowed(headers, ProxyHeaders::Ignored, &[ALLOWED.to_owned()])
    }

    fn check(origin: &'static str, host: &'static str) -> bool {
        allows(&request(origin, host))
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
        assert!(allows(&HeaderMap::new()), "no page, no origin");
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
            ("https://evil.example@erp.example.com", "erp.example.com"),
            ("https://erp.example.com", "evil.example@erp.example.com"),
        ] {
            assert!(!check(origin, host), "{origin} {host}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("a"));
        headers.append(header::ORIGIN, HeaderValue::from_static("http://a"));
        headers.append(header::ORIGIN, HeaderValue::from_static("http://evil.example"));
        assert!(!allows(&headers), "two origins");
    }

    #[test]
    fn what_the_browser_says_of_the_page_counts_beside_its_origin() {
        let own = "https://erp.example.com";
        for (origin, site, expected) in [
            (Some(own), "same-origin", true),
            (Some(own), "none", true),
            (Some(own), "same-site", false),
            (Some(own), "cross-site", false),
            (Some(own), "Same-Origin", false),
            (Some(own), "", false),
            (Some(own), "next-door", false),
            (Some("https://evil.example"), "same-origin", false),
            (Some("https://evil.example"), "none", false),
            (Some(ALLOWED), "cross-site", true),
            (Some(ALLOWED), "same-site", true),
            (None, "same-origin", true),
            (None, "none", true),
            (None, "same-site", false),
            (None, "cross-site", false),
        ] {
            let mut headers = request(origin.unwrap_or_default(), "erp.example.com");
            if origin.is_none() {
                headers.remove(header::ORIGIN);
            }
            headers.insert(SEC_FETCH_SITE, HeaderValue::from_static(site));
            assert_eq!(allows(&headers), expected, "{origin:?} {site:?}");
        }
        let mut twice = request(own, "erp.example.com");
        twice.append(SEC_FETCH_SITE, HeaderValue::from_static("same-origin"));
        twice.append(SEC_FETCH_SITE, HeaderValue::from_static("cross-site"));
        assert!(!allows(&twice));
    }

    #[test]
    fn the_host_that_a_trusted_proxy_names_is_the_own_one() {
        let mut headers = request("https://erp.example.com", "127.0.0.1:3000");
        headers.insert("x-forwarded-host", HeaderValue::from_static("erp.example.com"));
        assert!(is_allowed(&headers, ProxyHeaders::Trusted, &[]));
        assert!(!is_allowed(&headers, ProxyHeaders::Ignored, &[]));
        headers.insert(header::ORIGIN, HeaderValue::from_static("http://127.0.0.1:3000"));
        assert!(!is_allowed(&headers, ProxyHeaders::Trusted, &[]));
    }

    #[test]
    fn pages_may_be_linked_to_and_what_acts_may_not() {
        let is_checked = |method: &str, path: &str, upgrade: bool| {
            let request = Request::builder().method(method).uri(path);
            let request = if upgrade { request.header(header::UPGRADE, "websocket") } else { request };
            is_answered_to_own_pages_only(&request.body(Body::empty()).expect("a request"))
        };
        assert!(!is_checked("GET", "/live/count", false) && !is_checked("HEAD", "/live/", false));
        assert!(is_checked("GET", "/live/ws", true) && is_checked("POST", "/live/poll", false));
        assert!(is_checked("GET", "/live/api/read", false) && is_checked("DELETE", "/live/count", false));
    }
}
