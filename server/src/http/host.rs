//! What a page that is being rendered may ask.

use std::sync::Arc;

use realtime::handlers::Publisher;
use realtime::host::{Host, Snapshot, Viewer};
use realtime::position::Position;
use realtime::room::Room;

use super::{RequestScheme, cookies};
use crate::authz::{Authority, Decision};
use crate::engine::SiteEngine;
use crate::seal::random_text;
use crate::site::{Caller, demo_job};

/// One request's view of the server.
pub(super) struct RequestHost {
    pub(super) caller: Caller,
    pub(super) engine: Arc<SiteEngine>,
    pub(super) authority: Arc<Authority>,
    pub(super) publisher: Arc<dyn Publisher>,
    pub(super) scheme: RequestScheme,
}

impl Host for RequestHost {
    fn viewer(&self) -> Viewer {
        self.caller.viewer.clone()
    }

    fn position(&self) -> Position {
        self.engine.position()
    }

    fn latest(&self, room: &Room, event: &str) -> Snapshot {
        match self.authority.decide(&self.caller.viewer, room.clone(), None) {
            Decision::Granted(grant) | Decision::GivenByToken(grant) => self.engine.latest(&grant, event),
            // A page cannot wait here for Frappe's word: the value comes with the join.
            Decision::Ask(_) | Decision::Denied(_) => Snapshot { position: self.engine.position(), message: None },
        }
    }

    fn demo_people(&self) -> Vec<Viewer> {
        self.authority.site().demo_people(self.engine.name())
    }

    fn sign_in_as(&self, user: &str) -> Option<String> {
        let cookie = self.authority.site().sign_in_as(self.engine.name(), user)?;
        Some(cookies::written(cookie, self.scheme))
    }

    fn task_token(&self, task_id: &str) -> String {
        self.authority.task_token(&self.caller.viewer, task_id)
    }

    fn start_demo_job(&self) -> Option<String> {
        if self.demo_people().is_empty() {
            return None;
        }
        let task_id = random_text();
        tokio::spawn(demo_job::run(Arc::clone(&self.publisher), self.engine.name().to_owned(), task_id.clone()));
        Some(task_id)
    }
}
