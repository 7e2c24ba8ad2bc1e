//! The fake in the hands of a test: make it slow, let it fail, change its mind, see what it was asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::AsyncCommands;
use serde::Serialize;

use crate::asked::Asked;
use crate::people::{ADMINISTRATOR, ALICE, BOB, CAROL, Person};
use crate::permissions::{Permission, Subject};
use crate::record::Record;
use crate::site::Site;
use crate::trouble::{Trouble, Troubles};
use crate::version::Version;

/// Where Frappe keeps the secret of its realtime server.
const SECRET_KEY: &str = "socketio_auth_secret";

/// Controls of a running fake. Clones control the same one.
///
/// Methods that name a user panic on a name that none of the fake's people has: it would be a test's mistake.
#[derive(Debug, Clone)]
pub struct Controls {
    version: Version,
    state: Arc<Mutex<State>>,
}

/// Everything a running fake knows.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) site: Site,
    pub(crate) troubles: Troubles,
    pub(crate) record: Record,
    redis: Option<redis::Client>,
}

impl Controls {
    pub(crate) fn new(version: Version) -> Self {
        let state =
            State { site: Site::new(version), troubles: Troubles::default(), record: Record::default(), redis: None };
        Self { version, state: Arc::new(Mutex::new(state)) }
    }

    /// The state; after a panic of another holder it still is what that one left.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which Frappe it is.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The name of its site, to send as `Host` or `X-Frappe-Site-Name`.
    pub fn site(&self) -> &'static str {
        self.version.site()
    }

    /// Whether it has this user.
    pub fn has_user(&self, user: &str) -> bool {
        self.state().site.person(user).is_some()
    }

    fn person<Outcome>(&self, user: &str, change: impl FnOnce(&mut Person) -> Outcome) -> Outcome {
        let mut state = self.state();
        let person = state.site.person(user);
        change(person.unwrap_or_else(|| panic!("the fake has no user {user}")))
    }
}

/// Facts for requests.
impl Controls {
    /// The sid with which a user is signed in from the start.
    pub fn sid_of(&self, user: &str) -> String {
        let login = self.person(user, |person| person.captured_login);
        let sid = self.state().site.captures.case(login).new_sid();
        sid.expect("a captured login sets a sid").to_owned()
    }

    /// The `Authorization` header of a user's API key; Bob has none.
    pub fn token_of(&self, user: &str) -> Option<&'static str> {
        self.person(user, |person| person.token())
    }

    /// A `ToDo` only the Administrator may read.
    pub fn todo_of_admin(&self) -> String {
        self.document("perm_doc_todo_admin")
    }

    /// A `ToDo` that is allocated to Alice.
    pub fn todo_of_alice(&self) -> String {
        self.document("perm_doc_todo_token_alice")
    }

    /// A Note that System Users may read (with Frappe 14 Website Users too).
    pub fn public_note(&self) -> String {
        self.document("perm_doc_public_note_admin")
    }

    /// A Note only the Administrator may read.
    pub fn private_note(&self) -> String {
        self.document("perm_doc_private_note_admin")
    }

    fn document(&self, case: &str) -> String {
        self.state().site.captured_subject(case).name
    }
}

/// Misbehaviour. A text of a path means every path that contains it; the empty one means all.
impl Controls {
    /// Answers come this much later. What is answered is decided when the request arrives.
    pub fn delay(&self, delay: Duration) {
        self.state().troubles.delay = delay;
    }

    /// Requests are never answered.
    pub fn hang(&self, path_contains: &str) {
        self.begin(path_contains, Trouble::Hang);
    }

    /// Requests are answered with this status, by 502 to 504 as a proxy would.
    pub fn fail(&self, path_contains: &str, status: u16) {
        self.begin(path_contains, Trouble::Fail(status));
    }

    /// Connections are closed instead of answers.
    pub fn close(&self, path_contains: &str) {
        self.begin(path_contains, Trouble::Close);
    }

    fn begin(&self, path_contains: &str, trouble: Trouble) {
        self.state().troubles.begin(path_contains, trouble);
    }

    /// No more delay, hanging, failing and closing. What hangs already goes on hanging.
    pub fn behave(&self) {
        self.state().troubles = Troubles::default();
    }
}

/// Changes of mind.
impl Controls {
    /// Ends a session.
    pub fn end_session(&self, sid: &str) {
        self.state().site.sessions.end(sid);
    }

    /// Ends all sessions of a user.
    pub fn end_sessions_of(&self, user: &str) {
        self.person(user, |_| ());
        self.state().site.sessions.end_all_of(user);
    }

    /// Disables a user: the sessions end, as in Frappe, and the tokens count no more.
    pub fn disable(&self, user: &str) {
        self.person(user, |person| person.enabled = false);
        self.end_sessions_of(user);
    }

    /// Enables a user: tokens count again, and there may be new sessions.
    pub fn enable(&self, user: &str) {
        self.person(user, |person| person.enabled = true);
    }

    /// Sets a user's type, like `Website User`.
    pub fn set_user_type(&self, user: &str, user_type: &str) {
        self.person(user, |person| user_type.clone_into(&mut person.user_type));
    }

    /// Lets a login of the user ask for a second factor, or no longer.
    pub fn require_two_factor(&self, user: &str, required: bool) {
        self.person(user, |person| person.two_factor = required);
    }

    /// Sets what a user (also `Guest`) may read; an empty name means the doctype. Overrules everything.
    pub fn set_permission(&self, user: &str, doctype: &str, name: &str, permission: Permission) {
        self.permission(user, doctype, name, Some(permission));
    }

    /// Takes back what was set.
    pub fn clear_permission(&self, user: &str, doctype: &str, name: &str) {
        self.permission(user, doctype, name, None);
    }

    fn permission(&self, user: &str, doctype: &str, name: &str, permission: Option<Permission>) {
        let subject = Subject { doctype: doctype.to_owned(), name: name.to_owned() };
        self.state().site.permissions.set(user, subject, permission);
    }

    /// The session opens the desk: from then on its unsafe requests need the returned CSRF token.
    /// `None` when there is no such session.
    pub fn visit_desk(&self, sid: &str) -> Option<String> {
        let site = &mut self.state().site;
        site.sessions.visit_desk(site.captures, sid).map(str::to_owned)
    }
}

/// The secret between Frappe 16 and its realtime server.
impl Controls {
    /// Whether `get_user_info` says nothing without the right `X-Frappe-Socket-Secret`.
    pub fn require_secret(&self, required: bool) {
        self.state().site.secret_required = required;
    }

    /// The secret, once it was needed.
    pub fn secret(&self) -> Option<String> {
        self.state().site.secret.clone()
    }

    /// Writes secrets from now on to this Redis (its key `socketio_auth_secret`).
    ///
    /// # Errors
    /// The text is no address of a Redis.
    pub fn keep_secret_in(&self, redis_url: &str) -> redis::RedisResult<()> {
        self.state().redis = Some(redis::Client::open(redis_url)?);
        Ok(())
    }

    /// Makes another secret, in Redis too, and returns it. The one before counts no more.
    ///
    /// # Errors
    /// Redis cannot be written.
    pub async fn rotate_secret(&self) -> redis::RedisResult<String> {
        let secret = self.state().site.make_secret().to_owned();
        self.write_secret(&secret).await?;
        Ok(secret)
    }

    /// Makes and writes the secret if this request is the first to need it.
    pub(crate) async fn make_secret_for(&self, asked: &Asked) -> redis::RedisResult<()> {
        let made = self.state().site.make_secret_for(asked).map(str::to_owned);
        match made {
            Some(secret) => self.write_secret(&secret).await,
            None => Ok(()),
        }
    }

    async fn write_secret(&self, secret: &str) -> redis::RedisResult<()> {
        let Some(redis) = self.state().redis.clone() else {
            return Ok(());
        };
        redis.get_multiplexed_async_connection().await?.set(SECRET_KEY, secret).await
    }
}

/// What was seen.
impl Controls {
    /// Every request so far, but those of `/fake/`.
    pub fn asked(&self) -> Vec<Asked> {
        self.state().record.asked.clone()
    }

    /// How many requests wait for an answer now.
    pub fn in_flight(&self) -> usize {
        self.state().record.in_flight
    }

    /// How many requests waited at once, at most.
    pub fn most_in_flight(&self) -> usize {
        self.state().record.most_in_flight
    }

    /// Forgets the requests so far and begins to count anew.
    pub fn forget_asked(&self) {
        self.state().record.begin_anew();
    }
}

/// The names and sids of a version, for programs that reach the fake over HTTP.
#[derive(Debug, Serialize)]
pub struct Facts {
    /// `14`, `15` or `16`.
    pub version: String,
    /// The site's name.
    pub site: &'static str,
    /// See [`Controls::todo_of_admin`].
    pub todo_of_admin: String,
    /// See [`Controls::todo_of_alice`].
    pub todo_of_alice: String,
    /// See [`Controls::public_note`].
    pub public_note: String,
    /// See [`Controls::private_note`].
    pub private_note: String,
    /// The users and the sids with which they are signed in from the start.
    pub sids: BTreeMap<&'static str, String>,
    /// See [`Controls::secret`].
    pub secret: Option<String>,
}

impl Controls {
    /// All facts at once.
    pub fn facts(&self) -> Facts {
        Facts {
            version: self.version.to_string(),
            site: self.site(),
            todo_of_admin: self.todo_of_admin(),
            todo_of_alice: self.todo_of_alice(),
            public_note: self.public_note(),
            private_note: self.private_note(),
            sids: [ADMINISTRATOR, ALICE, BOB, CAROL].map(|user| (user, self.sid_of(user))).into(),
            secret: self.secret(),
        }
    }
}
