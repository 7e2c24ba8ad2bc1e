//! Pages and forms, asked for as a browser without scripts does.

use reqwest::header::{CONTENT_TYPE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder};

use serde_json::Value;

use super::server::Server;

/// What a page or a form is answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) cache_control: String,
    /// The values of `Set-Cookie`.
    pub(crate) cookies: Vec<String>,
    pub(crate) body: String,
}

impl Answer {
    async fn to(request: RequestBuilder) -> Self {
        let answer = request.send().await.expect("the server answers");
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (status, location) = (answer.status().as_u16(), header(LOCATION.as_str()));
        let cache_control = header("cache-control").unwrap_or_default();
        let cookies = answer.headers().get_all(SET_COOKIE).iter();
        let cookies = cookies.map(|cookie| cookie.to_str().expect("text").to_owned()).collect();
        Self { status, location, cache_control, cookies, body: answer.text().await.expect("text") }
    }

    /// The cookie of this name, as it was set.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies
            .iter()
            .map(String::as_str)
            .find(|cookie| cookie.split_once('=').is_some_and(|(known, _)| known == name))
    }

    /// The cookie of this name, as the browser sends it back.
    pub(crate) fn pair(&self, name: &str) -> String {
        let cookie = self.cookie(name).unwrap_or_else(|| panic!("no cookie {name}: {self:?}"));
        cookie.split(';').next().unwrap_or_default().to_owned()
    }

    /// Whom the page was rendered for.
    pub(crate) fn user(&self) -> &str {
        let (_, rest) = self.body.split_once(r#"{"user":""#).unwrap_or_else(|| panic!("no page of anybody: {self:?}"));
        rest.split('"').next().unwrap_or_default()
    }
}

fn request(server: &Server, method: Method, path: &str, headers: &[(&str, &str)]) -> RequestBuilder {
    let client = Client::builder().redirect(Policy::none()).no_proxy().build().expect("a client");
    let request = client.request(method, server.url(path));
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
}

/// Opens a page.
pub(crate) async fn get(server: &Server, path: &str, headers: &[(&str, &str)]) -> Answer {
    Answer::to(request(server, Method::GET, path, headers)).await
}

/// Asks about a page.
pub(crate) async fn head(server: &Server, path: &str, headers: &[(&str, &str)]) -> Answer {
    Answer::to(request(server, Method::HEAD, path, headers)).await
}

/// Sends a form.
pub(crate) async fn post(server: &Server, path: &str, form: &str, headers: &[(&str, &str)]) -> Answer {
    let request = request(server, Method::POST, path, headers);
    let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.to_owned());
    Answer::to(request).await
}

/// The cookie of an app's session.
pub(crate) const COOKIE: &str = "frappe_live_session";
/// What says that one is Jane, of the demo.
pub(crate) const JANE: [(&str, &str); 1] = [("authorization", "token jane@example.com:demo")];

/// The one-time code in an answer.
pub(crate) fn code_of(answer: &Answer) -> String {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
    assert_eq!((answer.status, &body["expires_in"]), (200, &Value::from(60)));
    assert_eq!(answer.cache_control, "no-store");
    body["code"].as_str().expect("a code").to_owned()
}

/// Whom a page is rendered for that comes with this cookie.
pub(crate) async fn user_with(server: &Server, cookie: &str) -> String {
    get(server, "/live/", &[("cookie", cookie)]).await.user().to_owned()
}
