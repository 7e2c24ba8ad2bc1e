//! What a request brings to say who it is from.

use http::HeaderMap;

use super::{App, app_session};
use crate::site::Credential;

/// The credential of a request to a site: its `Authorization` header, else the cookie of an app's session, else the
/// session that the site's own cookie names. Frappe itself takes a session before a token (captures of 14 to 16),
/// so only one of them is ever passed on.
pub(super) fn credential_of(app: &App, site: &str, headers: &HeaderMap) -> Credential {
    credentials_of(app, site, headers).next().unwrap_or_default()
}

/// All credentials of a request to a site, in that order.
pub(super) fn credentials_of(app: &App, site: &str, headers: &HeaderMap) -> impl Iterator<Item = Credential> + use<> {
    let all = [
        Credential::authorization(headers),
        app_session::credential(&app.inner.sealer, site, headers),
        Credential::session(headers, app.inner.authority.site().session_cookie()),
    ];
    all.into_iter().flatten()
}
