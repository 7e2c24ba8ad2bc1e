//! Polls and the page's real store, under any order of events, answers that are lost, and a Frappe that is away.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;
use realtime::client::store::{Interest, ListenerId, Outcome, Store};
use realtime::frame::{ClientFrame, PollRequest, ServerFrame};
use realtime::position::Position;
use realtime::room::Room;
use tokio::time::sleep;

use super::{Bench, Running, bench, document};
use crate::engine::Written;
use crate::history::HistoryLimits;
use crate::queue::QueueLimits;
use crate::site::AskError;

#[derive(Debug, Clone)]
enum Step {
    /// Publishes to one of the page's rooms.
    Publish(usize),
    /// The page polls, unless a poll of its is under way.
    Poll,
    /// Time goes by, in milliseconds.
    Pass(u64),
    /// The answer to the poll under way is lost, or the page hangs up.
    Lose,
    /// The bus loses its line to Redis.
    Interrupt,
    /// Frappe goes away, or is back.
    Frappe { is_there: bool },
}

#[derive(Debug, Clone, PartialEq)]
enum Told {
    Event(u64),
    Gap,
}

struct Page {
    store: Store,
    listeners: Vec<(ListenerId, Room, Vec<Told>)>,
    epoch: String,
    has_begun: bool,
    /// What it asks next, and again if the answer is lost.
    asks: Vec<ClientFrame>,
    running: Option<Running>,
}

fn rooms() -> [Room; 3] {
    [Room::user("jane@example.com"), Room::Site, document()]
}

impl Page {
    fn rendered_at(start: &Position) -> Self {
        let mut store = Store::default();
        let listeners = rooms().map(|room| {
            let (id, _) = store.listen(&room, "e", Interest::Event, Some(start.clone()), false);
            (id, room, Vec::new())
        });
        let (epoch, asks) = (String::new(), Vec::new());
        Self { store, listeners: listeners.into(), epoch, has_begun: false, asks, running: None }
    }

    fn poll(&mut self, bench: &Bench) {
        if self.running.is_some() {
            return;
        }
        let mut request = PollRequest { page: "p".to_owned(), begins: !self.has_begun, ..PollRequest::default() };
        self.store.standing().iter().for_each(|frame| request.stand(frame));
        request.frames = self.asks.iter().map(ClientFrame::encode).collect();
        self.running = Some(bench.poll(request));
    }

    /// Takes the answer if it is there.
    async fn read(&mut self) {
        if let Some(running) = self.running.take_if(|running| running.task.is_finished()) {
            self.answered(running.frames().await);
        }
    }

    /// Polls until it is told nothing more.
    async fn catch_up(&mut self, bench: &Bench) {
        for _ in 0..1000 {
            self.poll(bench);
            let running = self.running.take().expect("it polls");
            let frames = running.frames().await;
            let is_at_the_end = |frames: &[ServerFrame]| match frames {
                [ServerFrame::Ok { position, .. }] => *position == bench.position(),
                _ => false,
            };
            let is_quiet = is_at_the_end(&frames) && self.asks.is_empty();
            self.answered(frames);
            if is_quiet && self.store.is_settled() {
                return;
            }
            // That Frappe was away is remembered for a second of the machine's clock, which this test does not wind.
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("it never ends");
    }

    fn answered(&mut self, frames: Vec<ServerFrame>) {
        self.asks.clear();
        for frame in frames {
            self.take(frame);
        }
    }

    fn take(&mut self, frame: ServerFrame) {
        let outcome = match frame {
            ServerFrame::Hello { epoch, .. } => {
                (self.epoch, self.has_begun) = (epoch, true);
                self.asks = self.store.connected();
                None
            }
            ServerFrame::Event { room, event, offset: Some(offset), .. } => {
                let position = Position::new(self.epoch.clone(), offset);
                let told = self.store.event(&room, &event, Some(&position));
                return self.tell(told, &Told::Event(offset));
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
            ServerFrame::Error { reference: Some(reference), .. } => {
                if self.store.failed(reference) == Some(Outcome::AskLater) {
                    self.asks.extend(self.store.ask_again());
                }
                None
            }
            ServerFrame::Denied { reference: Some(reference), room, denial } => {
                if self.store.denied(reference, &room, denial) == Some(Outcome::AskLater) {
                    self.asks.extend(self.store.ask_again());
                }
                None
            }
            other => panic!("{other:?}"),
        };
        self.tell(outcome, &Told::Gap);
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
        8 => (0..3_usize).prop_map(Step::Publish),
        6 => Just(Step::Poll),
        5 => (1..30_u64).prop_map(Step::Pass),
        1 => (1000..30_000_u64).prop_map(Step::Pass),
        1 => Just(Step::Lose),
        1 => Just(Step::Interrupt),
        1 => any::<bool>().prop_map(|is_there| Step::Frappe { is_there }),
    ]
}

/// Runs the steps. Returns the page, and what was published: the room and the offset of each.
async fn play(steps: Vec<Step>, site_bytes: usize) -> (Page, Vec<(Room, u64)>) {
    let history = HistoryLimits { site_bytes, age: Duration::from_hours(1), ..HistoryLimits::default() };
    let bench = bench(history, QueueLimits { frames: 12, bytes: 1 << 20 });
    let mut page = Page::rendered_at(&bench.position());
    let mut published = Vec::new();
    for step in steps {
        match step {
            Step::Publish(index) => {
                let room = rooms()[index].clone();
                let offset = bench.publish(&room);
                published.push((room, offset));
            }
            Step::Poll => page.poll(&bench),
            Step::Pass(time) => sleep(Duration::from_millis(time)).await,
            Step::Lose => {
                if let Some(running) = page.running.take() {
                    running.task.abort();
                }
            }
            Step::Interrupt => {
                let mut written = Written::default();
                bench.engine.resume(&HashMap::new(), 0, &mut written);
                written.write_now();
            }
            Step::Frappe { is_there } => {
                let problem = "away".to_owned();
                bench.site.decide(if is_there { Ok(Ok(())) } else { Err(AskError::Unreachable { problem }) });
            }
        }
        page.read().await;
    }
    bench.site.decide(Ok(Ok(())));
    page.catch_up(&bench).await;
    (page, published)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Every listener is told every event once and in order; where it is not, a gap stands between.
    #[test]
    fn a_page_that_polls_loses_nothing_in_silence_and_gets_nothing_twice(
        steps in prop::collection::vec(any_step(), 1..150),
        site_bytes in prop::sample::select(vec![600_usize, 3_000, 1_000_000]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let (page, published) = runtime.expect("a runtime").block_on(play(steps, site_bytes));
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
