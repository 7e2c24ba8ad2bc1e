//! The ledger in Redis, for servers beside one bench.
//!
//! A document has two keys: a sorted set of its pages by when they end (Redis' own time), and a hash of what is
//! said of each. One script changes both, drops what has ended, tells the other servers on a channel of our own
//! when a list may have changed, and returns what is there. Both keys end with their last page.

mod notices;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use redis::aio::MultiplexedConnection;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

use self::notices::Notice;
use super::ledger::{Entry, Ledger, Listener, PageId, Said, Update};
use super::list::{Document, Looker};
use crate::redis_address::RedisAddress;

/// How long Redis may take to be reached, and then to answer: pages wait for it.
const PATIENCE: Duration = Duration::from_secs(2);
/// Pages of one document that are read. What is in Redis may be anybody's.
const MOST_PAGES: usize = 2_000;
/// The longest texts that are taken from Redis, in bytes: names in Frappe have 140 characters.
const TEXT_BYTES: usize = 600;
const DETAILS_BYTES: usize = 4_000;

const SCRIPT: &str = include_str!("redis/exchange.lua");

/// See the module.
pub struct RedisLedger {
    address: RedisAddress,
    instance: String,
    line: Mutex<Option<Line>>,
    _notices: AbortOnDropHandle<()>,
}

struct Line {
    connection: MultiplexedConnection,
    /// The script's name in this Redis.
    script: String,
}

/// What is said of a page. It follows the server's name and a space.
#[derive(Serialize, Deserialize)]
struct Details {
    user: String,
    name: String,
    away: bool,
    lingers: bool,
}

impl RedisLedger {
    /// The ledger of the server `instance`, which hears through `listener` what others say. Must be made inside a
    /// Tokio runtime.
    #[must_use]
    pub fn new(address: RedisAddress, instance: &str, listener: Arc<dyn Listener>) -> Self {
        let hearing = tokio::spawn(notices::hear(address.clone(), instance.to_owned(), listener));
        let (line, instance) = (Mutex::new(None), instance.to_owned());
        Self { address, instance, line, _notices: AbortOnDropHandle::new(hearing) }
    }

    async fn ask(&self, updates: &[Update]) -> Result<Vec<Vec<Entry>>, String> {
        let mut kept = self.line.lock().await;
        // Taken out, so that a line that fails, or is given up in the middle, is not used again.
        let mut line = match kept.take() {
            Some(line) => line,
            None => self.connect().await?,
        };
        let mut pipeline = redis::pipe();
        for update in updates {
            self.add(&mut pipeline, &line.script, update)?;
        }
        let found: Vec<Vec<(String, i64, Vec<u8>)>> =
            pipeline.query_async(&mut line.connection).await.map_err(|error| error.to_string())?;
        *kept = Some(line);
        let entries = found.into_iter().map(|pages| pages.into_iter().filter_map(entry).collect());
        Ok(entries.collect())
    }

    async fn connect(&self) -> Result<Line, String> {
        let mut connection = self.address.connect(PATIENCE).await?;
        let mut load = redis::cmd("SCRIPT");
        load.arg("LOAD").arg(SCRIPT);
        let script = load.query_async(&mut connection).await.map_err(|error| error.to_string())?;
        Ok(Line { connection, script })
    }

    fn add(&self, pipeline: &mut redis::Pipeline, script: &str, update: &Update) -> Result<(), String> {
        let Document { site, doctype, name } = &*update.document;
        // No site's name holds a `:`, no doctype a `/`: no two documents share a key.
        let key = |what: &str| format!("frappe_live:viewers:{what}:{site}:{doctype}/{name}");
        let notice = Notice::new(&self.instance, &update.document).encode();
        let command = pipeline.cmd("EVALSHA").arg(script).arg(2).arg(key("until")).arg(key("pages"));
        command.arg(format!("{} ", self.instance)).arg(notices::CHANNEL).arg(notice).arg(MOST_PAGES);
        for (page, said) in &update.pages {
            let (word, looker, life) = match said {
                Said::Here(looker, life) => ("here", Some((looker, false)), *life),
                Said::Lingers(looker, life) => ("lingers", Some((looker, true)), *life),
                Said::Gone => ("gone", None, Duration::ZERO),
            };
            let details = looker.map(|(looker, lingers)| self.details(looker, lingers)).transpose()?;
            let life = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
            command.arg(page.as_str()).arg(word).arg(life).arg(details.unwrap_or_default());
        }
        Ok(())
    }

    fn details(&self, looker: &Looker, lingers: bool) -> Result<String, String> {
        let Looker { user, name, away } = looker.clone();
        let details =
            serde_json::to_string(&Details { user, name, away, lingers }).map_err(|error| error.to_string())?;
        Ok(format!("{} {details}", self.instance))
    }
}

impl Ledger for RedisLedger {
    fn exchange<'a>(&'a self, updates: &'a [Update]) -> BoxFuture<'a, Result<Vec<Vec<Entry>>, String>> {
        Box::pin(self.ask(updates))
    }
}

/// A page as it stands in Redis; nothing where that cannot be read.
fn entry((page, remaining, details): (String, i64, Vec<u8>)) -> Option<Entry> {
    let read = || {
        let details = std::str::from_utf8(&details).ok().filter(|text| text.len() <= DETAILS_BYTES)?;
        let (instance, details) = details.split_once(' ')?;
        let Details { user, name, away, lingers } = serde_json::from_str(details).ok()?;
        let fits = [&page, &user, &name].into_iter().all(|text| text.len() <= TEXT_BYTES) && instance.len() <= 64;
        let remaining = Duration::from_millis(u64::try_from(remaining).ok()?);
        fits.then(|| Entry {
            page: PageId::read(&page),
            instance: instance.to_owned(),
            looker: Looker { user, name, away },
            lingers,
            remaining,
        })
    };
    let entry = read();
    if entry.is_none() {
        debug!("A viewer in Redis was skipped: it is none of frappe-live's.");
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::entry;

    #[test]
    fn what_others_wrote_is_no_viewer() {
        let good = r#"i {"user":"jane","name":"Jane","away":true,"lingers":false}"#;
        let found = entry(("p".into(), 5, good.into())).expect("a viewer");
        assert_eq!((found.instance.as_str(), found.looker.away, found.remaining.as_millis()), ("i", true, 5));
        let long = good.replace("Jane", &"x".repeat(700));
        for (page, remaining, details) in [
            ("p", 5, ""),
            ("p", 5, "i"),
            ("p", 5, "i {}"),
            ("p", 5, "i null"),
            ("p", -1, good),
            ("p", 5, &long),
            (&"p".repeat(700), 5, good),
            ("p", 5, &format!("{}{good}", "i".repeat(100))),
        ] {
            assert_eq!(entry((page.into(), remaining, details.into())), None, "{details}");
        }
        assert_eq!(entry(("p".into(), 5, vec![0xff, b' '])), None);
    }
}
