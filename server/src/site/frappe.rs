//! Frappe, asked over HTTP at its configured address.

use std::time::Duration;

use futures_util::future::BoxFuture;
use realtime::host::{UserType, Viewer};
use reqwest::{Client, Request, StatusCode, header, redirect};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use url::Url;

use super::{Credentials, IdentifyError, Site};

/// How long an answer may take, waiting for a turn included. Half of what a page gives its whole handshake, so
/// that the page still hears why.
const PATIENCE: Duration = Duration::from_secs(5);
/// Questions asked at a time: when every page comes back at once, the bench has work of its own.
const QUESTIONS_AT_A_TIME: usize = 32;
const GET_USER_INFO: &str = "api/method/frappe.realtime.get_user_info";
const GUEST: &str = "Guest";

/// A bench's web server.
#[derive(Debug)]
pub struct FrappeSite {
    client: Client,
    get_user_info: Url,
    turns: Semaphore,
}

impl FrappeSite {
    /// Asks the bench at `address`, whatever a request's headers say.
    #[must_use]
    pub fn new(mut address: Url) -> Self {
        if !address.path().ends_with('/') {
            address.set_path(&format!("{}/", address.path()));
        }
        let client = Client::builder().redirect(redirect::Policy::none()).no_proxy().build();
        Self {
            client: client.expect("a client without TLS and files to read can be made"),
            get_user_info: address.join(GET_USER_INFO).expect("a method's path can be joined to an address"),
            turns: Semaphore::new(QUESTIONS_AT_A_TIME),
        }
    }

    /// The question of Frappe's own realtime server: `Authorization` first, else the `sid` cookie (15.52+
    /// and 16; FRAPPE `realtime/middlewares/authenticate.js`). `None` for a request without either.
    fn question(&self, site: &str, credentials: &Credentials) -> Option<Request> {
        let request = self.client.get(self.get_user_info.clone());
        let request = match (credentials.authorization(), credentials.cookie("sid")) {
            (Some(authorization), _) => request.header(header::AUTHORIZATION, authorization),
            (None, Some(sid)) if sid != GUEST => request.header(header::COOKIE, format!("sid={sid}")),
            _ => return None,
        };
        let request = request.header(header::HOST, site).header("X-Frappe-Site-Name", site);
        request.header(header::ACCEPT, "application/json").build().ok()
    }

    async fn ask(&self, site: &str, question: Request) -> Result<Viewer, IdentifyError> {
        let answer = timeout(PATIENCE, self.ask_in_turn(site, question)).await;
        answer.unwrap_or_else(|_| {
            Err(IdentifyError::Unreachable { problem: format!("no answer within {} seconds", PATIENCE.as_secs()) })
        })
    }

    async fn ask_in_turn(&self, site: &str, question: Request) -> Result<Viewer, IdentifyError> {
        let _turn = self.turns.acquire().await.expect("the semaphore is never closed");
        let unreachable = |error: reqwest::Error| IdentifyError::Unreachable { problem: sentence_of(&error) };
        let answer = self.client.execute(question).await.map_err(unreachable)?;
        let status = answer.status();
        match status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(IdentifyError::Unauthorized),
            StatusCode::NOT_FOUND => return Err(IdentifyError::UnknownSite { site: site.to_owned() }),
            _ => return Err(IdentifyError::Unexpected { status: status.as_u16(), hint: "" }),
        }
        let body = answer.bytes().await.map_err(unreachable)?;
        understand(site, &body)
    }
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    session_expired: u8,
    message: Option<UserInfo>,
}

#[derive(Deserialize)]
struct UserInfo {
    user: Option<String>,
    user_type: Option<String>,
}

fn understand(site: &str, body: &[u8]) -> Result<Viewer, IdentifyError> {
    let unexpected = |hint| IdentifyError::Unexpected { status: 200, hint };
    let answer: Answer =
        serde_json::from_slice(body).map_err(|_| unexpected(": is --frappe the address of a bench?"))?;
    if answer.session_expired != 0 {
        return Err(IdentifyError::SessionExpired);
    }
    let message = answer.message.ok_or_else(|| unexpected(""))?;
    // Frappe 16 answers `{}` to those who do not know `socketio_auth_secret`.
    let user = message.user.ok_or_else(|| unexpected(": it asks for its socket secret, which is not sent yet"))?;
    let user_type = match message.user_type.as_deref() {
        _ if user == GUEST => UserType::Guest,
        Some("System User") => UserType::SystemUser,
        // With a token Frappe 14 to 16 do not say (captures `get_user_info_token`): the lesser right.
        _ => UserType::WebsiteUser,
    };
    Ok(Viewer { site: site.to_owned(), full_name: user.clone(), user, user_type })
}

/// The innermost cause: "error sending request" alone helps nobody.
fn sentence_of(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

impl Site for FrappeSite {
    fn identify<'a>(
        &'a self,
        site: &'a str,
        credentials: &'a Credentials,
    ) -> BoxFuture<'a, Result<Viewer, IdentifyError>> {
        Box::pin(async move {
            match self.question(site, credentials) {
                Some(question) => self.ask(site, question).await,
                None => understand(site, br#"{"message": {"user": "Guest"}}"#),
            }
        })
    }

    fn demo_people(&self, _site: &str) -> Vec<Viewer> {
        Vec::new()
    }

    fn sign_in_as(&self, _site: &str, _user: &str) -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use http::{HeaderMap, HeaderValue, header};
    use tokio::net::TcpListener;
    use tokio::time::{Instant, timeout};

    use super::{FrappeSite, PATIENCE, QUESTIONS_AT_A_TIME};
    use crate::site::{Credentials, IdentifyError, Site};

    async fn silent_bench() -> (TcpListener, FrappeSite) {
        let bench = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", bench.local_addr().expect("bound"));
        (bench, FrappeSite::new(address.parse().expect("a URL")))
    }

    fn session() -> Credentials {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_static("sid=0123"));
        Credentials::of(&headers)
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_bench_is_given_up_before_the_page_gives_up() {
        let (_bench, site) = silent_bench().await;
        let asked = Instant::now();
        let error = site.identify("a.example", &session()).await.expect_err("no answer");
        assert_eq!(error, IdentifyError::Unreachable { problem: "no answer within 5 seconds".to_owned() });
        assert!(asked.elapsed() < PATIENCE + Duration::from_millis(100), "{:?}", asked.elapsed());
    }

    #[tokio::test]
    async fn many_questions_at_once_reach_the_bench_a_few_at_a_time() {
        let (bench, site) = silent_bench().await;
        let site = Arc::new(site);
        for _ in 0..QUESTIONS_AT_A_TIME + 8 {
            let site = Arc::clone(&site);
            tokio::spawn(async move { site.identify("a.example", &session()).await });
        }
        let mut asked = Vec::new();
        while asked.len() < QUESTIONS_AT_A_TIME {
            asked.push(bench.accept().await.expect("a question"));
        }
        let another = timeout(Duration::from_millis(200), bench.accept()).await;
        assert!(another.is_err(), "all turns are taken");
        asked.pop();
        timeout(PATIENCE, bench.accept()).await.expect("the next has its turn").expect("a question");
    }
}
