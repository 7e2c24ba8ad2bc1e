//! How long to wait before the next try.

/// Full-jitter exponential backoff: a random wait between nothing and a bound that doubles with each
/// failure up to a cap. It never gives up. The spread keeps a restarted server from being stormed.
#[derive(Debug, Clone)]
pub struct Backoff {
    /// The bound of the first wait, in milliseconds.
    first: u64,
    failures: u32,
    random: u64,
}

/// The bound that waits never pass, in milliseconds.
const CAP: u64 = 20_000;

impl Backoff {
    /// Starts without failures; `first` bounds the first wait, in milliseconds, and `seed` decides the jitter.
    #[must_use]
    pub const fn new(first: u64, seed: u64) -> Self {
        // xorshift must not start at zero.
        Self { first, failures: 0, random: seed | 1 }
    }

    /// Milliseconds to wait after another failure.
    pub fn next_wait(&mut self) -> u64 {
        let bound = self.first.saturating_mul(1 << self.failures.min(16)).min(CAP);
        self.failures = self.failures.saturating_add(1);
        self.within(bound)
    }

    /// A random number of milliseconds from nothing to `bound`.
    pub const fn within(&mut self, bound: u64) -> u64 {
        // xorshift64 (Marsaglia 2003): jitter needs no better.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % (bound + 1)
    }

    /// It went well: the next failure is a first one again.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::{Backoff, CAP};

    const FIRST: u64 = 400;

    #[test]
    fn waits_stay_under_a_doubling_bound_and_the_cap() {
        for seed in 0..200 {
            let mut backoff = Backoff::new(FIRST, seed);
            for failure in 0..40_u32 {
                let bound = FIRST.saturating_mul(1 << failure.min(16)).min(CAP);
                assert!(backoff.next_wait() <= bound, "seed {seed}, failure {failure}");
            }
        }
    }

    #[test]
    fn waits_are_spread() {
        let mut backoff = Backoff::new(FIRST, 42);
        let waits: Vec<u64> = (0..1000).map(|_| backoff.next_wait()).skip(10).collect();
        let mean = waits.iter().sum::<u64>() / waits.len() as u64;
        assert!((CAP * 4 / 10..CAP * 6 / 10).contains(&mean), "mean {mean}");
    }

    #[test]
    fn a_reset_starts_over() {
        let mut backoff = Backoff::new(FIRST, 7);
        for _ in 0..10 {
            backoff.next_wait();
        }
        backoff.reset();
        assert!(backoff.next_wait() <= FIRST);
    }
}
