//! A session without a socket, in front of a site that says what it is told to.

mod emitting;
mod replaying;
mod viewing;

use std::io::{self, IoSlice};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use realtime::close::CloseCode;
use realtime::frame::{ClientFrame, Denial, ServerFrame, Trouble};
use realtime::handlers::{Handlers, Publisher};
use realtime::host::UserType;
use realtime::room::Room;
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep_until, timeout};

use super::{Session, SessionLimits, SessionParts, Voices};
use crate::authz::{Authority, AuthorityParts};
use crate::engine::{Engine, Written};
use crate::history::HistoryLimits;
use crate::presence::{Presence, Rhythm};
use crate::queue::{Queue, QueueLimits, Wire};
use crate::seal::Sealer;
use crate::site::scripted::{ScriptedSite, jane};
use crate::site::{AskError, Caller, Credential, Site};

#[derive(Default)]
struct Recorder(Mutex<Vec<Bytes>>);

impl Wire for Recorder {
    fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut taken = self.0.lock().expect("no panic");
        taken.extend(parts.iter().map(|part| Bytes::copy_from_slice(part)));
        Ok(parts.iter().map(|part| part.len()).sum())
    }
}

struct Connected {
    session: Session,
    wire: Arc<Recorder>,
    queue: Arc<Queue>,
}

struct Bench {
    site: Arc<ScriptedSite>,
    engine: Arc<Engine>,
    parts: Arc<SessionParts>,
}

impl Publisher for Recorder {
    fn publish(&self, site: &str, room: &Room, event: &str, message: &str) {
        self.0.lock().expect("no panic").push(format!("{site} {room} {event} {message}").into());
    }
}

fn bench(limits: SessionLimits, handlers: Handlers) -> Bench {
    let site = ScriptedSite::new(Ok(Ok(())));
    let authority = Authority::new(AuthorityParts {
        site: Arc::clone(&site) as Arc<dyn Site>,
        sealer: Arc::new(Sealer::new(&[])),
        rules: vec!["board=system-users".parse().expect("a rule")],
        open_tasks: false,
        // What is kept knows no paused clock.
        kept_for: Duration::from_nanos(1),
    });
    let engine = Arc::new(Engine::new(&["s".to_owned()], HistoryLimits::default()));
    let parts = SessionParts {
        authority: Arc::new(authority),
        handlers,
        publisher: Arc::new(Recorder::default()),
        presence: Arc::new(Presence::embedded(Arc::clone(&engine), Rhythm::with_grace(Duration::from_secs(10)))),
        voices: Voices::new(limits.emits_per_second),
        limits,
        heartbeat: 25,
        build: "build".into(),
    };
    Bench { site, engine, parts: Arc::new(parts) }
}

fn usual_bench() -> Bench {
    bench(SessionLimits::WIDE, Handlers::new())
}

impl Bench {
    fn connect(&self, user_type: UserType) -> Connected {
        let wire = Arc::new(Recorder::default());
        let queue = Arc::new(Queue::new(wire.clone(), QueueLimits { frames: 1000, bytes: 1 << 20 }));
        let caller = Caller { viewer: jane(user_type), credential: Credential::Session("0123".into()) };
        let site = Arc::clone(self.engine.default_site());
        let session =
            Session::begin(Arc::clone(&self.parts), site, caller, self.engine.new_connection(), Arc::clone(&queue));
        let connected = Connected { session, wire, queue };
        assert!(matches!(connected.frames()[..], [ServerFrame::Hello { .. }]));
        connected
    }

    fn publish(&self, room: &str, event: &str) {
        let payload = format!(r#"{{"event":"{event}","message":1,"namespace":"s","room":"{room}"}}"#);
        let mut written = Written::default();
        self.engine.take(payload.as_bytes(), &mut written);
        written.write_now();
    }
}

impl Connected {
    fn frames(&self) -> Vec<ServerFrame> {
        self.queue.flush();
        let taken = std::mem::take(&mut *self.wire.0.lock().expect("no panic"));
        let text = |frame: &Bytes| {
            let header = if frame[1] < 126 { 2 } else { 4 };
            std::str::from_utf8(&frame[header..]).expect("text").to_owned()
        };
        taken.iter().map(|frame| ServerFrame::parse(&text(frame)).expect("a frame")).collect()
    }

    /// The frames in short: their type and code, and to which ref.
    fn answers(&self) -> Vec<String> {
        let short = |frame: ServerFrame| match frame {
            ServerFrame::Joined { reference, .. } => format!("{reference} joined"),
            ServerFrame::Denied { reference, denial, room, .. } => match reference {
                Some(reference) => format!("{reference} denied {}", denial.word()),
                None => format!("lost {room} {}", denial.word()),
            },
            ServerFrame::Error { reference, code, .. } => format!("{} error {code}", reference.unwrap_or_default()),
            ServerFrame::Ok { reference, .. } => format!("{} ok", reference.unwrap_or_default()),
            ServerFrame::Answer { reference, message } => format!("{reference} answer {message}"),
            ServerFrame::Emitted { room, event, user, message } => format!("{user} emitted {room} {event} {message}"),
            ServerFrame::Event { event, .. } => format!("event {event}"),
            other => format!("{other:?}"),
        };
        self.frames().into_iter().map(short).collect()
    }

    fn say(&mut self, frame: &ClientFrame) {
        assert_eq!(self.session.receive(&frame.encode()), None);
    }

    fn join(&mut self, reference: u64, room: &str) {
        self.say(&ClientFrame::Join { reference, room: Room::parse(room), since: None, latest: vec![], token: None });
    }

    fn emit(&mut self, reference: u64, room: Option<&str>, event: &str, message: &str) {
        let message = RawValue::from_string(message.to_owned()).expect("JSON");
        self.say(&ClientFrame::Emit { reference, room: room.map(Room::parse), event: event.into(), message });
    }

    /// Lets everything that goes on be done.
    async fn settle(&mut self) -> Option<CloseCode> {
        while self.session.is_working() {
            let done = timeout(Duration::from_hours(1), self.session.progress()).await.expect("it ends");
            if let Some(code) = self.session.finish(done) {
                return Some(code);
            }
        }
        None
    }

    /// Waits for the next review and carries it out.
    async fn review(&mut self) -> Option<CloseCode> {
        sleep_until(self.session.review_at().expect("none is under way")).await;
        self.session.begin_review();
        self.settle().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_document_is_joined_when_frappe_says_so() {
    for (verdict, answer) in [
        (Ok(Ok(())), "1 joined"),
        (Ok(Err(Denial::NotPermitted)), "1 denied not_permitted"),
        (Ok(Err(Denial::NotFound)), "1 denied not_found"),
        (Err(AskError::Unexpected { status: 503, hint: "" }), "1 error could_not_ask"),
        (Err(AskError::Busy), "1 error busy"),
    ] {
        let bench = usual_bench();
        bench.site.decide(verdict.clone());
        let mut page = bench.connect(UserType::WebsiteUser);
        page.join(1, "doc:ToDo/a/b:ü");
        bench.publish("doc:ToDo/a/b:ü", "before");
        assert!(page.answers().is_empty(), "nothing before Frappe's word");
        assert_eq!(page.settle().await, None);
        assert_eq!(page.answers(), [answer]);
        bench.publish("doc:ToDo/a/b:ü", "after");
        let heard = if verdict == Ok(Ok(())) { vec!["event after"] } else { vec![] };
        assert_eq!(page.answers(), heard, "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_join_that_finds_the_session_over_ends_the_connection() {
    let bench = usual_bench();
    bench.site.decide(Err(AskError::SessionExpired));
    let mut page = bench.connect(UserType::SystemUser);
    page.join(1, "doctype:ToDo");
    assert_eq!(page.settle().await, Some(CloseCode::SessionExpired));
}

#[tokio::test(start_paused = true)]
async fn a_room_that_is_left_before_the_answer_is_not_joined_by_it() {
    let bench = usual_bench();
    let mut page = bench.connect(UserType::SystemUser);
    for reference in 1..=6 {
        page.join(reference, "doc:ToDo/x");
    }
    page.join(7, "doc:ToDo/y");
    page.say(&ClientFrame::Leave { reference: 8, room: Room::doc("ToDo", "x") });
    let mut answers = page.answers();
    answers.sort();
    let left = (1..=6).map(|reference| format!("{reference} error left"));
    assert_eq!(answers, left.chain(["8 ok".to_owned()]).collect::<Vec<_>>());
    page.settle().await;
    assert_eq!(page.answers(), ["7 joined"]);
    bench.publish("doc:ToDo/x", "e");
    assert!(page.answers().is_empty());
}

#[tokio::test(start_paused = true)]
async fn many_joins_are_asked_a_few_at_a_time_and_each_is_answered() {
    let bench = usual_bench();
    let mut page = bench.connect(UserType::SystemUser);
    for reference in 1..=100 {
        page.join(reference, &format!("doc:ToDo/{reference}"));
    }
    page.settle().await;
    let answers = page.answers();
    let count = |end: &str| answers.iter().filter(|answer| answer.ends_with(end)).count();
    // It was in three rooms already, and may be in a hundred.
    assert_eq!((count(" joined"), count(" denied too_many_rooms")), (97, 3), "{answers:?}");
    assert_eq!((bench.site.most_at_once(), bench.site.asked()), (4, 97));
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_joins_in_a_second_are_not_ten_thousand_questions() {
    let joins_per_second = NonZeroU32::new(50).expect("not zero");
    let bench = bench(SessionLimits { joins_per_second, ..SessionLimits::WIDE }, Handlers::new());
    let mut page = bench.connect(UserType::SystemUser);
    let mut answers = Vec::new();
    for reference in 1..=10_000 {
        page.join(reference, &format!("doc:ToDo/{reference}"));
        answers.extend(page.answers());
    }
    page.settle().await;
    answers.extend(page.answers());
    let count = |end: &str| answers.iter().filter(|answer| answer.ends_with(end)).count();
    assert_eq!(answers.len(), 10_000, "each is answered");
    // The limiter's clock goes on while the test runs.
    assert!((50..=97).contains(&count(" joined")), "{}", count(" joined"));
    assert!(bench.site.asked() <= 97);
    assert!(count(" denied too_fast") > 9_000);
}

/// The five seconds began with a connection's turn, of which it has four: the last of many joins waited a minute.
#[tokio::test(start_paused = true)]
async fn joins_that_never_get_their_turn_fail_after_five_seconds() {
    let bench = usual_bench();
    bench.site.take(Duration::from_secs(2));
    let mut page = bench.connect(UserType::SystemUser);
    for reference in 1..=90 {
        page.join(reference, &format!("doc:ToDo/{reference}"));
    }
    let begun = Instant::now();
    page.settle().await;
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    let answers = page.answers();
    let count = |end: &str| answers.iter().filter(|answer| answer.ends_with(end)).count();
    assert_eq!((count(" joined"), count(" error busy")), (12, 78), "{answers:?}");
}

/// A join may name sixteen thousand events, and the same room may be joined again and again: what waits for a
/// Frappe that hangs grew without a bound.
#[tokio::test(start_paused = true)]
async fn joins_that_wait_hold_little() {
    let bench = usual_bench();
    let mut page = bench.connect(UserType::SystemUser);
    page.join(1, "doctype:ToDo");
    page.settle().await;
    assert_eq!(page.answers(), ["1 joined"]);
    bench.site.take(Duration::from_hours(1));
    let latest = vec!["x".to_owned(); 16_000];
    for reference in 0..1_000 {
        let (room, latest) = (Room::doctype("ToDo"), latest.clone());
        page.say(&ClientFrame::Join { reference, room, since: None, latest, token: None });
    }
    let waiting = page.session.work.as_ref().expect("some wait").pending();
    assert!((10..=100).contains(&waiting.0) && waiting.1 <= 64 << 10, "{waiting:?}");
    let answers = page.answers();
    assert!(answers.len() == 1_000 - waiting.0, "{}", answers.len());
    assert!(answers.iter().all(|answer| answer.ends_with("too_fast") || answer.ends_with("too_many_rooms")));
}

#[tokio::test(start_paused = true)]
async fn what_frappe_no_longer_allows_is_left_within_the_interval_and_told() {
    let bench = usual_bench();
    let mut page = bench.connect(UserType::SystemUser);
    for (reference, room) in [(1, "doc:ToDo/x"), (2, "doctype:ToDo"), (3, "board")] {
        page.join(reference, room);
    }
    page.settle().await;
    page.answers();
    let begun = Instant::now();
    assert_eq!(page.review().await, None);
    assert!(page.answers().is_empty(), "nothing has changed");

    bench.site.decide(Ok(Err(Denial::NotPermitted)));
    bench.site.know(Ok(jane(UserType::WebsiteUser)));
    assert_eq!(page.review().await, None);
    let mut answers = page.answers();
    answers.sort();
    let lost = ["lost all system_users_only", "lost board no_rule", "lost doc:ToDo/x not_permitted"];
    assert_eq!(answers, [&lost[..], &["lost doctype:ToDo not_permitted"]].concat());
    assert!(begun.elapsed() < Duration::from_mins(2));
    for room in ["all", "board", "doc:ToDo/x", "doctype:ToDo", "website"] {
        bench.publish(room, room);
    }
    assert_eq!(page.answers(), ["event website"], "nothing more arrives from there, other rooms go on");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_over_ends_its_connection_within_the_interval() {
    let somebody_else = realtime::host::Viewer { user: "ravi@example.com".into(), ..jane(UserType::SystemUser) };
    for (known, code) in [
        (Err(AskError::SessionExpired), CloseCode::SessionExpired),
        (Err(AskError::Unauthorized), CloseCode::Unauthorized),
        (Ok(somebody_else), CloseCode::SessionExpired),
    ] {
        let bench = usual_bench();
        let mut page = bench.connect(UserType::SystemUser);
        let begun = Instant::now();
        bench.site.know(known);
        assert_eq!(page.review().await, Some(code));
        assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_bench_that_restarts_sends_nobody_away() {
    let bench = usual_bench();
    let mut page = bench.connect(UserType::SystemUser);
    page.join(1, "doc:ToDo/x");
    page.settle().await;
    page.answers();
    bench.site.know(Err(AskError::Unreachable { problem: "gone".into() }));
    bench.site.decide(Err(AskError::Unreachable { problem: "gone".into() }));
    assert_eq!(page.review().await, None);
    bench.publish("doc:ToDo/x", "e");
    assert_eq!(page.answers(), ["event e"]);
    bench.site.know(Err(AskError::SessionExpired));
    assert_eq!(page.review().await, Some(CloseCode::SessionExpired), "it is asked again");
}

#[tokio::test(start_paused = true)]
async fn after_a_refusal_the_session_is_looked_at_soon() {
    let bench = usual_bench();
    let mut page = bench.connect(UserType::SystemUser);
    bench.site.decide(Ok(Err(Denial::NotPermitted)));
    page.join(1, "doc:ToDo/x");
    page.settle().await;
    bench.site.know(Err(AskError::SessionExpired));
    let refused = Instant::now();
    assert_eq!(page.review().await, Some(CloseCode::SessionExpired));
    assert!(refused.elapsed() < Duration::from_secs(2), "{:?}", refused.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_slow_review_is_not_begun_twice() {
    let bench = usual_bench();
    bench.site.take(Duration::from_mins(10));
    let mut page = bench.connect(UserType::SystemUser);
    page.session.begin_review();
    assert_eq!(page.session.review_at(), None);
    page.settle().await;
    assert!(page.session.review_at().is_some());
}

#[test]
fn every_trouble_has_another_word() {
    let mut words: Vec<&str> = Trouble::ALL.iter().map(|trouble| trouble.word()).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), Trouble::ALL.len());
}
