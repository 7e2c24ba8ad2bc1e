//! What Frappe 16 wants to hear from a realtime server (PR #36778): the Redis key `socketio_auth_secret`
//! of the bench, which Frappe writes when it is first asked.

use std::fmt;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use reqwest::header::HeaderValue;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tracing::warn;

use crate::redis_address::RedisAddress;

/// The header that carries it.
pub(super) const HEADER: &str = "X-Frappe-Socket-Secret";
const KEY: &str = "socketio_auth_secret";
/// How long one Redis may take to give it.
const PATIENCE: Duration = Duration::from_secs(1);

/// The secret, once it is known. Never shown or logged.
pub(super) struct SocketSecret {
    redis: Vec<RedisAddress>,
    known: RwLock<Option<HeaderValue>>,
    /// When it was last read in vain. Who reads holds it: many who are refused at once read once.
    in_vain: Mutex<Option<Instant>>,
}

impl SocketSecret {
    /// A secret to be looked for on these servers.
    pub(super) fn new(redis: Vec<RedisAddress>) -> Self {
        Self { redis, known: RwLock::default(), in_vain: Mutex::default() }
    }

    /// The secret, if it has been read.
    pub(super) fn known(&self) -> Option<HeaderValue> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the secret because Frappe did not take `refused`. When somebody else has read another one
    /// meanwhile, that is it.
    pub(super) async fn read_instead_of(&self, refused: Option<&HeaderValue>) -> Option<HeaderValue> {
        let mut in_vain = self.in_vain.lock().await;
        let known = self.known();
        if known.is_some() && known.as_ref() != refused {
            return known;
        }
        if in_vain.is_some_and(|tried| tried.elapsed() < PATIENCE) {
            return None;
        }
        for redis in &self.redis {
            match read(redis).await {
                // An old key on one Redis must not hide the right one on another.
                Ok(Some(secret)) if Some(&secret) != refused => {
                    *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(secret.clone());
                    *in_vain = None;
                    return Some(secret);
                }
                Ok(_) => {}
                Err(problem) => warn!(%redis, "Frappe's socket secret could not be read: {problem}."),
            }
        }
        *in_vain = Some(Instant::now());
        None
    }
}

async fn read(address: &RedisAddress) -> Result<Option<HeaderValue>, String> {
    let reading = async {
        let mut connection = address.connect(PATIENCE).await?;
        let secret = redis::cmd("GET").arg(KEY).query_async::<Option<String>>(&mut connection).await;
        secret.map_err(|error| error.to_string())
    };
    let secret = timeout(PATIENCE, reading).await.map_err(|_| format!("no answer within {PATIENCE:?}"))??;
    let mut secret = secret.map(|secret| HeaderValue::from_str(&secret)).transpose().map_err(|_| "it is no text")?;
    if let Some(secret) = &mut secret {
        secret.set_sensitive(true);
    }
    Ok(secret)
}

impl fmt::Debug for SocketSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SocketSecret").field("redis", &self.redis).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::future::join_all;
    use tokio::net::TcpListener;
    use tokio::time::{Instant, timeout};

    use super::SocketSecret;
    use crate::redis_address::RedisAddress;

    /// Each waited for the one before: the fourth page came after four seconds.
    #[tokio::test]
    async fn a_redis_that_says_nothing_is_waited_for_once() {
        let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("redis://{}", silent.local_addr().expect("bound"));
        let secret = SocketSecret::new(vec![RedisAddress::parse(&address).expect("an address")]);
        let begun = Instant::now();
        let read = join_all((0..20).map(|_| secret.read_instead_of(None)));
        let read = timeout(Duration::from_secs(20), read).await.expect("an end");
        assert!(read.iter().all(Option::is_none));
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    }
}
