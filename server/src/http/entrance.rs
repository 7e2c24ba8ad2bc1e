//! How a page comes in, by socket or by poll: counted, found to be somebody, and known to be open.

use std::net::IpAddr;
use std::sync::Arc;

use realtime::close::CloseCode;
use tracing::{info, warn};

use super::App;
use super::admission::Admitted;
use super::credentials::{Credentials, Identified};
use super::sessions::Entered;
use crate::engine::SiteEngine;
use crate::queue::Queue;
use crate::site::Caller;

/// What a page comes with.
pub(super) struct Visit {
    /// The site that its request asks for, or the host that is none.
    pub(super) site: Result<Arc<SiteEngine>, String>,
    /// Where it came from.
    pub(super) address: IpAddr,
    /// What says who it is of.
    pub(super) credentials: Credentials,
}

/// A page that is in.
pub(super) struct Visitor {
    pub(super) site: Arc<SiteEngine>,
    pub(super) caller: Caller,
    /// Its places are free again, and a sign-out no longer ends it, when this is dropped.
    pub(super) stay: Stay,
}

/// What a page takes up while it is in.
pub(super) struct Stay {
    _places: [Admitted; 2],
    _session: Option<Entered>,
}

/// Lets a page in. A sign-out ends `queue` from the moment at which Frappe is asked.
///
/// # Errors
/// Why it does not come in.
pub(super) async fn enter(app: &App, visit: Visit, queue: &Arc<Queue>) -> Result<Visitor, CloseCode> {
    let Visit { site, address, credentials } = visit;
    let inner = &app.inner;
    let Some(of_address) = inner.admissions.admit_address(address) else {
        info!(%address, "Refused a connection: its address has as many as it may.");
        return Err(CloseCode::TooManyConnections);
    };
    let site = site.map_err(|host| {
        info!(host, %address, "Refused a connection: no site of this server has its host's name.");
        CloseCode::UnknownSite
    })?;
    let mut of_session = None;
    let note = |session: &_| of_session = Some(inner.sessions.enter(site.name(), session, queue));
    let Identified { caller, .. } = credentials.identify(app, site.name(), note).await;
    let caller = caller.map_err(|error| {
        if error.is_frappes_word() {
            info!(site = site.name(), %address, "Refused a connection: {error}.");
        } else {
            warn!(site = site.name(), %address, "Refused a connection: {error}.");
        }
        error.close_code()
    })?;
    let Some(of_user) = inner.admissions.admit_user(&caller.viewer) else {
        let user = &caller.viewer.user;
        info!(site = site.name(), user, "Refused a connection: its user has as many as they may.");
        return Err(CloseCode::TooManyConnections);
    };
    let stay = Stay { _places: [of_address, of_user], _session: of_session };
    Ok(Visitor { site, caller, stay })
}
