//! The newest value of each event of a room.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use realtime::room::Room;

use super::HistoryLimits;

#[derive(Debug)]
pub(super) struct Newest {
    pub(super) offset: u64,
    pub(super) at: Instant,
    pub(super) frame: Bytes,
    pub(super) message: Bytes,
}

/// Bounded in number, bytes and age; the value that was published longest ago goes first.
#[derive(Debug, Default)]
pub(super) struct NewestValues {
    rooms: HashMap<Arc<Room>, HashMap<Arc<str>, Newest>>,
    /// Whose value has which offset, oldest first.
    order: BTreeMap<u64, (Arc<Room>, Arc<str>)>,
    bytes: usize,
}

impl NewestValues {
    pub(super) fn set(&mut self, room: &Arc<Room>, event: &str, value: Newest, limits: &HistoryLimits) {
        let values = self.rooms.entry(Arc::clone(room)).or_default();
        let (offset, now) = (value.offset, value.at);
        self.bytes += value.frame.len();
        let event = if let Some(known) = values.get_mut(event) {
            let older = std::mem::replace(known, value);
            self.bytes -= older.frame.len();
            // Its name is shared with the map: reuse it.
            self.order.remove(&older.offset).map_or_else(|| Arc::from(event), |(_, event)| event)
        } else {
            let event: Arc<str> = Arc::from(event);
            values.insert(Arc::clone(&event), value);
            event
        };
        self.order.insert(offset, (Arc::clone(room), event));
        while self.order.len() > limits.values || self.bytes > limits.value_bytes || self.oldest_is_old(now, limits) {
            self.forget_oldest();
        }
    }

    pub(super) fn get(&self, now: Instant, room: &Room, event: &str, limits: &HistoryLimits) -> Option<&Newest> {
        let value = self.rooms.get(room)?.get(event)?;
        (now.saturating_duration_since(value.at) <= limits.value_age).then_some(value)
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
