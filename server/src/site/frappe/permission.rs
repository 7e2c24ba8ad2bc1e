//! What somebody may read: `frappe.realtime.has_permission` of Frappe 16, or `can_subscribe_doc` and
//! `can_subscribe_doctype` of 13 to 15. Which of them a site has is found out once and remembered.

use std::sync::atomic::{AtomicU8, Ordering};

use realtime::frame::Denial;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use tracing::debug;

use super::ask::{Asking, Reply};
use crate::site::{AskError, Caller, Subject};

/// Which methods a site has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Methods {
    /// Frappe 16 and later.
    HasPermission,
    /// Frappe 13 to 15.
    CanSubscribe,
}

impl Methods {
    const fn versions(self) -> &'static str {
        match self {
            Self::HasPermission => "16 and later",
            Self::CanSubscribe => "13 to 15",
        }
    }
}

/// Which methods a site has, once that is known.
#[derive(Debug, Default)]
pub(super) struct PermissionApi(AtomicU8);

impl PermissionApi {
    fn known(&self) -> Option<Methods> {
        match self.0.load(Ordering::Relaxed) {
            1 => Some(Methods::HasPermission),
            2 => Some(Methods::CanSubscribe),
            _ => None,
        }
    }

    fn remember(&self, methods: Methods) {
        let number = match methods {
            Methods::HasPermission => 1,
            Methods::CanSubscribe => 2,
        };
        self.0.store(number, Ordering::Relaxed);
    }
}

/// What an answer means.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Allowed,
    Denied(Denial),
    /// The site is of another version: it knows no such method.
    NoSuchMethod,
}

/// Asks whether `caller` may read `subject`.
pub(super) async fn may_read(
    asking: &Asking,
    caller: &Caller,
    subject: &Subject,
) -> Result<Result<(), Denial>, AskError> {
    let site = &caller.viewer.site;
    let api = asking.permission_api(site)?;
    let known = api.known();
    // A bench is upgraded while this server runs: what was known may be so no more.
    let order = match known {
        Some(Methods::CanSubscribe) => [Methods::CanSubscribe, Methods::HasPermission],
        Some(Methods::HasPermission) | None => [Methods::HasPermission, Methods::CanSubscribe],
    };
    for methods in order {
        let verdict = match ask(asking, caller, subject, methods).await? {
            Answer::Allowed => Ok(()),
            Answer::Denied(denial) => Err(denial),
            Answer::NoSuchMethod => continue,
        };
        if known != Some(methods) {
            debug!(site, "Permissions are asked for as in Frappe {} from now on.", methods.versions());
            api.remember(methods);
        }
        return Ok(verdict);
    }
    Err(AskError::Unexpected {
        status: StatusCode::EXPECTATION_FAILED.as_u16(),
        hint: ": it has neither frappe.realtime.has_permission nor can_subscribe_doc, or a check of an app's own failed",
    })
}

async fn ask(asking: &Asking, caller: &Caller, subject: &Subject, methods: Methods) -> Result<Answer, AskError> {
    let Subject { doctype, name } = subject;
    let (method, name_key) = match (methods, name) {
        // Without a name it is the doctype that is asked for.
        (Methods::HasPermission, _) => ("frappe.realtime.has_permission", "name"),
        (Methods::CanSubscribe, Some(_)) => ("frappe.realtime.can_subscribe_doc", "docname"),
        (Methods::CanSubscribe, None) => ("frappe.realtime.can_subscribe_doctype", ""),
    };
    let site = &caller.viewer.site;
    let question = asking.method(Method::GET, site, method, &caller.credential).query(&[("doctype", doctype)]);
    let question = match (methods, name) {
        (Methods::CanSubscribe, None) => question,
        (_, name) => question.query(&[(name_key, name.as_deref().unwrap_or_default())]),
    };
    understand(&asking.ask_about_a_room(site, question).await?)
}

#[derive(Deserialize, Default)]
struct Body {
    #[serde(default)]
    session_expired: u8,
    #[serde(default)]
    message: Value,
}

fn understand(reply: &Reply) -> Result<Answer, AskError> {
    // A refusal may come as HTML; its status says enough.
    let body = serde_json::from_slice::<Body>(&reply.body);
    let (is_json, body) = (body.is_ok(), body.unwrap_or_default());
    if body.session_expired != 0 {
        return Err(AskError::SessionExpired);
    }
    match reply.status {
        StatusCode::OK if body.message == true => Ok(Answer::Allowed),
        StatusCode::OK if body.message == false => Ok(Answer::Denied(Denial::NotPermitted)),
        // No version says no like this: it is a page of something else.
        StatusCode::OK => Err(AskError::Unexpected { status: 200, hint: ": check that --frappe is a bench's address" }),
        StatusCode::FORBIDDEN => Ok(Answer::Denied(Denial::NotPermitted)),
        StatusCode::NOT_FOUND => Ok(Answer::Denied(Denial::NotFound)),
        // In JSON it is Frappe's word; a proxy has another.
        StatusCode::UNAUTHORIZED if is_json => Err(AskError::Unauthorized),
        // `ValidationError`: "Failed to get method for command …" (captures `perm_has_permission_v16_name_*`).
        StatusCode::EXPECTATION_FAILED => Ok(Answer::NoSuchMethod),
        status => Err(AskError::Unexpected { status: status.as_u16(), hint: "" }),
    }
}

#[cfg(test)]
mod tests {
    use realtime::frame::Denial;
    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;

    use super::super::ask::Reply;
    use super::{Answer, understand};
    use crate::site::AskError;

    #[test]
    fn only_true_is_yes_and_only_frappes_word_is_no() {
        let answer = |status, body: &str| {
            let status = StatusCode::from_u16(status).expect("a status");
            understand(&Reply { status, headers: HeaderMap::new(), body: body.into() })
        };
        assert_eq!(answer(200, r#"{"message": true}"#), Ok(Answer::Allowed));
        assert_eq!(answer(200, r#"{"message": false}"#), Ok(Answer::Denied(Denial::NotPermitted)));
        for body in [r#"{"message": {}}"#, r#"{"message": "true"}"#, r#"{"message": null}"#, "{}", "<html>", ""] {
            assert!(matches!(answer(200, body), Err(AskError::Unexpected { .. })), "{body}: no denial");
        }
        assert_eq!(answer(403, "<html>"), Ok(Answer::Denied(Denial::NotPermitted)));
        assert_eq!(answer(404, r#"{"exc_type": "DoesNotExistError"}"#), Ok(Answer::Denied(Denial::NotFound)));
        assert_eq!(answer(403, r#"{"session_expired": 1}"#), Err(AskError::SessionExpired));
        assert_eq!(answer(200, r#"{"session_expired": 1, "message": true}"#), Err(AskError::SessionExpired));
        assert_eq!(answer(401, "{}"), Err(AskError::Unauthorized));
        assert!(matches!(answer(401, "<html>"), Err(AskError::Unexpected { .. })), "a proxy's word ends no session");
        assert_eq!(answer(417, r#"{"exc_type": "ValidationError"}"#), Ok(Answer::NoSuchMethod));
        for status in [302, 429, 500, 502, 503, 504] {
            assert!(matches!(answer(status, "{}"), Err(AskError::Unexpected { .. })), "{status}");
        }
    }
}
