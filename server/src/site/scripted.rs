//! A site for tests: says what it is told to say, takes its time, and counts what it is asked.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cookie::Cookie;
use futures_util::future::{BoxFuture, ready};
use realtime::frame::Denial;
use realtime::host::{UserType, Viewer};
use tokio::time::sleep;

use super::{AskError, Caller, Credential, SignIn, SignInError, SignedIn, Site, Subject};

type Verdict = Result<Result<(), Denial>, AskError>;

pub(crate) struct ScriptedSite {
    asked: AtomicUsize,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
    viewer: Mutex<Result<Viewer, AskError>>,
    verdict: Mutex<Verdict>,
    takes: Mutex<Duration>,
}

/// Jane, of the kind that a test needs.
pub(crate) fn jane(user_type: UserType) -> Viewer {
    Viewer { site: "s".into(), user: "jane@example.com".into(), full_name: "Jane".into(), user_type }
}

impl ScriptedSite {
    /// Every session is Jane's, a System User's, and this is said of everything she may read.
    pub(crate) fn new(verdict: Verdict) -> Arc<Self> {
        Arc::new(Self {
            asked: AtomicUsize::default(),
            at_once: AtomicUsize::default(),
            most_at_once: AtomicUsize::default(),
            viewer: Mutex::new(Ok(jane(UserType::SystemUser))),
            verdict: Mutex::new(verdict),
            takes: Mutex::new(Duration::from_millis(20)),
        })
    }

    /// Says this of what may be read from now on.
    pub(crate) fn decide(&self, verdict: Verdict) {
        *self.verdict.lock().expect("no panic") = verdict;
    }

    /// Says this of every session from now on.
    pub(crate) fn know(&self, viewer: Result<Viewer, AskError>) {
        *self.viewer.lock().expect("no panic") = viewer;
    }

    /// Takes so long for each answer.
    pub(crate) fn take(&self, time: Duration) {
        *self.takes.lock().expect("no panic") = time;
    }

    /// How often it was asked since this was last looked at.
    pub(crate) fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::Relaxed)
    }

    /// The most questions that were under way at once.
    pub(crate) fn most_at_once(&self) -> usize {
        self.most_at_once.load(Ordering::Relaxed)
    }

    async fn think(&self) {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.most_at_once.fetch_max(self.at_once.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        let takes = *self.takes.lock().expect("no panic");
        sleep(takes).await;
        self.at_once.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Site for ScriptedSite {
    fn session_cookie(&self) -> &'static str {
        "sid"
    }

    fn identify<'a>(&'a self, _: &'a str, _: &'a Credential) -> BoxFuture<'a, Result<Viewer, AskError>> {
        Box::pin(async {
            self.think().await;
            self.viewer.lock().expect("no panic").clone()
        })
    }

    fn may_read<'a>(&'a self, _: &'a Caller, _: &'a Subject) -> BoxFuture<'a, Verdict> {
        Box::pin(async {
            self.think().await;
            self.verdict.lock().expect("no panic").clone()
        })
    }

    fn demo_people(&self, _: &str) -> Vec<Viewer> {
        Vec::new()
    }

    fn sign_in_as(&self, _: &str, _: &str) -> Option<Cookie<'static>> {
        None
    }

    fn sign_in<'a>(&'a self, _: &'a str, _: SignIn<'a>) -> BoxFuture<'a, Result<SignedIn, SignInError>> {
        Box::pin(ready(Err(SignInError::WrongPassword)))
    }

    fn is_of_guests(&self, credential: &Credential) -> bool {
        *credential == Credential::Nobody
    }

    fn sign_out<'a>(&'a self, _: &'a str, _: &'a Credential, _: Option<IpAddr>) -> BoxFuture<'a, Result<(), AskError>> {
        Box::pin(ready(Ok(())))
    }

    fn cookies_of_nobody(&self) -> Vec<Cookie<'static>> {
        Vec::new()
    }
}
