//! What Frappe 16 wants to hear from a realtime server (PR #36778): the Redis key `socketio_auth_secret`
//! of the bench, which Frappe writes when it is first asked.

use std::fmt;
use std::time::Duration;

use redis::AsyncConnectionConfig;
use reqwest::header::HeaderValue;
use tokio::sync::Mutex;
use tokio::time::timeout;
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
    known: Mutex<Option<HeaderValue>>,
}

impl SocketSecret {
    /// A secret to be looked for on these servers.
    pub(super) fn new(redis: Vec<RedisAddress>) -> Self {
        Self { redis, known: Mutex::default() }
    }

    /// The secret, if it has been read.
    pub(super) async fn known(&self) -> Option<HeaderValue> {
        self.known.lock().await.clone()
    }

    /// Reads the secret because Frappe did not take `refused`. When somebody else has read another one
    /// meanwhile, that is it: many who are refused at once read it once.
    pub(super) async fn read_instead_of(&self, refused: Option<&HeaderValue>) -> Option<HeaderValue> {
        let mut known = self.known.lock().await;
        if known.is_some() && known.as_ref() != refused {
            return known.clone();
        }
        for redis in &self.redis {
            match read(redis).await {
                Ok(Some(secret)) => {
                    *known = Some(secret);
                    return known.clone();
                }
                Ok(None) => {}
                Err(problem) => warn!(%redis, "Frappe's socket secret could not be read: {problem}."),
            }
        }
        None
    }
}

async fn read(address: &RedisAddress) -> Result<Option<HeaderValue>, String> {
    let client = address.client();
    let config =
        AsyncConnectionConfig::new().set_connection_timeout(Some(PATIENCE)).set_response_timeout(Some(PATIENCE));
    let reading = async {
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        redis::cmd("GET").arg(KEY).query_async::<Option<String>>(&mut connection).await
    };
    let secret = timeout(PATIENCE, reading).await.map_err(|_| format!("no answer within {PATIENCE:?}"))?;
    let secret = secret.map_err(|error| error.to_string())?;
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
