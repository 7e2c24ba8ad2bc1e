//! Who is signed in.

use std::collections::HashMap;

use crate::captures::Captures;
use crate::people::Person;
use crate::random;

/// Frappe's sids and CSRF tokens are this long.
const LENGTH: usize = 56;

/// The sessions, by their sid.
#[derive(Debug)]
pub(crate) struct Sessions {
    by_sid: HashMap<String, Session>,
}

#[derive(Debug)]
struct Session {
    user: &'static str,
    /// Made when the session visits the desk; from then on unsafe requests must carry it.
    csrf_token: Option<String>,
}

impl Sessions {
    /// The captured ones.
    pub(crate) fn captured(captures: &Captures, people: &[Person]) -> Self {
        let sessions = people.iter().map(|person| {
            let sid = captures.case(person.captured_login).new_sid().expect("a captured login sets a sid");
            (sid.to_owned(), Session { user: person.name, csrf_token: None })
        });
        Self { by_sid: sessions.collect() }
    }

    /// Whose session this is.
    pub(crate) fn user(&self, sid: &str) -> Option<&'static str> {
        self.by_sid.get(sid).map(|session| session.user)
    }

    /// A new session's sid.
    pub(crate) fn begin(&mut self, user: &'static str) -> String {
        let sid = random::hex(LENGTH);
        self.by_sid.insert(sid.clone(), Session { user, csrf_token: None });
        sid
    }

    pub(crate) fn end(&mut self, sid: &str) {
        self.by_sid.remove(sid);
    }

    pub(crate) fn end_all_of(&mut self, user: &str) {
        self.by_sid.retain(|_, session| session.user != user);
    }

    /// The token the desk page gives to the session; `None` when there is no such session.
    pub(crate) fn visit_desk(&mut self, captures: &Captures, sid: &str) -> Option<&str> {
        let session = self.by_sid.get_mut(sid)?;
        // The captured session gets its captured token, so that captured requests can be sent again.
        let case = &captures.case("doc_put_csrf").asked;
        let captured_token = case.header("x-frappe-csrf-token").filter(|_| case.sid().as_deref() == Some(sid));
        let token = || captured_token.map_or_else(|| random::hex(LENGTH), str::to_owned);
        Some(session.csrf_token.get_or_insert_with(token))
    }

    /// The token that unsafe requests of the session must carry, once it has visited the desk.
    pub(crate) fn csrf_token(&self, sid: &str) -> Option<&str> {
        self.by_sid.get(sid)?.csrf_token.as_deref()
    }
}
