//! The one who decides: rules here, Frappe's word there, and what was answered a moment ago in between.
//!
//! Frappe's answers are kept for a short time, and equal questions under way are asked once, so that
//! neither a hundred tabs nor a flood of joins becomes a flood of questions to gunicorn.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use moka::future::Cache;
use moka::policy::EvictionPolicy;
use realtime::frame::Denial;
use realtime::host::{UserType, Viewer};
use realtime::room::Room;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info, warn};

use super::{Decision, Grant, Refusal, RoomRule};
use crate::seal::Sealer;
use crate::site::{AskError, Caller, Credential, Site, Subject};

/// The longest name of a room, in bytes: a doctype has 61 characters, a document's name 140 (`frappe`,
/// `varchar(140)`), of at most four bytes each.
const ROOM_BYTES: usize = 500;
/// Answers that are kept of each kind.
const ANSWERS: u64 = 100_000;
/// Longer than a question can be under way.
const LONGEST_QUESTION: Duration = Duration::from_secs(15);
/// What fails is tried again soon, but not by each of many who ask at once.
const FAILURES_KEPT_FOR: Duration = Duration::from_secs(1);
/// What a task's token is sealed for.
const TASK: &str = "task";
/// How long a task's token opens its room.
const TASK_LIFETIME: Duration = Duration::from_hours(24);

/// What an [`Authority`] is made of.
pub struct AuthorityParts {
    /// Who is asked.
    pub site: Arc<dyn Site>,
    /// Seals the tokens of tasks.
    pub sealer: Arc<Sealer>,
    /// Custom rooms that may be joined.
    pub rules: Vec<RoomRule>,
    /// Whether a System User may join any task's room.
    pub open_tasks: bool,
    /// How long an answer of Frappe's is good for.
    pub kept_for: Duration,
}

type SessionKey = (Arc<str>, Credential);
type SubjectKey = (Arc<str>, Credential, Subject);

/// Decides who may join which room.
pub struct Authority {
    site: Arc<dyn Site>,
    sealer: Arc<Sealer>,
    rules: Vec<RoomRule>,
    open_tasks: bool,
    /// Sessions that were signed out here a moment ago, whatever Frappe said before.
    signed_out: Cache<SessionKey, ()>,
    viewers: Cache<SessionKey, Result<Viewer, AskError>>,
    verdicts: Cache<SubjectKey, Result<(), Denial>>,
    /// What could not be asked a moment ago.
    failures: Cache<SubjectKey, AskError>,
    warnings: DefaultDirectRateLimiter,
}

impl Authority {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: AuthorityParts) -> Self {
        let AuthorityParts { site, sealer, rules, open_tasks, kept_for } = parts;
        Self {
            site,
            sealer,
            rules,
            open_tasks,
            // The usual policy may turn away the newest.
            signed_out: Cache::builder()
                .max_capacity(ANSWERS)
                .time_to_live(kept_for + LONGEST_QUESTION)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            viewers: Cache::builder().max_capacity(ANSWERS).time_to_live(kept_for).build(),
            verdicts: Cache::builder().max_capacity(ANSWERS).time_to_live(kept_for).build(),
            failures: Cache::builder().max_capacity(ANSWERS).time_to_live(kept_for.min(FAILURES_KEPT_FOR)).build(),
            warnings: RateLimiter::direct(Quota::per_second(NonZeroU32::MIN)),
        }
    }

    /// Who is asked.
    #[must_use]
    pub fn site(&self) -> &Arc<dyn Site> {
        &self.site
    }

    /// Who a credential is of.
    ///
    /// # Errors
    /// Frappe's refusal, which is kept too, or why Frappe could not be asked.
    pub async fn identify(&self, site: &str, credential: &Credential) -> Result<Viewer, AskError> {
        let key = (site.into(), credential.clone());
        if self.signed_out.contains_key(&key) {
            return Err(AskError::SessionExpired);
        }
        if let Some(kept) = self.viewers.get(&key).await {
            return kept;
        }
        let (viewers, asked) = (self.viewers.clone(), Arc::clone(&self.site));
        let (site_name, shown) = (site.to_owned(), credential.clone());
        let ask = async move {
            match asked.identify(&site_name, &shown).await {
                Err(error) if !error.is_frappes_word() => Err(error),
                word => Ok(word),
            }
        };
        let asking_key = SessionKey::clone(&key);
        let kept = by_itself(async move { viewers.try_get_with(asking_key, ask).await }).await;
        // Signed out while Frappe was being asked: its yes is of before.
        if self.signed_out.contains_key(&key) {
            return Err(AskError::SessionExpired);
        }
        kept.unwrap_or_else(|error| Err(AskError::clone(&error)))
    }

    /// Forgets what was answered about a credential: it has been signed out.
    pub async fn forget(&self, site: &str, credential: &Credential) {
        let key: SessionKey = (site.into(), credential.clone());
        // A token is still good after a sign-out, a session is not; in the demo it is a person, who may be chosen again.
        let is_over = matches!(credential, Credential::Session(_)) && self.site.demo_people(site).is_empty();
        if is_over {
            self.signed_out.insert(key.clone(), ()).await;
        }
        self.viewers.invalidate(&key).await;
    }

    /// What can be said about a room without asking Frappe. `token` is what a page shows for a task.
    #[must_use]
    pub fn decide(&self, viewer: &Viewer, room: Room, token: Option<&str>) -> Decision {
        if let Some(denial) = flaw_of(&room) {
            return Decision::Denied(denial);
        }
        let denial = match &room {
            Room::Task(task_id) if self.has_task(viewer, task_id, token) => {
                return Decision::GivenByToken(Grant { room });
            }
            // Frappe checks nothing here (FRAPPE 13 to 17), and ids may be as short as five characters.
            Room::Task(_) => {
                let is_open = self.open_tasks && viewer.user_type == UserType::SystemUser;
                (!is_open).then_some(Denial::TaskNotGiven)
            }
            Room::Website => None,
            Room::User(user) => (*user != viewer.user).then_some(Denial::NotYours),
            Room::Site => (viewer.user_type != UserType::SystemUser).then_some(Denial::SystemUsersOnly),
            Room::DocType(doctype) => return Decision::Ask(Subject { doctype: doctype.clone(), name: None }),
            // Who may read a document may see who has it open.
            Room::Doc { doctype, name } | Room::OpenDoc { doctype, name } => {
                return Decision::Ask(Subject { doctype: doctype.clone(), name: Some(name.clone()) });
            }
            // Half of a document's room, like `doc:ToDo`: no rule can mean it.
            Room::Custom(name) if name.split_once(':').is_some_and(|(kind, _)| Room::is_kind(kind)) => {
                Some(Denial::BadRoom)
            }
            Room::Custom(name) => (!self.rules.iter().any(|rule| rule.lets_in(viewer, name))).then_some(Denial::NoRule),
        };
        denial.map_or_else(|| Decision::Granted(Grant { room }), Decision::Denied)
    }

    /// Asks Frappe about a room.
    ///
    /// # Errors
    /// Frappe's no, or why it did not say.
    pub async fn ask(&self, caller: &Caller, room: Room, subject: Subject) -> Result<Grant, Refusal> {
        let Caller { viewer, credential } = caller;
        let key: SubjectKey = (viewer.site.as_str().into(), credential.clone(), subject.clone());
        if self.signed_out.contains_key(&(Arc::clone(&key.0), credential.clone())) {
            return Err(Refusal::Session(AskError::SessionExpired));
        }
        if let Some(kept) = self.verdicts.get(&key).await {
            return kept.map(|()| Grant { room }).map_err(Refusal::Denied);
        }
        if let Some(error) = self.failures.get(&key).await {
            return Err(error.into());
        }
        let failed = key.clone();
        let (verdicts, site, asker) = (self.verdicts.clone(), Arc::clone(&self.site), caller.clone());
        let ask = async move { site.may_read(&asker, &subject).await };
        match by_itself(async move { verdicts.try_get_with(key, ask).await }).await {
            Ok(Ok(())) => Ok(Grant { room }),
            Ok(Err(denial)) => Err(Refusal::Denied(denial)),
            Err(error) => {
                let (site, user, room) = (&viewer.site, &viewer.user, room.to_string());
                if error.is_frappes_word() {
                    info!(site, user, room, "A join found its session over: {error}.");
                } else {
                    self.failures.insert(failed, AskError::clone(&error)).await;
                    // One join is an example of all that fail now: any visitor can ask for many.
                    if self.warnings.check().is_ok() {
                        warn!(site, user, room, "A join could not be decided: {error}.");
                    } else {
                        debug!(site, user, room, "A join could not be decided: {error}.");
                    }
                }
                Err(AskError::clone(&error).into())
            }
        }
    }

    /// The token that opens a task's room to this user, for as long as a day.
    #[must_use]
    pub fn task_token(&self, viewer: &Viewer, task_id: &str) -> String {
        self.sealer.seal(TASK, &task_text(viewer, task_id), TASK_LIFETIME)
    }

    /// Whether the token says that this user was given the task.
    fn has_task(&self, viewer: &Viewer, task_id: &str, token: Option<&str>) -> bool {
        let opened = token.and_then(|token| self.sealer.open(TASK, token));
        opened.is_some_and(|text| text == task_text(viewer, task_id))
    }
}

/// Lets a question go on whether or not the one who asks is busy: others may wait for the same answer. When
/// the one who asks goes away, the question ends, and one of the others asks again.
async fn by_itself<T: Send + 'static>(question: impl Future<Output = T> + Send + 'static) -> T {
    match AbortOnDropHandle::new(tokio::spawn(question)).await {
        Ok(answer) => answer,
        // Only a panic ends it early, and that is the asker's too.
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The server is at its end.
            Err(_) => std::future::pending().await,
        },
    }
}

/// What a task's token says. No site's name or login id holds a line break.
fn task_text(viewer: &Viewer, task_id: &str) -> String {
    format!("{}\n{}\n{task_id}", viewer.site, viewer.user)
}

/// Why no room can have this name. An empty name would ask Frappe 16 about the doctype instead.
fn flaw_of(room: &Room) -> Option<Denial> {
    let (is_named, bytes) = match room {
        Room::Site | Room::Website => (true, 0),
        Room::User(name) | Room::DocType(name) | Room::Task(name) | Room::Custom(name) => {
            (!name.trim().is_empty(), name.len())
        }
        Room::Doc { doctype, name } | Room::OpenDoc { doctype, name } => {
            (!doctype.trim().is_empty() && !name.trim().is_empty(), doctype.len() + name.len())
        }
    };
    (!is_named || bytes > ROOM_BYTES).then_some(Denial::BadRoom)
}

#[cfg(test)]
impl Authority {
    /// Decides for the demo's people, for tests of what comes after.
    pub(crate) fn for_a_test() -> Self {
        Self::new(AuthorityParts {
            site: Arc::new(crate::site::demo::DemoSite),
            sealer: Arc::new(Sealer::new(&[])),
            rules: vec!["board=users".parse().expect("a rule")],
            open_tasks: false,
            kept_for: Duration::from_secs(5),
        })
    }
}

#[cfg(test)]
mod tests;
