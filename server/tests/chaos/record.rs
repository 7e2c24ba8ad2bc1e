//! What was published, and what became of it, for all to see.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Display;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use realtime::client::store::Interest;
use realtime::room::Room;

use crate::witness::Witness;

/// A room and the numbers that were published to it.
pub(crate) struct RoomBook {
    pub(crate) room: Room,
    /// The last number that was published, or may have been.
    last: AtomicU64,
    /// Those whose publishing Redis did not answer.
    unsure: Mutex<BTreeSet<u64>>,
}

/// One test's record.
pub(crate) struct Record {
    began: Instant,
    pub(crate) rooms: Vec<RoomBook>,
    pub(crate) published: AtomicU64,
    /// When each server last began, in milliseconds of [`Record::now`].
    instances: Vec<AtomicU64>,
    storm: Mutex<&'static str>,
    /// Something may be lost now, so gaps may be told.
    may_lose: AtomicBool,
    gaps: Mutex<BTreeMap<&'static str, u64>>,
    closes: Mutex<BTreeMap<u16, u64>>,
    /// Joins that were answered with a replay, and those that were not.
    pub(crate) recovered: AtomicU64,
    pub(crate) not_recovered: AtomicU64,
    breaches: Mutex<Vec<String>>,
    /// Gaps that were told where nothing can have been lost, unless the servers count apart.
    doubts: Mutex<Vec<String>>,
    /// Those that were excused by that.
    pub(crate) apart: AtomicU64,
}

impl Record {
    pub(crate) fn new(rooms: Vec<Room>, instances: usize) -> Self {
        let book = |room| RoomBook { room, last: AtomicU64::new(0), unsure: Mutex::default() };
        Self {
            began: Instant::now(),
            rooms: rooms.into_iter().map(book).collect(),
            published: AtomicU64::new(0),
            instances: (0..instances).map(|_| AtomicU64::new(0)).collect(),
            storm: Mutex::new("none"),
            may_lose: AtomicBool::new(true),
            gaps: Mutex::default(),
            closes: Mutex::default(),
            recovered: AtomicU64::new(0),
            not_recovered: AtomicU64::new(0),
            breaches: Mutex::default(),
            doubts: Mutex::default(),
            apart: AtomicU64::new(0),
        }
    }

    /// Milliseconds since the test began.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.elapsed().as_millis()).expect("a test's time")
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// A server has begun: what was before, it cannot know.
    pub(crate) fn instance_begins(&self, number: usize) {
        self.instances[number].store(self.now(), Ordering::SeqCst);
    }

    /// When the server of this number began.
    pub(crate) fn began(&self, number: usize) -> u64 {
        self.instances[number].load(Ordering::SeqCst)
    }

    /// A storm begins; gaps are its own until the next one does.
    pub(crate) fn storm_begins(&self, storm: &'static str) {
        *lock(&self.storm) = storm;
    }

    /// Says whether anything may be lost from now on.
    pub(crate) fn may_lose(&self, may_lose: bool) {
        self.may_lose.store(may_lose, Ordering::SeqCst);
    }

    /// A listener was told of a gap. Says whether it may be.
    pub(crate) fn gap(&self) -> bool {
        *lock(&self.gaps).entry(*lock(&self.storm)).or_default() += 1;
        self.may_lose.load(Ordering::SeqCst)
    }

    /// How many gaps were told, by the storm in which they were.
    pub(crate) fn gaps(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.gaps).clone()
    }

    /// A connection ended with this code.
    pub(crate) fn closed(&self, code: u16) {
        *lock(&self.closes).entry(code).or_default() += 1;
    }

    /// How many connections ended, by code.
    pub(crate) fn closes(&self) -> BTreeMap<u16, u64> {
        lock(&self.closes).clone()
    }

    /// The promise was broken.
    pub(crate) fn breach(&self, what: impl Display) {
        lock(&self.breaches).push(self.at_this_moment(what));
    }

    /// The promise was broken, if the servers count alike.
    pub(crate) fn doubt(&self, what: impl Display) {
        lock(&self.doubts).push(self.at_this_moment(what));
    }

    /// Decides on the doubts so far.
    pub(crate) fn decide(&self, count_alike: impl FnOnce() -> bool) {
        let doubts = std::mem::take(&mut *lock(&self.doubts));
        if doubts.is_empty() {
            return;
        }
        if count_alike() {
            lock(&self.breaches).extend(doubts);
        } else {
            self.apart.fetch_add(doubts.len() as u64, Ordering::Relaxed);
        }
    }

    fn at_this_moment(&self, what: impl Display) -> String {
        format!("{:.3} s, {}: {what}", self.elapsed().as_secs_f64(), *lock(&self.storm))
    }

    /// How the promise was broken so far.
    pub(crate) fn breaches(&self) -> Vec<String> {
        lock(&self.breaches).clone()
    }
}

impl RoomBook {
    /// The number to publish next.
    pub(crate) fn next(&self) -> u64 {
        self.last.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Redis did not say whether it published this number.
    pub(crate) fn is_unsure(&self, number: u64) {
        lock(&self.unsure).insert(number);
    }

    /// Whether Redis said that it published this number.
    pub(crate) fn may_not_be(&self, number: u64) -> bool {
        lock(&self.unsure).contains(&number)
    }

    pub(crate) fn unsure(&self) -> usize {
        lock(&self.unsure).len()
    }
}

/// One page as the test sees it.
pub(crate) struct PageRecord {
    pub(crate) name: String,
    pub(crate) is_live: AtomicBool,
    pub(crate) connections: AtomicU64,
    /// For each listener the number of its room in [`Record::rooms`].
    pub(crate) rooms: Vec<usize>,
    pub(crate) witnesses: Mutex<Vec<Witness>>,
    diary: Mutex<VecDeque<String>>,
}

/// Lines of a page's diary that are kept.
const DIARY: usize = 60;

impl PageRecord {
    /// A page with these listeners: each with the number of its room and its interest.
    pub(crate) fn new(name: String, listeners: &[(usize, Interest)]) -> Self {
        Self {
            name,
            is_live: AtomicBool::new(false),
            connections: AtomicU64::new(0),
            rooms: listeners.iter().map(|(room, _)| *room).collect(),
            witnesses: Mutex::new(listeners.iter().map(|(_, interest)| Witness::new(*interest)).collect()),
            diary: Mutex::default(),
        }
    }

    /// Notes what happened, for who must understand a failure.
    pub(crate) fn note(&self, record: &Record, line: impl Display) {
        let mut diary = lock(&self.diary);
        if diary.len() == DIARY {
            diary.pop_front();
        }
        diary.push_back(format!("{:9.3} {line}", record.elapsed().as_secs_f64()));
    }

    pub(crate) fn is_live(&self) -> bool {
        self.is_live.load(Ordering::SeqCst)
    }

    pub(crate) fn witnesses(&self) -> MutexGuard<'_, Vec<Witness>> {
        lock(&self.witnesses)
    }

    /// What it was told lately, and by whom.
    pub(crate) fn diary(&self) -> String {
        let lines: Vec<String> = lock(&self.diary).iter().cloned().collect();
        format!("page {}:\n{}", self.name, lines.join("\n"))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A test that has panicked already reports all the same.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
