//! What all sites hold together is bounded, and whoever holds most pays for it: a small site keeps its past
//! beside a large one.

use std::sync::atomic::Ordering;

use super::Engine;

/// Past the bound, this part of it is let go of at once, so that not every event asks all sites.
const SLACK: usize = 64;
/// The site that holds most lets go of this part of the slack before the sites are compared again.
const STEPS: usize = 16;

impl Engine {
    /// Lets go of events where most are, if all sites together hold too much.
    pub(super) fn share_fairly(&self) {
        if self.total.load(Ordering::Relaxed) <= self.total_bytes {
            return;
        }
        let slack = self.total_bytes / SLACK;
        loop {
            let excess = self.total.load(Ordering::Relaxed).saturating_sub(self.total_bytes - slack);
            let sizes = self.sites.values().map(|site| (site.bytes(), site));
            let Some((most, site)) = sizes.clone().max_by_key(|(bytes, _)| *bytes) else { return };
            if excess == 0 || most == 0 {
                return;
            }
            let second = sizes.filter(|(_, other)| other.name() != site.name()).map(|(bytes, _)| bytes).max();
            let step = (most - second.unwrap_or(0)).max(slack / STEPS).max(1);
            site.shrink(most.saturating_sub(step.min(excess)));
        }
    }
}
