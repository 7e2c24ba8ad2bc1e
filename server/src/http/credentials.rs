//! What a request brings to say who it is from, and who that is.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};

use super::App;
use super::app_session::{self, AppSession, Brought};
use super::sessions::SessionId;
use crate::authz::Authority;
use crate::site::{AskError, Caller, Credential};

/// The longest credential, in bytes: answers are kept by them, and no real one is longer.
const LONGEST: usize = 8 << 10;

/// All credentials of a request to a site.
pub(super) struct Credentials {
    authorization: Option<Credential>,
    app_session: Option<Brought>,
    session: Option<Credential>,
}

/// One of them.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Shown {
    pub(super) credential: Credential,
    /// What ends when it is signed out.
    pub(super) session: SessionId,
}

impl Shown {
    fn itself(credential: Credential) -> Self {
        Self { session: SessionId::Of(credential.clone()), credential }
    }
}

/// Who a request is from.
pub(super) struct Identified {
    /// Who, or why that is not known.
    pub(super) caller: Result<Caller, AskError>,
    /// What becomes of the app's cookie.
    pub(super) app_session: AppSession,
}

impl Credentials {
    pub(super) fn of(app: &App, site: &str, headers: &HeaderMap) -> Self {
        Self {
            authorization: Credential::authorization(headers),
            app_session: app_session::of_request(app, site, headers),
            session: Credential::session(headers, app.inner.authority.site().session_cookie()),
        }
    }

    /// Each of them, whether it counts or not.
    pub(super) fn all(self) -> impl Iterator<Item = Shown> {
        let of_app = self.app_session.and_then(Brought::into_live).map(|live| {
            let session = live.session();
            Shown { credential: live.credential, session }
        });
        [self.authorization.map(Shown::itself), of_app, self.session.map(Shown::itself)].into_iter().flatten()
    }

    /// Who shows them. The `Authorization` header counts, else the app's cookie, else the site's own session.
    /// Frappe itself takes a session before a token (captures of 14 to 16), so one at a time is passed on. What the
    /// app's cookie holds may end without the browser knowing: when Frappe says so, or the cookie is dead, the session
    /// counts. `before_asking` is told of each session that is asked about.
    pub(super) async fn identify(self, app: &App, site: &str, mut before_asking: impl FnMut(&SessionId)) -> Identified {
        let Self { authorization, app_session, session } = self;
        let authority = &app.inner.authority;
        let mut ask = async |credential: Credential, session: SessionId| {
            before_asking(&session);
            identify(authority, site, credential).await
        };
        let Some(brought) = app_session.filter(|_| authorization.is_none()) else {
            let Shown { credential, session } = Shown::itself(authorization.or(session).unwrap_or_default());
            return Identified { caller: ask(credential, session).await, app_session: AppSession::Kept };
        };
        let caller = match brought {
            Brought::Dead => Err(AskError::SessionExpired),
            Brought::Live(live) => {
                let session = live.session();
                let caller = ask(live.credential, session).await;
                // Signed out while Frappe was being asked: what is asked about is found by a sign-out from then on.
                if app.inner.ended_app_sessions.has(&live.id) { Err(AskError::SessionExpired) } else { caller }
            }
        };
        let is_over = caller.as_ref().is_err_and(AskError::is_frappes_word);
        let app_session = if is_over { AppSession::Over } else { AppSession::Kept };
        let Some(session) = session.filter(|_| is_over) else { return Identified { caller, app_session } };
        let Shown { credential, session } = Shown::itself(session);
        Identified { caller: ask(credential, session).await, app_session }
    }
}

async fn identify(authority: &Authority, site: &str, credential: Credential) -> Result<Caller, AskError> {
    let viewer = authority.identify(site, &credential).await?;
    Ok(Caller { viewer, credential })
}

/// Refuses a request whose credentials are longer than any.
pub(super) async fn check_length(State(app): State<App>, request: Request, next: Next) -> Response {
    let session_cookie = app.inner.authority.site().session_cookie();
    if has_too_long_a_credential(request.headers(), session_cookie) {
        let sentence = "The Authorization header or the session's cookie is longer than 8 KiB. Sign in again, or send \
                        another token.\n";
        return (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, sentence).into_response();
    }
    next.run(request).await
}

fn has_too_long_a_credential(headers: &HeaderMap, session_cookie: &str) -> bool {
    let both = [Credential::authorization(headers), Credential::session(headers, session_cookie)];
    both.into_iter().flatten().any(|credential| credential.len() > LONGEST)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue, header};

    use super::has_too_long_a_credential;

    /// They became keys of the kept answers, 100,000 of them.
    #[test]
    fn credentials_longer_than_any_are_refused() {
        let is_refused = |name: HeaderName, value: String| {
            let value = HeaderValue::from_str(&value).expect("a header");
            has_too_long_a_credential(&HeaderMap::from_iter([(name, value)]), "sid")
        };
        let text = |length: usize| "x".repeat(length);
        let token = |length: usize| format!("token {}", text(length - 6));
        assert!(!is_refused(header::AUTHORIZATION, token(8192)) && is_refused(header::AUTHORIZATION, token(8193)));
        assert!(!is_refused(header::COOKIE, format!("sid={}", text(8192))));
        assert!(is_refused(header::COOKIE, format!("a=b; sid={}", text(8193))));
        assert!(!is_refused(header::COOKIE, format!("other={}; sid=x", text(8193))), "another app's cookie");
    }
}
