//! What one listener was given, and whether it may have been.

use std::fmt;

use realtime::client::store::Interest;

use crate::INSTANCES_AGREE;

/// Checks what one listener is given: numbers only grow, and none is missing but under a gap told there.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    last: u64,
    gap_told: bool,
    /// It shows a value: after a gap it is told the newest one, which it may have seen.
    shows_a_value: bool,
    /// Numbers that were given.
    pub(crate) delivered: u64,
    /// Numbers that lay under gaps.
    pub(crate) missed: u64,
    /// Newest values that were older than what was seen.
    pub(crate) old_values: u64,
    /// Gaps under which nothing was missing.
    pub(crate) needless_gaps: u64,
}

/// How the promise was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breach {
    /// The same number, or an earlier one, came again.
    Again { number: u64, last: u64 },
    /// A number that was published never came, and nobody said so.
    Lost { number: u64, after: u64, before: u64 },
}

impl fmt::Display for Breach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Again { number, last } => write!(formatter, "{number} came after {last}"),
            Self::Lost { number, after, before } => {
                write!(formatter, "{number} is missing between {after} and {before}, and no gap was told")
            }
        }
    }
}

impl Witness {
    /// A listener that was given nothing yet.
    pub(crate) fn new(interest: Interest) -> Self {
        Self { shows_a_value: interest == Interest::Value, ..Self::default() }
    }

    /// The last number that was given; 0 before the first.
    pub(crate) const fn last(&self) -> u64 {
        self.last
    }

    /// The listener is given `number`. `unsure` knows the numbers of which not even the publisher knows
    /// whether they were published.
    pub(crate) fn given(&mut self, number: u64, unsure: impl Fn(u64) -> bool) -> Result<(), Breach> {
        self.check(number, unsure)?;
        self.gap_told = false;
        Ok(())
    }

    /// The listener is given `number` as the newest value that its server knows: whatever the server itself
    /// has missed is after it, and lies under the same gap. It may be one that was seen, and older than what
    /// another server has told; who shows the value fetches it because of the gap.
    pub(crate) fn given_as_newest(&mut self, number: u64, unsure: impl Fn(u64) -> bool) -> Result<(), Breach> {
        if self.gap_told && self.shows_a_value && number <= self.last {
            self.old_values += u64::from(number < self.last);
            return Ok(());
        }
        self.check(number, unsure)
    }

    fn check(&mut self, number: u64, unsure: impl Fn(u64) -> bool) -> Result<(), Breach> {
        // A page that hopped to an instance which knows nothing of the other's positions, and is behind, is
        // told what it has seen there.
        let may_come_again = self.gap_told && !INSTANCES_AGREE;
        if number <= self.last && !may_come_again {
            return Err(Breach::Again { number, last: self.last });
        }
        let (after, before) = (self.last, number);
        let mut missing = (after + 1..before.max(after + 1)).filter(|number| !unsure(*number));
        if self.gap_told {
            let missed = missing.count() as u64;
            self.missed += missed;
            self.needless_gaps += u64::from(missed == 0);
        } else if let Some(number) = missing.next() {
            return Err(Breach::Lost { number, after, before });
        }
        self.last = number;
        self.delivered += 1;
        Ok(())
    }

    /// The listener is told that something may be missing.
    pub(crate) const fn told_of_a_gap(&mut self) {
        self.gap_told = true;
    }
}

#[cfg(test)]
mod tests {
    use realtime::client::store::Interest;

    use super::{Breach, Witness};
    use crate::INSTANCES_AGREE;

    fn sure(_: u64) -> bool {
        false
    }

    #[test]
    fn what_comes_again_or_out_of_order_is_seen() {
        let mut witness = Witness::default();
        assert_eq!(witness.given(1, sure), Ok(()));
        assert_eq!(witness.given(1, sure), Err(Breach::Again { number: 1, last: 1 }));
        assert_eq!(witness.given(2, sure), Ok(()));
        witness.told_of_a_gap();
        let excused = if INSTANCES_AGREE { Err(Breach::Again { number: 1, last: 2 }) } else { Ok(()) };
        assert_eq!(witness.given(1, sure), excused);
    }

    #[test]
    fn a_value_may_be_told_again_after_a_gap_only() {
        let (mut value, mut happening) = (Witness::new(Interest::Value), Witness::new(Interest::Event));
        for witness in [&mut value, &mut happening] {
            assert_eq!(witness.given(1, sure), Ok(()));
            assert_eq!(witness.given(1, sure), Err(Breach::Again { number: 1, last: 1 }));
            witness.told_of_a_gap();
        }
        let excused = if INSTANCES_AGREE { Err(Breach::Again { number: 1, last: 1 }) } else { Ok(()) };
        assert_eq!(happening.given_as_newest(1, sure), excused);
        assert_eq!(value.given_as_newest(1, sure), Ok(()));
        assert_eq!(value.given(3, sure), Ok(()), "its server had missed the 2");
        assert_eq!(value.given(5, sure), Err(Breach::Lost { number: 4, after: 3, before: 5 }), "the gap was before it");
    }

    #[test]
    fn what_is_missing_is_seen_unless_a_gap_was_told_there() {
        let mut witness = Witness::default();
        assert_eq!(witness.given(2, sure), Err(Breach::Lost { number: 1, after: 0, before: 2 }), "from the first on");
        assert_eq!(witness.given(1, sure), Ok(()));
        witness.told_of_a_gap();
        assert_eq!(witness.given(4, sure), Ok(()));
        assert_eq!(
            witness.given(6, sure),
            Err(Breach::Lost { number: 5, after: 4, before: 6 }),
            "it counts there only"
        );
        assert_eq!(witness.given(6, |number| number == 5), Ok(()), "who knows whether there was a 5");
        witness.told_of_a_gap();
        assert_eq!(witness.given(7, sure), Ok(()));
        assert_eq!((witness.last(), witness.delivered, witness.missed, witness.needless_gaps), (7, 4, 2, 1));
    }
}
