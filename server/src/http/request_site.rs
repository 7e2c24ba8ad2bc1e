//! Which site a request is for.

use std::sync::Arc;

use app::problem::Problem;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;

use super::forwarded::{AskedSite, ProxyHeaders};
use super::{App, pages};
use crate::engine::{Engine, SiteEngine};

/// The site of a request.
#[derive(Clone)]
pub(super) struct RequestSite(pub(super) Arc<SiteEngine>);

/// Finds the site and how it was reached, or answers that there is none.
pub(super) async fn find(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let proxy = app.inner.proxy;
    match site_of(&app.inner.engine, proxy, request.headers()) {
        Ok(site) => {
            let scheme = proxy.scheme(request.headers());
            request.extensions_mut().insert(scheme);
            request.extensions_mut().insert(RequestSite(site));
            next.run(request).await
        }
        Err(host) => pages::problem(&app, Problem::UnknownSite { host }, request).await,
    }
}

/// The site that a request asks for, the default one where it names this machine, or else the name that is
/// none of a site.
pub(super) fn site_of(engine: &Engine, proxy: ProxyHeaders, headers: &HeaderMap) -> Result<Arc<SiteEngine>, String> {
    let default = || engine.default_site();
    let site = match proxy.asked_site(headers) {
        AskedSite::Unsaid => default(),
        AskedSite::Machine(name) => engine.site_for_host(&name).unwrap_or_else(default),
        AskedSite::Named(name) => engine.site_for_host(&name).ok_or(name)?,
        AskedSite::Unreadable(quoted) => return Err(quoted),
    };
    Ok(Arc::clone(site))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::{ProxyHeaders, site_of};
    use crate::engine::Engine;
    use crate::history::HistoryLimits;

    #[test]
    fn the_host_names_the_site_and_this_machine_is_the_default_one() {
        let engine = Engine::new(&["a.example".to_owned(), "b.example".to_owned()], HistoryLimits::default());
        let site = |host: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            site_of(&engine, ProxyHeaders::Ignored, &headers).map(|site| site.name().to_owned())
        };
        for host in ["127.0.0.1:3000", "localhost", "[::1]:3000", "192.168.1.20:3000", "a.example", "A.Example:80"] {
            assert_eq!(site(host).as_deref(), Ok("a.example"), "{host}");
        }
        assert_eq!(site("b.example:3000").as_deref(), Ok("b.example"));
        for host in ["c.example", "127.0.0.1.evil.example", "a.example.evil.example"] {
            assert!(site(host).is_err(), "{host}");
        }
        assert!(site("a.example/../b").is_err());
    }

    #[test]
    fn a_trusted_proxys_word_is_the_site_or_an_unknown_one() {
        let engine = Engine::new(&["a.example".to_owned(), "b.example".to_owned()], HistoryLimits::default());
        let site = |proxy: ProxyHeaders, name: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("a.example"));
            headers.insert("x-frappe-site-name", HeaderValue::from_static(name));
            site_of(&engine, proxy, &headers).map(|site| site.name().to_owned())
        };
        assert_eq!(site(ProxyHeaders::Trusted, "b.example"), Ok("b.example".to_owned()));
        for unknown in ["c.example", "localhost", "127.0.0.1", ""] {
            assert_eq!(site(ProxyHeaders::Trusted, unknown), Err(unknown.to_owned()));
            assert_eq!(site(ProxyHeaders::Ignored, unknown), Ok("a.example".to_owned()));
        }
    }

    #[test]
    fn a_site_with_capitals_is_reached_and_keeps_its_spelling() {
        let engine = Engine::new(&["first.example".to_owned(), "ERP.Example.com".to_owned()], HistoryLimits::default());
        for host in ["erp.example.com", "ERP.Example.com", "ERP.EXAMPLE.COM:3000"] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            let site = site_of(&engine, ProxyHeaders::Ignored, &headers).expect(host);
            assert_eq!(site.name(), "ERP.Example.com");
        }
    }
}
