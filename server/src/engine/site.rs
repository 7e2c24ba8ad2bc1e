//! One site's history and hub under one lock.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use realtime::close::CloseCode;
use realtime::frame::{Ref, ServerFrame};
use realtime::host::Snapshot;
use realtime::position::Position;
use realtime::room::Room;

use super::{OtherServers, Written};
use crate::authz::Grant;
use crate::history::{History, NewestValue};
use crate::hub::{ConnectionId, Hub};
use crate::queue::{NewestOf, Queue};
use crate::websocket;

impl State {
    /// Pushes the newest value of each event that a join asks for, unless the replay holds it.
    fn push_newest_values(&self, join: &Join<'_>, since: Option<&Position>, queue: &Queue) {
        let mut values: Vec<NewestValue> = Vec::new();
        for event in join.latest.iter().take(MOST_VALUES) {
            if let Some(value) = self.history.newest_frame(Instant::now(), join.grant.room(), event)
                && since.is_none_or(|since| value.offset <= since.offset)
                && !values.iter().any(|known| known.order == value.order)
            {
                values.push(value);
            }
        }
        values.sort_unstable_by_key(|value| value.order);
        for value in values {
            // One that does not fit is not told: it would end the queue on every try.
            let _ = queue.offer(value.frame);
        }
    }

    /// Pushes what was published in a room after a position, as much as the queue takes. With all of it the
    /// connection is in the room. What is no longer kept is a gap.
    fn replay(
        &mut self,
        grant: Grant,
        since: &Position,
        connection: ConnectionId,
        queue: &Arc<Queue>,
    ) -> Option<Behind> {
        let room = grant.room().clone();
        let (mut is_whole, mut reached) = (true, since.offset);
        match self.history.since(&room, since) {
            Some(frames) => {
                for (offset, frame) in frames {
                    if !queue.offer(frame.clone()) {
                        is_whole = false;
                        break;
                    }
                    reached = offset;
                }
            }
            None => push_gap(&room, self.history.position(), queue),
        }
        if is_whole {
            self.hub.join(grant, connection, queue);
            return None;
        }
        // What is published meanwhile comes with the rest, in its turn.
        self.hub.leave(&room, connection);
        Some(Behind { room, since: Position::new(since.epoch.clone(), reached), grant: Some(grant) })
    }

    /// The position up to which a page has everything that was published in its rooms: that of the site, or
    /// less where something was held back. What was held back and cannot come any more is a gap.
    fn promise(&self, reading: &mut Reading, queue: &Queue) -> Position {
        let position = self.history.position();
        let mut promised = position.clone();
        if queue.is_overfull() {
            // Nothing of an epoch that began meanwhile is known to have been read.
            let is_of_this_epoch = reading.floor.epoch == position.epoch;
            let floor = if is_of_this_epoch { reading.floor.offset } else { 0 };
            promised.offset = promised.offset.min(floor);
        }
        for Behind { room, since, .. } in &mut reading.behind {
            if since.epoch != position.epoch {
                push_gap(room, position.clone(), queue);
                // The page is not in the room yet: what follows the gap comes with the rest.
                *since = position.clone();
            }
            promised.offset = promised.offset.min(since.offset);
        }
        promised
    }
}

fn push_gap(room: &Room, position: Position, queue: &Queue) {
    let gap = ServerFrame::Gap { room: room.clone(), position };
    let _ = queue.push(websocket::text(&gap.encode()));
}

/// The events and rooms of one site.
pub struct SiteEngine {
    name: String,
    state: Mutex<State>,
    others: Arc<OnceLock<Arc<dyn OtherServers>>>,
}

struct State {
    history: History,
    hub: Hub,
    /// What is published is heard.
    source_connected: bool,
}

/// From where a site's events are numbered on after some may have been lost.
pub(super) enum Start {
    /// In a new epoch.
    Own { epoch: String, least: u64 },
    /// As other servers number them.
    Adopted(Position),
}

/// Newest values that one join can ask for.
pub const MOST_VALUES: usize = 100;

/// What a page asks of a room.
pub struct Join<'a> {
    /// Repeated in the answer.
    pub reference: Ref,
    /// Leave to be there.
    pub grant: Grant,
    /// What the page has already.
    pub since: Option<&'a Position>,
    /// Names of events whose newest value it wants.
    pub latest: &'a [String],
    /// The page is in the room already: it is answered only where something is missing.
    pub is_standing: bool,
}

/// A room that a page is in, and has been sent nothing of after a position.
pub struct Behind {
    /// The room.
    pub room: Room,
    /// What the page has.
    pub since: Position,
    /// Leave to be there; none while Frappe is asked.
    pub grant: Option<Grant>,
}

/// How far a page may be told that it has read.
pub struct Reading {
    /// Rooms of which it has not been sent everything.
    pub behind: Vec<Behind>,
    /// It has read at least as far in each of its rooms: so much may be said when its queue turned events away.
    pub floor: Position,
}

/// What those in a room are told that no event carries.
pub struct Emitted {
    /// The text of the frame.
    pub text: String,
    /// Which older ones it stands for.
    pub newest_of: NewestOf,
}

impl SiteEngine {
    pub(super) fn new(name: String, history: History, others: Arc<OnceLock<Arc<dyn OtherServers>>>) -> Self {
        let state = State { history, hub: Hub::default(), source_connected: true };
        Self { name, state: Mutex::new(state), others }
    }

    /// The site's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the site is.
    #[must_use]
    pub fn position(&self) -> Position {
        self.lock().history.position()
    }

    /// The newest value of an event, for a page that is being rendered.
    #[must_use]
    pub fn latest(&self, grant: &Grant, event: &str) -> Snapshot {
        let state = self.lock();
        Snapshot {
            position: state.history.position(),
            message: state.history.newest_message(Instant::now(), grant.room(), event),
        }
    }

    pub(super) fn publish(&self, now: Instant, room: &Arc<Room>, event: &str, message: &str, written: &mut Written) {
        let mut state = self.lock();
        let frame = state.history.append(now, room, event, message);
        let newest_of = realtime::event::is_a_progress(room, event).then(|| NewestOf::new(None, room, event));
        for queue in state.hub.members(room) {
            written.push_event(queue, frame.clone(), newest_of);
        }
    }

    /// Puts a connection into the rooms it is in without asking, and pushes the `hello` that `hello`
    /// makes of the position at that moment.
    pub fn enter(
        &self,
        grants: Vec<Grant>,
        connection: ConnectionId,
        queue: &Arc<Queue>,
        hello: impl FnOnce(Position) -> ServerFrame,
    ) {
        let mut state = self.lock();
        let hello = hello(state.history.position());
        let _ = queue.push(websocket::text(&hello.encode()));
        if !state.source_connected {
            let _ = queue.push(source(false));
        }
        for grant in grants {
            state.hub.join(grant, connection, queue);
        }
    }

    /// Puts a connection into a room and pushes the answer, the newest values that the replay does not hold, and the
    /// replay, in this order and before any later event of the room. Where the replay is more than the queue takes
    /// now, the connection is in the room when it has the rest: [`Self::go_on`].
    pub fn join(&self, join: Join<'_>, connection: ConnectionId, queue: &Arc<Queue>) -> Option<Behind> {
        let mut state = self.lock();
        let room = join.grant.room();
        let since = join.since.filter(|since| state.history.since(room, since).is_some());
        if !join.is_standing || since.is_none() {
            let position = state.history.position();
            let (reference, room, recovered) = (join.reference, room.clone(), since.is_some());
            let answer = ServerFrame::Joined { reference, room, position, recovered };
            let _ = queue.push(websocket::text(&answer.encode()));
            state.push_newest_values(&join, since, queue);
        }
        if let Some(since) = since {
            return state.replay(join.grant, since, connection, queue);
        }
        state.hub.join(join.grant, connection, queue);
        None
    }

    /// Pushes what a connection that is behind in a room has not been sent yet, as much as its queue takes. Returns
    /// where it is when that is not all.
    pub fn go_on(&self, behind: Behind, connection: ConnectionId, queue: &Arc<Queue>) -> Option<Behind> {
        let Behind { room, since, grant } = behind;
        match grant {
            Some(grant) => self.lock().replay(grant, &since, connection, queue),
            None => Some(Behind { room, since, grant }),
        }
    }

    /// Takes a connection out of a room.
    pub fn leave(&self, room: &Room, connection: ConnectionId) {
        self.lock().hub.leave(room, connection);
    }

    /// Tells the others in a room what one of its connections emits, on other servers too. `false` when that is
    /// not in the room.
    pub fn emit(&self, room: &Room, from: ConnectionId, emitted: &Emitted, written: &mut Written) -> bool {
        let state = self.lock();
        if !state.hub.rooms_of(from).iter().any(|joined| **joined == *room) {
            return false;
        }
        let frame = websocket::text(&emitted.text);
        for (member, queue) in state.hub.named_members(room) {
            if member != from {
                written.push_event(queue, frame.clone(), Some(emitted.newest_of));
            }
        }
        drop(state);
        if let Some(others) = self.others.get() {
            others.tell(&self.name, from, &emitted.text);
        }
        true
    }

    /// Tells everybody in a room what a connection of another server emits.
    pub fn emitted_elsewhere(&self, room: &Room, emitted: &Emitted, written: &mut Written) {
        self.tell(room, emitted, |_| true, written);
    }

    /// Tells those of a room's members whom `is_for` names something that is true for the moment: it has no offset
    /// and stands in no history.
    pub fn tell(&self, room: &Room, told: &Emitted, is_for: impl Fn(ConnectionId) -> bool, written: &mut Written) {
        let state = self.lock();
        let frame = websocket::text(&told.text);
        for (_, queue) in state.hub.named_members(room).filter(|(member, _)| is_for(*member)) {
            written.push_event(queue, frame.clone(), Some(told.newest_of));
        }
    }

    /// Whether anybody is in a room.
    #[must_use]
    pub fn has_members(&self, room: &Room) -> bool {
        self.lock().hub.members(room).next().is_some()
    }

    /// Answers a join of a room that the connection is in already, and of which nothing is missing. `false` when it is
    /// not there.
    pub fn join_again(&self, reference: Ref, room: &Room, connection: ConnectionId, queue: &Queue) -> bool {
        let state = self.lock();
        let is_inside = state.hub.rooms_of(connection).iter().any(|joined| **joined == *room);
        if is_inside {
            let (room, position) = (room.clone(), state.history.position());
            let answer = ServerFrame::Joined { reference, room, position, recovered: true };
            let _ = queue.push(websocket::text(&answer.encode()));
        }
        is_inside
    }

    /// The rooms a connection is in.
    #[must_use]
    pub fn joined(&self, connection: ConnectionId) -> Vec<Arc<Room>> {
        self.lock().hub.rooms_of(connection).to_vec()
    }

    /// Answers a ping with the position up to which everything has been pushed before the answer.
    pub fn pong(&self, reference: Option<Ref>, reading: &mut Reading, queue: &Queue) {
        let state = self.lock();
        let answer = ServerFrame::Ok { reference, position: state.promise(reading, queue) };
        let _ = queue.push(websocket::text(&answer.encode()));
    }

    /// Ends a queue with a `bye` after everything that is published, in one moment with it: nothing follows.
    pub fn say_bye(&self, code: CloseCode, after: Duration, reading: &mut Reading, queue: &Queue) {
        let state = self.lock();
        let position = Some(state.promise(reading, queue));
        let after = Some(u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        let bye = ServerFrame::Bye { code, after, position };
        queue.end_after(code, Some(websocket::text(&bye.encode())));
    }

    /// How many connections are in a room.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.lock().hub.connections().count()
    }

    /// How many rooms a connection is in, and whether `room` is one of them.
    #[must_use]
    pub fn rooms_of(&self, connection: ConnectionId, room: &Room) -> (usize, bool) {
        let state = self.lock();
        let rooms = state.hub.rooms_of(connection);
        (rooms.len(), rooms.iter().any(|joined| **joined == *room))
    }

    /// Forgets a connection.
    pub fn disconnect(&self, connection: ConnectionId) {
        self.lock().hub.disconnect(connection);
    }

    /// Whether what is published is heard.
    #[must_use]
    pub fn source_connected(&self) -> bool {
        self.lock().source_connected
    }

    pub(super) fn source_lost(&self, written: &mut Written) {
        let mut state = self.lock();
        if std::mem::replace(&mut state.source_connected, false) {
            let news = source(false);
            for queue in state.hub.connections() {
                written.push(queue, news.clone());
            }
        }
    }

    pub(super) fn resume(&self, start: Start, written: &mut Written) {
        let mut state = self.lock();
        match start {
            Start::Own { epoch, least } => state.history.interrupted(epoch, least),
            Start::Adopted(position) => state.history.adopt(position),
        }
        if !std::mem::replace(&mut state.source_connected, true) {
            let news = source(true);
            for queue in state.hub.connections() {
                written.push(queue, news.clone());
            }
        }
        let position = state.history.position();
        for (room, queues) in state.hub.all() {
            let gap = ServerFrame::Gap { room: Room::clone(room), position: position.clone() };
            let gap = websocket::text(&gap.encode());
            for queue in queues {
                written.push(queue, gap.clone());
            }
        }
    }

    /// The bytes of events that it holds.
    pub(super) fn bytes(&self) -> usize {
        self.lock().history.bytes()
    }

    /// Lets go of the oldest events until no more than these bytes are left.
    pub(super) fn shrink(&self, bytes: usize) {
        self.lock().history.shrink(bytes);
    }

    pub(super) fn forget_old(&self, now: Instant) {
        self.lock().history.forget_old(now);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // History and hub are whole between any two of their calls.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn source(connected: bool) -> Bytes {
    websocket::text(&ServerFrame::Source { connected }.encode())
}
