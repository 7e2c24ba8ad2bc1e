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
    logged: HashSet<(&'static str, String, String)>,
}

/// Kinds of trouble that are told apart in the log; past that they are counted only.
const MOST_LOGGED: usize = 1000;

impl Counters {
    pub(super) fn accept(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn skip(&self, skip: &Skip) {
        let (word, site, event) = match skip {
            Skip::Unreadable(skipped) => (
                skipped.reason.word(),
                skipped.site.clone().unwrap_or_default(),
                skipped.event.clone().unwrap_or_default(),
            ),
            Skip::UnknownSite { site, event } => ("unknown_site", site.clone(), event.clone()),
        };
        let is_new = {
            let mut skips = self.skipped.lock().unwrap_or_else(PoisonError::into_inner);
            *skips.counts.entry(word).or_default() += 1;
            skips.logged.len() < MOST_LOGGED && skips.logged.insert((word, site.clone(), event.clone()))
        };
        if !is_new {
            return;
        }
        match skip {
            Skip::Unreadable(skipped) => {
                warn!(%site, %event, reason = word, "Skipped an event: {}", skipped.reason);
            }
            Skip::UnknownSite { .. } => warn!(
                %site,
                %event,
                reason = word,
                "Skipped an event of a site that this server does not have; to serve it, add --site {site}."
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
