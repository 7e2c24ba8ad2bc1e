//! Carries out in the browser what the machine and the store decide. One per page.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::prelude::{ArcRwSignal, ReadSignal, Set, document, window};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;

use super::lifecycle;
use super::machine::{Effect, Input, LinkState, Machine};
use super::socket::Socket;
use super::store::{ListenerId, Outcome, Store};
use crate::frame::{ClientFrame, ServerFrame};
use crate::position::Position;
use crate::room::Room;

/// What a listener is given.
pub(crate) enum Delivery<'a> {
    /// A message as JSON text.
    Message(&'a str),
    /// Something may be missing.
    Gap,
}

pub(crate) type Callback = Rc<dyn Fn(Delivery<'_>)>;

struct Connection {
    machine: Machine,
    store: Store,
    callbacks: Vec<(ListenerId, Callback)>,
    socket: Option<Socket>,
    epoch: String,
    said: ArcRwSignal<LinkState>,
    timer: Option<Timer>,
    on_timer: Closure<dyn FnMut()>,
}

struct Timer {
    id: i32,
    at: u64,
}

thread_local! {
    static CONNECTION: RefCell<Connection> = RefCell::new(Connection {
        machine: Machine::new(random_seed()),
        store: Store::default(),
        callbacks: Vec::new(),
        socket: None,
        epoch: String::new(),
        said: ArcRwSignal::new(LinkState::Connecting),
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
/// `latest`: it shows a value, so it wants the newest. `shown`: the position of what the page already shows.
pub(crate) fn listen(
    room: &Room,
    event: &str,
    latest: bool,
    shown: Option<Position>,
    callback: Callback,
) -> ListenerId {
    let (id, frame) = with(|connection| {
        let connected = connection.machine.is_open();
        let (id, frame) = connection.store.listen(room, event, latest, shown, connected);
        connection.callbacks.push((id, callback));
        (id, frame)
    });
    frame.iter().for_each(send);
    start();
    id
}

/// Removes a listener.
pub(crate) fn forget(id: ListenerId) {
    let frame = with(|connection| {
        connection.callbacks.retain(|(known, _)| *known != id);
        connection.store.forget(id, connection.machine.is_open())
    });
    frame.iter().for_each(send);
}

/// What is said of the page's connection; asking for it makes the page connect.
pub(crate) fn said() -> ReadSignal<LinkState> {
    start();
    with(|connection| connection.said.read_only()).into()
}

/// Names something odd for the developer.
pub(crate) fn warn(text: &str) {
    web_sys::console::warn_1(&text.into());
}

/// Shows the developer a frame as it came: its own words say what is wrong.
fn warn_of(frame: &str) {
    web_sys::console::warn_2(&"frappe-live: the server says".into(), &frame.into());
}

fn start() {
    lifecycle::listen_once();
    step(Input::Start);
}

/// Gives the machine what happened and does what it says.
pub(super) fn step(input: Input) {
    for effect in with(|connection| connection.machine.step(now(), input)) {
        match effect {
            Effect::Open => with(|connection| connection.socket = Socket::open()),
            Effect::Close => with(|connection| {
                connection.socket = None;
                connection.store.disconnected();
            }),
            Effect::Ping => send(&ClientFrame::Ping { reference: None }),
            Effect::Show(state) => show(state),
            Effect::Say(state) => with(|connection| connection.said.clone()).set(state),
        }
    }
    set_timer();
}

fn show(state: LinkState) {
    if let Some(html) = document().document_element() {
        // Only a detached document refuses an attribute.
        let _ = html.set_attribute("data-live", state.word());
    }
}

fn send(frame: &ClientFrame) {
    with(|connection| {
        if let Some(socket) = &connection.socket {
            socket.send(&frame.encode());
        }
    });
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

/// A text came on the current socket.
pub(super) fn received(text: &str) {
    step(Input::Heard);
    match ServerFrame::parse(text) {
        Ok(frame) => take(frame, text),
        Err(_) => warn_of(text),
    }
}

/// The current socket is closed.
pub(super) fn closed(code: u16) {
    with(|connection| {
        connection.socket = None;
        connection.store.disconnected();
    });
    step(Input::Closed(code));
}

fn take(frame: ServerFrame, text: &str) {
    match frame {
        ServerFrame::Hello { epoch, heartbeat, build, .. } => {
            lifecycle::reload_if_outdated(&build);
            let joins = with(|connection| {
                connection.epoch = epoch;
                connection.store.connected()
            });
            step(Input::Hello { heartbeat: u64::from(heartbeat) * 1000 });
            joins.iter().for_each(send);
            settle();
        }
        ServerFrame::Event { room, event, message, offset } => {
            let outcome = with(|connection| {
                let position = Position::new(connection.epoch.clone(), offset);
                connection.store.event(&room, &event, &position)
            });
            give(outcome, message.get());
        }
        ServerFrame::Joined { reference, room, position, recovered } => {
            let outcome = with(|connection| {
                connection.epoch.clone_from(&position.epoch);
                connection.store.joined(reference, &room, position, recovered)
            });
            give(outcome, "");
            settle();
        }
        ServerFrame::Denied { reference, room, .. } => {
            warn_of(text);
            give(with(|connection| connection.store.denied(reference, &room)), "");
            settle();
        }
        ServerFrame::Gap { room, position } => {
            let outcome = with(|connection| {
                connection.epoch.clone_from(&position.epoch);
                connection.store.gap(&room, position)
            });
            give(outcome, "");
        }
        ServerFrame::Ok { position, .. } => with(|connection| connection.store.caught_up(&position)),
        ServerFrame::Bye { code } => {
            if !code.should_reconnect() {
                warn_of(text);
            }
            step(Input::Bye(code));
        }
        ServerFrame::Error { .. } => warn_of(text),
    }
}

fn settle() {
    if with(|connection| connection.store.is_settled()) {
        step(Input::Settled);
    }
}

fn give(outcome: Option<Outcome>, message: &str) {
    let (ids, delivery): (_, fn(&str) -> Delivery<'_>) = match outcome {
        None => return,
        Some(Outcome::Deliver(ids)) => (ids, |message| Delivery::Message(message)),
        Some(Outcome::Gap(ids)) => (ids, |_| Delivery::Gap),
    };
    for id in ids {
        let callback = with(|connection| {
            let found = connection.callbacks.iter().find(|(known, _)| *known == id);
            found.map(|(_, callback)| Rc::clone(callback))
        });
        if let Some(callback) = callback {
            callback(delivery(message));
        }
    }
}

/// Milliseconds that never go back. The browser's steady clock may stop while the machine sleeps, and
/// its calendar may be set: this one goes on with the calendar and stands still when that is set back.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "milliseconds since 1970 fit")]
fn now() -> u64 {
    thread_local!(static CLOCK: Cell<(u64, u64)> = const { Cell::new((0, 0)) });
    let today = js_sys::Date::now() as u64;
    let (seen, steady) = CLOCK.get();
    let steady = steady + today.saturating_sub(seen);
    CLOCK.set((today, steady));
    steady
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "any bits will do")]
fn random_seed() -> u64 {
    (js_sys::Math::random() * 9_007_199_254_740_991.0) as u64
}
