//! Chance that can be repeated.

use std::time::Duration;

/// xorshift64 (Marsaglia 2003): storms need no better.
pub(crate) struct Random(u64);

impl Random {
    /// The same seed brings the same numbers.
    pub(crate) const fn new(seed: u64) -> Self {
        // Neighbouring seeds must not look alike, and the state must not be zero.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Less than `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        // The upper bits are the better ones.
        usize::try_from((self.next() >> 16) % bound as u64).expect("less than a usize")
    }

    pub(crate) fn is_one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// Some milliseconds from the first to the last.
    pub(crate) fn between(&mut self, first: Duration, last: Duration) -> Duration {
        let spread = usize::try_from(last.saturating_sub(first).as_millis()).expect("a test's time");
        first + Duration::from_millis(self.below(spread + 1) as u64)
    }
}
