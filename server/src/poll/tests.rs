//! Polls without HTTP, in front of a site that says what it is told to.

mod schedule;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use realtime::close::CloseCode;
use realtime::frame::{ClientFrame, Denial, PollRequest, ServerFrame};
use realtime::handlers::{Context, Handlers, Publisher, Refused};
use realtime::host::UserType;
use realtime::position::Position;
use realtime::room::Room;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::{Poll, PollTimes, run};
use crate::authz::{Authority, AuthorityParts};
use crate::engine::{Engine, Written};
use crate::history::HistoryLimits;
use crate::presence::Presence;
use crate::queue::{Queue, QueueLimits};
use crate::seal::Sealer;
use crate::session::{Paces, Session, SessionLimits, SessionParts, Standing, Voices};
use crate::site::scripted::{ScriptedSite, jane};
use crate::site::{AskError, Caller, Credential, Site};
use crate::stopping::{self, Stop, Stopping};

const WAIT: Duration = Duration::from_secs(20);
const FRAME_BYTES: usize = 1000;

struct Nowhere;

impl Publisher for Nowhere {
    fn publish(&self, _: &str, _: &Room, _: &str, _: &str) {}
}

struct Bench {
    site: Arc<ScriptedSite>,
    engine: Engine,
    parts: Arc<SessionParts>,
    paces: Arc<Paces>,
    queue: QueueLimits,
    stop: Stop,
    stopping: Stopping,
}

fn bench(history: HistoryLimits, queue: QueueLimits) -> Bench {
    let site = ScriptedSite::new(Ok(Ok(())));
    let authority = Authority::new(AuthorityParts {
        site: Arc::clone(&site) as Arc<dyn Site>,
        sealer: Arc::new(Sealer::new(&[])),
        rules: Vec::new(),
        open_tasks: false,
        // What is kept knows no paused clock.
        kept_for: Duration::from_nanos(1),
    });
    let slowly = async |_: Context, message: u64| {
        sleep(Duration::from_secs(3)).await;
        Ok::<u64, Refused>(message + 1)
    };
    let limits = SessionLimits::WIDE;
    let parts = SessionParts {
        authority: Arc::new(authority),
        handlers: Handlers::new().on("next", slowly),
        publisher: Arc::new(Nowhere),
        presence: Arc::new(Presence::for_a_test()),
        voices: Voices::new(limits.emits_per_second),
        limits,
        heartbeat: 25,
        build: "build".into(),
    };
    let engine = Engine::new(&["s".to_owned()], history);
    let (stop, stopping) = stopping::channel();
    Bench { site, engine, parts: Arc::new(parts), paces: Arc::new(Paces::new(&limits)), queue, stop, stopping }
}

fn usual_bench() -> Bench {
    bench(HistoryLimits::default(), QueueLimits { frames: 1000, bytes: 1 << 20 })
}

/// A poll under way.
struct Running {
    task: JoinHandle<Vec<bytes::Bytes>>,
    queue: Arc<Queue>,
}

impl Running {
    async fn frames(self) -> Vec<ServerFrame> {
        let texts = self.task.await.expect("no panic");
        let text = |text: &bytes::Bytes| String::from_utf8(text.to_vec()).expect("text");
        texts.iter().map(|bytes| ServerFrame::parse(&text(bytes)).expect("a frame")).collect()
    }
}

impl Bench {
    fn poll(&self, asked: PollRequest) -> Running {
        let queue = Arc::new(Queue::to_take(self.queue));
        let caller = Caller { viewer: jane(UserType::SystemUser), credential: Credential::Session("0123".into()) };
        let (site, connection) = (Arc::clone(self.engine.default_site()), self.engine.new_connection());
        let (parts, paces) = (Arc::clone(&self.parts), Arc::clone(&self.paces));
        let session = Session::silent(parts, site, caller, connection, Arc::clone(&queue), paces);
        let standing = asked.standing.iter().map(|frame| Standing::read(frame).expect("a standing frame")).collect();
        let now = Instant::now();
        let times = PollTimes { wait_until: now + WAIT, end_at: now + Duration::from_secs(27) };
        let stopping = self.stopping.clone();
        let poll = Poll { session, queue: Arc::clone(&queue), stopping, frame_bytes: FRAME_BYTES };
        Running { task: tokio::spawn(run(poll, asked, standing, times)), queue }
    }

    fn publish(&self, room: &Room) -> u64 {
        let payload = format!(r#"{{"event":"e","message":1,"namespace":"s","room":"{room}"}}"#);
        let mut written = Written::default();
        self.engine.take(payload.as_bytes(), &mut written);
        written.write_now();
        self.position().offset
    }

    fn position(&self) -> Position {
        self.engine.default_site().position()
    }

    /// The frame that says: in this room, read up to now.
    fn stands(&self, room: &Room) -> String {
        join(room, Some(self.position()))
    }
}

fn join(room: &Room, since: Option<Position>) -> String {
    ClientFrame::Join { reference: 7, room: room.clone(), since, latest: vec!["e".to_owned()], token: None }.encode()
}

fn standing(frames: Vec<String>) -> PollRequest {
    PollRequest { page: "p".to_owned(), standing: frames, ..PollRequest::default() }
}

fn asking(frames: Vec<String>) -> PollRequest {
    PollRequest { frames, ..standing(Vec::new()) }
}

/// Frames in short.
fn short(frames: &[ServerFrame]) -> Vec<String> {
    let short = |frame: &ServerFrame| match frame {
        ServerFrame::Event { offset: Some(offset), .. } => format!("event {offset}"),
        ServerFrame::Ok { reference: Some(reference), .. } => format!("{reference} ok"),
        ServerFrame::Ok { position, .. } => format!("ok {}", position.offset),
        ServerFrame::Hello { .. } => "hello".to_owned(),
        ServerFrame::Joined { room, recovered, .. } => format!("joined {room} {recovered}"),
        ServerFrame::Denied { reference, denial, .. } => format!("denied {reference:?} {}", denial.word()),
        ServerFrame::Gap { room, .. } => format!("gap {room}"),
        ServerFrame::Error { code, .. } => format!("error {code}"),
        ServerFrame::Answer { message, .. } => format!("answer {}", message.get()),
        ServerFrame::Bye { code, .. } => format!("bye {}", code.word()),
        other => format!("{other:?}"),
    };
    frames.iter().map(short).collect()
}

fn document() -> Room {
    Room::doc("ToDo", "x")
}

#[tokio::test(start_paused = true)]
async fn the_first_poll_is_answered_by_hello_at_once() {
    let (bench, start) = (usual_bench(), Instant::now());
    let frames = bench.poll(PollRequest { begins: true, ..standing(Vec::new()) }).frames().await;
    assert_eq!(short(&frames), ["hello", "ok 0"]);
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_poll_waits_until_there_is_something_and_takes_the_whole_burst() {
    let bench = usual_bench();
    let running = bench.poll(standing(vec![bench.stands(&Room::Website), bench.stands(&document())]));
    sleep(WAIT / 2).await;
    let start = Instant::now();
    for room in [Room::Website, document(), Room::user("ravi"), Room::Website] {
        bench.publish(&room);
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(short(&running.frames().await), ["event 1", "event 2", "event 4", "ok 4"]);
    assert!(start.elapsed() < Duration::from_millis(30), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn with_nothing_to_tell_a_poll_ends_with_how_far_it_heard() {
    let (bench, start) = (usual_bench(), Instant::now());
    let running = bench.poll(standing(vec![bench.stands(&Room::Website)]));
    bench.publish(&Room::user("ravi"));
    assert_eq!(short(&running.frames().await), ["ok 1"]);
    assert_eq!(start.elapsed(), WAIT);
    assert_eq!(bench.engine.connections(), 0, "the rooms are left");
}

#[tokio::test(start_paused = true)]
async fn what_was_published_between_two_polls_comes_and_no_joined() {
    let bench = usual_bench();
    bench.publish(&Room::Website);
    let stands = vec![bench.stands(&Room::Website), bench.stands(&document())];
    bench.publish(&document());
    bench.publish(&Room::Website);
    let frames = bench.poll(standing(stands)).frames().await;
    assert_eq!(short(&frames), ["event 3", "event 2", "ok 3"], "each room in its order");
}

/// It has no position, and was answered by `joined` at once, again and again.
#[tokio::test(start_paused = true)]
async fn who_looks_at_a_document_waits_like_others() {
    let (bench, start) = (usual_bench(), Instant::now());
    let (doctype, name) = ("ToDo".to_owned(), "x".to_owned());
    let open = ClientFrame::Open { reference: 1, doctype, name, away: false, seen: None };
    assert_eq!(short(&bench.poll(standing(vec![open.encode()])).frames().await), ["ok 0"]);
    assert_eq!(start.elapsed(), WAIT);
}

#[tokio::test(start_paused = true)]
async fn where_something_is_missing_the_page_is_told_and_given_the_newest_values() {
    let bench = usual_bench();
    bench.publish(&Room::Website);
    let foreign = join(&Room::Website, Some(Position::new("of-another-server", 9)));
    let frames = bench.poll(standing(vec![foreign])).frames().await;
    assert_eq!(short(&frames), ["joined website false", "event 1", "ok 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_room_that_is_no_longer_permitted_is_taken_away() {
    let bench = usual_bench();
    let stands = vec![bench.stands(&document()), bench.stands(&Room::user("ravi")), bench.stands(&Room::Website)];
    bench.site.decide(Ok(Err(Denial::NotPermitted)));
    bench.publish(&document());
    let frames = bench.poll(standing(stands)).frames().await;
    assert_eq!(short(&frames), ["denied None not_yours", "denied None not_permitted", "ok 1"]);
}

/// A position that is promised while a room is not looked at would lose what the room was sent.
#[tokio::test(start_paused = true)]
async fn a_room_that_cannot_be_asked_about_is_asked_about_again_soon_and_loses_nothing() {
    let (bench, start) = (usual_bench(), Instant::now());
    let stands = vec![bench.stands(&document()), bench.stands(&Room::Website)];
    bench.site.decide(Err(AskError::Unreachable { problem: "away".to_owned() }));
    bench.publish(&document());
    let frames = bench.poll(standing(stands.clone())).frames().await;
    assert_eq!(short(&frames), ["ok 0"], "nothing is said of the document, and nothing is promised");
    assert_eq!(start.elapsed(), super::SETTLING);
    let asked = ClientFrame::Ping { reference: Some(1) }.encode();
    let frames = bench.poll(PollRequest { frames: vec![asked], ..standing(stands.clone()) }).frames().await;
    assert!(frames.iter().all(|frame| matches!(frame, ServerFrame::Ok { position, .. } if position.offset == 0)));
    let old = join(&document(), Some(Position::new("of-another-server", 9)));
    assert_eq!(short(&bench.poll(standing(vec![old])).frames().await), ["gap doc:ToDo/x", "ok 1"]);
    bench.site.decide(Ok(Ok(())));
    assert_eq!(short(&bench.poll(standing(stands)).frames().await), ["event 1", "ok 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_word_of_frappes_holds_the_rest_for_two_seconds_at_most() {
    let (bench, start) = (usual_bench(), Instant::now());
    let stands = vec![bench.stands(&document()), bench.stands(&Room::Website)];
    bench.site.take(Duration::from_secs(4));
    bench.publish(&Room::Website);
    let ping = ClientFrame::Ping { reference: Some(1) }.encode();
    let frames = bench.poll(PollRequest { frames: vec![ping], ..standing(stands) }).frames().await;
    assert_eq!(short(&frames), ["event 1", "1 ok", "ok 0"]);
    assert_eq!(start.elapsed(), super::SETTLING);
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_is_answered_before_the_poll_is() {
    let (bench, start) = (usual_bench(), Instant::now());
    let message = serde_json::value::to_raw_value(&41).expect("JSON");
    let next = ClientFrame::Emit { reference: 2, room: None, event: "next".to_owned(), message };
    let frames = vec![join(&document(), None), next.encode(), r#"{"type":"sing"}"#.to_owned()];
    let running = bench.poll(PollRequest { frames, ..standing(vec![bench.stands(&Room::Website)]) });
    sleep(Duration::from_secs(1)).await;
    bench.publish(&document());
    let frames = running.frames().await;
    assert_eq!(short(&frames), ["error unknown_frame", "joined doc:ToDo/x false", "event 1", "answer 42", "ok 1"]);
    assert_eq!(start.elapsed(), Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn limits_go_on_from_poll_to_poll() {
    let mut bench = usual_bench();
    let joins_per_second = NonZeroU32::new(5).expect("five");
    bench.paces = Arc::new(Paces::new(&SessionLimits { joins_per_second, ..SessionLimits::WIDE }));
    let mut codes = Vec::new();
    for _ in 0..6 {
        let frames = bench.poll(asking(vec![join(&Room::Website, None)])).frames().await;
        codes.push(short(&frames)[0].clone());
        // Rooms that the page is in already are not joined anew.
        let again = standing(vec![join(&Room::Website, None); 10]);
        assert!(short(&bench.poll(again).frames().await).iter().all(|word| !word.starts_with("denied")));
    }
    assert_eq!(codes.last().map(String::as_str), Some("denied Some(7) too_fast"), "{codes:?}");
    assert!(codes[..5].iter().all(|code| code == "joined website false"), "{codes:?}");
}

#[tokio::test(start_paused = true)]
async fn what_ends_a_connection_ends_a_poll_with_a_bye() {
    let bench = usual_bench();
    let running = bench.poll(standing(vec![bench.stands(&Room::Website)]));
    sleep(WAIT / 2).await;
    running.queue.close(CloseCode::SessionExpired);
    assert_eq!(short(&running.frames().await), ["bye session_expired"], "a sign-out");
    let long = "x".repeat(FRAME_BYTES + 1);
    assert_eq!(short(&bench.poll(asking(vec![long])).frames().await), ["bye frame_too_large"]);
    let nonsense = vec!["{}".to_owned(); 6];
    assert_eq!(short(&bench.poll(asking(nonsense)).frames().await), ["bye too_many_errors"]);
    bench.site.decide(Err(AskError::SessionExpired));
    let frames = bench.poll(standing(vec![bench.stands(&document())])).frames().await;
    assert_eq!(short(&frames), ["bye session_expired"], "Frappe's word");
}

/// What it asked was done all the same, after the sign-out.
#[tokio::test(start_paused = true)]
async fn a_page_that_is_signed_out_while_frappe_is_asked_emits_nothing_more() {
    let bench = usual_bench();
    let listener = bench.poll(standing(vec![bench.stands(&Room::Website)]));
    bench.site.take(Duration::from_secs(1));
    let message = serde_json::value::to_raw_value(&1).expect("JSON");
    let emit = ClientFrame::Emit { reference: 2, room: Some(Room::Website), event: "e".to_owned(), message };
    let stands = vec![bench.stands(&Room::Website), bench.stands(&document())];
    let running = bench.poll(PollRequest { frames: vec![emit.encode()], ..standing(stands) });
    sleep(Duration::from_millis(500)).await;
    running.queue.close(CloseCode::SessionExpired);
    assert_eq!(short(&running.frames().await), ["bye session_expired"]);
    assert_eq!(short(&listener.frames().await), ["ok 0"]);
}

#[tokio::test(start_paused = true)]
async fn a_stopping_server_answers_every_poll_at_once() {
    let (bench, start) = (usual_bench(), Instant::now());
    let polls = [(); 3].map(|()| bench.poll(standing(vec![bench.stands(&Room::Website)])));
    sleep(WAIT / 2).await;
    bench.publish(&Room::Website);
    bench.stop.stop(3);
    let mut afters = Vec::new();
    for poll in polls {
        let frames = poll.frames().await;
        let [ServerFrame::Event { offset: Some(1), .. }, ServerFrame::Bye { code, after, position }] = &frames[..]
        else {
            panic!("{frames:?}");
        };
        assert_eq!((*code, position.as_ref()), (CloseCode::Restart, Some(&bench.position())));
        afters.extend(*after);
    }
    afters.sort_unstable();
    assert_eq!(afters, [0, 33, 66]);
    assert!(start.elapsed() < WAIT);
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_taken_in_parts_and_whole() {
    let bench = bench(HistoryLimits::default(), QueueLimits { frames: 10, bytes: 1 << 20 });
    let mut since = bench.position();
    let mut offsets = Vec::new();
    let mut polls = 0;
    while offsets.len() < 100 {
        let running = bench.poll(standing(vec![join(&Room::Website, Some(since.clone()))]));
        if polls == 0 {
            sleep(Duration::from_millis(1)).await;
            for _ in 0..100 {
                bench.publish(&Room::Website);
            }
        }
        for frame in running.frames().await {
            match frame {
                ServerFrame::Event { offset: Some(offset), .. } => {
                    since.offset = offset;
                    offsets.push(offset);
                }
                ServerFrame::Ok { position, .. } => assert!(position.offset <= since.offset, "{position:?}"),
                other => panic!("{other:?}"),
            }
        }
        polls += 1;
    }
    assert_eq!(offsets, (1..=100).collect::<Vec<_>>());
    assert!(polls > 10, "{polls}");
}
