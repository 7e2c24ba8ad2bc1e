use std::io::{self, ErrorKind, IoSlice};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use realtime::close::CloseCode;

use super::{NewestOf, Queue, QueueLimits, QueueState, Wire};
use crate::hub::ConnectionId;
use crate::websocket;

/// A socket that takes as many bytes as it is told to.
#[derive(Default)]
struct Throttled {
    room: Mutex<usize>,
    written: Mutex<Vec<u8>>,
    writes: Mutex<usize>,
    dead: Mutex<bool>,
}

impl Throttled {
    fn allow(&self, bytes: usize) {
        *self.room.lock().unwrap() += bytes;
    }

    fn written(&self) -> Vec<u8> {
        self.written.lock().unwrap().clone()
    }
}

impl Wire for Throttled {
    fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        if *self.dead.lock().unwrap() {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let mut room = self.room.lock().unwrap();
        let all: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let taken = all.len().min(*room);
        if taken == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        *room -= taken;
        *self.writes.lock().unwrap() += 1;
        self.written.lock().unwrap().extend(&all[..taken]);
        Ok(taken)
    }
}

fn queue(frames: usize, bytes: usize) -> (Arc<Throttled>, Queue) {
    let wire = Arc::new(Throttled::default());
    let queue = Queue::new(wire.clone(), QueueLimits { frames, bytes });
    (wire, queue)
}

#[test]
fn a_frame_goes_out_at_once_and_needs_no_task() {
    let (wire, queue) = queue(10, 1000);
    wire.allow(1000);
    assert!(queue.push(Bytes::from_static(b"one")));
    queue.flush();
    assert_eq!((wire.written().as_slice(), queue.state()), (&b"one"[..], QueueState::Empty));
}

#[test]
fn what_waits_is_joined_in_one_write_and_one_flush_is_promised() {
    let (wire, queue) = queue(10, 1000);
    wire.allow(1000);
    assert!(queue.push(Bytes::from_static(b"one")));
    assert!(!queue.push(Bytes::from_static(b"two")), "the first pusher flushes");
    queue.flush();
    assert_eq!((wire.written().as_slice(), *wire.writes.lock().unwrap()), (&b"onetwo"[..], 1));
}

#[test]
fn a_slow_socket_gets_everything_in_order() {
    let (wire, queue) = queue(10, 1000);
    for frame in ["alpha", "beta", "gamma"] {
        let _ = queue.push(Bytes::from_static(frame.as_bytes()));
    }
    for _ in 0..14 {
        assert_eq!(queue.state(), QueueState::Waiting);
        wire.allow(1);
        queue.flush();
    }
    assert_eq!((wire.written().as_slice(), queue.state()), (&b"alphabetagamma"[..], QueueState::Empty));
}

#[test]
fn a_full_queue_finishes_the_begun_frame_and_ends_slow() {
    let (wire, queue) = queue(3, 1000);
    let _ = queue.push(Bytes::from_static(b"alpha"));
    wire.allow(2);
    queue.flush();
    for frame in ["beta", "gamma", "delta", "never"] {
        let _ = queue.push(Bytes::from_static(frame.as_bytes()));
    }
    wire.allow(10_000);
    queue.flush();
    let mut expected = b"alpha".to_vec();
    expected.extend(websocket::bye(CloseCode::Slow));
    expected.extend(websocket::close(CloseCode::Slow));
    assert_eq!((wire.written(), queue.state()), (expected, QueueState::Closed(CloseCode::Slow)));
}

#[test]
fn bytes_are_bounded_too_but_one_frame_always_fits() {
    let (_, queue) = queue(100, 10);
    let _ = queue.push(Bytes::from(vec![0; 500]));
    assert_eq!(queue.state(), QueueState::Waiting);
    let _ = queue.push(Bytes::from_static(b"x"));
    assert_eq!(queue.lock().closing, Some(CloseCode::Slow));
}

#[test]
fn a_dead_peer_breaks_the_queue_and_holds_nothing() {
    let (wire, queue) = queue(10, 1000);
    *wire.dead.lock().unwrap() = true;
    let _ = queue.push(Bytes::from_static(b"one"));
    queue.flush();
    assert_eq!(queue.state(), QueueState::Broken);
    assert!(!queue.push(Bytes::from_static(b"two")));
    assert_eq!(queue.lock().frames.len(), 0);
}

#[test]
fn the_last_word_is_said_once() {
    let (wire, queue) = queue(10, 1000);
    wire.allow(10_000);
    queue.close(CloseCode::Restart);
    queue.close(CloseCode::Idle);
    queue.finish();
    let mut expected = websocket::bye(CloseCode::Restart).to_vec();
    expected.extend(websocket::close(CloseCode::Restart));
    assert_eq!(wire.written(), expected);
}

fn newest_of(from: u64, subject: u64) -> NewestOf {
    NewestOf { from: Some(ConnectionId(from)), subject }
}

#[test]
fn of_a_cursor_only_the_newest_waits() {
    let wire = Arc::new(Throttled::default());
    let queue = Queue::new(wire.clone(), QueueLimits { frames: 100, bytes: 1000 });
    let _ = queue.push(websocket::text("event"));
    for position in 0..1000 {
        let _ = queue.push_event(websocket::text(&format!("cursor {position:03}")), Some(newest_of(1, 7)));
        let _ = queue.push_event(websocket::text(&format!("typing {position:03}")), Some(newest_of(1, 8)));
        let _ = queue.push_event(websocket::text(&format!("others {position:03}")), Some(newest_of(2, 7)));
    }
    wire.allow(1000);
    queue.flush();
    let texts = ["event", "cursor 999", "typing 999", "others 999"].map(websocket::text);
    assert_eq!(wire.written(), texts.concat());
}

#[test]
fn what_is_no_longer_wanted_is_taken_back_unless_it_is_half_written() {
    let wire = Arc::new(Throttled::default());
    let queue = Queue::new(wire.clone(), QueueLimits { frames: 100, bytes: 1000 });
    for (text, subject) in [("first", 7), ("other", 8)] {
        let _ = queue.push_event(websocket::text(text), Some(newest_of(0, subject)));
    }
    wire.allow(3);
    queue.flush();
    let _ = queue.push_event(websocket::text("second"), Some(newest_of(0, 7)));
    let _ = queue.push(websocket::text("event"));
    queue.forget(newest_of(0, 7));
    queue.forget(newest_of(0, 9));
    wire.allow(1000);
    queue.flush();
    assert_eq!(wire.written(), ["first", "other", "event"].map(websocket::text).concat());
    assert_eq!(queue.lock().bytes, 0);
}

#[test]
fn a_cursor_that_is_half_written_is_finished_first() {
    let wire = Arc::new(Throttled::default());
    let queue = Queue::new(wire.clone(), QueueLimits { frames: 100, bytes: 1000 });
    let _ = queue.push_event(websocket::text("first"), Some(newest_of(1, 7)));
    wire.allow(3);
    queue.flush();
    for text in ["second", "third"] {
        let _ = queue.push_event(websocket::text(text), Some(newest_of(1, 7)));
    }
    wire.allow(1000);
    queue.flush();
    assert_eq!(wire.written(), ["first", "third"].map(websocket::text).concat());
}
