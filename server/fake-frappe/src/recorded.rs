//! Captured requests that are answered as they were, without knowing what they mean.

use crate::asked::Asked;
use crate::caller::Caller;
use crate::captures::{Captures, Case};
use crate::people::Person;
use crate::sessions::Sessions;

/// The captures with who asked in each.
#[derive(Debug)]
pub(crate) struct Recorded {
    cases: Vec<(Caller, &'static Case)>,
}

impl Recorded {
    /// `sessions` are the captured ones.
    pub(crate) fn new(captures: &'static Captures, sessions: &Sessions, people: &[Person]) -> Self {
        // What a missing CSRF token is answered depends on more than the request.
        let cases = captures.cases().iter().filter(|case| case.name != "doc_put_wrong_csrf");
        let cases = cases.filter_map(|case| Some((Caller::of(&case.asked, sessions, people).ok()?, case)));
        Self { cases: cases.collect() }
    }

    /// The case with the same method, path and caller: best with the same body and CSRF token, else the first.
    pub(crate) fn find(&self, asked: &Asked, caller: &Caller) -> Option<&'static Case> {
        let same = |(known_caller, case): &&(Caller, &'static Case)| {
            let known = &case.asked;
            let kind = |caller: &Caller| (caller.user, caller.sid.is_some(), caller.expired);
            known.method == asked.method
                && known.route() == asked.route()
                && known.query_of_anybody() == asked.query_of_anybody()
                && kind(known_caller) == kind(caller)
        };
        // The last of the best wins: from behind, that is the first.
        let found = self.cases.iter().filter(same).map(|(_, case)| *case).rev();
        let token = |asked: &Asked| asked.header("x-frappe-csrf-token").map(str::to_owned);
        found.max_by_key(|case| (case.asked.body == asked.body, token(&case.asked) == token(asked)))
    }
}
