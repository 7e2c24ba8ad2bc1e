//! The newest value of each event of a room.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use realtime::frame::event_text;
use realtime::room::Room;

use super::HistoryLimits;
use crate::websocket;

#[derive(Debug)]
pub(super) struct Newest {
    pub(super) offset: u64,
    pub(super) at: Instant,
    /// The frame as it was built with its number, which may be of an older count.
    pub(super) frame: Bytes,
    pub(super) message: Bytes,
    /// The place in the order of all values, over all epochs.
    order: u64,
    is_renumbered: bool,
}

impl Newest {
    pub(super) const fn new(offset: u64, at: Instant, frame: Bytes, message: Bytes) -> Self {
        Self { offset, at, frame, message, order: 0, is_renumbered: false }
    }

    /// The value as a page gets it.
    pub(super) fn told(&self, room: &Room, event: &str) -> NewestValue {
        let frame = if self.is_renumbered {
            websocket::text(&event_text(room, event, &String::from_utf8_lossy(&self.message), self.offset))
        } else {
            self.frame.clone()
        };
        NewestValue { order: self.order, offset: self.offset, frame }
    }
}

/// The newest value of an event.
#[derive(Debug, Clone)]
pub struct NewestValue {
    /// Values that were published later have larger ones.
    pub order: u64,
    /// Its number in the site's epoch; 0 where it was published before that began.
    pub offset: u64,
    /// Its frame.
    pub frame: Bytes,
}

/// Bounded in number, bytes and age; the value that was published longest ago goes first.
#[derive(Debug, Default)]
pub(super) struct NewestValues {
    rooms: HashMap<Arc<Room>, HashMap<Arc<str>, Newest>>,
    /// Whose value has which place in the order, oldest first.
    order: BTreeMap<u64, (Arc<Room>, Arc<str>)>,
    last: u64,
    bytes: usize,
}

impl NewestValues {
    pub(super) fn set(&mut self, room: &Arc<Room>, event: &str, mut value: Newest, limits: &HistoryLimits) {
        let values = self.rooms.entry(Arc::clone(room)).or_default();
        self.last += 1;
        value.order = self.last;
        let now = value.at;
        self.bytes += value.frame.len();
        let event = if let Some(known) = values.get_mut(event) {
            let older = std::mem::replace(known, value);
            self.bytes -= older.frame.len();
            // Its name is shared with the map: reuse it.
            self.order.remove(&older.order).map_or_else(|| Arc::from(event), |(_, event)| event)
        } else {
            let event: Arc<str> = Arc::from(event);
            values.insert(Arc::clone(&event), value);
            event
        };
        self.order.insert(self.last, (Arc::clone(room), event));
        while self.order.len() > limits.values || self.bytes > limits.value_bytes || self.oldest_is_old(now, limits) {
            self.forget_oldest();
        }
    }

    pub(super) fn get(&self, now: Instant, room: &Room, event: &str, limits: &HistoryLimits) -> Option<&Newest> {
        let value = self.rooms.get(room)?.get(event)?;
        (now.saturating_duration_since(value.at) <= limits.value_age).then_some(value)
    }

    /// Values of another count have none of the numbers of this one: they are older than all of them.
    pub(super) fn renumber(&mut self, is_same_count: bool, head: u64) {
        for value in self.rooms.values_mut().flat_map(HashMap::values_mut) {
            if !is_same_count || value.offset > head {
                value.offset = 0;
                value.is_renumbered = true;
            }
        }
    }

    fn oldest_is_old(&self, now: Instant, limits: &HistoryLimits) -> bool {
        let oldest = self.order.first_key_value().and_then(|(_, (room, event))| self.rooms.get(room)?.get(event));
        oldest.is_some_and(|oldest| now.saturating_duration_since(oldest.at) > limits.value_age)
    }

    fn forget_oldest(&mut self) {
        let Some((_, (room, event))) = self.order.pop_first() else { return };
        let Some(values) = self.rooms.get_mut(&room) else { return };
        if let Some(value) = values.remove(&event) {
            self.bytes -= value.frame.len();
        }
        if values.is_empty() {
            self.rooms.remove(&room);
        }
    }
}
