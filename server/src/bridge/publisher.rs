//! Where the app's handlers publish: the same bus that Frappe's Python publishes on, so that every server
//! beside the bench carries it.

use std::time::Duration;

use realtime::handlers::Publisher;
use realtime::room::Room;
use redis::aio::MultiplexedConnection;
use tokio::sync::mpsc;
use tracing::warn;

use super::embedded::EmbeddedBus;
use crate::publish::{CHANNEL, frappe15_payload};
use crate::redis_address::RedisAddress;

/// Payloads that may wait to be published.
const WAITING: usize = 1024;
/// How long Redis may take to be reached, and then to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Publishes as Frappe 15 does. Must be made inside a Tokio runtime.
pub struct BusPublisher {
    payloads: mpsc::Sender<String>,
}

impl BusPublisher {
    /// Publishes on the bus of this process.
    #[must_use]
    pub fn embedded(bus: EmbeddedBus) -> Self {
        let (payloads, mut waiting) = mpsc::channel(WAITING);
        tokio::spawn(async move {
            while let Some(payload) = waiting.recv().await {
                let _: usize = bus.publish(String::into_bytes(payload)).await;
            }
        });
        Self { payloads }
    }

    /// Publishes on a Redis.
    #[must_use]
    pub fn redis(address: RedisAddress) -> Self {
        let (payloads, waiting) = mpsc::channel(WAITING);
        tokio::spawn(publish_on_redis(address, waiting));
        Self { payloads }
    }
}

impl Publisher for BusPublisher {
    fn publish(&self, site: &str, room: &Room, event: &str, message: &str) {
        match frappe15_payload(site, room, event, message) {
            Ok(payload) => {
                if self.payloads.try_send(payload).is_err() {
                    warn!(site, room = ?room.to_string(), event, "A handler's event was dropped: too many wait to be published.");
                }
            }
            Err(problem) => {
                warn!(site, room = ?room.to_string(), event, "A handler's event cannot be published: {problem}.");
            }
        }
    }
}

async fn publish_on_redis(address: RedisAddress, mut waiting: mpsc::Receiver<String>) {
    let mut connection: Option<MultiplexedConnection> = None;
    while let Some(payload) = waiting.recv().await {
        // A line that was idle may have died unnoticed: then it is made anew, once.
        for is_last_try in [false, true] {
            match publish(&address, &mut connection, &payload).await {
                Ok(()) => break,
                Err(problem) => {
                    connection = None;
                    if is_last_try {
                        warn!(redis = %address, "A handler's event was not published: {problem}.");
                    }
                }
            }
        }
    }
}

async fn publish(
    address: &RedisAddress,
    connection: &mut Option<MultiplexedConnection>,
    payload: &str,
) -> Result<(), String> {
    let line = match connection {
        Some(line) => line,
        None => connection.insert(address.connect(PATIENCE).await?),
    };
    let published = redis::cmd("PUBLISH").arg(CHANNEL).arg(payload).query_async::<i64>(line).await;
    published.map(|_| ()).map_err(|error| error.to_string())
}
