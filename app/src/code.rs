//! The one-time code that the address of a page may carry: `?code=…`.

use url::form_urlencoded;

/// The query's key.
const KEY: &str = "code";

/// The code in a query.
#[must_use]
pub fn code_in(query: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(key, _)| key == KEY).map(|(_, code)| code.into_owned())
}

/// A path without any code; the rest of it stays as it was written.
#[must_use]
pub fn without_code(path: &str) -> String {
    let fragment_start = path.find('#').unwrap_or(path.len());
    let (path, fragment) = path.split_at(fragment_start);
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let pairs = query.split('&').filter(|pair| !pair.is_empty() && code_in(pair).is_none());
    let query = pairs.collect::<Vec<_>>().join("&");
    let separator = if query.is_empty() { "" } else { "?" };
    format!("{path}{separator}{query}{fragment}")
}

#[cfg(test)]
mod tests {
    use super::{code_in, without_code};

    #[test]
    fn the_rest_of_the_address_stays_as_it_was() {
        for (path, code, rest) in [
            ("/live/count?code=k3", Some("k3"), "/live/count"),
            ("/live/count?a=%20b&code=k3&c", Some("k3"), "/live/count?a=%20b&c"),
            ("/live/?%63ode=k3&code=k4&encode=1", Some("k3"), "/live/?encode=1"),
            ("/live/?c%6Fd%65=k3#top", Some("k3"), "/live/#top"),
            ("/live/?a=1#?code=k3", None, "/live/?a=1#?code=k3"),
            ("/live/?code", Some(""), "/live/"),
            ("/live/?a=code", None, "/live/?a=code"),
            ("/live/", None, "/live/"),
        ] {
            let query = path.split('#').next().and_then(|path| path.split_once('?')).unwrap_or_default().1;
            assert_eq!((code_in(query).as_deref(), without_code(path).as_str()), (code, rest), "{path}");
            assert_eq!(without_code(rest), rest);
        }
    }
}
