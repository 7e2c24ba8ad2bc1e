//! One connection: one task, one loop, over any stream.
//!
//! Frames to the page are written by whoever pushes them ([`crate::queue`]). This loop reads what the
//! page sends, writes what a slow socket refused, keeps the heartbeat and ends the connection.

mod read;

use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use realtime::close::CloseCode;
use socket2::SockRef;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until, timeout};

use self::read::{Reader, Received};
use crate::queue::{Queue, QueueState, Wire};
use crate::session::Session;
use crate::stopping::Stopping;
use crate::websocket;

/// A stream that is read and written without waiting, and waited for apart.
pub trait Line: Wire + 'static {
    /// Reads what is there.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is there; anything else ends the connection.
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Waits until there is something to read, or the end.
    fn readable(&self) -> impl Future<Output = io::Result<()>> + Send;

    /// Waits until the stream takes bytes again, or the end.
    fn writable(&self) -> impl Future<Output = io::Result<()>> + Send;

    /// Says that nothing more will be written.
    fn hang_up(&self);
}

macro_rules! line {
    ($stream:ty) => {
        impl Line for $stream {
            fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
                <$stream>::try_read(self, buffer)
            }

            async fn readable(&self) -> io::Result<()> {
                <$stream>::readable(self).await
            }

            async fn writable(&self) -> io::Result<()> {
                <$stream>::writable(self).await
            }

            fn hang_up(&self) {
                // A peer that is gone already cannot be told.
                let _ = SockRef::from(self).shutdown(Shutdown::Write);
            }
        }
    };
}

line!(tokio::net::TcpStream);
#[cfg(unix)]
line!(tokio::net::UnixStream);

/// Frames that are read from one page before others get their turn.
const FRAMES_A_TURN: usize = 64;

/// How a connection is kept.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// The largest frame a page may send, in bytes.
    pub frame_bytes: usize,
    /// After so long a silence the page is pinged; after two of them it is given up.
    pub heartbeat: Duration,
    /// How long the last words may take to be written.
    pub farewell: Duration,
}

/// Runs a connection to its end. `early` is what came with the handshake. Returns why it ended; `None`
/// where the peer just went away.
pub async fn run<L: Line>(
    line: Arc<L>,
    early: Vec<u8>,
    queue: Arc<Queue>,
    mut session: Session,
    limits: ConnectionLimits,
    mut stopping: Stopping,
) -> Option<CloseCode> {
    let mut reader = Reader::new(Arc::clone(&line), early, limits.frame_bytes);
    // When bytes last went through the line, either way.
    let mut moved = Instant::now();
    let mut pinged = false;
    let mut is_told = false;
    queue.flush();
    let end = loop {
        let is_full = match queue.state() {
            QueueState::Empty => false,
            QueueState::Waiting => true,
            QueueState::Broken => break None,
            QueueState::Closed(code) => break Some(code),
        };
        // Before anything is read: a page that never stops sending is looked at all the same.
        if session.review_at().is_some_and(|at| Instant::now() >= at) {
            session.begin_review();
        }
        let patience = if pinged || is_full { 2 * limits.heartbeat } else { limits.heartbeat };
        let silent_at = moved + patience;
        let wake_at = session.review_at().map_or(silent_at, |at| at.min(silent_at));
        tokio::select! {
            biased;
            spread = stopping.stopped() => {
                session.say_bye(CloseCode::Restart, spread.next());
                is_told = true;
                break Some(CloseCode::Restart);
            }
            done = session.progress(), if session.is_working() => {
                if let Some(code) = session.finish(done) {
                    break Some(code);
                }
                queue.flush();
            }
            // A page that does not read its answers is not asked for more. What came with the handshake is
            // read before the socket is waited for.
            ready = reader.ready(), if !is_full => {
                if ready.is_err() {
                    break None;
                }
                (moved, pinged) = (Instant::now(), false);
                let read = receive(&mut reader, &mut session, &queue);
                queue.flush();
                match read {
                    Read::All => {}
                    // Others want their turn.
                    Read::Enough => yield_now().await,
                    Read::End(end) => break end,
                }
            }
            writable = line.writable(), if is_full => {
                if writable.is_err() {
                    break None;
                }
                moved = Instant::now();
                queue.flush();
            }
            // A page that was away gets what it missed in parts. Others want their turn.
            () = yield_now(), if !is_full && session.is_behind() => {
                session.catch_up();
                queue.flush();
            }
            // Something is left over, or the end has come: look at the queue again.
            () = queue.attention() => {}
            () = sleep_until(wake_at) => {
                if Instant::now() < silent_at {
                    continue;
                }
                if pinged || is_full {
                    break Some(CloseCode::Idle);
                }
                pinged = true;
                if queue.push(websocket::ping()) {
                    queue.flush();
                }
            }
        }
    };
    session.end(end);
    if let Some(code) = end {
        queue.close(code);
    }
    let is_gone = say_farewell(&*line, &mut reader, &queue, limits.farewell).await;
    if is_told && !is_gone {
        stopping.was_cut();
    }
    end
}

/// Ends a connection before it has begun, with its reason.
pub async fn refuse<L: Line>(line: &Arc<L>, queue: &Queue, code: CloseCode, limits: ConnectionLimits) {
    queue.close(code);
    let mut reader = Reader::new(Arc::clone(line), Vec::new(), limits.frame_bytes);
    say_farewell(&**line, &mut reader, queue, limits.farewell).await;
}

/// What reading leads to.
enum Read {
    /// All that was there is read.
    All,
    /// There may be more, later.
    Enough,
    /// The connection ends, with a code of ours or because the peer went.
    End(Option<CloseCode>),
}

/// Reads some of what is there.
fn receive<L: Line>(reader: &mut Reader<L>, session: &mut Session, queue: &Queue) -> Read {
    for _ in 0..FRAMES_A_TURN {
        let received = reader.next();
        let replies = reader.take_replies();
        if !replies.is_empty() {
            let _ = queue.push(replies);
        }
        match received {
            Received::Text(text) => {
                if let Some(code) = session.receive(&text) {
                    return Read::End(Some(code));
                }
            }
            Received::Heartbeat => {}
            Received::Nothing => return Read::All,
            Received::Refused(code) => return Read::End(Some(code)),
            Received::Closed => {
                queue.finish();
                return Read::End(None);
            }
            Received::Gone => return Read::End(None),
        }
    }
    Read::Enough
}

/// Writes what is left and waits for the peer to go, but not for long. Returns whether it went.
async fn say_farewell<L: Line>(line: &L, reader: &mut Reader<L>, queue: &Queue, patience: Duration) -> bool {
    let farewell = async {
        while queue.state() == QueueState::Waiting {
            if line.writable().await.is_err() {
                return;
            }
            queue.flush();
        }
        if queue.state() == QueueState::Broken {
            return;
        }
        // The server closes first (RFC 6455 section 7.1.1): browsers wait for it, Chromium for two seconds.
        line.hang_up();
        // But closing with bytes unread would reset the line, and the peer might miss the last words.
        while reader.ready().await.is_ok() && reader.discard() {}
    };
    timeout(patience, farewell).await.is_ok()
}

#[cfg(test)]
mod tests;
