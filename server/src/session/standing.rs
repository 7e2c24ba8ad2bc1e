//! The session of one poll: the page is in its rooms already, and says with each poll how far it has read.

use std::sync::Arc;
use std::time::Duration;

use realtime::close::CloseCode;
use realtime::frame::{ClientFrame, Ref, ServerFrame};
use realtime::room::Room;

use super::review::Review;
use super::viewing::Opening;
use super::work::PendingJoin;
use super::{Paces, Session, SessionParts};
use crate::authz::Decision;
use crate::engine::{Behind, MOST_VALUES, Reading, SiteEngine};
use crate::hub::ConnectionId;
use crate::queue::Queue;
use crate::site::Caller;

/// A room that a page is in before its poll, as it said.
pub struct Standing {
    join: PendingJoin,
    token: Option<String>,
    /// It looks at a document. What happens in that room is true for the moment, and has no position.
    is_open: bool,
}

impl Standing {
    /// Understands the frame that would bring the page into the room.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        let (mut join, token, is_open) = match ClientFrame::parse(text).map_err(|error| error.reason)? {
            ClientFrame::Join { reference, room, since, mut latest, token } => {
                latest.truncate(MOST_VALUES);
                (PendingJoin::new(reference, room, since, latest), token, false)
            }
            ClientFrame::Open { reference, doctype, name, away, seen } => {
                let join = PendingJoin::new(reference, Room::open_doc(&doctype, &name), None, Vec::new());
                (join.opening(Opening::new(away, seen)), None, true)
            }
            _ => return Err("Only join and open frames stand.".to_owned()),
        };
        join.is_standing = true;
        Ok(Self { join, token, is_open })
    }
}

impl Session {
    /// Begins a session that is in no room, and says nothing.
    #[must_use]
    pub fn silent(
        parts: Arc<SessionParts>,
        site: Arc<SiteEngine>,
        caller: Caller,
        connection: ConnectionId,
        queue: Arc<Queue>,
        paces: Arc<Paces>,
    ) -> Self {
        let (review, caller) = (Review::begin(parts.limits.review), Arc::new(caller));
        let reading = Reading { behind: Vec::new(), floor: site.position() };
        let (errors, work, tasks, page, viewing) = (0, None, Vec::new(), None, None);
        Self { parts, site, caller, connection, queue, paces, errors, review, work, tasks, page, viewing, reading }
    }

    /// Enters the automatic rooms, and says `hello`.
    pub fn say_hello(&self) {
        let Self { parts, caller, connection, .. } = self;
        let rooms = caller.viewer.automatic_rooms();
        let grant = |room: &Room| match parts.authority.decide(&caller.viewer, room.clone(), None) {
            Decision::Granted(grant) => Some(grant),
            Decision::GivenByToken(_) | Decision::Denied(_) | Decision::Ask(_) => None,
        };
        let grants = rooms.iter().filter_map(grant).collect();
        self.site.enter(grants, *connection, &self.queue, |position| ServerFrame::Hello {
            connection: connection.to_string(),
            epoch: position.epoch,
            user: caller.viewer.user.clone(),
            heartbeat: parts.heartbeat,
            rooms,
            build: parts.build.clone(),
        });
    }

    /// Says whether what is published is heard, where that is not what the page knows.
    pub fn say_source(&self, known_as_lost: bool) {
        let connected = self.site.source_connected();
        if connected == known_as_lost {
            self.say(&ServerFrame::Source { connected });
        }
    }

    /// Puts the page back into a room. Nothing is said where it may be there and nothing is missing.
    pub fn stand(&mut self, standing: Standing) {
        let Standing { mut join, token, is_open } = standing;
        if is_open {
            // Where the page listens there as well, it must not be brought past what it has not been sent.
            let behind = self.reading.behind.iter().find(|behind| behind.room == join.room);
            join.since = Some(behind.map_or_else(|| self.site.position(), |behind| behind.since.clone()));
        }
        if let Some(since) = join.since.clone() {
            self.reading.floor.offset = self.reading.floor.offset.min(since.offset);
            self.reading.behind.push(Behind { room: join.room.clone(), since, grant: None });
        }
        self.join(join, token.as_deref());
    }

    /// Whether Frappe is still asked about a room that the page is in.
    #[must_use]
    pub fn awaits_standing(&self) -> bool {
        self.work.as_ref().is_some_and(|work| work.has_standing())
    }

    /// Whether something that the page asked has no answer yet.
    #[must_use]
    pub fn owes_answers(&self) -> bool {
        self.work.as_ref().is_some_and(|work| work.owes_answers())
    }

    /// Whether events of a room wait for the page that it cannot be sent now.
    #[must_use]
    pub const fn is_behind(&self) -> bool {
        !self.reading.behind.is_empty()
    }

    /// Says up to which position everything has been said.
    pub fn pong(&mut self, reference: Option<Ref>) {
        self.site.pong(reference, &mut self.reading, &self.queue);
    }

    /// Says good-bye after everything that has been published, and when to come back. Nothing follows.
    pub fn say_bye(&mut self, code: CloseCode, after: Duration) {
        self.site.say_bye(code, after, &mut self.reading, &self.queue);
        self.queue.flush();
    }

    /// Sends more of what the page has not been sent, when its queue is empty.
    pub fn catch_up(&mut self) {
        let index = self.reading.behind.iter().position(|behind| behind.grant.is_some());
        if let Some(behind) = index.map(|index| self.reading.behind.swap_remove(index)) {
            self.reading.behind.extend(self.site.go_on(behind, self.connection, &self.queue));
        }
    }

    /// Rooms that the connection is in, or will be when it has been sent what it missed.
    pub(super) fn rooms(&self) -> Vec<Arc<Room>> {
        let mut rooms = self.site.joined(self.connection);
        rooms.extend(
            self.reading
                .behind
                .iter()
                .filter(|behind| behind.grant.is_some())
                .map(|behind| Arc::new(behind.room.clone())),
        );
        rooms
    }

    /// Whether the page may be in the room, and is there as far as it has been sent what it missed.
    pub(super) fn has_entered(&self, room: &Room) -> bool {
        let is_behind = self.reading.behind.iter().any(|behind| behind.grant.is_some() && behind.room == *room);
        is_behind || self.site.rooms_of(self.connection, room).1
    }

    /// The page is in the room as far as it has read, or is not to be in it.
    pub(super) fn is_settled(&mut self, room: &Room) {
        self.reading.behind.retain(|behind| behind.room != *room);
    }
}
