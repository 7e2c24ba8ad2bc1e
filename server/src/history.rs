//! What a site published lately, and the newest value of each event.
//!
//! Frappe's messages carry no number; here each gets its offset, and here its frame is built, once for
//! all who will get it. Bounded in time and bytes; what all sites hold together is the engine's to bound. Pure:
//! the time comes in as an argument.

mod newest;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use realtime::frame::event_text;
use realtime::position::Position;
use realtime::room::Room;

pub use self::newest::NewestValue;
use self::newest::{Newest, NewestValues};
use crate::websocket;

/// How much of the past is kept.
#[derive(Debug, Clone, Copy)]
pub struct HistoryLimits {
    /// Events older than this go.
    pub age: Duration,
    /// Bytes of events of one site.
    pub site_bytes: usize,
    /// Bytes of events of all sites together.
    pub total_bytes: usize,
    /// Newest values of one site.
    pub values: usize,
    /// Bytes of the newest values of one site.
    pub value_bytes: usize,
    /// Newest values older than this go.
    pub value_age: Duration,
}

impl Default for HistoryLimits {
    fn default() -> Self {
        Self {
            age: Duration::from_secs(150),
            site_bytes: 64 << 20,
            total_bytes: 256 << 20,
            values: 50_000,
            value_bytes: 32 << 20,
            value_age: Duration::from_hours(24),
        }
    }
}

#[derive(Debug)]
struct Entry {
    offset: u64,
    frame: Bytes,
}

#[derive(Debug)]
struct Age {
    at: Instant,
    room: Arc<Room>,
}

/// The events of one site.
#[derive(Debug)]
pub struct History {
    limits: HistoryLimits,
    epoch: String,
    /// The offset of the last event.
    head: u64,
    /// Events up to this offset can no longer be replayed.
    floor: u64,
    rooms: HashMap<Arc<Room>, VecDeque<Entry>>,
    /// Every kept event, oldest first.
    order: VecDeque<Age>,
    bytes: usize,
    /// The bytes of all sites.
    total: Arc<AtomicUsize>,
    newest: NewestValues,
}

impl History {
    /// Nothing has happened yet. `total` counts the bytes of all sites that share it.
    #[must_use]
    pub fn new(limits: HistoryLimits, epoch: String, total: Arc<AtomicUsize>) -> Self {
        Self {
            limits,
            epoch,
            head: 0,
            floor: 0,
            rooms: HashMap::new(),
            order: VecDeque::new(),
            bytes: 0,
            total,
            newest: NewestValues::default(),
        }
    }

    /// Where the site is.
    #[must_use]
    pub fn position(&self) -> Position {
        Position::new(self.epoch.clone(), self.head)
    }

    /// Stamps and keeps an event. Returns its frame.
    pub fn append(&mut self, now: Instant, room: &Arc<Room>, event: &str, message: &str) -> Bytes {
        self.head += 1;
        let frame = websocket::text(&event_text(room, event, message, self.head));
        // The message is the last key of the frame, before the closing brace.
        let end = frame.len() - 1;
        let message = frame.slice(end - message.len()..end);
        if !realtime::event::is_happening(event) {
            let value = Newest::new(self.head, now, frame.clone(), message);
            self.newest.set(room, event, value, &self.limits);
        }
        self.bytes += frame.len();
        self.total.fetch_add(frame.len(), Ordering::Relaxed);
        self.rooms.entry(Arc::clone(room)).or_default().push_back(Entry { offset: self.head, frame: frame.clone() });
        self.order.push_back(Age { at: now, room: Arc::clone(room) });
        self.forget_old(now);
        frame
    }

    /// The frames of a room after `since`, each with its offset, oldest first; `None` where some of them may be missing.
    /// A page that comes from another server may be ahead of this one by a moment: of this epoch nothing is missing then,
    /// and what it has already comes a second time.
    pub fn since(&self, room: &Room, since: &Position) -> Option<impl ExactSizeIterator<Item = (u64, &Bytes)>> {
        if since.epoch != self.epoch || since.offset < self.floor {
            return None;
        }
        let entries = self.rooms.get(room);
        let after =
            entries.map(|entries| entries.range(entries.partition_point(|entry| entry.offset <= since.offset)..));
        Some(after.unwrap_or_default().map(|entry| (entry.offset, &entry.frame)))
    }

    /// The newest value of an event, as a frame.
    #[must_use]
    pub fn newest_frame(&self, now: Instant, room: &Room, event: &str) -> Option<NewestValue> {
        Some(self.newest.get(now, room, event, &self.limits)?.told(room, event))
    }

    /// The newest value of an event: its message as JSON text.
    #[must_use]
    pub fn newest_message(&self, now: Instant, room: &Room, event: &str) -> Option<String> {
        let value = self.newest.get(now, room, event, &self.limits)?;
        Some(String::from_utf8_lossy(&value.message).into_owned())
    }

    /// Events may have been missed: a new epoch of this server's own begins, from which nothing older can be
    /// replayed. Offsets go on, from `least` on at the lowest, and newest values stay, since they are still the
    /// newest that is known.
    pub fn interrupted(&mut self, epoch: String, least: u64) {
        self.epoch = epoch;
        self.head = self.head.max(least);
        self.forget_all();
    }

    /// Events may have been missed: the count goes on at `position`, as other servers count, and nothing older
    /// can be replayed. Newest values stay, with numbers that none of this count has.
    pub fn adopt(&mut self, position: Position) {
        let is_same_count = self.epoch == position.epoch;
        self.newest.renumber(is_same_count, position.offset);
        self.epoch = position.epoch;
        self.head = position.offset;
        self.forget_all();
    }

    fn forget_all(&mut self) {
        self.floor = self.head;
        self.rooms.clear();
        self.order.clear();
        self.total.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = 0;
    }

    /// Lets go of what is too old or too much for one site.
    pub fn forget_old(&mut self, now: Instant) {
        while let Some(oldest) = self.order.front() {
            let is_old = now.saturating_duration_since(oldest.at) > self.limits.age;
            if !is_old && self.bytes <= self.limits.site_bytes {
                break;
            }
            self.forget_oldest();
        }
    }

    /// The bytes of its events.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Lets go of the oldest until no more than these bytes are left.
    pub fn shrink(&mut self, bytes: usize) {
        while self.bytes > bytes && !self.order.is_empty() {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.order.pop_front() else { return };
        let Some(entries) = self.rooms.get_mut(&oldest.room) else { return };
        if let Some(entry) = entries.pop_front() {
            self.floor = entry.offset;
            self.bytes -= entry.frame.len();
            self.total.fetch_sub(entry.frame.len(), Ordering::Relaxed);
        }
        if entries.is_empty() {
            self.rooms.remove(&oldest.room);
        }
    }
}

impl Drop for History {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
