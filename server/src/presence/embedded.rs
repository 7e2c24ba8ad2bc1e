//! The ledger inside this process, for when no Redis is configured; and for servers in one process, in tests.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{BoxFuture, ready};
use tokio::time::Instant;

use super::ledger::{Entries, Entry, Ledger, Listener, Update};

/// What several servers of one process share.
#[derive(Default)]
pub struct Shared {
    entries: Mutex<Entries>,
    listeners: Mutex<Vec<(String, Arc<dyn Listener>)>>,
}

/// One server's way to it.
pub struct EmbeddedLedger {
    instance: String,
    shared: Arc<Shared>,
}

impl EmbeddedLedger {
    /// The ledger of the server `instance`, which hears through `listener` what others say.
    #[must_use]
    pub fn new(shared: Arc<Shared>, instance: &str, listener: Arc<dyn Listener>) -> Self {
        let instance = instance.to_owned();
        shared.listeners.lock().unwrap_or_else(PoisonError::into_inner).push((instance.clone(), listener));
        Self { instance, shared }
    }
}

impl Ledger for EmbeddedLedger {
    fn exchange<'a>(&'a self, updates: &'a [Update]) -> BoxFuture<'a, Result<Vec<Vec<Entry>>, String>> {
        let now = Instant::now();
        // Every change leaves the entries whole.
        let mut entries = self.shared.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let applied: Vec<_> = updates.iter().map(|update| entries.apply(now, &self.instance, update)).collect();
        drop(entries);
        let mut found = Vec::with_capacity(updates.len());
        for ((entries, is_news), update) in applied.into_iter().zip(updates) {
            found.push(entries);
            if is_news {
                let listeners = self.shared.listeners.lock().unwrap_or_else(PoisonError::into_inner);
                for (_, listener) in listeners.iter().filter(|(instance, _)| *instance != self.instance) {
                    listener.changed(&update.document);
                }
            }
        }
        Box::pin(ready(Ok(found)))
    }
}
