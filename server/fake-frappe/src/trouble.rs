//! How the fake misbehaves.

use std::time::Duration;

use crate::answer::Answer;

/// What happens to a request instead of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// No answer ever.
    Hang,
    /// This status.
    Fail(u16),
    /// The connection is closed without an answer.
    Close,
}

/// The misbehaviour in force.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    pub(crate) delay: Duration,
    /// Each with a text that the path contains; the latest that fits counts.
    troubles: Vec<(String, Trouble)>,
}

impl Troubles {
    /// Begins one, for every path that contains the text.
    pub(crate) fn begin(&mut self, path_contains: &str, trouble: Trouble) {
        self.troubles.push((path_contains.to_owned(), trouble));
    }

    /// What happens to a request of this path.
    pub(crate) fn of(&self, path: &str) -> Option<Trouble> {
        let mut latest_first = self.troubles.iter().rev();
        latest_first.find(|(text, _)| path.contains(text.as_str())).map(|(_, trouble)| *trouble)
    }
}

/// An answer of this status. Gateway errors are a proxy's pages, not Frappe's JSON.
pub(crate) fn failure(status: u16) -> Answer {
    let (content_type, body) = match status {
        502..=504 => ("text/html", format!("<html><head><title>{status}</title></head><body>nginx</body></html>")),
        _ => ("application/json", r#"{"exception":"<elided>","exc":"<elided>"}"#.to_owned()),
    };
    Answer { status, content_type: content_type.to_owned(), cookies: Vec::new(), body }
}

#[cfg(test)]
mod tests {
    use super::{Trouble, Troubles};

    #[test]
    fn the_latest_trouble_that_fits_counts() {
        let mut troubles = Troubles::default();
        assert_eq!(troubles.of("/api/method/ping"), None);
        troubles.begin("", Trouble::Fail(500));
        troubles.begin("get_user_info", Trouble::Hang);
        assert_eq!(troubles.of("/api/method/ping"), Some(Trouble::Fail(500)));
        assert_eq!(troubles.of("/api/method/frappe.realtime.get_user_info?sid=1"), Some(Trouble::Hang));
    }
}
