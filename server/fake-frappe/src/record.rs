//! What was asked so far, and how much of it at once.

use crate::asked::Asked;

/// The requests so far.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) asked: Vec<Asked>,
    pub(crate) in_flight: usize,
    pub(crate) most_in_flight: usize,
}

impl Record {
    /// A request came in.
    pub(crate) fn arrive(&mut self, asked: Asked) {
        self.asked.push(asked);
        self.in_flight += 1;
        self.most_in_flight = self.most_in_flight.max(self.in_flight);
    }

    /// It was answered, or whoever asked went away.
    pub(crate) fn leave(&mut self) {
        self.in_flight -= 1;
    }

    /// Forgets what was; what is in flight still is.
    pub(crate) fn begin_anew(&mut self) {
        self.asked.clear();
        self.most_in_flight = self.in_flight;
    }
}
