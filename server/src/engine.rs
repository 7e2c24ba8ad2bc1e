//! The way of an event: parsed, stamped, and on its way to every page that is in its room.
//!
//! One short lock a site makes stamping, joining and replaying one order: whoever joins gets every event
//! before or after its join exactly once. Frames are pushed under the lock and written outside it.

mod counters;
mod fairness;
mod site;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use realtime::position::Position;
use realtime::room::Room;

pub use self::counters::{Counters, Skip};
use self::site::Start;
pub use self::site::{Behind, Emitted, Join, MOST_VALUES, Reading, SiteEngine};
use crate::event::{self, Destination};
use crate::history::{History, HistoryLimits};
use crate::hub::ConnectionId;
use crate::queue::{NewestOf, Queue};

/// Queues of one round of writing between two of which other work gets its turn.
const QUEUES_A_SLICE: usize = 128;

/// The sites of this server and their events.
pub struct Engine {
    sites: HashMap<String, Arc<SiteEngine>>,
    default_site: String,
    counters: Counters,
    connections: AtomicU64,
    /// The bytes of events of all sites, and how many they may be.
    total: Arc<AtomicUsize>,
    total_bytes: usize,
    /// Whether what is published is heard.
    source_connected: AtomicBool,
    others: Arc<OnceLock<Arc<dyn OtherServers>>>,
}

/// The other servers of the same sites.
pub trait OtherServers: Send + Sync {
    /// Passes on what one of this server's connections told a room: the text of an `emitted` frame. Must not
    /// wait.
    fn tell(&self, site: &str, from: ConnectionId, frame: &str);
}

impl Engine {
    /// An engine for these sites, of which the first is the default one.
    ///
    /// # Panics
    /// Without a site.
    #[must_use]
    pub fn new(sites: &[String], limits: HistoryLimits) -> Self {
        let total = Arc::new(AtomicUsize::new(0));
        let epoch = new_epoch();
        let others = Arc::<OnceLock<Arc<dyn OtherServers>>>::default();
        let site = |name: &String| {
            let history = History::new(limits, epoch.clone(), Arc::clone(&total));
            (name.clone(), Arc::new(SiteEngine::new(name.clone(), history, Arc::clone(&others))))
        };
        Self {
            sites: sites.iter().map(site).collect(),
            default_site: sites.first().expect("a server has at least one site").clone(),
            counters: Counters::default(),
            connections: AtomicU64::new(0),
            total,
            total_bytes: limits.total_bytes,
            source_connected: AtomicBool::new(true),
            others,
        }
    }

    /// Passes on to other servers what pages tell each other. Only the first call counts.
    pub fn speak_to(&self, others: Arc<dyn OtherServers>) {
        // Whoever was given first stays: there is one bus.
        let _ = self.others.set(others);
    }

    /// A site of this server.
    #[must_use]
    pub fn site(&self, name: &str) -> Option<&Arc<SiteEngine>> {
        self.sites.get(name)
    }

    /// The site that a host names: hosts are the same in either case, names of sites are not.
    #[must_use]
    pub fn site_for_host(&self, host: &str) -> Option<&Arc<SiteEngine>> {
        self.site(host).or_else(|| self.sites.values().find(|site| site.name().eq_ignore_ascii_case(host)))
    }

    /// The site of requests to no site in particular.
    #[must_use]
    pub fn default_site(&self) -> &Arc<SiteEngine> {
        &self.sites[&self.default_site]
    }

    /// What came in and what was skipped.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// A new name for a connection.
    pub fn new_connection(&self) -> ConnectionId {
        ConnectionId(self.connections.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// How many connections there are.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.sites.values().map(|site| site.connections()).sum()
    }

    /// Takes one payload of the bus. Pages get it with the next [`Written::write`].
    pub fn take(&self, payload: &[u8], written: &mut Written) {
        let event = match event::parse(payload, &self.default_site) {
            Ok(event) => event,
            Err(skipped) => return self.counters.skip(&Skip::Unreadable(skipped)),
        };
        let (message, now) = (event.message.get(), Instant::now());
        let everybody = || Arc::new(Room::Website);
        match event.destination {
            Destination::Room { site, room } => match self.sites.get(&site) {
                Some(site) => site.publish(now, &Arc::new(room), &event.event, message, written),
                None => return self.counters.skip(&Skip::UnknownSite { site, event: event.event.into_owned() }),
            },
            // Every connection is in the website room.
            Destination::Site { site } => match self.sites.get(&site) {
                Some(site) => site.publish(now, &everybody(), &event.event, message, written),
                None => return self.counters.skip(&Skip::UnknownSite { site, event: event.event.into_owned() }),
            },
            Destination::Bench => {
                for site in self.sites.values() {
                    site.publish(now, &everybody(), &event.event, message, written);
                }
            }
        }
        self.counters.accept();
        self.share_fairly();
    }

    /// The sites that would number a payload: `None` where it is skipped, and where its site is none of this
    /// server.
    #[must_use]
    pub fn numbered_by(&self, payload: &[u8]) -> Option<Destination> {
        let destination = event::parse(payload, &self.default_site).ok()?.destination;
        destination.site().is_none_or(|site| self.sites.contains_key(site)).then_some(destination)
    }

    /// Where each site is.
    #[must_use]
    pub fn positions(&self) -> HashMap<String, Position> {
        self.sites.values().map(|site| (site.name().to_owned(), site.position())).collect()
    }

    /// What is published is heard from here on; something may have been lost before. Every page is told, and
    /// nothing older can be recovered. The sites in `adopted` are numbered on as other servers number them, all
    /// others in a new epoch, from `least` on at the lowest.
    pub fn resume(&self, adopted: &HashMap<String, Position>, least: u64, written: &mut Written) {
        let epoch = new_epoch();
        for (name, site) in &self.sites {
            let start = match adopted.get(name) {
                Some(position) => Start::Adopted(position.clone()),
                None => Start::Own { epoch: epoch.clone(), least },
            };
            site.resume(start, written);
        }
        self.source_connected.store(true, Ordering::Release);
    }

    /// Nothing that is published is heard any more: every page is told.
    pub fn source_lost(&self, written: &mut Written) {
        self.source_connected.store(false, Ordering::Release);
        for site in self.sites.values() {
            site.source_lost(written);
        }
    }

    /// Whether what is published is heard.
    #[must_use]
    pub fn source_connected(&self) -> bool {
        self.source_connected.load(Ordering::Acquire)
    }

    /// Lets go of what is too old on sites where nothing happens.
    pub fn forget_old(&self) {
        for site in self.sites.values() {
            site.forget_old(Instant::now());
        }
    }
}

/// The queues that a batch of events was pushed to.
#[derive(Default)]
pub struct Written {
    queues: Vec<Arc<Queue>>,
}

impl Written {
    /// Pushes a frame and remembers to flush.
    pub(crate) fn push(&mut self, queue: &Arc<Queue>, frame: bytes::Bytes) {
        if queue.push(frame) {
            self.queues.push(Arc::clone(queue));
        }
    }

    /// Pushes an event, of which perhaps only the newest is wanted.
    pub(crate) fn push_event(&mut self, queue: &Arc<Queue>, frame: bytes::Bytes, newest_of: Option<NewestOf>) {
        if queue.push_event(frame, newest_of) {
            self.queues.push(Arc::clone(queue));
        }
    }

    /// Writes all that was pushed, each page's events in one go, and lets other work in between.
    pub async fn write(&mut self) {
        for (index, queue) in self.queues.drain(..).enumerate() {
            queue.flush();
            if (index + 1) % QUEUES_A_SLICE == 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Writes all that was pushed: at once where it is little, else beside the caller's own work.
    pub fn write_soon(mut self) {
        if self.queues.len() <= QUEUES_A_SLICE {
            self.write_now();
        } else {
            tokio::spawn(async move { self.write().await });
        }
    }

    /// Writes all that was pushed, at once.
    pub fn write_now(&mut self) {
        for queue in self.queues.drain(..) {
            queue.flush();
        }
    }
}

/// A name that no other epoch, instance or mark has: 64 random bits of the process's hasher keys.
#[must_use]
pub fn new_epoch() -> String {
    format!("{:016x}", RandomState::new().hash_one(Instant::now()))
}

#[cfg(test)]
pub(crate) mod tests;
