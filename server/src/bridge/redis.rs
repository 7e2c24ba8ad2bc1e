//! The bridge to real Redis: subscribes to Frappe's channel and to the servers' own, for ever.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::Bytes;
use futures_util::StreamExt;
use redis::RedisError;
use redis::aio::{MultiplexedConnection, PubSubSink, PubSubStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::own_channel::{Mark, Note, Numbering, OWN_CHANNEL};
use super::{Arrival, BridgeId, BridgeState, BridgeStatus};
use crate::engine::new_epoch;
use crate::publish::CHANNEL;
use crate::redis_address::RedisAddress;

/// How long Redis may take to be reached and to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long Redis may take to say who it is, and to take a mark.
const PATIENCE_FOR_A_MARK: Duration = Duration::from_secs(1);
/// A line without traffic is asked after so long, and given up when it does not answer: one that is half open
/// never would. Together less than the 10 seconds within which pages are to know.
const HEARTBEAT: Duration = Duration::from_secs(5);
const PATIENCE_FOR_A_PING: Duration = Duration::from_secs(4);
/// The waits between tries grow from the first to the last.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LAST_WAIT: Duration = Duration::from_secs(3);
/// A line that stood so long is well: after it the waits begin anew.
const STEADY: Duration = Duration::from_secs(10);

/// What a bridge has to do with the servers' own channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnChannel {
    /// Nothing: another bridge hears it.
    Ignored,
    /// It is heard. There are other bridges beside this one, so that no two servers have the same order of events.
    Heard,
    /// It is heard, and numbers are agreed upon with others whose default site is this one.
    Agreed {
        /// The site.
        default_site: String,
    },
}

/// One Redis, and what it is to this server.
#[derive(Debug)]
pub struct Bridge {
    /// Names it within the process.
    pub id: BridgeId,
    /// Where it is.
    pub address: RedisAddress,
    /// What it has to do with the own channel.
    pub own_channel: OwnChannel,
}

/// A subscription, and the line on which the servers of one Redis find each other.
struct Subscription {
    sink: PubSubSink,
    stream: PubSubStream,
    asking: Option<(MultiplexedConnection, Mark)>,
}

/// Subscribes and passes on what comes, until nobody takes it any more. A Redis that is away is tried again and
/// again; what it published meanwhile is lost, which is reported.
pub async fn run(bridge: Bridge, arrivals: mpsc::Sender<Arrival>, status: Arc<BridgeStatus>) {
    let address = &bridge.address;
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
        let lost = match subscribe(&bridge).await {
            Ok(subscription) => {
                let mark = subscription.asking.as_ref().map(|(_, mark)| mark.clone());
                // After the subscription: who fetches anew because of it misses nothing more.
                if arrivals.send(Arrival::Subscribed { bridge: bridge.id, mark }).await.is_err() {
                    return;
                }
                info!(redis = %address, "Subscribed to the channel {CHANNEL}.");
                status.set(BridgeState::Subscribed);
                let subscribed = Instant::now();
                let Some(lost) = listen(subscription, &arrivals).await else { return };
                // One that takes connections and drops them must not be asked ten times a second.
                if subscribed.elapsed() >= STEADY {
                    waits = new_waits();
                }
                if arrivals.send(Arrival::Lost { bridge: bridge.id }).await.is_err() {
                    return;
                }
                lost
            }
            Err(lost) => lost,
        };
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

async fn subscribe(bridge: &Bridge) -> Result<Subscription, String> {
    let attempt = async {
        // First the line for the mark: then the Redis that says who it is is the one that gets it.
        let asking = match &bridge.own_channel {
            OwnChannel::Agreed { default_site } => ask_who_it_is(&bridge.address, default_site).await?,
            OwnChannel::Heard | OwnChannel::Ignored => None,
        };
        let in_words = |error: RedisError| error.to_string();
        let (mut sink, stream) = bridge.address.client().get_async_pubsub().await.map_err(in_words)?.split();
        sink.subscribe(CHANNEL).await.map_err(in_words)?;
        if bridge.own_channel == OwnChannel::Ignored {
            return Ok(Subscription { sink, stream, asking });
        }
        match sink.subscribe(OWN_CHANNEL).await {
            Ok(()) => Ok(Subscription { sink, stream, asking }),
            // Redis's own no, in words: an access list names the channels.
            Err(error) if error.code().is_some() => {
                warn!(
                    redis = %bridge.address,
                    "Other servers are not heard: Redis refused the channel {OWN_CHANNEL} ({error}); allow it to this user."
                );
                Ok(Subscription { sink, stream, asking: None })
            }
            Err(error) => Err(in_words(error)),
        }
    };
    match timeout(PATIENCE, attempt).await {
        Ok(subscribed) => subscribed,
        Err(_) => Err(format!("no answer within {} seconds", PATIENCE.as_secs())),
    }
}

/// A line, and a new mark for it. `None` where this Redis does not want to say who it is, or is none that gives all
/// subscribers one order: then this server numbers by itself.
///
/// # Errors
/// One that does not answer now. To number alone for that would leave all servers apart that come back to a Redis
/// which was only slow.
async fn ask_who_it_is(
    address: &RedisAddress,
    default_site: &str,
) -> Result<Option<(MultiplexedConnection, Mark)>, String> {
    let mut line = address.connect(PATIENCE_FOR_A_MARK).await?;
    let asked: Result<String, RedisError> = redis::cmd("INFO").arg("server").query_async(&mut line).await;
    let info = match asked {
        Ok(info) => info,
        // Redis's own no, in words.
        Err(error) if error.code().is_some() => {
            warn!(redis = %address, "Positions count on this server only: Redis refused INFO ({error}).");
            return Ok(None);
        }
        Err(error) => return Err(error.to_string()),
    };
    let numbering = run_id_of_one_that_orders(&info).map(|run_id| Numbering::new(run_id, default_site));
    Ok(numbering.map(|numbering| (line, Mark { id: new_epoch(), numbering })))
}

/// The `run_id` in what `INFO server` says, where one process executes every PUBLISH. Subscribers of a cluster,
/// or of a server with many threads, do not all see one order.
fn run_id_of_one_that_orders(info: &str) -> Option<&str> {
    let value = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
    let orders = value("redis_mode") != Some("cluster") && value("dragonfly_version").is_none();
    value("run_id").filter(|run_id| orders && !run_id.is_empty())
}

/// Passes on what comes. Returns why the line was lost; `None` when nobody listens any more.
async fn listen(subscription: Subscription, arrivals: &mpsc::Sender<Arrival>) -> Option<String> {
    let Subscription { sink, mut stream, asking } = subscription;
    let pass_on = async {
        while let Some(message) = stream.next().await {
            let payload = Bytes::copy_from_slice(message.get_payload_bytes());
            let is_own = message.get_channel_name() == OWN_CHANNEL;
            let arrival = if is_own { Arrival::OwnChannel(payload) } else { Arrival::Payload(payload) };
            arrivals.send(arrival).await.ok()?;
        }
        Some("Redis closed the connection".to_owned())
    };
    let keep_asking = async {
        if let Some((line, mark)) = asking
            && let Some(alone) = publish_mark(line, mark).await
        {
            // When nobody listens any more, the other branch ends.
            let _ = arrivals.send(alone).await;
        }
        keep_asking(sink).await
    };
    tokio::select! {
        lost = pass_on => lost,
        lost = keep_asking => Some(lost),
    }
}

/// Publishes the mark. Returns what to report when there is nobody to answer.
async fn publish_mark(mut line: MultiplexedConnection, mark: Mark) -> Option<Arrival> {
    let id = mark.id.clone();
    let receivers = match Note::Mark(mark).encode() {
        Some(note) => redis::cmd("PUBLISH").arg(OWN_CHANNEL).arg(note).query_async::<i64>(&mut line).await.unwrap_or(0),
        None => 0,
    };
    // One is this server itself.
    (receivers <= 1).then_some(Arrival::Alone { mark: id })
}

async fn keep_asking(mut sink: PubSubSink) -> String {
    loop {
        sleep(HEARTBEAT).await;
        match timeout(PATIENCE_FOR_A_PING, sink.ping::<redis::Value>()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return error.to_string(),
            Err(_) => return format!("a ping had no answer within {} seconds", PATIENCE_FOR_A_PING.as_secs()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::run_id_of_one_that_orders;

    #[test]
    fn only_a_single_process_gives_one_order() {
        let info = "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\nrun_id:4b1f\r\ntcp_port:6379\r\n";
        assert_eq!(run_id_of_one_that_orders(info), Some("4b1f"));
        assert_eq!(run_id_of_one_that_orders(&info.replace("standalone", "cluster")), None);
        assert_eq!(run_id_of_one_that_orders(&format!("{info}dragonfly_version:df-v1.2\r\n")), None);
        assert_eq!(run_id_of_one_that_orders("run_id:\r\n"), None);
        assert_eq!(run_id_of_one_that_orders("nothing"), None);
    }
}
