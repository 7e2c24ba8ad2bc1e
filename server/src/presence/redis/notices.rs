//! Hears on a channel of our own where another server may have changed who looks at a document.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::StreamExt;
use redis::RedisError;
use redis::aio::{PubSubSink, PubSubStream};
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::PATIENCE;
use crate::presence::ledger::Listener;
use crate::presence::list::Document;
use crate::redis_address::RedisAddress;

/// The channel.
pub(super) const CHANNEL: &str = "frappe_live:viewers";
/// The longest notice; anybody may publish.
const NOTICE_BYTES: usize = 4_000;
/// A line without traffic is asked after so long: one that is half open answers nothing.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// The waits between tries grow from the first to the last.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LAST_WAIT: Duration = Duration::from_secs(3);
/// A line that stood so long is well: after it the waits begin anew.
const STEADY: Duration = Duration::from_secs(10);

/// What is published.
#[derive(Serialize, Deserialize)]
pub(super) struct Notice {
    from: String,
    site: String,
    doctype: String,
    docname: String,
}

impl Notice {
    pub(super) fn new(instance: &str, document: &Document) -> Self {
        let Document { site, doctype, name } = document.clone();
        Self { from: instance.to_owned(), site, doctype, docname: name }
    }

    pub(super) fn encode(&self) -> String {
        serde_json::to_string(self).expect("texts are JSON")
    }
}

/// Listens for ever.
pub(super) async fn hear(address: RedisAddress, instance: String, listener: Arc<dyn Listener>) {
    let new_waits = || {
        ExponentialBuilder::new()
            .with_min_delay(FIRST_WAIT)
            .with_max_delay(LAST_WAIT)
            .with_jitter()
            .without_max_times()
            .build()
    };
    let mut waits = new_waits();
    loop {
        let lost = match subscribe(&address).await {
            Ok((sink, stream)) => {
                // After the subscription: what is read because of it misses nothing more.
                listener.interrupted();
                let subscribed = Instant::now();
                let lost = tokio::select! {
                    () = pass_on(stream, &instance, &*listener) => "Redis closed the connection".to_owned(),
                    lost = keep_asking(sink) => lost,
                };
                if subscribed.elapsed() >= STEADY {
                    waits = new_waits();
                }
                lost
            }
            Err(lost) => lost,
        };
        // The exchanges with the same Redis fail too, and say so where it is read.
        debug!(redis = %address, "No news of viewers: {lost}.");
        sleep(waits.next().unwrap_or(LAST_WAIT)).await;
    }
}

async fn subscribe(address: &RedisAddress) -> Result<(PubSubSink, PubSubStream), String> {
    in_time(async {
        let (mut sink, stream) = address.client().get_async_pubsub().await?.split();
        sink.subscribe(CHANNEL).await?;
        Ok((sink, stream))
    })
    .await
}

async fn pass_on(mut stream: PubSubStream, instance: &str, listener: &dyn Listener) {
    while let Some(message) = stream.next().await {
        let payload = message.get_payload_bytes();
        let notice = (payload.len() <= NOTICE_BYTES).then(|| serde_json::from_slice::<Notice>(payload).ok()).flatten();
        match notice {
            Some(Notice { from, .. }) if from == instance => {}
            Some(Notice { site, doctype, docname, .. }) => {
                listener.changed(&Document { site, doctype, name: docname });
            }
            None => debug!("A notice of viewers was skipped: it is none of frappe-live's."),
        }
    }
}

async fn keep_asking(mut sink: PubSubSink) -> String {
    loop {
        sleep(HEARTBEAT).await;
        if let Err(lost) = in_time(sink.ping::<redis::Value>()).await {
            return lost;
        }
    }
}

async fn in_time<T>(attempt: impl Future<Output = Result<T, RedisError>>) -> Result<T, String> {
    match timeout(PATIENCE, attempt).await {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {} seconds", PATIENCE.as_secs())),
    }
}
