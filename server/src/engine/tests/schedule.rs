//! Server and page together, under any order of events, lost lines and lost history.
//!
//! The real engine, session and queue on one side, the page's real store on the other, and between them
//! a line that can be cut with frames still on it.

use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;
use realtime::client::store::{Interest, ListenerId, Outcome, Store};
use realtime::frame::{ClientFrame, ServerFrame};
use realtime::host::{UserType, Viewer};
use realtime::position::Position;
use realtime::room::Room;

use super::{Recorder, publish};
use crate::engine::{Engine, Written};
use crate::history::HistoryLimits;
use crate::queue::{Queue, QueueLimits};
use crate::session::{Session, SessionLimits, SessionParts};
use crate::site::{Caller, Credential};

#[derive(Debug, Clone)]
enum Step {
    /// Publishes to the page's user, or to the whole site.
    Publish {
        to_site: bool,
    },
    /// The page reads this many frames.
    Read(usize),
    /// The line is cut, with what is on it.
    Cut,
    Connect,
    /// The bus loses its line to Redis.
    Interrupt,
}

/// What a listener was told.
#[derive(Debug, Clone, PartialEq)]
enum Told {
    Event(u64),
    Gap,
}

struct Line {
    session: Session,
    wire: Arc<Recorder>,
    queue: Arc<Queue>,
    on_the_way: std::collections::VecDeque<ServerFrame>,
}

struct Page {
    store: Store,
    listeners: Vec<(ListenerId, Room, Vec<Told>)>,
    epoch: String,
    line: Option<Line>,
}

fn viewer() -> Viewer {
    Viewer { site: "s".into(), user: "jane".into(), full_name: "Jane".into(), user_type: UserType::SystemUser }
}

impl Page {
    /// A page that was rendered at `start`.
    fn rendered_at(start: &Position) -> Self {
        let mut store = Store::default();
        let listeners = [Room::user("jane"), Room::Site].map(|room| {
            let (id, _) = store.listen(&room, "e", Interest::Event, Some(start.clone()), false);
            (id, room, Vec::new())
        });
        Self { store, listeners: listeners.into(), epoch: String::new(), line: None }
    }

    fn connect(&mut self, engine: &Engine) {
        self.cut();
        let wire = Arc::new(Recorder::default());
        let queue = Arc::new(Queue::new(wire.clone(), QueueLimits { frames: 40, bytes: 1 << 20 }));
        let parts = SessionParts::for_a_test(SessionLimits::WIDE);
        let caller = Caller { viewer: viewer(), credential: Credential::Nobody };
        let site = Arc::clone(engine.default_site());
        let session = Session::begin(parts, site, caller, engine.new_connection(), queue.clone());
        self.line = Some(Line { session, wire, queue, on_the_way: std::collections::VecDeque::new() });
    }

    fn cut(&mut self) {
        self.line = None;
        self.store.disconnected();
    }

    fn read(&mut self, count: usize) {
        for _ in 0..count {
            let Some(line) = &mut self.line else { return };
            line.session.catch_up();
            line.queue.flush();
            line.on_the_way.extend(line.wire.take());
            let Some(frame) = line.on_the_way.pop_front() else { return };
            let asked = self.take(frame);
            for frame in asked {
                let Some(line) = &mut self.line else { return };
                assert_eq!(line.session.receive(&frame.encode()), None);
            }
        }
    }

    /// What the browser's connection does with a frame; returns what it sends.
    fn take(&mut self, frame: ServerFrame) -> Vec<ClientFrame> {
        let outcome = match frame {
            ServerFrame::Hello { epoch, .. } => {
                self.epoch = epoch;
                return self.store.connected();
            }
            ServerFrame::Event { room, event, offset: Some(offset), .. } => {
                let position = Position::new(self.epoch.clone(), offset);
                let told = self.store.event(&room, &event, Some(&position));
                self.tell(told, &Told::Event(offset));
                return Vec::new();
            }
            ServerFrame::Joined { reference, room, position, recovered } => {
                self.epoch.clone_from(&position.epoch);
                self.store.joined(reference, &room, position, recovered)
            }
            ServerFrame::Gap { room, position } => {
                self.epoch.clone_from(&position.epoch);
                self.store.gap(&room, position)
            }
            ServerFrame::Ok { position, .. } => {
                self.store.caught_up(&position);
                None
            }
            other => panic!("{other:?}"),
        };
        self.tell(outcome, &Told::Gap);
        Vec::new()
    }

    fn tell(&mut self, outcome: Option<Outcome>, what: &Told) {
        let Some(Outcome::Deliver(ids) | Outcome::Gap(ids)) = outcome else { return };
        for (id, _, told) in &mut self.listeners {
            if ids.contains(id) {
                told.push(what.clone());
            }
        }
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<bool>().prop_map(|to_site| Step::Publish { to_site }),
        5 => (1..8_usize).prop_map(Step::Read),
        1 => Just(Step::Cut),
        2 => Just(Step::Connect),
        1 => Just(Step::Interrupt),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Every listener is told every event once and in order; where it is not, a gap stands between.
    #[test]
    fn nothing_is_lost_in_silence_and_nothing_comes_twice(
        steps in prop::collection::vec(any_step(), 1..150),
        site_bytes in prop::sample::select(vec![600_usize, 3_000, 1_000_000]),
    ) {
        let limits = HistoryLimits { site_bytes, ..HistoryLimits::default() };
        let engine = Engine::new(&["s".to_owned()], limits);
        let mut page = Page::rendered_at(&engine.default_site().position());
        let mut published: Vec<(Room, u64)> = Vec::new();
        for step in steps {
            match step {
                Step::Publish { to_site } => {
                    let room = if to_site { Room::Site } else { Room::user("jane") };
                    publish(&engine, &format!(r#"{{"event":"e","message":1,"namespace":"s","room":"{room}"}}"#));
                    published.push((room, published.len() as u64 + 1));
                }
                Step::Read(count) => page.read(count),
                Step::Cut => page.cut(),
                Step::Connect => page.connect(&engine),
                Step::Interrupt => {
                    let mut written = Written::default();
                    engine.resume(&HashMap::new(), 0, &mut written);
                    written.write_now();
                }
            }
        }
        // In the end the page comes back and reads all there is.
        page.connect(&engine);
        page.read(10_000);
        for (_, room, told) in &page.listeners {
            let mut rest = published.iter().filter(|(of, _)| of == room).map(|(_, offset)| *offset);
            let mut may_skip = false;
            for told in told {
                match told {
                    Told::Gap => may_skip = true,
                    Told::Event(offset) => {
                        let next = if may_skip { rest.find(|next| next == offset) } else { rest.next() };
                        prop_assert_eq!(next, Some(*offset), "{} {:?}", room, page.listeners);
                        may_skip = false;
                    }
                }
            }
            prop_assert!(may_skip || rest.next().is_none(), "{} ends early: {:?}", room, page.listeners);
        }
    }
}
