//! Sending a payload to Redis.

use std::time::Duration;

use super::{CHANNEL, PublishError};
use crate::redis_address::RedisAddress;

/// How long Redis may take to be reached, and then to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Publishes a payload and returns how many subscribers Redis handed it to.
pub async fn publish(redis: &RedisAddress, payload: &str) -> Result<i64, PublishError> {
    let unreachable = |problem| PublishError::Unreachable { address: redis.to_string(), problem };
    let mut connection = redis.connect(TIMEOUT).await.map_err(unreachable)?;
    let published = redis::cmd("PUBLISH").arg(CHANNEL).arg(payload).query_async(&mut connection).await;
    published.map_err(|error| PublishError::Refused { address: redis.to_string(), problem: error.to_string() })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::path::PathBuf;
    use std::process::{Child, Command, Stdio};
    use std::time::{Duration, Instant};

    use futures_util::StreamExt;

    use super::publish;
    use crate::publish::{CHANNEL, PublishError};
    use crate::redis_address::RedisAddress;

    /// A Redis of this test's own, on a socket in a folder of its own, with the password `secret`.
    struct Redis {
        process: Child,
        folder: PathBuf,
    }

    impl Redis {
        fn start() -> Self {
            let folder = std::env::temp_dir().join(format!("frappe-live-publish-{}", std::process::id()));
            std::fs::create_dir_all(&folder).expect("the temporary folder can be written");
            let process = Command::new("redis-server")
                .args(["--port", "0", "--save", "", "--requirepass", "secret", "--unixsocket", "redis.sock"])
                .current_dir(&folder)
                .stdout(Stdio::null())
                .spawn()
                .expect("redis-server is installed (cargo xtask test does it)");
            let redis = Self { process, folder };
            let start = Instant::now();
            while UnixStream::connect(redis.socket()).is_err() {
                assert!(start.elapsed() < Duration::from_secs(10), "redis-server listens on its socket");
                std::thread::sleep(Duration::from_millis(10));
            }
            redis
        }

        fn socket(&self) -> PathBuf {
            self.folder.join("redis.sock")
        }

        fn address(&self, password: &str) -> RedisAddress {
            let url = format!("unix://{}?pass={password}", self.socket().display());
            RedisAddress::parse(&url).expect("the address is one of Redis")
        }
    }

    impl Drop for Redis {
        fn drop(&mut self) {
            let _ = self.process.kill();
            let _ = self.process.wait();
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }

    #[tokio::test]
    async fn redis_hands_the_payload_to_its_subscribers() {
        let redis = Redis::start();
        let address = redis.address("secret");
        assert_eq!(publish(&address, "nobody listens").await, Ok(0));

        let mut subscriber = address.client().get_async_pubsub().await.expect("Redis runs");
        subscriber.subscribe(CHANNEL).await.expect("Redis takes a subscriber");
        assert_eq!(publish(&address, "{\n \"event\": \"é\"\n}").await, Ok(1));
        let message = subscriber.on_message().next().await.expect("the message arrives");
        assert_eq!(message.get_payload::<String>().as_deref(), Ok("{\n \"event\": \"é\"\n}"));

        let error = publish(&redis.address("wr0ng"), "{}").await.expect_err("the password is wrong");
        assert!(error.to_string().contains(&redis.socket().display().to_string()), "{error}");
        assert!(!error.to_string().contains("wr0ng"), "{error}");
    }

    #[tokio::test]
    async fn a_redis_that_is_away_is_named_without_its_password() {
        // A port that was just given up: nothing listens on it.
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a local port can be had")
            .port();
        let address =
            RedisAddress::parse(&format!("redis://:secret@127.0.0.1:{port}")).expect("the address is one of Redis");
        let error = publish(&address, "{}").await.expect_err("nobody listens");
        assert!(matches!(error, PublishError::Unreachable { .. }), "{error}");
        assert!(error.to_string().contains(&format!("redis://127.0.0.1:{port}")), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
