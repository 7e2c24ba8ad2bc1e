//! One site's history and hub under one lock.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use realtime::frame::{Denial, Ref, ServerFrame};
use realtime::host::Snapshot;
use realtime::position::Position;
use realtime::room::Room;

use super::{OtherServers, Written};
use crate::authz::Grant;
use crate::history::{History, NewestValue};
use crate::hub::{ConnectionId, Hub};
use crate::queue::{NewestOf, Queue};
use crate::websocket;

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

/// Room for the answer to a join.
const SPARE_BYTES: usize = 16 << 10;
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
}

/// What a page tells the others in a room.
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
        for queue in state.hub.members(room) {
            written.push(queue, frame.clone());
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

    /// Puts a connection into a room and pushes the answer, the newest values that the replay does not
    /// hold, and the replay, in this order and before any later event of the room.
    pub fn join(&self, join: Join<'_>, connection: ConnectionId, queue: &Arc<Queue>) {
        let mut state = self.lock();
        let State { history, hub, .. } = &mut *state;
        let room = join.grant.room().clone();
        hub.join(join.grant, connection, queue);

        let replay: Option<Vec<Bytes>> = join.since.and_then(|since| {
            let frames = history.since(&room, since)?;
            // With the answer and the values, and by count before anything is copied.
            let count = frames.len() + 1 + join.latest.len().min(MOST_VALUES);
            if !queue.has_room(count, 0) {
                return None;
            }
            let mut bytes = 0;
            let frames: Vec<Bytes> = frames.cloned().inspect(|frame| bytes += frame.len()).collect();
            // More than the queue holds would end it as slow, and the page would come back for the same.
            queue.has_room(count, bytes + SPARE_BYTES).then_some(frames)
        });
        let replayed_from = if replay.is_some() { join.since.map_or(0, |since| since.offset) } else { u64::MAX };
        let mut value_bytes = 0;
        let mut values: Vec<NewestValue> = Vec::new();
        for event in join.latest.iter().take(MOST_VALUES) {
            if let Some(value) = history.newest_frame(Instant::now(), &room, event)
                && value.offset <= replayed_from
                && !values.iter().any(|known| known.order == value.order)
            {
                // A value that does not fit is not told: it would end the queue on every try.
                value_bytes += value.frame.len();
                if !queue.has_room(values.len() + 2, value_bytes + SPARE_BYTES) {
                    break;
                }
                values.push(value);
            }
        }
        values.sort_unstable_by_key(|value| value.order);

        let recovered = replay.is_some();
        let answer = ServerFrame::Joined { reference: join.reference, room, position: history.position(), recovered };
        let answer = websocket::text(&answer.encode());
        let values = values.into_iter().map(|value| value.frame);
        for frame in std::iter::once(answer).chain(values).chain(replay.unwrap_or_default()) {
            let _ = queue.push(frame);
        }
    }

    /// Takes a connection out of a room and pushes the answer.
    pub fn leave(&self, reference: Ref, room: &Room, connection: ConnectionId, queue: &Queue) {
        let mut state = self.lock();
        state.hub.leave(room, connection);
        let answer = ServerFrame::Ok { reference: Some(reference), position: state.history.position() };
        let _ = queue.push(websocket::text(&answer.encode()));
    }

    /// Takes a connection out of a room that it may no longer be in, and pushes the news. Does nothing when
    /// it is not there.
    pub fn take_away(&self, room: &Room, denial: Denial, connection: ConnectionId, queue: &Queue) {
        let mut state = self.lock();
        if state.hub.leave(room, connection) {
            let news = ServerFrame::Denied { reference: None, room: room.clone(), denial };
            let _ = queue.push(websocket::text(&news.encode()));
        }
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
                written.push_newest(queue, frame.clone(), emitted.newest_of);
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
        let state = self.lock();
        let frame = websocket::text(&emitted.text);
        for queue in state.hub.members(room) {
            written.push_newest(queue, frame.clone(), emitted.newest_of);
        }
    }

    /// The rooms a connection is in.
    #[must_use]
    pub fn joined(&self, connection: ConnectionId) -> Vec<Arc<Room>> {
        self.lock().hub.rooms_of(connection).to_vec()
    }

    /// Answers a ping with the position up to which everything has been pushed before the answer.
    pub fn pong(&self, reference: Option<Ref>, queue: &Queue) {
        let state = self.lock();
        let answer = ServerFrame::Ok { reference, position: state.history.position() };
        let _ = queue.push(websocket::text(&answer.encode()));
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
