//! One poll: a session that lives as long as its request, and is told everything that waits for its page.
//!
//! Nothing is kept between two polls. The page says in which rooms it is and how far it has read; what was
//! published since is in the history, and what is published meanwhile comes into the queue, in one order.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use realtime::close::CloseCode;
use realtime::frame::PollRequest;
use tokio::time::{Instant, sleep_until};

use crate::queue::{Queue, QueueState};
use crate::session::{Session, Standing};
use crate::stopping::Stopping;

/// How long Frappe's word about the page's rooms is waited for before the rest goes on without it.
const SETTLING: Duration = Duration::from_secs(2);
/// Events come in bursts: so long after the first of them the others are gathered.
const GATHERING: Duration = Duration::from_millis(20);

/// What a poll is made of.
pub struct Poll {
    /// It is in no room yet.
    pub session: Session,
    /// What the session says is taken from here.
    pub queue: Arc<Queue>,
    /// Hears that the server stops.
    pub stopping: Stopping,
    /// The largest frame that a page may send.
    pub frame_bytes: usize,
}

/// How long a poll may take.
#[derive(Debug, Clone, Copy)]
pub struct PollTimes {
    /// Until when it waits for something to tell.
    pub wait_until: Instant,
    /// When it is answered at the latest.
    pub end_at: Instant,
}

/// Runs a poll to its end, and returns the frames that answer it.
pub async fn run(mut poll: Poll, asked: PollRequest, standing: Vec<Standing>, times: PollTimes) -> Vec<Bytes> {
    let settled_at = (Instant::now() + SETTLING).min(times.end_at);
    poll.begin(&asked);
    for standing in standing {
        poll.session.stand(standing);
    }
    poll.until(settled_at, |poll| !poll.session.awaits_standing()).await;
    for frame in &asked.frames {
        // Who was signed out meanwhile says nothing more.
        if poll.queue.has_ended() {
            break;
        }
        poll.receive(frame);
    }
    if asked.begins || !asked.frames.is_empty() {
        poll.until(times.end_at, |poll| !poll.session.owes_answers()).await;
    } else {
        // A room that could not be asked about is asked about again with the next poll.
        let wait_until = if poll.session.is_behind() { settled_at } else { times.wait_until };
        poll.until(wait_until.min(times.end_at), |poll| poll.queue.state() != QueueState::Empty).await;
        if poll.queue.state() != QueueState::Empty {
            poll.until((Instant::now() + GATHERING).min(times.end_at), |poll| poll.queue.is_overfull()).await;
        }
    }
    // Rooms in which nothing happens must not fall behind what the history keeps.
    poll.session.pong(None);
    poll.session.end(poll.queue.ended_with());
    poll.queue.take()
}

impl Poll {
    /// What the page is told before its rooms are looked at.
    fn begin(&self, asked: &PollRequest) {
        if asked.begins {
            self.session.say_hello();
        } else {
            self.session.say_source(asked.source_lost);
        }
    }

    fn receive(&mut self, frame: &str) {
        let end =
            if frame.len() > self.frame_bytes { Some(CloseCode::FrameTooLarge) } else { self.session.receive(frame) };
        if let Some(code) = end {
            self.queue.close(code);
        }
    }

    /// Lets the session go on until it is enough, or over, or a moment comes.
    async fn until(&mut self, moment: Instant, is_enough: impl Fn(&Self) -> bool) {
        while !self.queue.has_ended() && !is_enough(self) {
            let review_at = self.session.review_at();
            let wake_at = review_at.map_or(moment, |at| at.min(moment));
            tokio::select! {
                biased;
                spread = self.stopping.stopped() => self.session.say_bye(CloseCode::Restart, spread.next()),
                done = self.session.progress(), if self.session.is_working() => {
                    if let Some(code) = self.session.finish(done) {
                        self.queue.close(code);
                    }
                }
                () = self.queue.attention() => {}
                () = sleep_until(wake_at) => {
                    if Instant::now() >= moment {
                        return;
                    }
                    self.session.begin_review();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
