//! How much one user says to everybody on a site, over all their connections.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use realtime::host::Viewer;

/// How often those are forgotten who have said nothing lately.
const SWEEP: Duration = Duration::from_secs(10);

/// Bounds what users say to rooms that hold everybody.
pub struct Voices {
    limiter: DefaultKeyedRateLimiter<(String, String)>,
    swept: Mutex<Instant>,
}

impl Voices {
    /// Lets each user say so much in a second.
    #[must_use]
    pub fn new(emits_per_second: NonZeroU32) -> Self {
        let limiter = RateLimiter::keyed(Quota::per_second(emits_per_second));
        Self { limiter, swept: Mutex::new(Instant::now()) }
    }

    /// Counts one more word of a user's. `false` when it is one too many.
    pub(super) fn may_speak(&self, viewer: &Viewer) -> bool {
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if swept.elapsed() > SWEEP {
            *swept = Instant::now();
            self.limiter.retain_recent();
        }
        drop(swept);
        self.limiter.check_key(&(viewer.site.clone(), viewer.user.clone())).is_ok()
    }
}
