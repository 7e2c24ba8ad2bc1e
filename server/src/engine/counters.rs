//! What came in from the bus, and what was skipped and why. A kind of trouble is logged once a site and
//! event; after that it is counted only, so that a broken publisher cannot fill the disk.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tracing::warn;

use crate::event::Skipped;

/// Why an event reached nobody.
#[derive(Debug)]
pub enum Skip {
    /// The payload could not be used.
    Unreadable(Skipped),
    /// The event is for a site that this server does not have.
    UnknownSite {
        /// The site.
        site: String,
        /// The event's name.
        event: String,
    },
}

/// Counts since the start.
#[derive(Debug, Default)]
pub struct Counters {
    accepted: AtomicU64,
    skipped: Mutex<Skips>,
}

#[derive(Debug, Default)]
struct Skips {
    counts: BTreeMap<&'static str, u64>,
    logged: BTreeMap<&'static str, HashSet<(String, String)>>,
}

/// Sites and events that are told apart in the log for each reason; past that they are counted only.
const MOST_LOGGED: usize = 1000;
/// Characters of a name that are logged and remembered.
const NAME_LOGGED: usize = 200;

impl Counters {
    pub(super) fn accept(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn skip(&self, skip: &Skip) {
        let (word, site, event) = match skip {
            Skip::Unreadable(skipped) => {
                (skipped.reason.word(), skipped.site.as_deref().unwrap_or_default(), skipped.event.as_deref())
            }
            Skip::UnknownSite { site, event } => ("unknown_site", site.as_str(), Some(event.as_str())),
        };
        let (site, event) = (beginning(site), beginning(event.unwrap_or_default()));
        let is_new = {
            let mut skips = self.skipped.lock().unwrap_or_else(PoisonError::into_inner);
            *skips.counts.entry(word).or_default() += 1;
            let logged = skips.logged.entry(word).or_default();
            logged.len() < MOST_LOGGED && logged.insert((site.to_owned(), event.to_owned()))
        };
        if !is_new {
            return;
        }
        // Whoever may publish chose these names: `?` escapes line breaks, which would forge lines of the log.
        match skip {
            Skip::Unreadable(skipped) => {
                warn!(?site, ?event, reason = word, "Skipped an event: {}", skipped.reason);
            }
            Skip::UnknownSite { .. } => warn!(
                ?site,
                ?event,
                reason = word,
                "Skipped an event of a site that this server does not have; to serve it, add --site {site:?}."
            ),
        }
    }

    /// Events that reached their site.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Events that were skipped, by reason.
    #[must_use]
    pub fn skipped(&self) -> BTreeMap<&'static str, u64> {
        self.skipped.lock().unwrap_or_else(PoisonError::into_inner).counts.clone()
    }
}

fn beginning(name: &str) -> &str {
    name.char_indices().nth(NAME_LOGGED).map_or(name, |(end, _)| &name[..end])
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::Mutex;

    use super::{Counters, NAME_LOGGED, Skip};
    use crate::event::{SkipReason, Skipped};

    fn log_of(skips: &[Skip], counters: &Counters) -> String {
        let (mut log, writer) = std::io::pipe().expect("a pipe");
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(Mutex::new(writer)).finish();
        tracing::subscriber::with_default(subscriber, || skips.iter().for_each(|skip| counters.skip(skip)));
        let mut text = String::new();
        log.read_to_string(&mut text).expect("text");
        text
    }

    #[test]
    fn a_name_with_line_breaks_forges_no_line_of_the_log() {
        let forged = "a\n2026-01-01T00:00:00Z  WARN forged\r\u{1b}[31m".to_owned();
        let skips = [
            Skip::UnknownSite { site: forged.clone(), event: forged.clone() },
            Skip::Unreadable(Skipped {
                reason: SkipReason::NoEvent,
                site: Some(forged.clone()),
                event: Some(forged.clone()),
            }),
        ];
        let log = log_of(&skips, &Counters::default());
        assert_eq!(log.lines().count(), skips.len(), "{log}");
        assert!(!log.contains(['\r', '\u{1b}']), "{log}");
    }

    #[test]
    fn a_huge_name_is_neither_logged_nor_remembered_whole() {
        let counters = Counters::default();
        let skip = |ending| Skip::UnknownSite { site: "ü".repeat(10_000) + ending, event: "e".repeat(10_000) };
        let log = log_of(&[skip("a"), skip("b")], &counters);
        assert_eq!(log.lines().count(), 1, "both begin alike");
        assert!(log.chars().count() < 4 * NAME_LOGGED, "{log}");
        let skips = counters.skipped.lock().expect("no panic");
        assert!(skips.logged.values().flatten().all(|(site, event)| site.len() + event.len() <= 3 * NAME_LOGGED));
        assert_eq!(skips.counts["unknown_site"], 2);
    }
}
