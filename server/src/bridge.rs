//! Where events come from: Redis, or a bus inside this process. Both carry the same bytes, which are
//! pumped into the engine in the order they came.

pub mod agreement;
pub mod embedded;
pub mod intake;
pub mod own_channel;
pub mod publisher;
pub mod redis;
pub mod speaker;

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::sleep_until;

use self::intake::Intake;
use self::own_channel::Mark;
use self::speaker::Speaker;
use crate::engine::Written;

/// Names a bridge within the process.
pub type BridgeId = usize;

/// What a bridge reports, in the order of its stream.
#[derive(Debug)]
pub enum Arrival {
    /// A payload of channel `events`.
    Payload(Bytes),
    /// A subscription stands; payloads may have been lost before it.
    Subscribed {
        /// Of which bridge.
        bridge: BridgeId,
        /// What is about to be published, to find others that number alike.
        mark: Option<Mark>,
    },
    /// The subscription is gone.
    Lost {
        /// Of which bridge.
        bridge: BridgeId,
    },
    /// A mark reached nobody else, or nobody at all. Stands in no order.
    Alone {
        /// The mark's name.
        mark: String,
    },
    /// Something that servers say to each other.
    OwnChannel(Bytes),
}

/// Payloads that may wait for the engine. A bridge that fills it waits; what comes meanwhile waits in the
/// Redis client, which does not bound it.
const WAITING: usize = 1024;
/// Payloads that are taken in one go, so that each page gets what they bring in one write.
const BATCH: usize = 64;

/// The way from all bridges into the engine.
pub fn channel() -> (mpsc::Sender<Arrival>, mpsc::Receiver<Arrival>) {
    mpsc::channel(WAITING)
}

/// Feeds the engine until every bridge is gone. What is to be said to other servers goes to `speaker`.
pub async fn pump(mut intake: Intake, speaker: Option<Speaker>, mut arrivals: mpsc::Receiver<Arrival>) {
    let mut written = Written::default();
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let deadline = intake.deadline();
        let is_due = async {
            match deadline {
                Some(deadline) => sleep_until(deadline.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // What has arrived counts before the clock does.
            biased;
            count = arrivals.recv_many(&mut batch, BATCH) => if count == 0 { return },
            () = is_due => {}
        }
        let now = Instant::now();
        for arrival in batch.drain(..) {
            intake.take(arrival, now, &mut written);
        }
        intake.look_at_the_clock(now, &mut written);
        for answer in intake.answers() {
            // One that is not said costs the one who asks an epoch of its own.
            let _ = speaker.as_ref().map(|speaker| speaker.say(answer));
        }
        written.write().await;
    }
}

/// The name of the one that is no Redis.
const EMBEDDED: &str = "embedded bus";

/// How a bridge is, for `/live/readyz` and the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BridgeState {
    /// Not connected yet.
    Connecting,
    /// Subscribed: events arrive.
    Subscribed,
    /// Not subscribed, and why.
    Lost(String),
}

/// One bridge as the rest of the server sees it.
#[derive(Debug)]
pub struct BridgeStatus {
    /// Its address, without secrets.
    pub name: String,
    state: Mutex<BridgeState>,
}

impl BridgeStatus {
    /// A bridge that is not connected yet.
    #[must_use]
    pub fn new(name: String) -> Self {
        Self { name, state: Mutex::new(BridgeState::Connecting) }
    }

    /// How it is.
    #[must_use]
    pub fn state(&self) -> BridgeState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How it is, for people who must not learn where it is or what the network says of it.
    #[must_use]
    pub fn without_address(&self, number: usize) -> String {
        let name = if self.name == EMBEDDED { EMBEDDED.to_owned() } else { format!("redis {number}") };
        let state = match self.state() {
            BridgeState::Connecting => "connecting",
            BridgeState::Subscribed => "subscribed",
            BridgeState::Lost(_) => "lost; the server's log says why",
        };
        format!("{name}: {state}")
    }

    fn set(&self, state: BridgeState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl fmt::Display for BridgeStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.state() {
            BridgeState::Connecting => write!(formatter, "{}: connecting", self.name),
            BridgeState::Subscribed => write!(formatter, "{}: subscribed", self.name),
            BridgeState::Lost(why) => write!(formatter, "{}: {why}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BridgeState, BridgeStatus, EMBEDDED};

    #[test]
    fn strangers_learn_neither_an_address_nor_a_reason() {
        let redis = BridgeStatus::new("redis://10.0.0.7:6379".to_owned());
        assert_eq!(redis.without_address(2), "redis 2: connecting");
        redis.set(BridgeState::Lost("10.0.0.7 does not answer".to_owned()));
        assert_eq!(redis.to_string(), "redis://10.0.0.7:6379: 10.0.0.7 does not answer");
        assert_eq!(redis.without_address(2), "redis 2: lost; the server's log says why");
        assert_eq!(BridgeStatus::new(EMBEDDED.to_owned()).without_address(1), "embedded bus: connecting");
    }
}
