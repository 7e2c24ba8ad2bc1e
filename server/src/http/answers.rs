//! Answers without a page, each made in one place.

use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CACHE_CONTROL, LOCATION};
use http::{HeaderValue, StatusCode};

use super::own_path::HOME;

/// Sends the browser to a path of this host, and keeps nothing of the answer: it may set cookies.
pub(super) fn go_to(path: &str) -> Response {
    let location = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static(HOME));
    let headers = [(LOCATION, location), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// Says which methods an address takes.
pub(super) fn only(methods: &str, sentence: &str) -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, methods)], sentence.to_owned()).into_response()
}

#[cfg(test)]
mod tests {
    use http::header::{CACHE_CONTROL, LOCATION};

    use super::go_to;

    #[test]
    fn an_answer_that_sends_on_is_not_kept() {
        for (path, location) in [("/live/count?a=b", "/live/count?a=b"), ("/\r\nSet-Cookie: a=b", "/live/")] {
            let answer = go_to(path);
            assert_eq!(answer.headers()[LOCATION], location);
            assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
        }
    }
}
