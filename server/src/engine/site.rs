//! One site's history and hub under one lock.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use realtime::close::CloseCode;
use realtime::frame::{Denial, Ref, ServerFrame};
use realtime::host::Snapshot;
use realtime::position::Position;
use realtime::room::Room;

use super::Written;
use crate::authz::Grant;
use crate::history::{History, HistoryLimits};
use crate::hub::{ConnectionId, Hub};
use crate::queue::{NewestOf, Queue};
use crate::websocket;

impl State {
    /// The position up to which a page has everything that was published in its rooms: that of the site, or
    /// less where something was held back. What was held back and cannot come any more is a gap.
    fn promise(&self, behind: &mut Vec<Behind>, queue: &Queue) -> Position {
        let position = self.history.position();
        let mut promised = position.clone();
        behind.retain(|Behind { room, since }| {
            let is_kept = position.since(since).is_some();
            if is_kept {
                promised.offset = promised.offset.min(since.offset);
            } else {
                let gap = ServerFrame::Gap { room: room.clone(), position: position.clone() };
                let _ = queue.push(websocket::text(&gap.encode()));
            }
            is_kept
        });
        promised
    }
}

/// The events and rooms of one site.
pub struct SiteEngine {
    name: String,
    state: Mutex<State>,
}

struct State {
    history: History,
    hub: Hub,
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
    /// The page is in the room already: it is answered only where something is missing.
    pub is_standing: bool,
}

/// A room that a page is in, and has been sent nothing of after a position.
pub struct Behind {
    /// The room.
    pub room: Room,
    /// How far the page has read.
    pub since: Position,
}

/// What a page tells the others in a room.
pub struct Emitted {
    /// The frame.
    pub frame: Bytes,
    /// Which older ones it stands for.
    pub newest_of: NewestOf,
}

impl SiteEngine {
    pub(super) fn new(name: String, limits: HistoryLimits, epoch: String, total: Arc<AtomicUsize>) -> Self {
        let state = State { history: History::new(limits, epoch, total), hub: Hub::default() };
        Self { name, state: Mutex::new(state) }
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
        for grant in grants {
            state.hub.join(grant, connection, queue);
        }
    }

    /// Puts a connection into a room and pushes the answer, the newest values that the replay does not
    /// hold, and the replay, in this order and before any later event of the room.
    pub fn join(&self, join: Join<'_>, connection: ConnectionId, queue: &Arc<Queue>) {
        let mut state = self.lock();
        let State { history, hub } = &mut *state;
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
        let is_recovered = replay.is_some();
        let mut value_bytes = 0;
        let mut values: Vec<(u64, Bytes)> = Vec::new();
        for event in join.latest.iter().take(MOST_VALUES) {
            if let Some(value) = history.newest_frame(Instant::now(), &room, event)
                && !(is_recovered && join.is_standing)
                && value.0 <= replayed_from
                && !values.iter().any(|(offset, _)| *offset == value.0)
            {
                // A value that does not fit is not told: it would end the queue on every try.
                value_bytes += value.1.len();
                if !queue.has_room(values.len() + 2, value_bytes + SPARE_BYTES) {
                    break;
                }
                values.push(value);
            }
        }
        values.sort_unstable_by_key(|(offset, _)| *offset);

        let (reference, position, recovered) = (join.reference, history.position(), is_recovered);
        let answer = ServerFrame::Joined { reference, room, position, recovered };
        let answer = (!(is_recovered && join.is_standing)).then(|| websocket::text(&answer.encode()));
        let values = values.into_iter().map(|(_, frame)| frame);
        for frame in answer.into_iter().chain(values).chain(replay.unwrap_or_default()) {
            let _ = queue.push(frame);
        }
    }

    /// Takes a connection out of a room.
    pub fn leave(&self, room: &Room, connection: ConnectionId) {
        self.lock().hub.leave(room, connection);
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

    /// Tells the others in a room what one of its connections emits. `false` when that is not in the room.
    pub fn emit(&self, room: &Room, from: ConnectionId, emitted: &Emitted, written: &mut Written) -> bool {
        let state = self.lock();
        if !state.hub.rooms_of(from).iter().any(|joined| **joined == *room) {
            return false;
        }
        for (member, queue) in state.hub.named_members(room) {
            if member != from {
                written.push_newest(queue, emitted.frame.clone(), emitted.newest_of);
            }
        }
        true
    }

    /// The rooms a connection is in.
    #[must_use]
    pub fn joined(&self, connection: ConnectionId) -> Vec<Arc<Room>> {
        self.lock().hub.rooms_of(connection).to_vec()
    }

    /// Answers a ping with the position up to which everything has been pushed before the answer.
    pub fn pong(&self, reference: Option<Ref>, behind: &mut Vec<Behind>, queue: &Queue) {
        let state = self.lock();
        let answer = ServerFrame::Ok { reference, position: state.promise(behind, queue) };
        let _ = queue.push(websocket::text(&answer.encode()));
    }

    /// Ends a queue with a `bye` after everything that is published, in one moment with it: nothing follows.
    pub fn say_bye(&self, code: CloseCode, after: Duration, behind: &mut Vec<Behind>, queue: &Queue) {
        let state = self.lock();
        let position = Some(state.promise(behind, queue));
        let after = Some(u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        let bye = ServerFrame::Bye { code, after, position };
        queue.end_after(code, Some(websocket::text(&bye.encode())));
    }

    /// How many connections are in a room.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.lock().hub.connections()
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

    pub(super) fn interrupted(&self, epoch: String, written: &mut Written) {
        let mut state = self.lock();
        state.history.interrupted(epoch);
        let position = state.history.position();
        for (room, queues) in state.hub.all() {
            let gap = ServerFrame::Gap { room: Room::clone(room), position: position.clone() };
            let gap = websocket::text(&gap.encode());
            for queue in queues {
                written.push(queue, gap.clone());
            }
        }
    }

    pub(super) fn forget_old(&self, now: Instant) {
        self.lock().history.forget_old(now);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // History and hub are whole between any two of their calls.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
