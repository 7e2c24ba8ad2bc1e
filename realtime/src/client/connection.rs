//! Carries out in the browser what the machine and the store decide. One per page.

mod frames;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::prelude::{ArcRwSignal, ReadSignal, Set, document, window};
use serde_json::value::RawValue;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;

pub(super) use self::frames::{polled, received};
use super::machine::{Effect, Input, Machine, Said, Transport};
use super::outbox::Emission;
use super::store::{Interest, ListenerId, Store};
use super::transport::{Link, forced};
use super::{lifecycle, speaking};
use crate::frame::{ClientFrame, Ref};
use crate::position::Position;
use crate::room::Room;
use crate::task::TaskTicket;

/// What a listener is given.
#[derive(Clone, Copy)]
pub(crate) enum Delivery<'a> {
    /// A message as JSON text.
    Message(&'a str),
    /// What a user emitted.
    Emitted { user: &'a str, message: &'a str },
    /// Something may be missing.
    Gap,
}

pub(crate) type Callback = Rc<dyn Fn(Delivery<'_>)>;

struct Connection {
    machine: Machine,
    store: Store,
    callbacks: Vec<(ListenerId, Callback)>,
    link: Option<Link>,
    /// Counts links, so that what an earlier one still reports is known for that.
    link_number: u32,
    epoch: String,
    /// Whom the page was rendered for, where it says so.
    user: Option<String>,
    /// Names the page to a server that answers its polls.
    page: String,
    said: Said,
    said_signal: ArcRwSignal<Said>,
    timer: Option<Timer>,
    on_timer: Closure<dyn FnMut()>,
}

struct Timer {
    id: i32,
    at: u64,
}

thread_local! {
    static CONNECTION: RefCell<Connection> = RefCell::new(Connection {
        machine: Machine::new(random_number(), forced()),
        store: Store::default(),
        callbacks: Vec::new(),
        link: None,
        link_number: 0,
        epoch: String::new(),
        user: None,
        page: [random_number().to_string(), random_number().to_string()].concat(),
        said: Said::AT_FIRST,
        said_signal: ArcRwSignal::new(Said::AT_FIRST),
        timer: None,
        on_timer: Closure::new(|| {
            with(|connection| connection.timer = None);
            step(Input::Wake);
        }),
    });
}

/// Short borrows only: a listener that is called may listen or forget itself.
fn with<R>(use_it: impl FnOnce(&mut Connection) -> R) -> R {
    CONNECTION.with_borrow_mut(use_it)
}

/// Adds a listener, and connects if this is the page's first.
///
/// `shown`: the position of what the page already shows.
pub(crate) fn listen(
    room: &Room,
    event: &str,
    interest: Interest,
    shown: Option<Position>,
    callback: Callback,
) -> ListenerId {
    let (id, frame) = with(|connection| {
        let connected = connection.machine.is_open();
        let (id, frame) = connection.store.listen(room, event, interest, shown, connected);
        connection.callbacks.push((id, callback));
        (id, frame)
    });
    frame.iter().for_each(send);
    start();
    id
}

/// Removes a listener.
pub(crate) fn forget(id: ListenerId) {
    let frames = with(|connection| {
        connection.callbacks.retain(|(known, _)| *known != id);
        connection.store.forget(id, connection.machine.is_open())
    });
    frames.iter().for_each(send);
}

/// Remembers a task that the page was given.
pub(crate) fn remember(ticket: TaskTicket) {
    with(|connection| connection.store.remember(ticket));
}

/// Emits to a room, if the page is in it now.
pub(super) fn emit(Emission { room, event, message }: Emission) {
    let reference = with(|Connection { store, .. }| store.is_inside(&room).then(|| store.new_ref()));
    if let Some(reference) = reference {
        send(&ClientFrame::Emit { reference, room: Some(room), event, message });
    }
}

/// The `ref` of a new question; `None` where nobody can be asked.
pub(super) fn new_question() -> Option<Ref> {
    with(|connection| connection.machine.is_open().then(|| connection.store.new_ref()))
}

/// Sends a question to the server.
pub(super) fn send_question(reference: Ref, event: &str, message: Box<RawValue>) {
    send(&ClientFrame::Emit { reference, room: None, event: event.to_owned(), message });
}

/// What is said of the page's connection; asking for it makes the page connect.
pub(crate) fn said() -> ReadSignal<Said> {
    start();
    with(|connection| connection.said_signal.read_only()).into()
}

/// The page was rendered for this user.
pub(crate) fn belongs_to(user: String) {
    with(|connection| connection.user = Some(user));
}

/// The page is hidden, or seen again.
pub(super) fn set_away(is_away: bool) {
    with(|connection| connection.store.set_away(is_away)).iter().for_each(send);
}

/// Names something odd for the developer.
pub(crate) fn warn(text: &str) {
    web_sys::console::warn_1(&text.into());
}

fn start() {
    lifecycle::listen_once();
    step(Input::Start);
}

/// Gives the machine what happened and does what it says.
pub(crate) fn step(input: Input) {
    for effect in with(|connection| connection.machine.step(now(), input)) {
        match effect {
            Effect::Open(transport) => with(|connection| connection.open(transport)),
            Effect::Close => {
                with(Connection::disconnect);
                speaking::lost();
            }
            Effect::Ping => send(&ClientFrame::Ping { reference: None }),
            Effect::AskAgain => with(|connection| connection.store.ask_again()).iter().for_each(send),
            Effect::Show(state) => mark("data-live", state.word()),
        }
    }
    say();
    set_timer();
}

impl Connection {
    fn open(&mut self, transport: Transport) {
        self.link_number += 1;
        self.link = Link::open(transport, self.link_number);
    }

    fn disconnect(&mut self) {
        self.link = None;
        self.link_number += 1;
        self.store.disconnected();
    }

    /// The link of this number, if it is still the page's.
    fn link(&mut self, number: u32) -> Option<&mut Link> {
        self.link.as_mut().filter(|_| self.link_number == number)
    }
}

/// Tells the page's authors what changed.
fn say() {
    let changed = with(|connection| {
        let said = connection.machine.said();
        let is_new = std::mem::replace(&mut connection.said, said) != said;
        is_new.then(|| (connection.said_signal.clone(), said))
    });
    if let Some((signal, said)) = changed {
        signal.set(said);
    }
}

/// Marks the document, for style sheets and tests.
fn mark(attribute: &str, word: &str) {
    if let Some(html) = document().document_element() {
        // Only a detached document refuses an attribute.
        let _ = html.set_attribute(attribute, word);
    }
}

fn send(frame: &ClientFrame) {
    with(|connection| {
        if let Some(link) = &mut connection.link {
            link.send(frame.encode());
        }
    });
}

/// Lets the polls go on, where the link of this number is one.
pub(super) fn go_on(number: u32) {
    with(|Connection { link, link_number, store, machine, page, .. }| {
        if let Some(link) = link
            && *link_number == number
        {
            link.go_on(page, store, machine.is_source_lost());
        }
    });
}

/// The link of this number is closed.
pub(super) fn closed(number: u32, code: u16) {
    let is_news = with(|connection| {
        let is_news = connection.link(number).is_some();
        if is_news {
            connection.disconnect();
        }
        is_news
    });
    if is_news {
        step(Input::Closed(code));
        // After the machine knows: who is told so may ask again.
        speaking::lost();
    }
}

/// One timer serves all waits. One that is early enough stays: waking too soon does nothing.
fn set_timer() {
    with(|connection| {
        let Some(at) = connection.machine.wake_at() else { return };
        if connection.timer.as_ref().is_some_and(|timer| timer.at <= at) {
            return;
        }
        if let Some(timer) = connection.timer.take() {
            window().clear_timeout_with_handle(timer.id);
        }
        let wait = i32::try_from(at.saturating_sub(now())).unwrap_or(i32::MAX);
        let callback = connection.on_timer.as_ref().unchecked_ref();
        if let Ok(id) = window().set_timeout_with_callback_and_timeout_and_arguments_0(callback, wait) {
            connection.timer = Some(Timer { id, at });
        }
    });
}

/// Milliseconds that never go back. The browser's steady clock may stop while the machine sleeps, and
/// its calendar may be set: this one goes on with the calendar and stands still when that is set back.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "milliseconds since 1970 fit")]
pub(crate) fn now() -> u64 {
    thread_local!(static CLOCK: Cell<(u64, u64)> = const { Cell::new((0, 0)) });
    let today = js_sys::Date::now() as u64;
    let (seen, steady) = CLOCK.get();
    let steady = steady + today.saturating_sub(seen);
    CLOCK.set((today, steady));
    steady
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "any bits will do")]
pub(crate) fn random_number() -> u64 {
    (js_sys::Math::random() * 9_007_199_254_740_991.0) as u64
}
