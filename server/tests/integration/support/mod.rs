//! What the integration tests share: real processes, started on free ports and stopped with the test.

pub(crate) mod beside;
pub(crate) mod browser;
pub(crate) mod captures;
pub(crate) mod frappe;
pub(crate) mod page;
pub(crate) mod poller;
pub(crate) mod redis;
pub(crate) mod server;

use std::time::{Duration, Instant};

/// How long anything may take before a test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Looks again and again until `look` finds something. Fails with `what` when the time is up.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
