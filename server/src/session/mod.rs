//! What one connection asks, and what it is answered. Knows no socket: frames come in as text, answers
//! go to the queue.
//!
//! What can be answered at once is ([`Session::receive`]); what needs Frappe's word or a handler's work
//! goes on beside the connection ([`work`]) and is answered when it is done ([`Session::progress`]).
//! Now and then the session itself is looked at again ([`review`]).

mod emit;
mod paces;
mod review;
mod standing;
mod viewing;
mod voices;
mod work;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use realtime::close::CloseCode;
use realtime::frame::{ClientFrame, Denial, FrameError, Ref, ServerFrame, Trouble};
use realtime::handlers::{Handlers, Publisher};
use realtime::position::Position;
use realtime::room::Room;
use tokio::time::Instant;
use tracing::{debug, info};

pub use self::paces::{Paces, PollPaces};
use self::review::Review;
pub use self::standing::Standing;
use self::viewing::{Opening, Viewing};
pub use self::voices::Voices;
use self::work::{Done, PendingJoin, Work};
use crate::authz::{Authority, Decision, Grant, Refusal};
use crate::engine::{Join, MOST_VALUES, Reading, SiteEngine};
use crate::hub::ConnectionId;
use crate::presence::Presence;
use crate::presence::ledger::PageId;
use crate::queue::Queue;
use crate::site::Caller;
use crate::websocket;

/// The most that joins which wait for Frappe may hold of one connection.
const PENDING_BYTES: usize = 64 << 10;

/// What one connection may do.
#[derive(Debug, Clone, Copy)]
pub struct SessionLimits {
    /// Rooms it may be in at once.
    pub rooms: usize,
    /// Joins in a second.
    pub joins_per_second: NonZeroU32,
    /// Frames to other pages or to handlers in a second.
    pub emits_per_second: NonZeroU32,
    /// Frames that cannot be understood before the connection ends.
    pub errors: u32,
    /// Within so long after Frappe would say otherwise, the connection leaves what it may no longer read.
    pub review: Duration,
}

/// What all connections share.
pub struct SessionParts {
    /// Who decides.
    pub authority: Arc<Authority>,
    /// What the app does with events from pages.
    pub handlers: Handlers,
    /// Where handlers publish.
    pub publisher: Arc<dyn Publisher>,
    /// Who looks at which document.
    pub presence: Arc<Presence>,
    /// How much one user says to everybody.
    pub voices: Voices,
    /// What one connection may do.
    pub limits: SessionLimits,
    /// Seconds of silence after which either side asks.
    pub heartbeat: u32,
    /// Names the build of the server's pages.
    pub build: String,
}

/// One connection of one user to one site.
pub struct Session {
    parts: Arc<SessionParts>,
    site: Arc<SiteEngine>,
    caller: Arc<Caller>,
    connection: ConnectionId,
    queue: Arc<Queue>,
    paces: Arc<Paces>,
    errors: u32,
    review: Review,
    /// Only while there is some: most connections have none for hours.
    work: Option<Box<Work>>,
    /// Tasks whose rooms a token opened.
    tasks: Vec<Room>,
    /// The page's own name, where it has one.
    page: Option<PageId>,
    /// Only while it looks at something.
    viewing: Option<Box<Viewing>>,
    reading: Reading,
}

impl Session {
    /// Begins a session: it is in its automatic rooms, and `hello` is pushed.
    #[must_use]
    pub fn begin(
        parts: Arc<SessionParts>,
        site: Arc<SiteEngine>,
        caller: Caller,
        connection: ConnectionId,
        queue: Arc<Queue>,
    ) -> Self {
        let paces = Arc::new(Paces::new(&parts.limits));
        let session = Self::silent(parts, site, caller, connection, queue, paces);
        session.say_hello();
        session
    }

    /// Answers a frame. `Some` ends the connection.
    pub fn receive(&mut self, text: &str) -> Option<CloseCode> {
        match ClientFrame::parse(text) {
            Ok(ClientFrame::Join { reference, room, since, mut latest, token }) => {
                latest.truncate(MOST_VALUES);
                self.join(PendingJoin::new(reference, room, since, latest), token.as_deref());
            }
            Ok(ClientFrame::Leave { reference, room }) => self.leave(reference, &room),
            Ok(ClientFrame::Open { reference, doctype, name, away, seen }) => {
                self.open(reference, Room::open_doc(&doctype, &name), Opening::new(away, seen));
            }
            Ok(ClientFrame::Close { reference, doctype, name }) => {
                self.leave(reference, &Room::open_doc(&doctype, &name));
            }
            Ok(ClientFrame::Emit { reference, room: Some(room), event, message }) => {
                self.emit_to_room(reference, room, event, message);
            }
            Ok(ClientFrame::Emit { reference, room: None, event, message }) => {
                self.emit_to_handler(reference, &event, &message);
            }
            Ok(ClientFrame::Ping { reference }) => self.pong(reference),
            Err(FrameError { reference, code, reason }) => {
                self.errors += 1;
                if self.errors > self.parts.limits.errors {
                    return Some(CloseCode::TooManyErrors);
                }
                self.say(&ServerFrame::Error { reference, code: code.to_owned(), reason, remedy: None });
            }
        }
        None
    }

    /// Whether something goes on beside the connection: then [`Self::progress`] has an end.
    #[must_use]
    pub const fn is_working(&self) -> bool {
        self.work.is_some()
    }

    /// When the session is to be looked at again; none while that goes on.
    #[must_use]
    pub const fn review_at(&self) -> Option<Instant> {
        self.review.at()
    }

    /// Looks at the session again, beside the connection.
    pub fn begin_review(&mut self) {
        let rooms = if self.review.begin_look() { self.rooms() } else { Vec::new() };
        let review = review::look(Arc::clone(&self.parts.authority), Arc::clone(&self.caller), rooms);
        self.work().run(Box::pin(async { Done::Review(review.await) }));
    }

    /// Waits until something that goes on beside the connection is done. Losing this future loses nothing.
    pub async fn progress(&mut self) -> Done {
        match &mut self.work {
            Some(work) => work.next().await,
            None => std::future::pending().await,
        }
    }

    /// Answers what is done. `Some` ends the connection.
    pub fn finish(&mut self, done: Done) -> Option<CloseCode> {
        let end = match done {
            Done::Join(number, answer) => self.finish_join(number, answer),
            Done::WaitedEnough => {
                for join in self.work.as_mut().map(|work| work.give_up()).unwrap_or_default() {
                    self.say(&ServerFrame::trouble(join, Trouble::Busy));
                }
                None
            }
            Done::Review(found) => {
                self.review.end_look();
                self.finish_review(found)
            }
            Done::Handler(frame) => {
                self.work().handled();
                self.say(&frame);
                None
            }
        };
        let (authority, caller) = (&self.parts.authority, &self.caller);
        if self.work.as_mut().is_some_and(|work| work.is_over(authority, caller)) {
            self.work = None;
        }
        end
    }

    fn join(&mut self, join: PendingJoin, token: Option<&str>) {
        let room = &join.room;
        let decision = if !join.is_standing && self.paces.joins.check().is_err() {
            Decision::Denied(Denial::TooFast)
        } else {
            match self.parts.authority.decide(&self.caller.viewer, room.clone(), token) {
                Decision::Denied(denial) => Decision::Denied(denial),
                granted => {
                    let waits = matches!(granted, Decision::Ask(_));
                    self.no_room_for(&join, waits).map_or(granted, Decision::Denied)
                }
            }
        };
        match decision {
            Decision::Granted(grant) => self.enter(join, grant),
            Decision::GivenByToken(grant) => {
                if !self.tasks.contains(room) {
                    self.tasks.push(room.clone());
                }
                self.enter(join, grant);
            }
            Decision::Denied(denial) => self.deny(join, denial),
            // Frappe has said yes, and is asked again with each review.
            Decision::Ask(_) if join.opening.is_some() && self.is_joined_again(join.reference, &join.room) => {
                self.look(&join.room, join.opening);
            }
            Decision::Ask(subject) => {
                let (authority, caller) = (Arc::clone(&self.parts.authority), Arc::clone(&self.caller));
                self.work().ask(&authority, &caller, join, subject);
            }
        }
    }

    /// Why one more room is more than this connection may be in, or wait for.
    fn no_room_for(&self, join: &PendingJoin, waits: bool) -> Option<Denial> {
        let (count, is_inside) = self.site.rooms_of(self.connection, &join.room);
        let (pending, pending_bytes) = self.work.as_ref().map_or((0, 0), |work| work.pending());
        let count = count + self.reading.behind.iter().filter(|behind| behind.grant.is_some()).count();
        let is_full = pending + if is_inside { 0 } else { count } >= self.parts.limits.rooms;
        let is_heavy = waits && !join.is_standing && pending_bytes + join.size > PENDING_BYTES;
        is_full.then_some(Denial::TooManyRooms).or_else(|| is_heavy.then_some(Denial::TooFast))
    }

    fn enter(&mut self, join: PendingJoin, grant: Grant) {
        let PendingJoin { reference, room, since, latest, opening, is_standing, .. } = join;
        if is_standing && opening.is_some() && self.has_entered(&room) {
            return self.look(&room, opening);
        }
        self.is_settled(&room);
        let join = Join { reference, grant, since: since.as_ref(), latest: &latest, is_standing };
        self.reading.behind.extend(self.site.join(join, self.connection, &self.queue));
        // A page that polls says with `open` what it knows; to tell it the same with each poll would not let it rest.
        if opening.is_some() || !is_standing {
            self.look(&room, opening);
        }
    }

    fn leave(&mut self, reference: Ref, room: &Room) {
        let left = self.work.as_mut().map(|work| work.leave(room)).unwrap_or_default();
        for join in left {
            self.say(&ServerFrame::trouble(join, Trouble::Left));
        }
        self.tasks.retain(|task| task != room);
        self.is_settled(room);
        self.site.leave(room, self.connection);
        self.look_away(room);
        self.pong(Some(reference));
    }

    fn finish_join(&mut self, number: u64, answer: Result<Grant, Refusal>) -> Option<CloseCode> {
        // Left meanwhile: answered already.
        let join = self.work.as_mut()?.asked(number)?;
        match answer {
            Ok(grant) => self.enter(join, grant),
            Err(Refusal::Denied(denial)) => {
                self.deny(join, denial);
                // Frappe may say no because the session has changed.
                self.review.bring_forward();
            }
            Err(Refusal::Trouble(trouble)) => {
                if let Some(reference) = join.wants_answer() {
                    self.say(&ServerFrame::trouble(reference, trouble));
                }
            }
            Err(Refusal::Session(error)) => return Some(error.close_code()),
        }
        None
    }

    fn deny(&mut self, join: PendingJoin, denial: Denial) {
        let (reference, room) = (join.wants_answer(), join.room);
        if join.is_standing {
            self.is_settled(&room);
            self.look_away(&room);
        }
        debug!(
            site = self.caller.viewer.site,
            user = self.caller.viewer.user,
            room = ?room.to_string(),
            connection = %self.connection,
            "Refused a join: {}",
            denial.sentence()
        );
        self.say(&ServerFrame::Denied { reference, room, denial });
    }

    fn finish_review(&mut self, found: review::Found) -> Option<CloseCode> {
        let viewer = match found.viewer {
            Ok(viewer) if viewer.user == self.caller.viewer.user => viewer,
            Ok(viewer) => {
                info!(site = viewer.site, user = self.caller.viewer.user, "A session is somebody else's now.");
                return Some(CloseCode::SessionExpired);
            }
            Err(error) if error.is_frappes_word() => {
                info!(site = self.caller.viewer.site, user = self.caller.viewer.user, "Ended a session: {error}.");
                return Some(error.close_code());
            }
            // Nothing is known: Frappe restarts now and then, and must not send everybody away.
            Err(_) => return None,
        };
        if viewer != self.caller.viewer {
            let credential = self.caller.credential.clone();
            self.caller = Arc::new(Caller { viewer, credential });
        }
        for room in self.rooms() {
            let lost = found.lost.iter().find(|(lost, _)| *lost == *room).map(|(_, denial)| *denial);
            if let Some(denial) = lost.or_else(|| self.no_longer_decided(&room)) {
                self.is_settled(&room);
                self.site.leave(&room, self.connection);
                self.look_away(&room);
                self.say(&ServerFrame::Denied { reference: None, room: Room::clone(&room), denial });
            }
        }
        None
    }

    /// Why a room that Frappe is not asked about would not be granted any more.
    fn no_longer_decided(&self, room: &Room) -> Option<Denial> {
        match self.parts.authority.decide(&self.caller.viewer, room.clone(), None) {
            // A token opened it to this user, which it still is.
            Decision::Denied(_) if self.tasks.contains(room) => None,
            Decision::Denied(denial) => Some(denial),
            Decision::Granted(_) | Decision::GivenByToken(_) | Decision::Ask(_) => None,
        }
    }

    fn work(&mut self) -> &mut Work {
        self.work.get_or_insert_default()
    }

    fn say(&self, frame: &ServerFrame) {
        let _ = self.queue.push(websocket::text(&frame.encode()));
    }
}

#[cfg(test)]
impl SessionParts {
    /// Sessions of the demo's people, without handlers, for tests of what is around them.
    pub(crate) fn for_a_test(limits: SessionLimits) -> Arc<Self> {
        struct Nowhere;
        impl Publisher for Nowhere {
            fn publish(&self, _: &str, _: &Room, _: &str, _: &str) {}
        }
        Arc::new(Self {
            authority: Arc::new(Authority::for_a_test()),
            handlers: Handlers::new(),
            publisher: Arc::new(Nowhere),
            presence: Arc::new(Presence::for_a_test()),
            voices: Voices::new(limits.emits_per_second),
            limits,
            heartbeat: 25,
            build: "build".to_owned(),
        })
    }
}

#[cfg(test)]
impl SessionLimits {
    /// Limits that no test meets by chance.
    pub(crate) const WIDE: Self = Self {
        rooms: 100,
        joins_per_second: NonZeroU32::MAX,
        emits_per_second: NonZeroU32::MAX,
        errors: 5,
        review: Duration::from_mins(1),
    };
}

impl Drop for Session {
    fn drop(&mut self) {
        self.site.disconnect(self.connection);
    }
}

#[cfg(test)]
mod tests;
