//! Who a request is from, found as Frappe finds it.

use crate::asked::Asked;
use crate::people::{GUEST, Person};
use crate::sessions::Sessions;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) user: &'static str,
    /// The sid, if a session stands behind the request: not for tokens, nor for Guest.
    pub(crate) sid: Option<String>,
    /// Whether the request named a session that is none.
    pub(crate) expired: bool,
}

/// The request brings credentials that are nobody's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unauthorized {
    pub(crate) expired: bool,
}

impl Caller {
    pub(crate) fn of(asked: &Asked, sessions: &Sessions, people: &[Person]) -> Result<Self, Unauthorized> {
        let sid = asked.sid().filter(|sid| sid != GUEST);
        if let Some((user, sid)) = sid.as_deref().and_then(|sid| Some((sessions.user(sid)?, sid))) {
            // A live session wins over a token.
            return Ok(Self { user, sid: Some(sid.to_owned()), expired: false });
        }
        let expired = sid.is_some();
        // Frappe ignores the header unless it is two words.
        let credentials = asked.header("authorization").and_then(|value| value.split_once(' '));
        let Some((scheme, secret)) = credentials else {
            return Ok(Self { user: GUEST, sid: None, expired });
        };
        let person = people.iter().find(|person| person.enabled && person.is_authorized_by(scheme, secret));
        person.map(|person| Self { user: person.name, sid: None, expired }).ok_or(Unauthorized { expired })
    }
}

#[cfg(test)]
mod tests {
    use super::{Caller, Unauthorized};
    use crate::asked::Asked;
    use crate::captures::Captures;
    use crate::people::{ALICE, BOB, GUEST, Person};
    use crate::sessions::Sessions;
    use crate::version::Version;

    const TOKEN: &str = "token alicekey000000a:alicesecret0000";

    /// Who asks with this sid, where `bob` is a live session's, and this `Authorization`.
    fn caller(sid: Option<&str>, authorization: Option<&str>) -> Result<Caller, Unauthorized> {
        let people = Person::all();
        let mut sessions = Sessions::captured(Captures::of(Version::V16), &people);
        let live = sessions.begin(BOB);
        let cookie = sid.map(|sid| format!("sid={}", sid.replace("bob", &live)));
        let pairs = [("cookie", cookie.as_deref()), ("authorization", authorization)];
        let headers = Asked::headers(pairs.into_iter().filter_map(|(name, value)| Some((name, value?))));
        let asked = Asked { method: "GET".to_owned(), path: "/".to_owned(), headers, body: String::new() };
        Caller::of(&asked, &sessions, &people)
    }

    #[test]
    fn sessions_come_before_tokens_and_tokens_before_expired_sessions() {
        let user = |found: Result<Caller, Unauthorized>| found.map(|caller| (caller.user, caller.expired));
        assert_eq!(user(caller(Some("bob"), Some(TOKEN))), Ok((BOB, false)));
        assert_eq!(user(caller(Some("bob"), Some("token no:such"))), Ok((BOB, false)));
        assert_eq!(user(caller(Some("gone"), Some(TOKEN))), Ok((ALICE, true)));
        assert_eq!(user(caller(Some("Guest"), Some(TOKEN))), Ok((ALICE, false)));
        assert_eq!(user(caller(Some("gone"), None)), Ok((GUEST, true)));
        assert_eq!(user(caller(None, None)), Ok((GUEST, false)));
    }

    #[test]
    fn credentials_of_nobody_are_refused_and_a_single_word_is_none() {
        assert_eq!(caller(None, Some("token no:such")), Err(Unauthorized { expired: false }));
        assert_eq!(caller(Some("gone"), Some("Bearer abc")), Err(Unauthorized { expired: true }));
        assert_eq!(caller(None, Some("token")).map(|caller| caller.user), Ok(GUEST));
        assert_eq!(caller(None, Some(&TOKEN.replace("token", "Token"))).map(|caller| caller.user), Ok(ALICE));
    }

    #[test]
    fn only_a_session_has_a_sid() {
        assert!(caller(Some("bob"), None).is_ok_and(|caller| caller.sid.is_some()));
        assert!(caller(Some("gone"), Some(TOKEN)).is_ok_and(|caller| caller.sid.is_none()));
    }
}
