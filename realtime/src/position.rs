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
}
