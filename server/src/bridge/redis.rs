//! The bridge to real Redis: subscribes to channel `events`, for ever.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::Bytes;
use futures_util::StreamExt;
use redis::RedisError;
use redis::aio::{PubSubSink, PubSubStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::{Arrival, BridgeState, BridgeStatus};
use crate::publish::CHANNEL;
use crate::redis_address::RedisAddress;

/// How long Redis may take to be reached and to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// A line without traffic is asked after so long: one that is half open answers nothing.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// The waits between tries grow from the first to the last.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LAST_WAIT: Duration = Duration::from_secs(3);
/// A line that stood so long is well: after it the waits begin anew.
const STEADY: Duration = Duration::from_secs(10);

/// Subscribes to `events` and passes on what comes, until nobody takes it any more. A Redis that is away
/// is tried again and again; what it published meanwhile is lost, which is reported.
pub async fn run(address: RedisAddress, arrivals: mpsc::Sender<Arrival>, status: Arc<BridgeStatus>) {
    let new_waits = || {
        ExponentialBuilder::new()
            .with_min_delay(FIRST_WAIT)
            .with_max_delay(LAST_WAIT)
            .with_jitter()
            .without_max_times()
            .build()
    };
    let mut waits = new_waits();
    let mut is_first_try = true;
    loop {
        let lost = match subscribe(&address).await {
            Ok((sink, stream)) => {
                // After the subscription: who fetches anew because of it misses nothing more.
                if !is_first_try && arrivals.send(Arrival::Interrupted).await.is_err() {
                    return;
                }
                info!(redis = %address, "Subscribed to the channel {CHANNEL}.");
                status.set(BridgeState::Subscribed);
                let subscribed = Instant::now();
                let Some(lost) = listen(sink, stream, &arrivals).await else { return };
                // One that takes connections and drops them must not be asked ten times a second.
                if subscribed.elapsed() >= STEADY {
                    waits = new_waits();
                }
                lost
            }
            Err(lost) => lost,
        };
        is_first_try = false;
        if arrivals.is_closed() {
            return;
        }
        let lost = BridgeState::Lost(lost);
        if status.state() != lost {
            status.set(lost);
            warn!(redis = %address, "No events from Redis: {status}. Trying again until it is back.");
        }
        sleep(waits.next().unwrap_or(LAST_WAIT)).await;
    }
}

async fn subscribe(address: &RedisAddress) -> Result<(PubSubSink, PubSubStream), String> {
    let attempt = async {
        let (mut sink, stream) = address.client().get_async_pubsub().await?.split();
        sink.subscribe(CHANNEL).await?;
        Ok::<_, RedisError>((sink, stream))
    };
    match timeout(PATIENCE, attempt).await {
        Ok(Ok(subscribed)) => Ok(subscribed),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} seconds", PATIENCE.as_secs())),
    }
}

/// Passes on what comes. Returns why the line was lost; `None` when nobody listens any more.
async fn listen(sink: PubSubSink, mut stream: PubSubStream, arrivals: &mpsc::Sender<Arrival>) -> Option<String> {
    let pass_on = async {
        while let Some(message) = stream.next().await {
            let payload = Bytes::copy_from_slice(message.get_payload_bytes());
            arrivals.send(Arrival::Payload(payload)).await.ok()?;
        }
        Some("Redis closed the connection".to_owned())
    };
    tokio::select! {
        lost = pass_on => lost,
        lost = keep_asking(sink) => Some(lost),
    }
}

async fn keep_asking(mut sink: PubSubSink) -> String {
    loop {
        sleep(HEARTBEAT).await;
        match timeout(PATIENCE, sink.ping::<redis::Value>()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return error.to_string(),
            Err(_) => return format!("a ping had no answer within {} seconds", PATIENCE.as_secs()),
        }
    }
}
