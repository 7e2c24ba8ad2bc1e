//! The word that the server stops, for everything that runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;

/// Pages that come back elsewhere, or here again, in a second.
const PAGES_A_SECOND: u64 = 1000;
/// Even few pages do not come back at the same moment.
const LEAST_SPREAD: Duration = Duration::from_millis(100);
/// No page waits longer for the others.
const MOST_SPREAD: Duration = Duration::from_secs(10);

/// Says that the server stops.
#[derive(Debug)]
pub struct Stop {
    word: watch::Sender<Option<Arc<Spread>>>,
    cut: Arc<AtomicUsize>,
}

/// Hears that the server stops.
#[derive(Debug, Clone)]
pub struct Stopping {
    word: watch::Receiver<Option<Arc<Spread>>>,
    cut: Arc<AtomicUsize>,
}

/// When which page comes back: all evenly within a time that grows with their number.
#[derive(Debug)]
pub struct Spread {
    pages: u64,
    /// In microseconds.
    within_micros: u64,
    told: AtomicU64,
}

/// The two ends of the word.
#[must_use]
pub fn channel() -> (Stop, Stopping) {
    let (word, heard) = watch::channel(None);
    let cut = Arc::<AtomicUsize>::default();
    (Stop { word, cut: Arc::clone(&cut) }, Stopping { word: heard, cut })
}

impl Stop {
    /// Says it to so many pages.
    pub fn stop(&self, pages: usize) {
        self.word.send_replace(Some(Arc::new(Spread::over(pages))));
    }

    /// How many connections had not read all that was said when they were given up.
    #[must_use]
    pub fn cut(&self) -> usize {
        self.cut.load(Ordering::Relaxed)
    }
}

impl Stopping {
    /// Waits until it is said. A server that is gone has said it too.
    pub async fn stopped(&mut self) -> Arc<Spread> {
        match self.word.wait_for(Option::is_some).await {
            Ok(word) => word.clone().unwrap_or_default(),
            Err(_) => Arc::default(),
        }
    }

    /// Counts a connection that had not read all that was said when it was given up.
    pub fn was_cut(&self) {
        self.cut.fetch_add(1, Ordering::Relaxed);
    }
}

impl Spread {
    fn over(pages: usize) -> Self {
        let pages = u64::try_from(pages).unwrap_or(u64::MAX).max(1);
        let within = Duration::from_millis(pages.saturating_mul(1000) / PAGES_A_SECOND);
        let within = within.clamp(LEAST_SPREAD, MOST_SPREAD);
        let within_micros = u64::try_from(within.as_micros()).expect("seconds");
        Self { pages, within_micros, told: AtomicU64::new(0) }
    }

    /// After how long the next page comes back. Pages hear it in an order that says nothing, so each gets the next
    /// place; by chance two would often get the same.
    pub fn next(&self) -> Duration {
        let place = self.told.fetch_add(1, Ordering::Relaxed) % self.pages;
        Duration::from_micros(self.within_micros * place / self.pages)
    }
}

impl Default for Spread {
    fn default() -> Self {
        Self::over(1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use super::Spread;

    #[test]
    fn no_two_pages_come_back_together_and_none_waits_for_long() {
        for (pages, longest) in [(2, 100), (200, 200), (5000, 5000), (10_000, 10_000)] {
            let spread = Spread::over(pages);
            let afters: HashSet<u128> = (0..pages).map(|_| spread.next().as_millis()).collect();
            assert_eq!(afters.len(), pages, "{pages} pages");
            assert!(afters.iter().all(|after| *after < longest), "{pages} pages");
            assert!(afters.iter().any(|after| *after >= longest / 2), "{pages} pages");
        }
        let many = Spread::over(1_000_000);
        assert!((0..1_000_000).all(|_| many.next() < Duration::from_secs(10)));
    }
}
