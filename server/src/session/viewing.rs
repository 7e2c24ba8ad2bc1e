//! What a connection's user looks at.

use std::sync::Arc;

use realtime::close::CloseCode;
use realtime::frame::Ref;
use realtime::room::Room;

use super::Session;
use super::work::PendingJoin;
use crate::presence::ledger::PageId;
use crate::presence::list::Document;
use crate::presence::{Presence, Visitor, newest_of};

/// The length of a version, in bytes: a text of another length is none.
const VERSION_BYTES: usize = 16;

/// What an `open` says of the page.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    /// It is hidden.
    pub(super) away: bool,
    /// The version of the list that it shows.
    pub(super) seen: Option<String>,
}

impl Opening {
    pub(super) fn new(away: bool, seen: Option<String>) -> Self {
        Self { away, seen: seen.filter(|seen| seen.len() == VERSION_BYTES) }
    }
}

/// The documents that one connection's user looks at. They are let go with a time of grace when it ends.
pub(super) struct Viewing {
    presence: Arc<Presence>,
    visitor: Visitor,
    documents: Vec<Arc<Document>>,
}

impl Viewing {
    /// The user no longer looks at anything.
    pub(super) fn close(mut self) {
        for document in std::mem::take(&mut self.documents) {
            self.presence.close(&document, &self.visitor);
        }
    }
}

impl Drop for Viewing {
    fn drop(&mut self) {
        for document in &self.documents {
            self.presence.gone(document, &self.visitor);
        }
    }
}

impl Session {
    /// The session of a page that has a name of its own, by which it is known again when it comes back: what it looks
    /// at goes on with its next session, on any server.
    #[must_use]
    pub fn of_page(mut self, name: &str) -> Self {
        self.page = Some(PageId::named(&self.caller.viewer.user, name));
        self
    }

    /// Ends the session because of this. Whoever is not to come back no longer looks at anything; others may be back
    /// before anybody sees that they were gone.
    pub fn end(mut self, code: Option<CloseCode>) {
        if code.is_some_and(|code| !code.should_reconnect())
            && let Some(viewing) = self.viewing.take()
        {
            viewing.close();
        }
    }

    /// The user looks at the document of a room, or is another way away.
    pub(super) fn open(&mut self, reference: Ref, room: Room, opening: Opening) {
        if let Some(work) = &mut self.work {
            work.set_away(&room, opening.away);
        }
        self.join(PendingJoin::new(reference, room, None, Vec::new()).opening(opening), None);
    }

    /// Answers a join of a room that the connection is in.
    pub(super) fn is_joined_again(&self, reference: Ref, room: &Room) -> bool {
        self.site.join_again(reference, room, self.connection, &self.queue)
    }

    /// A room was joined: where it is a document's, the page is told who looks at it, its own user included if it
    /// said so.
    pub(super) fn look(&mut self, room: &Room, opening: Option<Opening>) {
        let Some(document) = Document::of_room(self.site.name(), room).map(Arc::new) else { return };
        let presence = Arc::clone(&self.parts.presence);
        let seen = opening.map(|Opening { away, seen }| {
            let page = self.page.clone();
            let viewing = self.viewing.get_or_insert_with(|| {
                let page = page.unwrap_or_else(|| presence.page_of(self.connection));
                let visitor = Visitor { page, connection: self.connection };
                Box::new(Viewing { presence: Arc::clone(&presence), visitor, documents: Vec::new() })
            });
            presence.open(&document, &viewing.visitor, &self.caller.viewer, away);
            if !viewing.documents.contains(&document) {
                viewing.documents.push(Arc::clone(&document));
            }
            seen
        });
        presence.ask(&document, self.connection, seen.flatten());
    }

    /// A room was left: nothing more is said of it, and the user no longer looks at its document.
    pub(super) fn look_away(&mut self, room: &Room) {
        let Some(document) = Document::of_room(self.site.name(), room) else { return };
        self.queue.forget(newest_of(room));
        if let Some(viewing) = &mut self.viewing
            && let Some(index) = viewing.documents.iter().position(|known| **known == document)
        {
            let document = viewing.documents.swap_remove(index);
            viewing.presence.close(&document, &viewing.visitor);
            if viewing.documents.is_empty() {
                self.viewing = None;
            }
        } else if let Some(page) = &self.page {
            // Opened with an earlier session, which may not have ended yet.
            self.parts.presence.close_page(&document, page);
        }
    }
}
