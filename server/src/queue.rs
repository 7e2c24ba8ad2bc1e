//! What waits to be written to one page.
//!
//! The hub pushes a frame and writes it itself; only what the socket refuses stays here, bounded in
//! frames and bytes. The connection's task is woken when something is left over or the end has come,
//! never for a frame that went out at once (FAST.md, lesson 7).

use std::collections::VecDeque;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io::{self, ErrorKind, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Buf, Bytes};
use realtime::close::CloseCode;
use realtime::room::Room;
use tokio::sync::Notify;

use crate::hub::ConnectionId;
use crate::websocket;

/// Where frames go: a socket that is never waited for.
pub trait Wire: Send + Sync {
    /// Writes what the socket takes at once.
    ///
    /// # Errors
    /// `WouldBlock` when it takes nothing now; anything else ends the connection.
    fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize>;
}

impl Wire for tokio::net::TcpStream {
    fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.try_write_vectored(parts)
    }
}

#[cfg(unix)]
impl Wire for tokio::net::UnixStream {
    fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.try_write_vectored(parts)
    }
}

/// How much may wait for one page.
#[derive(Debug, Clone, Copy)]
pub struct QueueLimits {
    /// Frames.
    pub frames: usize,
    /// Bytes.
    pub bytes: usize,
}

impl QueueLimits {
    /// Whether this much fits an empty queue. One frame always does: a large event is no reason to
    /// close a page that reads.
    #[must_use]
    pub const fn hold(&self, frames: usize, bytes: usize) -> bool {
        frames <= 1 || (frames <= self.frames && bytes <= self.bytes)
    }
}

/// What the connection's task has to do with its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueState {
    /// Nothing waits.
    Empty,
    /// The socket refused something: flush when it is writable.
    Waiting,
    /// The close frame is written: nothing more will follow.
    Closed(CloseCode),
    /// Writing failed: the peer is gone.
    Broken,
}

/// The bounded queue of one connection.
pub struct Queue {
    wire: Arc<dyn Wire>,
    limits: QueueLimits,
    waiting: Mutex<Waiting>,
    attention: Notify,
}

/// What becomes of a queue that is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum WhenFull {
    /// It ends with the code `slow`, and what waits is dropped.
    #[default]
    EndsSlow,
    /// It keeps what it has, and turns events away: they are asked for again, from the position of what was taken.
    Keeps,
    /// It has turned some away, and takes none after them.
    Kept,
}

/// The wire of a queue that is not written, but taken.
struct NoWire;

impl Wire for NoWire {
    fn try_write(&self, _: &[IoSlice<'_>]) -> io::Result<usize> {
        Err(ErrorKind::WouldBlock.into())
    }
}

/// What a frame replaces while it waits: the newest of one subject wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewestOf {
    /// Who it is from; none where Frappe published it.
    pub from: Option<ConnectionId>,
    /// A hash of what it is about; a collision is the sender's own loss.
    pub subject: u64,
}

impl NewestOf {
    /// The newest of an event in a room, of one connection or of Frappe.
    #[must_use]
    pub fn new(from: Option<ConnectionId>, room: &Room, event: &str) -> Self {
        Self { from, subject: BuildHasherDefault::<DefaultHasher>::default().hash_one((room, event)) }
    }
}

struct Frame {
    bytes: Bytes,
    newest_of: Option<NewestOf>,
}

#[derive(Default)]
struct Waiting {
    frames: VecDeque<Frame>,
    bytes: usize,
    /// The first frame has been written in part: it must be finished before anything else.
    begun: bool,
    /// Somebody has promised to flush.
    flush_due: bool,
    closing: Option<CloseCode>,
    broken: bool,
    when_full: WhenFull,
}

/// Frames that one system call writes at most; the kernel's own bound (`IOV_MAX`) is 1024.
const FRAMES_A_WRITE: usize = 64;

impl Queue {
    /// An empty queue in front of `wire`.
    #[must_use]
    pub fn new(wire: Arc<dyn Wire>, limits: QueueLimits) -> Self {
        Self { wire, limits, waiting: Mutex::default(), attention: Notify::new() }
    }

    /// An empty queue whose frames are taken ([`Self::take`]). When it is full it keeps what it has and takes no more
    /// events; answers it takes always, which are as few as what was asked.
    #[must_use]
    pub fn to_take(limits: QueueLimits) -> Self {
        let waiting = Waiting { when_full: WhenFull::Keeps, ..Waiting::default() };
        Self { waiting: Mutex::new(waiting), ..Self::new(Arc::new(NoWire), limits) }
    }

    /// Adds a frame. Returns whether the caller must see to a [`Self::flush`]; `false` when an earlier
    /// caller is about to, or the queue has ended. A full queue ends with the code `slow`.
    #[must_use]
    pub fn push(&self, frame: Bytes) -> bool {
        self.push_frame(self.lock(), Frame::of(frame))
    }

    /// Adds an event. Of some only the newest is wanted: an older one that still waits is dropped. The newer one
    /// stands behind all others all the same, because a place before frames of lower offsets would be a lie.
    /// Returns what [`Self::push`] does.
    #[must_use]
    pub fn push_event(&self, frame: Bytes, newest_of: Option<NewestOf>) -> bool {
        let mut waiting = self.lock();
        let holds = self.limits.hold(waiting.frames.len() + 1, waiting.bytes + frame.len());
        if waiting.when_full == WhenFull::Keeps && !holds {
            waiting.when_full = WhenFull::Kept;
        }
        if waiting.when_full == WhenFull::Kept {
            return false;
        }
        self.push_frame(waiting, Frame { bytes: frame, newest_of })
    }

    fn push_frame(&self, mut waiting: MutexGuard<'_, Waiting>, frame: Frame) -> bool {
        if waiting.closing.is_some() || waiting.broken {
            return false;
        }
        if let Some(newest_of) = frame.newest_of {
            waiting.drop_older(newest_of);
        }
        if waiting.when_full != WhenFull::EndsSlow || self.make_room(&mut waiting, self.limits, frame.bytes.len()) {
            waiting.add(frame);
        } else {
            waiting.end(CloseCode::Slow);
        }
        !std::mem::replace(&mut waiting.flush_due, true)
    }

    /// Takes back what waits of a subject: it is no longer wanted.
    pub fn forget(&self, newest_of: NewestOf) {
        self.lock().drop_older(newest_of);
    }

    /// Adds a frame that can come later as well, if the queue is not half full after the socket took what it takes
    /// now: the other half is for what cannot wait. Returns whether it was added.
    /// Whoever calls it must see to a [`Self::flush`].
    #[must_use]
    pub fn offer(&self, frame: Bytes) -> bool {
        let mut waiting = self.lock();
        let half = QueueLimits { frames: self.limits.frames / 2, bytes: self.limits.bytes / 2 };
        let has_ended = waiting.closing.is_some() || waiting.broken || waiting.when_full == WhenFull::Kept;
        let is_added = !has_ended && self.make_room(&mut waiting, half, frame.len());
        if is_added {
            waiting.add(Frame::of(frame));
        }
        is_added
    }

    /// Ends the queue: what waits is dropped, `bye` and the close frame are the last words.
    pub fn close(&self, code: CloseCode) {
        let mut waiting = self.lock();
        if waiting.closing.is_none() && !waiting.broken {
            waiting.end(code);
        }
        drop(waiting);
        self.flush();
    }

    /// Answers the peer's close with a close, after what still waits.
    pub fn finish(&self) {
        self.end_after(CloseCode::Normal, None);
        self.flush();
    }

    /// Ends the queue with these last words and a close, after what still waits. Whoever calls it must see to a
    /// [`Self::flush`].
    pub fn end_after(&self, code: CloseCode, last_words: Option<Bytes>) {
        let mut waiting = self.lock();
        if waiting.closing.is_none() && !waiting.broken {
            for frame in last_words.into_iter().chain([websocket::close(code)]) {
                waiting.add(Frame::of(frame));
            }
            waiting.closing = Some(code);
        }
    }

    /// Takes what waits: the texts of its frames, oldest first.
    #[must_use]
    pub fn take(&self) -> Vec<Bytes> {
        let mut waiting = self.lock();
        waiting.bytes = 0;
        waiting.flush_due = false;
        waiting.frames.drain(..).filter_map(|frame| websocket::text_of(&frame.bytes)).collect()
    }

    /// Whether events were turned away: what follows them must not be promised.
    #[must_use]
    pub fn is_overfull(&self) -> bool {
        self.lock().when_full == WhenFull::Kept
    }

    /// With which code nothing more is taken, if that is so.
    #[must_use]
    pub fn ended_with(&self) -> Option<CloseCode> {
        self.lock().closing
    }

    /// Whether nothing more is taken.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        let waiting = self.lock();
        waiting.closing.is_some() || waiting.broken
    }

    /// Writes what the socket takes.
    pub fn flush(&self) {
        let mut waiting = self.lock();
        waiting.flush_due = false;
        self.write(&mut waiting);
        if !waiting.frames.is_empty() || waiting.closing.is_some() || waiting.broken {
            self.attention.notify_one();
        }
    }

    /// A batch is pushed before it is written: only what the socket refuses counts against the limits.
    fn make_room(&self, waiting: &mut Waiting, limits: QueueLimits, bytes: usize) -> bool {
        let fits = |waiting: &Waiting| limits.hold(waiting.frames.len() + 1, waiting.bytes + bytes);
        if !fits(waiting) {
            self.write(waiting);
        }
        fits(waiting)
    }

    fn write(&self, waiting: &mut Waiting) {
        while !waiting.frames.is_empty() {
            let mut parts = [IoSlice::new(&[]); FRAMES_A_WRITE];
            let count = waiting.frames.len().min(FRAMES_A_WRITE);
            for (part, frame) in parts.iter_mut().zip(&waiting.frames) {
                *part = IoSlice::new(&frame.bytes);
            }
            match self.wire.try_write(&parts[..count]) {
                Ok(0) => waiting.break_off(),
                Ok(written) => waiting.written(written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => waiting.break_off(),
            }
        }
    }

    /// Waits until the connection's task is needed.
    pub async fn attention(&self) {
        self.attention.notified().await;
    }

    /// How the queue is.
    #[must_use]
    pub fn state(&self) -> QueueState {
        let waiting = self.lock();
        match (waiting.broken, waiting.frames.is_empty(), waiting.closing) {
            (true, ..) => QueueState::Broken,
            (false, false, _) => QueueState::Waiting,
            (false, true, Some(code)) => QueueState::Closed(code),
            (false, true, None) => QueueState::Empty,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Every change below leaves the queue whole, so a panic elsewhere does not spoil it.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Frame {
    const fn of(bytes: Bytes) -> Self {
        Self { bytes, newest_of: None }
    }
}

impl Waiting {
    fn add(&mut self, frame: Frame) {
        self.bytes += frame.bytes.len();
        self.frames.push_back(frame);
    }

    /// Drops the frame of a subject that waits, unless it is being written.
    fn drop_older(&mut self, newest_of: NewestOf) {
        let begun = usize::from(self.begun);
        let older = self.frames.iter().skip(begun).position(|frame| frame.newest_of == Some(newest_of));
        if let Some(older) = older.and_then(|index| self.frames.remove(begun + index)) {
            self.bytes -= older.bytes.len();
        }
    }

    fn end(&mut self, code: CloseCode) {
        let keep = usize::from(self.begun);
        for frame in self.frames.drain(keep..) {
            self.bytes -= frame.bytes.len();
        }
        self.add(Frame::of(websocket::bye(code)));
        self.add(Frame::of(websocket::close(code)));
        self.closing = Some(code);
    }

    fn written(&mut self, mut count: usize) {
        self.bytes -= count;
        while let Some(Frame { bytes, .. }) = self.frames.front_mut() {
            if count < bytes.len() {
                bytes.advance(count);
                self.begun |= count > 0;
                return;
            }
            count -= bytes.len();
            self.frames.pop_front();
            self.begun = false;
        }
    }

    fn break_off(&mut self) {
        self.broken = true;
        self.frames.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests;
