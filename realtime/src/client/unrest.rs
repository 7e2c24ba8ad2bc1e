//! When a page that polls takes a breath.

/// Milliseconds of the first pause; it doubles up to the last.
const FIRST: u64 = 50;
const LAST: u64 = 2_000;

/// Answers that bring nothing of what was published, one after the other: between two servers that do not count
/// alike, or do not see the same viewers, each poll is answered at once, for ever. Pure.
#[derive(Debug, Default)]
pub struct Unrest {
    answers: u32,
}

impl Unrest {
    /// How many milliseconds to wait after an answer with these frames before the next poll.
    #[must_use]
    pub fn pause_after(&mut self, frames: &[&str]) -> u64 {
        let is_numbered = |frame: &&str| frame.starts_with(r#"{"type":"event""#) && frame.contains(r#","offset":"#);
        // The last frame says up to where everything has been said.
        if frames.len() <= 1 || frames.iter().any(is_numbered) {
            self.answers = 0;
            return 0;
        }
        self.answers = (self.answers + 1).min(16);
        (FIRST << (self.answers - 1)).min(LAST)
    }
}

#[cfg(test)]
mod tests {
    use super::{LAST, Unrest};

    /// Polls by turns to two servers of different epochs went round as fast as the line allowed.
    #[test]
    fn answers_without_events_come_slower_and_slower() {
        let (ok, gap) = (r#"{"type":"ok"}"#, r#"{"type":"gap","room":"all"}"#);
        let event = r#"{"type":"event","room":"all","event":"e","offset":7,"message":1}"#;
        let viewers = r#"{"type":"event","room":"open_doc:a/b","event":"doc_viewers","message":{}}"#;
        let mut unrest = Unrest::default();
        assert_eq!(unrest.pause_after(&[ok]), 0);
        let pauses: Vec<u64> = [gap, viewers, gap].map(|frame| unrest.pause_after(&[frame, ok])).into();
        assert_eq!(pauses, [50, 100, 200]);
        for _ in 0..100 {
            assert!(unrest.pause_after(&[gap, ok]) <= LAST);
        }
        assert_eq!(unrest.pause_after(&[gap, ok]), LAST);
        assert_eq!(unrest.pause_after(&[event, ok]), 0);
        assert_eq!(unrest.pause_after(&[gap, ok]), 50);
    }
}
