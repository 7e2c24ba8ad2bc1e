//! Answers without a page, each made in one place.

use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CACHE_CONTROL, LOCATION};
use http::{HeaderValue, StatusCode};

use super::own_path::HOME;
use super::pages;
use crate::site::AskError;

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

/// Says to a program why nothing can be answered.
pub(super) fn of_error(error: &AskError) -> Response {
    (pages::status_of(error), format!("{}.\n", capitalised(&error.to_string()))).into_response()
}

/// The words of an error stand in the middle of a line of the log.
fn capitalised(words: &str) -> String {
    let mut characters = words.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + characters.as_str()
}

#[cfg(test)]
mod tests {
    use http::header::{CACHE_CONTROL, LOCATION};

    use super::{capitalised, go_to};

    #[test]
    fn the_words_of_an_error_began_in_small_letters() {
        assert_eq!(capitalised("the session has expired; sign in again"), "The session has expired; sign in again");
        assert_eq!((capitalised("über").as_str(), capitalised("").as_str()), ("Über", ""));
    }

    #[test]
    fn an_answer_that_sends_on_is_not_kept() {
        for (path, location) in [("/live/count?a=b", "/live/count?a=b"), ("/\r\nSet-Cookie: a=b", "/live/")] {
            let answer = go_to(path);
            assert_eq!(answer.headers()[LOCATION], location);
            assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
        }
    }
}
