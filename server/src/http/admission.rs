//! How many connections one user and one address may have.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use realtime::host::{UserType, Viewer};

/// Counts open connections.
#[derive(Debug)]
pub(super) struct Admissions {
    per_user: usize,
    per_address: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    users: HashMap<(String, String), usize>,
    addresses: HashMap<IpAddr, usize>,
}

/// A place that is given back when it is dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    admissions: Arc<Admissions>,
    who: Who,
}

#[derive(Debug)]
enum Who {
    User(String, String),
    Address(IpAddr),
    /// Guests share one user: they are counted by address only.
    Anybody,
}

impl Admissions {
    pub(super) fn new(per_user: usize, per_address: usize) -> Self {
        Self { per_user, per_address, counts: Mutex::default() }
    }

    /// A place for one more connection from `address`.
    pub(super) fn admit_address(self: &Arc<Self>, address: IpAddr) -> Option<Admitted> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let admitted = take(&mut counts.addresses, address, self.per_address);
        admitted.then(|| Admitted { admissions: Arc::clone(self), who: Who::Address(address) })
    }

    /// A place for one more connection of `viewer`.
    pub(super) fn admit_user(self: &Arc<Self>, viewer: &Viewer) -> Option<Admitted> {
        if viewer.user_type == UserType::Guest {
            return Some(Admitted { admissions: Arc::clone(self), who: Who::Anybody });
        }
        let (site, user) = (viewer.site.clone(), viewer.user.clone());
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let admitted = take(&mut counts.users, (site.clone(), user.clone()), self.per_user);
        admitted.then(|| Admitted { admissions: Arc::clone(self), who: Who::User(site, user) })
    }
}

fn take<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: K, most: usize) -> bool {
    let count = counts.entry(key).or_default();
    let is_free = *count < most;
    *count += usize::from(is_free);
    is_free
}

fn give_back<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut counts = self.admissions.counts.lock().unwrap_or_else(PoisonError::into_inner);
        match &self.who {
            Who::User(site, user) => give_back(&mut counts.users, &(site.clone(), user.clone())),
            Who::Address(address) => give_back(&mut counts.addresses, address),
            Who::Anybody => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;

    use realtime::host::{UserType, Viewer};

    use super::Admissions;

    fn viewer(user_type: UserType) -> Viewer {
        Viewer { site: "s".into(), user: "u".into(), full_name: "U".into(), user_type }
    }

    #[test]
    fn places_are_bounded_and_given_back() {
        let admissions = Arc::new(Admissions::new(2, 1));
        let address: IpAddr = "127.0.0.1".parse().expect("an address");
        let place = admissions.admit_address(address).expect("the first");
        assert!(admissions.admit_address(address).is_none());
        drop(place);
        assert!(admissions.admit_address(address).is_some());
        let places = [(); 2].map(|()| admissions.admit_user(&viewer(UserType::SystemUser)).expect("two"));
        assert!(admissions.admit_user(&viewer(UserType::SystemUser)).is_none());
        drop(places);
        let counts = admissions.counts.lock().expect("no panic");
        assert!(counts.users.is_empty() && counts.addresses.is_empty());
    }

    #[test]
    fn guests_are_not_one_user() {
        let admissions = Arc::new(Admissions::new(1, 1));
        let _first = admissions.admit_user(&viewer(UserType::Guest)).expect("a guest");
        assert!(admissions.admit_user(&viewer(UserType::Guest)).is_some());
    }
}
