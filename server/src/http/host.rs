//! What a page that is being rendered may ask.

use std::sync::Arc;

use realtime::host::{Host, Snapshot, Viewer};
use realtime::position::Position;
use realtime::room::Room;

use crate::authz;
use crate::engine::SiteEngine;
use crate::site::Site;

/// One request's view of the server.
pub(super) struct RequestHost {
    pub(super) viewer: Viewer,
    pub(super) engine: Arc<SiteEngine>,
    pub(super) site: Arc<dyn Site>,
}

impl Host for RequestHost {
    fn viewer(&self) -> Viewer {
        self.viewer.clone()
    }

    fn position(&self) -> Position {
        self.engine.position()
    }

    fn latest(&self, room: &Room, event: &str) -> Snapshot {
        match authz::grant(&self.viewer, room.clone()) {
            Ok(grant) => self.engine.latest(&grant, event),
            Err(_) => Snapshot { position: self.engine.position(), message: None },
        }
    }

    fn demo_people(&self) -> Vec<Viewer> {
        self.site.demo_people(self.engine.name())
    }

    fn sign_in_as(&self, user: &str) -> Option<String> {
        self.site.sign_in_as(self.engine.name(), user)
    }
}
