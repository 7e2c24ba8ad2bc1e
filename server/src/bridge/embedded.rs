//! The bus inside this process, for when no Redis is configured.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use realtime::room::Room;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tracing::error;

use super::{Arrival, BridgeState, BridgeStatus, EMBEDDED};
use crate::publish::frappe15_payload;

/// A bus that carries what this process publishes on it.
#[derive(Clone)]
pub struct EmbeddedBus {
    arrivals: mpsc::Sender<Arrival>,
}

impl EmbeddedBus {
    /// A bus into the engine, and its status, which is always well.
    #[must_use]
    pub fn new(arrivals: mpsc::Sender<Arrival>) -> (Self, Arc<BridgeStatus>) {
        let status = BridgeStatus::new(EMBEDDED.to_owned());
        status.set(BridgeState::Subscribed);
        (Self { arrivals }, Arc::new(status))
    }

    /// Publishes a payload. Returns how many got it: the one engine, or nobody when the server stops.
    pub async fn publish(&self, payload: impl Into<Bytes> + Send) -> usize {
        usize::from(self.arrivals.send(Arrival::Payload(payload.into())).await.is_ok())
    }
}

/// The loop of the article that this project answers, for ever: `count` from 0 to 99, one a second, to
/// Administrator. The bytes are those that Frappe 15 would publish.
pub async fn publish_the_articles_loop(bus: EmbeddedBus, site: String) {
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for count in (0..100).cycle() {
        seconds.tick().await;
        let message = format!(r#"{{"count": {count}}}"#);
        let payload = match frappe15_payload(&site, &Room::user("Administrator"), "count", &message) {
            Ok(payload) => payload,
            Err(problem) => return error!("The demo stops counting: {problem}"),
        };
        if bus.publish(payload).await == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::{EmbeddedBus, publish_the_articles_loop};
    use crate::bridge::{Arrival, BridgeState, channel};

    #[tokio::test(start_paused = true)]
    async fn the_articles_loop_goes_from_0_to_99_and_begins_again_as_frappe_would_publish_it() {
        let (arrivals, mut arrived) = channel();
        let (bus, status) = EmbeddedBus::new(arrivals);
        assert_eq!(status.state(), BridgeState::Subscribed);
        let publisher = tokio::spawn(publish_the_articles_loop(bus, "rt15.localhost".into()));
        for number in 0..205 {
            let next = timeout(Duration::from_secs(2), arrived.recv()).await.expect("one a second");
            let Some(Arrival::Payload(payload)) = next else { panic!("{next:?}") };
            let expected = format!(
                "{{\n \"event\": \"count\",\n \"message\": {{\n  \"count\": {}\n }},\n \"namespace\": \"rt15.localhost\",\n \"room\": \"user:Administrator\"\n}}",
                number % 100
            );
            assert_eq!(std::str::from_utf8(&payload), Ok(expected.as_str()));
        }
        drop(arrived);
        timeout(Duration::from_secs(5), publisher).await.expect("stops with the engine").expect("no panic");
    }
}
