//! What this server says on the own channel. Nobody waits for it: what Redis does not take in time is dropped.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tokio::sync::mpsc;
use tracing::warn;

use super::own_channel::{Note, OWN_CHANNEL, Told};
use crate::engine::OtherServers;
use crate::hub::ConnectionId;
use crate::redis_address::RedisAddress;

/// Notes that may wait.
const WAITING: usize = 1024;
/// Notes that are said in one go.
const BATCH: usize = 64;
/// How long Redis may take to be reached, and then to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Says something to the other servers.
#[derive(Clone)]
pub struct Speaker {
    notes: mpsc::Sender<String>,
}

impl Speaker {
    /// For answers, which may be said twice: the second counts for nothing. Must be made inside a Tokio runtime.
    #[must_use]
    pub fn of_answers(address: RedisAddress) -> Self {
        Self::start(address, 2)
    }

    fn start(address: RedisAddress, tries: u8) -> Self {
        let (notes, waiting) = mpsc::channel(WAITING);
        tokio::spawn(speak(address, waiting, tries));
        Self { notes }
    }

    /// Says it soon. `false` when too much waits already.
    pub fn say(&self, note: String) -> bool {
        self.notes.try_send(note).is_ok()
    }
}

/// Passes on what this server's pages tell rooms.
pub struct Emits {
    instance: String,
    speaker: Speaker,
    dropped: AtomicU64,
}

impl Emits {
    /// `instance` names this server among all. Must be made inside a Tokio runtime.
    #[must_use]
    pub fn new(instance: String, address: RedisAddress) -> Self {
        // One try: what may have been said already must not be said twice.
        Self { instance, speaker: Speaker::start(address, 1), dropped: AtomicU64::new(0) }
    }
}

impl OtherServers for Emits {
    fn tell(&self, site: &str, from: ConnectionId, frame: &str) {
        let told = Told { instance: self.instance.clone(), site: site.to_owned(), from, frame: frame.to_owned() };
        let Some(note) = Note::Told(told).encode() else { return };
        if !self.speaker.say(note) {
            let dropped = self.dropped.fetch_add(1, Ordering::Relaxed) + 1;
            // The first, the second, the fourth…: a flood must not fill the disk.
            if dropped.is_power_of_two() {
                warn!(site, dropped, "What pages emit did not reach other servers: too much waited for Redis.");
            }
        }
    }
}

async fn speak(address: RedisAddress, mut waiting: mpsc::Receiver<String>, tries: u8) {
    let mut connection: Option<MultiplexedConnection> = None;
    let mut is_well = true;
    let mut notes = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut notes, BATCH).await > 0 {
        for left in (0..tries).rev() {
            match publish(&address, &mut connection, &notes).await {
                Ok(()) => {
                    is_well = true;
                    break;
                }
                Err(problem) => {
                    // A line that was idle may have died unnoticed.
                    connection = None;
                    if left == 0 && std::mem::replace(&mut is_well, false) {
                        warn!(redis = %address, "Other servers were not told something: {problem}.");
                    }
                }
            }
        }
        notes.clear();
    }
}

async fn publish(
    address: &RedisAddress,
    connection: &mut Option<MultiplexedConnection>,
    notes: &[String],
) -> Result<(), String> {
    let line = match connection {
        Some(line) => line,
        None => connection.insert(address.connect(PATIENCE).await?),
    };
    let mut pipeline = redis::pipe();
    for note in notes {
        pipeline.publish(OWN_CHANNEL, note).ignore();
    }
    pipeline.query_async::<()>(line).await.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::{Emits, WAITING};
    use crate::engine::OtherServers;
    use crate::hub::ConnectionId;
    use crate::redis_address::RedisAddress;

    #[tokio::test]
    async fn what_redis_does_not_take_is_dropped_and_counted() {
        let address = RedisAddress::parse("redis://127.0.0.1:1").expect("an address");
        let emits = Emits::new("i".to_owned(), address);
        // Nothing is sent before this test waits for something.
        for _ in 0..WAITING + 10 {
            emits.tell("a.example", ConnectionId(1), r#"{"type":"emitted"}"#);
        }
        assert_eq!(emits.dropped.load(Ordering::Relaxed), 10);
    }
}
