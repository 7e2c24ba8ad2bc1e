//! Positions: how far a page has read a site's events.

use serde::Serialize;

/// How far a reader is in the events of one site.
///
/// Frappe's messages carry no number, so the server stamps them: `offset` counts the events of the
/// site, `epoch` names one unbroken count, which all servers on one Redis share. A new epoch begins where
/// nobody can say what was missed, so offsets of two epochs are never compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Position {
    /// Which count `offset` belongs to. Opaque text.
    pub epoch: String,
    /// The number of the last event seen; 0 is before all of an epoch.
    pub offset: u64,
}

impl Position {
    /// The position after event `offset` of `epoch`.
    #[must_use]
    pub fn new(epoch: impl Into<String>, offset: u64) -> Self {
        Self { epoch: epoch.into(), offset }
    }

    /// How many events lie between an earlier position and this one; `None` where the two cannot be
    /// compared, because they are of different epochs or `earlier` is the later one.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Option<u64> {
        if self.epoch == earlier.epoch { self.offset.checked_sub(earlier.offset) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::Position;

    #[test]
    fn positions_of_one_epoch_are_compared() {
        assert_eq!(Position::new("a", 7).since(&Position::new("a", 4)), Some(3));
        assert_eq!(Position::new("a", 4).since(&Position::new("a", 4)), Some(0));
    }

    #[test]
    fn a_position_ahead_or_of_another_epoch_is_not_compared() {
        assert_eq!(Position::new("a", 4).since(&Position::new("a", 7)), None);
        assert_eq!(Position::new("b", 9).since(&Position::new("a", 4)), None);
    }
}
