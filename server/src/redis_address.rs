//! Addresses of Redis servers: checked when they are read, shown without their secrets.

use std::fmt;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client};
use tokio::time::timeout;
use url::Url;

/// The address of a Redis server that can be connected to. Shown and logged without credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisAddress {
    url: String,
}

/// Why a text is no address of a Redis server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{shown} is no address of Redis ({problem}); give one like redis://127.0.0.1:11000")]
pub struct RedisAddressError {
    shown: String,
    problem: String,
}

impl RedisAddress {
    /// Understands `redis://[user:password@]host[:port][/db]` and `unix:///path[?pass=…]`.
    ///
    /// # Errors
    /// Text that is no such address; the error holds none of its secrets.
    pub fn parse(url: &str) -> Result<Self, RedisAddressError> {
        match Client::open(url) {
            Ok(_) => Ok(Self { url: url.to_owned() }),
            Err(error) => Err(RedisAddressError { shown: without_credentials(url), problem: error.to_string() }),
        }
    }

    /// A client of it; it connects when it is used.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::open(self.url.as_str()).expect("the address was checked when it was read")
    }
}

impl RedisAddress {
    /// A line to it for commands. Reaching it, and then each answer, may take so long.
    ///
    /// # Errors
    /// What the attempt ended with.
    pub async fn connect(&self, patience: Duration) -> Result<MultiplexedConnection, String> {
        let client = self.client();
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(patience)).set_response_timeout(Some(patience));
        // The timeout stands around the whole attempt, the look-up of the host's name too.
        match timeout(patience, client.get_multiplexed_async_connection_with_config(&config)).await {
            Ok(connected) => connected.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} seconds", patience.as_secs())),
        }
    }
}

impl fmt::Display for RedisAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&without_credentials(&self.url))
    }
}

impl fmt::Debug for RedisAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RedisAddress({self})")
    }
}

/// An address fit for a log: the password may stand before the host (`redis://:secret@host`) or, for a
/// Unix socket, in the query (`unix:///run/redis.sock?pass=secret`).
fn without_credentials(redis_url: &str) -> String {
    let Ok(mut url) = Url::parse(redis_url) else {
        return "(not a URL)".to_owned();
    };
    // Both fail for a URL without a host, which holds no credentials there.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::{RedisAddress, without_credentials};

    #[test]
    fn an_address_is_shown_without_its_credentials() {
        for (url, shown) in [
            ("redis://127.0.0.1:11000", "redis://127.0.0.1:11000"),
            ("redis://:secret@127.0.0.1:11000/1", "redis://127.0.0.1:11000/1"),
            ("redis://frappe:secret@redis-queue:6379", "redis://redis-queue:6379"),
            ("rediss://h/0?protocol=resp3#insecure", "rediss://h/0"),
            ("unix:///run/redis.sock?pass=secret", "unix:///run/redis.sock"),
            ("127.0.0.1 secret", "(not a URL)"),
        ] {
            assert_eq!(without_credentials(url), shown);
        }
    }

    #[test]
    fn a_text_that_is_no_address_is_refused_without_its_password() {
        for url in ["http://user:secret@h:1", "127.0.0.1:11000/secret", "redis://:secret@h:1/nodb", "redis://:secret@"]
        {
            let error = RedisAddress::parse(url).expect_err(url).to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        let address = RedisAddress::parse("redis://:secret@h:1").expect("an address");
        assert_eq!(format!("{address} {address:?}"), "redis://h:1 RedisAddress(redis://h:1)");
    }
}
