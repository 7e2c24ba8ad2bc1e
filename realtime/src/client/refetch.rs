//! When to load again what a page shows, and which answer to show.

use super::backoff::Backoff;

/// Loads of one value. Pure: times are milliseconds of any steady clock.
///
/// Several reasons to load make one load. While one is under way the next waits for its end, but not for ever: an
/// answer may never come. Then two are under way, and an older answer is not shown after a newer one.
#[derive(Debug)]
pub struct Refetch {
    /// When the next load is to begin, if one is wanted.
    wanted_at: Option<u64>,
    /// Before then nothing is loaded, because the last load failed.
    not_before: u64,
    /// When the last load began, while it is under way.
    began: Option<u64>,
    /// Numbers the loads.
    last: u32,
    shown: u32,
    spread: Backoff,
    failures: Backoff,
}

/// Why a value is to be loaded again: how long the load may be put off, in milliseconds. Others have the same reason
/// in the same moment, and are spread over that time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Something that it shows changed.
    Changed,
    /// It may have.
    Gap,
}

impl Reason {
    /// The longest wait, in milliseconds.
    #[must_use]
    pub const fn spread(self) -> u64 {
        match self {
            Self::Changed => 200,
            Self::Gap => 1_000,
        }
    }
}

/// Milliseconds that a load is waited for before another begins beside it.
const PATIENCE: u64 = 10_000;
/// The bound of the first wait after a load that failed, in milliseconds.
const FIRST_RETRY: u64 = 1_000;

impl Refetch {
    /// Nothing is wanted yet. `seed` decides the jitter of the waits.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            wanted_at: None,
            not_before: 0,
            began: None,
            last: 0,
            shown: 0,
            spread: Backoff::new(0, seed),
            failures: Backoff::new(FIRST_RETRY, seed),
        }
    }

    /// The value is to be loaded at once.
    pub const fn begin(&mut self, now: u64) {
        self.not_before = now;
        self.wanted_at = Some(now);
    }

    /// The value is to be loaded again, soon.
    pub fn want(&mut self, now: u64, reason: Reason) {
        let at = now + self.spread.within(reason.spread());
        if reason == Reason::Gap {
            // The server is there again.
            self.not_before = now;
        }
        self.wanted_at = Some(self.wanted_at.map_or(at, |wanted| wanted.min(at)));
    }

    /// When to [look](Self::next) for the next load.
    #[must_use]
    pub fn wake_at(&self) -> Option<u64> {
        let wanted = self.wanted_at?.max(self.not_before);
        Some(self.began.map_or(wanted, |began| wanted.max(began + PATIENCE)))
    }

    /// The number of the load that is to begin now, if one is.
    pub fn next(&mut self, now: u64) -> Option<u32> {
        if self.wake_at()? > now {
            return None;
        }
        (self.wanted_at, self.began) = (None, Some(now));
        self.last += 1;
        Some(self.last)
    }

    /// A load brought a value. Says whether to show it.
    pub const fn loaded(&mut self, number: u32) -> bool {
        self.ended(number);
        self.failures.reset();
        self.not_before = 0;
        let is_newer = number > self.shown;
        if is_newer {
            self.shown = number;
        }
        is_newer
    }

    /// A load failed: it is tried again, unless a newer one brings the value.
    pub fn failed(&mut self, now: u64, number: u32) {
        self.ended(number);
        if number == self.last {
            self.not_before = now + self.failures.next_wait();
            self.wanted_at.get_or_insert(now);
        }
    }

    const fn ended(&mut self, number: u32) {
        if number == self.last {
            self.began = None;
        }
    }
}

#[cfg(test)]
mod tests;
