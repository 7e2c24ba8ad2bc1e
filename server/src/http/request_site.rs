//! Which site a request is for.

use std::net::IpAddr;
use std::sync::Arc;

use app::problem::Problem;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::uri::Authority;
use http::{HeaderMap, header};

use super::{App, pages};
use crate::engine::{Engine, SiteEngine};

/// The site of a request, found in its `Host`.
#[derive(Clone)]
pub(super) struct RequestSite(pub(super) Arc<SiteEngine>);

/// Finds the site, or answers that there is none.
pub(super) async fn find(State(app): State<App>, mut request: Request, next: Next) -> Response {
    match site_of(&app.inner.engine, request.headers()) {
        Ok(site) => {
            request.extensions_mut().insert(RequestSite(site));
            next.run(request).await
        }
        Err(host) => pages::problem(&app, Problem::UnknownSite { host }, request).await,
    }
}

/// The site whose name is the host; the default one for this machine's own names and bare addresses.
fn site_of(engine: &Engine, headers: &HeaderMap) -> Result<Arc<SiteEngine>, String> {
    let Some(host) = headers.get(header::HOST) else { return Ok(Arc::clone(engine.default_site())) };
    let text = String::from_utf8_lossy(host.as_bytes());
    let authority: Authority = text.parse().map_err(|_| text.clone().into_owned())?;
    let host = authority.host().to_ascii_lowercase();
    let is_no_name = host == "localhost" || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    match engine.site_for_host(&host) {
        Some(site) => Ok(Arc::clone(site)),
        None if is_no_name => Ok(Arc::clone(engine.default_site())),
        None => Err(host),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::site_of;
    use crate::engine::Engine;
    use crate::history::HistoryLimits;

    #[test]
    fn the_host_names_the_site_and_this_machine_is_the_default_one() {
        let engine = Engine::new(&["a.example".to_owned(), "b.example".to_owned()], HistoryLimits::default());
        let site = |host: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            site_of(&engine, &headers).map(|site| site.name().to_owned())
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
    fn a_site_with_capitals_is_reached_and_keeps_its_spelling() {
        let engine = Engine::new(&["first.example".to_owned(), "ERP.Example.com".to_owned()], HistoryLimits::default());
        for host in ["erp.example.com", "ERP.Example.com", "ERP.EXAMPLE.COM:3000"] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            let site = site_of(&engine, &headers).expect(host);
            assert_eq!(site.name(), "ERP.Example.com");
        }
    }
}
