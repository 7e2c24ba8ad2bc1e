//! Who a credential is of: `frappe.realtime.get_user_info`.

use std::net::IpAddr;

use realtime::host::{UserType, Viewer};
use reqwest::{Method, StatusCode};
use serde::Deserialize;

use super::GUEST;
use super::ask::{Asking, Reply};
use super::secret::{HEADER, SocketSecret};
use super::sign_in::for_visitor;
use crate::site::{AskError, Credential};

const GET_USER_INFO: &str = "frappe.realtime.get_user_info";

/// Who a credential is of, for a visitor at this address: Frappe may allow a user only some.
pub(super) async fn identify(
    asking: &Asking,
    secret: &SocketSecret,
    site: &str,
    credential: &Credential,
    address: Option<IpAddr>,
) -> Result<Viewer, AskError> {
    if is_of_guests(credential) {
        return Ok(viewer(site, GUEST.to_owned(), None));
    }
    let sent = secret.known();
    let question = |secret: Option<reqwest::header::HeaderValue>| {
        let question = for_visitor(asking.method(Method::GET, site, GET_USER_INFO, credential), address);
        if let Some(secret) = secret { question.header(HEADER, secret) } else { question }
    };
    match understand(site, &asking.ask(site, question(sent.clone())).await?)? {
        Answer::Viewer(viewer) => Ok(viewer),
        // The first question of all makes Frappe write the secret: then it can be read.
        Answer::WantsTheSecret => {
            let secret = secret.read_instead_of(sent.as_ref()).await.ok_or(NO_SECRET)?;
            match understand(site, &asking.ask(site, question(Some(secret))).await?)? {
                Answer::Viewer(viewer) => Ok(viewer),
                Answer::WantsTheSecret => Err(WRONG_SECRET),
            }
        }
    }
}

/// Whether Frappe need not be asked: it is what all guests show.
pub(super) fn is_of_guests(credential: &Credential) -> bool {
    match credential {
        Credential::Nobody => true,
        Credential::Session(sid) => **sid == *GUEST,
        Credential::Authorization(_) => false,
    }
}

const NO_SECRET: AskError = AskError::Unexpected {
    status: 200,
    hint: ": it asks for its socket secret, and no Redis of --redis holds the key socketio_auth_secret",
};
const WRONG_SECRET: AskError = AskError::Unexpected {
    status: 200,
    hint: ": it does not take the socket secret of the Redis of --redis; is that this bench's redis_queue?",
};

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    session_expired: u8,
    message: Option<UserInfo>,
}

#[derive(Deserialize)]
struct UserInfo {
    user: Option<String>,
    user_type: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Viewer(Viewer),
    /// `{}`: Frappe 16 (PR #36778) to those who do not know `socketio_auth_secret`.
    WantsTheSecret,
}

fn understand(site: &str, reply: &Reply) -> Result<Answer, AskError> {
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(&reply.body).is_ok();
    match reply.status {
        StatusCode::OK => {}
        // Frappe refuses in JSON; what stands before it (a proxy, while the bench restarts) does not.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if is_json => return Err(AskError::Unauthorized),
        StatusCode::NOT_FOUND => return Err(AskError::UnknownSite { site: site.to_owned() }),
        status => return Err(AskError::Unexpected { status: status.as_u16(), hint: "" }),
    }
    let body: Body = serde_json::from_slice(&reply.body)
        .map_err(|_| AskError::Unexpected { status: 200, hint: ": check that --frappe is a bench's address" })?;
    if body.session_expired != 0 {
        return Err(AskError::SessionExpired);
    }
    let message = body.message.ok_or(AskError::Unexpected { status: 200, hint: ": it named nobody" })?;
    let Some(user) = message.user else { return Ok(Answer::WantsTheSecret) };
    if user.is_empty() {
        return Err(AskError::Unexpected { status: 200, hint: ": it named nobody" });
    }
    Ok(Answer::Viewer(viewer(site, user, message.user_type.as_deref())))
}

fn viewer(site: &str, user: String, user_type: Option<&str>) -> Viewer {
    let user_type = match user_type {
        _ if user == GUEST => UserType::Guest,
        Some("System User") => UserType::SystemUser,
        // With a token Frappe 14 to 16 do not say (captures `get_user_info_token`): the lesser right, as in
        // Frappe's own server.
        _ => UserType::WebsiteUser,
    };
    Viewer { site: site.to_owned(), full_name: user.clone(), user, user_type }
}
