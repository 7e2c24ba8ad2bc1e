//! How often one somebody may try something.

use std::hash::{BuildHasher, Hash, RandomState};
use std::num::NonZeroU32;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Keys that are kept before those are forgotten that have rested.
const KEYS: usize = 10_000;

/// Too soon: wait a little.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooOften;

/// Counts tries of each key. Of the key only a hash is kept.
pub(super) struct Throttle {
    hasher: RandomState,
    tries: DefaultKeyedRateLimiter<u64>,
}

impl Throttle {
    /// Lets each key try so often in a minute, all at once too.
    pub(super) fn a_minute(tries: NonZeroU32) -> Self {
        Self { hasher: RandomState::new(), tries: RateLimiter::keyed(Quota::per_minute(tries)) }
    }

    /// Counts a try.
    pub(super) fn check(&self, key: impl Hash) -> Result<(), TooOften> {
        if self.tries.len() > KEYS {
            self.tries.retain_recent();
        }
        self.tries.check_key(&self.hasher.hash_one(key)).map_err(|_| TooOften)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::{Throttle, TooOften};

    #[test]
    fn each_key_has_its_own_tries() {
        let throttle = Throttle::a_minute(NonZeroU32::new(3).expect("three"));
        let tries: Vec<_> = (0..4).map(|_| throttle.check("jane")).collect();
        assert_eq!(tries, [Ok(()), Ok(()), Ok(()), Err(TooOften)]);
        assert_eq!(throttle.check("ravi"), Ok(()));
    }
}
