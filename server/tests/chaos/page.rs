//! A page of a browser: the real machine and the real store, with tokio where the browser would be.
//!
//! What `realtime::client::connection` is to the browser, this is to the test, step for step.

use std::collections::HashMap;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use realtime::client::machine::{Effect, Input, LinkState, Machine};
use realtime::client::store::{Interest, ListenerId, Outcome, Store};
use realtime::frame::{ClientFrame, Denial, Ref, ServerFrame};
use realtime::position::Position;
use realtime::room::Room;
use serde::Deserialize;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::sleep;

use crate::EVENT;
use crate::QUIET_ROOMS_KEEP_UP;
use crate::link::{Arrival, Link};
use crate::people;
use crate::record::{PageRecord, Record};

/// What somebody does with a page.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Doing {
    /// Another tab, or a phone's screen that goes dark.
    Hide,
    Show,
    LoseNetwork,
    FindNetwork,
    /// Into the back/forward cache.
    GoAway,
    ComeBack,
    /// The page's script stands still, and its socket is not read.
    Freeze(Duration),
}

/// What a page is.
pub(crate) struct PageParts {
    pub(crate) address: SocketAddr,
    /// The number of the server at the other end.
    pub(crate) instance: Arc<AtomicUsize>,
    pub(crate) user: &'static str,
    pub(crate) listens: Vec<(Room, Interest)>,
    pub(crate) seed: u64,
    pub(crate) state: Arc<PageRecord>,
    pub(crate) record: Arc<Record>,
}

struct Page {
    parts: PageParts,
    machine: Machine,
    store: Store,
    link: Option<Link>,
    epoch: String,
    /// From where joins that are not answered yet asked for a replay.
    asked_from: HashMap<Ref, Position>,
    /// From where rooms are read: what comes from before it is told as their newest value.
    begun_at: HashMap<Room, Position>,
    /// When it last heard of its server, and of the one before that, in milliseconds.
    heard_at: u64,
    lost_at: u64,
    /// In the order of [`PageRecord::witnesses`].
    listeners: Vec<ListenerId>,
}

/// The message of every event.
#[derive(Deserialize)]
struct Numbered {
    room: String,
    number: u64,
}

/// What is passed on to listeners.
enum Delivery<'a> {
    Message { message: &'a str, is_newest: bool },
    Gap,
}

/// Runs a page until nobody does anything with it any more.
pub(crate) async fn run(parts: PageParts, mut doings: UnboundedReceiver<Doing>) {
    let mut page = Page {
        machine: Machine::new(parts.seed, None),
        store: Store::default(),
        link: None,
        epoch: String::new(),
        asked_from: HashMap::new(),
        begun_at: HashMap::new(),
        heard_at: 0,
        lost_at: 0,
        listeners: Vec::new(),
        parts,
    };
    for (room, interest) in page.parts.listens.clone() {
        page.listeners.push(page.store.listen(&room, EVENT, interest, None, false).0);
    }
    page.step(Input::Start);
    loop {
        let wait = page.machine.wake_at().map(|at| Duration::from_millis(at.saturating_sub(page.parts.record.now())));
        tokio::select! {
            doing = doings.recv() => {
                let Some(doing) = doing else { return };
                page.parts.state.note(&page.parts.record, format_args!("{doing:?}"));
                match doing {
                    Doing::Hide => page.step(Input::Hidden),
                    Doing::Show | Doing::ComeBack => page.step(Input::Seen),
                    Doing::LoseNetwork => page.step(Input::NetworkLost),
                    Doing::FindNetwork => page.step(Input::NetworkBack),
                    Doing::GoAway => page.step(Input::PageHide),
                    Doing::Freeze(time) => sleep(time).await,
                }
            }
            arrival = next(&mut page.link) => match arrival {
                Arrival::Text(text) => page.received(&text),
                Arrival::Closed(code) => page.closed(code),
            },
            () = sleep_or_wait(wait) => page.step(Input::Wake),
        }
    }
}

async fn next(link: &mut Option<Link>) -> Arrival {
    match link {
        Some(link) => link.next().await,
        None => pending().await,
    }
}

async fn sleep_or_wait(time: Option<Duration>) {
    match time {
        Some(time) => sleep(time).await,
        None => pending().await,
    }
}

impl Page {
    fn step(&mut self, input: Input) {
        let now = self.parts.record.now();
        for effect in self.machine.step(now, input) {
            match effect {
                Effect::Open(_) => {
                    let cookie = format!("frappe_live_demo_user={}", self.parts.user);
                    self.link = Some(Link::websocket(self.parts.address, &cookie));
                }
                Effect::Close => self.disconnect(),
                Effect::Ping => self.send(&ClientFrame::Ping { reference: None }),
                Effect::AskAgain => {
                    for join in self.store.ask_again() {
                        self.send(&join);
                    }
                }
                Effect::Show(state) => {
                    self.note(format_args!("{}", state.word()));
                    self.parts.state.is_live.store(state == LinkState::Live, Ordering::SeqCst);
                }
            }
        }
    }

    fn received(&mut self, text: &str) {
        self.heard_at = self.parts.record.now();
        self.step(Input::Heard);
        match ServerFrame::parse(text) {
            Ok(frame) => self.take(frame, text),
            Err(error) => self.breach(error),
        }
    }

    fn closed(&mut self, code: u16) {
        self.note(format_args!("closed {code}"));
        self.parts.record.closed(code);
        self.disconnect();
        self.step(Input::Closed(code));
        if let Some(code) = self.machine.ended_by() {
            self.breach(format_args!("it was sent away for good: {}", code.word()));
        }
    }

    fn disconnect(&mut self) {
        self.lost_at = self.heard_at;
        self.link = None;
        self.store.disconnected();
        self.asked_from.clear();
    }

    fn take(&mut self, frame: ServerFrame, text: &str) {
        if !matches!(frame, ServerFrame::Event { .. } | ServerFrame::Ok { .. }) {
            self.note(text);
        }
        match frame {
            ServerFrame::Hello { epoch, user, heartbeat, .. } => {
                if user != self.parts.user {
                    self.breach(format_args!("{user} was greeted"));
                }
                self.parts.state.connections.fetch_add(1, Ordering::Relaxed);
                self.epoch = epoch;
                let joins = self.store.connected();
                self.step(Input::Hello { heartbeat: u64::from(heartbeat) * 1000, is_outdated: false });
                for join in &joins {
                    self.note(join.encode());
                    self.send(join);
                }
                self.settle();
            }
            ServerFrame::Event { room, event, message, offset } => {
                let position = offset.map(|offset| Position::new(self.epoch.clone(), offset));
                let is_newest =
                    self.begun_at.get(&room).zip(position.as_ref()).is_some_and(|(begun, position)| {
                        begun.epoch == position.epoch && position.offset <= begun.offset
                    });
                let outcome = self.store.event(&room, &event, position.as_ref());
                self.give(outcome, Delivery::Message { message: message.get(), is_newest });
            }
            ServerFrame::Joined { reference, room, position, recovered } => {
                self.epoch.clone_from(&position.epoch);
                let asked_from = self.asked_from.remove(&reference);
                let counter = if recovered { &self.parts.record.recovered } else { &self.parts.record.not_recovered };
                counter.fetch_add(1, Ordering::Relaxed);
                let begun = if recovered { asked_from } else { Some(position.clone()) };
                self.begun_at.extend(begun.map(|begun| (room.clone(), begun)));
                let outcome = self.store.joined(reference, &room, position, recovered);
                self.give(outcome, Delivery::Gap);
                self.settle();
            }
            ServerFrame::Denied { reference: Some(reference), room, denial: Denial::TooFast } => {
                let outcome = self.store.denied(reference, &room, Denial::TooFast);
                self.give(outcome, Delivery::Gap);
                self.settle();
            }
            ServerFrame::Gap { room, position } => {
                self.epoch.clone_from(&position.epoch);
                let outcome = self.store.gap(&room, position);
                self.give(outcome, Delivery::Gap);
            }
            ServerFrame::Ok { position, .. } => self.store.caught_up(&position),
            ServerFrame::Bye { code, after, position } => {
                if let Some(position) = position {
                    self.store.caught_up(&position);
                }
                // The link is over, and nothing is to be awaited of it.
                self.step(Input::Bye { code, after });
                self.closed(code.number());
            }
            ServerFrame::Source { connected } => self.step(Input::Source(connected)),
            ServerFrame::Error { reference: Some(reference), .. } => {
                let outcome = self.store.failed(reference);
                self.give(outcome, Delivery::Gap);
            }
            ServerFrame::Denied { .. }
            | ServerFrame::Error { .. }
            | ServerFrame::Emitted { .. }
            | ServerFrame::Answer { .. } => self.breach(format_args!("nobody asked for {text}")),
        }
    }

    fn settle(&mut self) {
        if self.store.is_settled() {
            self.step(Input::Settled);
        }
    }

    fn give(&mut self, outcome: Option<Outcome>, delivery: Delivery<'_>) {
        match (outcome, delivery) {
            (None, _) => {}
            (Some(Outcome::AskLater), _) => self.step(Input::JoinFailed),
            (Some(Outcome::Deliver(ids)), Delivery::Message { message, is_newest }) => {
                self.deliver(&ids, message, is_newest);
            }
            (Some(Outcome::Gap(ids) | Outcome::Deliver(ids)), _) => {
                for id in ids {
                    let listener = self.index_of(id);
                    self.note(format_args!("gap in {}", self.parts.listens[listener].0));
                    let room = &self.parts.listens[listener].0;
                    let is_excused = !QUIET_ROOMS_KEEP_UP && people::is_quiet(room);
                    // A server that began after the page had lost its line cannot know what was in between.
                    let began = self.parts.record.began(self.parts.instance.load(Ordering::SeqCst));
                    if !self.parts.record.gap() && !is_excused && began < self.lost_at {
                        let diary = self.parts.state.diary();
                        let what = format_args!("room {room}: a gap was told, and nothing can have been lost\n{diary}");
                        self.parts.record.doubt(what);
                    }
                    self.parts.state.witnesses()[listener].told_of_a_gap();
                }
            }
        }
    }

    fn deliver(&self, ids: &[ListenerId], message: &str, is_newest: bool) {
        let Numbered { room, number } = serde_json::from_str(message).expect("the test's own message");
        for id in ids {
            let listener = self.index_of(*id);
            let book = &self.parts.record.rooms[self.parts.state.rooms[listener]];
            if room != book.room.to_string() {
                self.breach(format_args!("the listener of {} was given an event of {room}", book.room));
            }
            let unsure = |number| book.may_not_be(number);
            let witness = &mut self.parts.state.witnesses()[listener];
            let given = if is_newest { witness.given_as_newest(number, unsure) } else { witness.given(number, unsure) };
            if let Err(breach) = given {
                self.breach(format_args!("room {room}: {breach}"));
            }
        }
    }

    fn index_of(&self, id: ListenerId) -> usize {
        self.listeners.iter().position(|known| *known == id).expect("a listener of this page")
    }

    fn send(&mut self, frame: &ClientFrame) {
        if let ClientFrame::Join { reference, since: Some(since), .. } = frame {
            self.asked_from.insert(*reference, since.clone());
        }
        if let Some(link) = &self.link {
            link.send(frame.encode());
        }
    }

    fn note(&self, line: impl std::fmt::Display) {
        self.parts.state.note(&self.parts.record, line);
    }

    fn breach(&self, what: impl std::fmt::Display) {
        let diary = self.parts.state.diary();
        self.parts.record.breach(format_args!("{what}\n{diary}"));
    }
}
