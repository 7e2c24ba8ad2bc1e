//! How one becomes another of the demo's people.

use http::header::{LOCATION, REFERER, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use leptos::server_fn::codec::JsonEncoding;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use leptos_axum::{ResponseOptions, extract};
use realtime::host::Page;

use crate::components::header::HOME;
use crate::prelude::*;

/// Why nothing was done, in a sentence. The response carries it with status 400.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadRequest(String);

impl BadRequest {
    pub(crate) fn because(sentence: String) -> Self {
        // A server function that fails answers 500 unless it says otherwise.
        if let Some(response) = use_context::<ResponseOptions>() {
            response.set_status(StatusCode::BAD_REQUEST);
        }
        Self(sentence)
    }
}

impl FromServerFnError for BadRequest {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        Self::because(error.to_string())
    }
}

/// Makes the visitor another of the demo's people and goes back to the page that asked.
#[server(prefix = "/live/api", endpoint = "sign_in_as")]
pub async fn sign_in_as(user: String) -> Result<(), BadRequest> {
    let cookie = use_context::<Page>().and_then(|page| page.host().sign_in_as(&user));
    let cookie = cookie.and_then(|cookie| HeaderValue::from_str(&cookie).ok());
    let cookie = cookie.ok_or_else(|| BadRequest::because(format!("“{user}” is not one of the demo’s people.")))?;

    let page = extract::<HeaderMap>().await.ok().and_then(|headers| headers.get(REFERER).cloned());
    let response = expect_context::<ResponseOptions>();
    response.insert_header(SET_COOKIE, cookie);
    response.insert_header(LOCATION, page.as_ref().and_then(own_path).unwrap_or(HeaderValue::from_static(HOME)));
    response.set_status(StatusCode::SEE_OTHER);
    Ok(())
}

/// The path of a page of ours: where a request says it comes from is not where it must be sent.
fn own_path(page: &HeaderValue) -> Option<HeaderValue> {
    let page: Uri = page.to_str().ok()?.parse().ok()?;
    let path = page.path_and_query()?.as_str();
    path.starts_with(HOME).then(|| HeaderValue::from_str(path).ok())?
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::own_path;

    #[test]
    fn one_is_sent_back_to_a_path_of_ours_only() {
        let path = |text: &'static str| own_path(&HeaderValue::from_static(text));
        assert_eq!(path("http://localhost:3000/live/count?a=1"), Some(HeaderValue::from_static("/live/count?a=1")));
        assert_eq!(path("http://evil.example/live/count"), Some(HeaderValue::from_static("/live/count")));
        for foreign in ["http://evil.example/", "javascript:alert(1)", "//evil.example", ""] {
            assert_eq!(path(foreign), None, "{foreign}");
        }
    }
}
