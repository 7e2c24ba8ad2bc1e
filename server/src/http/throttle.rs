//! How often one somebody may try something.

use std::hash::{BuildHasher, Hash, RandomState};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

/// Keys that are remembered; beyond them the ones that have rested longest are forgotten.
const KEYS: u64 = 100_000;
/// Who has rested for so long may try again as often as anybody.
const REST: Duration = Duration::from_mins(1);

/// Too soon: wait a little.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooOften;

/// Counts tries of each key. Of the key only a hash is kept.
pub(super) struct Throttle {
    hasher: RandomState,
    quota: Quota,
    tries: Cache<u64, Arc<DefaultDirectRateLimiter>>,
}

impl Throttle {
    /// Lets each key try so often in a minute, all at once too.
    pub(super) fn a_minute(tries: NonZeroU32) -> Self {
        Self::remembering(KEYS, tries)
    }

    fn remembering(keys: u64, tries: NonZeroU32) -> Self {
        // Least recently used: the usual policy may turn away the new key, whose tries would not be counted.
        let kept = Cache::builder().max_capacity(keys).time_to_idle(REST).eviction_policy(EvictionPolicy::lru());
        Self { hasher: RandomState::new(), quota: Quota::per_minute(tries), tries: kept.build() }
    }

    /// Counts a try.
    pub(super) fn check(&self, key: impl Hash) -> Result<(), TooOften> {
        let fresh = || Arc::new(RateLimiter::direct(self.quota));
        self.tries.get_with(self.hasher.hash_one(key), fresh).check().map_err(|_| TooOften)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::{Throttle, TooOften};

    const THREE: NonZeroU32 = NonZeroU32::new(3).expect("not zero");

    #[test]
    fn each_key_has_its_own_tries() {
        let throttle = Throttle::a_minute(THREE);
        let tries: Vec<_> = (0..4).map(|_| throttle.check("jane")).collect();
        assert_eq!(tries, [Ok(()), Ok(()), Ok(()), Err(TooOften)]);
        assert_eq!(throttle.check("ravi"), Ok(()));
    }

    /// Fresh keys were kept without a bound, and beyond 10,000 each try looked at all of them.
    #[test]
    fn a_flood_of_fresh_keys_takes_no_more_room_and_hides_no_key() {
        let throttle = Throttle::remembering(100, THREE);
        for key in 0..1000 {
            assert_eq!(throttle.check(key), Ok(()));
        }
        let tries = (0..4).map(|_| {
            throttle.tries.run_pending_tasks();
            throttle.check("jane")
        });
        assert_eq!(tries.collect::<Vec<_>>(), [Ok(()), Ok(()), Ok(()), Err(TooOften)], "the newest is counted");
        assert!(throttle.tries.entry_count() <= 100, "{}", throttle.tries.entry_count());
    }
}
