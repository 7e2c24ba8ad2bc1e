//! Frappe, asked over HTTP at its configured address.

use std::time::Duration;

use futures_util::future::BoxFuture;
use realtime::host::{UserType, Viewer};
use reqwest::{Client, Request, StatusCode, header, redirect};
use serde::Deserialize;
use url::Url;

use super::{Credentials, IdentifyError, Site};

/// How long Frappe may take.
const PATIENCE: Duration = Duration::from_secs(10);
const GET_USER_INFO: &str = "api/method/frappe.realtime.get_user_info";
const GUEST: &str = "Guest";

/// A bench's web server.
#[derive(Debug)]
pub struct FrappeSite {
    client: Client,
    get_user_info: Url,
}

impl FrappeSite {
    /// Asks the bench at `address`, whatever a request's headers say.
    #[must_use]
    pub fn new(mut address: Url) -> Self {
        if !address.path().ends_with('/') {
            address.set_path(&format!("{}/", address.path()));
        }
        let client = Client::builder().timeout(PATIENCE).redirect(redirect::Policy::none()).no_proxy().build();
        Self {
            client: client.expect("a client without TLS and files to read can be made"),
            get_user_info: address.join(GET_USER_INFO).expect("a method's path can be joined to an address"),
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
    if error.is_timeout() { format!("no answer within {} seconds", PATIENCE.as_secs()) } else { cause.to_string() }
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
