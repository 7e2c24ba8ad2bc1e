//! How fast a page may ask: one connection, or all polls of one user.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use realtime::host::{UserType, Viewer};

use super::SessionLimits;

/// Users and addresses that are remembered; beyond them those that have rested longest are forgotten.
const REMEMBERED: u64 = 100_000;
/// Longer than the second that the limits are about.
const REST: Duration = Duration::from_secs(10);

/// Counts what is asked.
pub struct Paces {
    pub(super) joins: DefaultDirectRateLimiter,
    pub(super) emits: DefaultDirectRateLimiter,
}

impl Paces {
    /// Nothing was asked yet.
    #[must_use]
    pub fn new(limits: &SessionLimits) -> Self {
        Self {
            joins: RateLimiter::direct(Quota::per_second(limits.joins_per_second)),
            emits: RateLimiter::direct(Quota::per_second(limits.emits_per_second)),
        }
    }
}

/// The paces of those who poll: a poll is short, and its limits must not begin anew with the next.
pub struct PollPaces {
    limits: SessionLimits,
    hasher: RandomState,
    paces: Cache<u64, Arc<Paces>>,
}

impl PollPaces {
    /// Nobody polled yet.
    #[must_use]
    pub fn new(limits: SessionLimits) -> Self {
        let kept = Cache::builder().max_capacity(REMEMBERED).time_to_idle(REST).eviction_policy(EvictionPolicy::lru());
        Self { limits, hasher: RandomState::new(), paces: kept.build() }
    }

    /// The paces of a user, or of the guests at an address.
    #[must_use]
    pub fn of(&self, viewer: &Viewer, address: IpAddr) -> Arc<Paces> {
        let address = (viewer.user_type == UserType::Guest).then_some(address);
        let key = self.hasher.hash_one((&viewer.site, &viewer.user, address));
        self.paces.get_with(key, || Arc::new(Paces::new(&self.limits)))
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::num::NonZeroU32;

    use realtime::host::{UserType, Viewer};

    use super::{PollPaces, SessionLimits};

    #[test]
    fn a_user_has_one_pace_and_guests_have_that_of_their_address() {
        let limits = SessionLimits { joins_per_second: NonZeroU32::MIN, ..SessionLimits::WIDE };
        let paces = PollPaces::new(limits);
        let viewer =
            |user: &str, user_type| Viewer { site: "s".into(), user: user.into(), full_name: user.into(), user_type };
        let (here, there): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let may = |viewer: &Viewer, address| paces.of(viewer, address).joins.check().is_ok();
        let (jane, guest) = (viewer("jane", UserType::WebsiteUser), viewer("Guest", UserType::Guest));
        assert_eq!((may(&jane, here), may(&jane, there)), (true, false));
        assert!(may(&viewer("ravi", UserType::WebsiteUser), here));
        assert_eq!((may(&guest, here), may(&guest, here), may(&guest, there)), (true, false, true));
    }
}
