//! Carries out in the browser what the machine and the store decide. One per page.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::prelude::{ArcRwSignal, ReadSignal, Set, document, window};
use serde_json::value::RawValue;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;

use super::machine::{Effect, Input, LinkState, Machine};
use super::outbox::Emission;
use super::socket::Socket;
use super::store::{Interest, ListenerId, Outcome, Store};
use super::{lifecycle, speaking};
use crate::close::CloseCode;
use crate::frame::{ClientFrame, Ref, ServerFrame};
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
    socket: Option<Socket>,
    epoch: String,
    /// Whom the page was rendered for, where it says so.
    user: Option<String>,
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
        user: None,
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
    let frame = with(|connection| {
        connection.callbacks.retain(|(known, _)| *known != id);
        connection.store.forget(id, connection.machine.is_open())
    });
    frame.iter().for_each(send);
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
pub(crate) fn said() -> ReadSignal<LinkState> {
    start();
    with(|connection| connection.said.read_only()).into()
}

/// The page was rendered for this user.
pub(crate) fn belongs_to(user: String) {
    with(|connection| connection.user = Some(user));
}

/// The browser's session is somebody else's now, or nobody's: what the page shows is not, and stays as it is.
fn leave_to(user: String) {
    warn_of(&user);
    step(Input::Bye(CloseCode::SessionExpired));
    // A socket cannot be dropped from inside its own handler.
    leptos::task::spawn_local(async { closed(CloseCode::SessionExpired.number()) });
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
pub(crate) fn step(input: Input) {
    for effect in with(|connection| connection.machine.step(now(), input)) {
        match effect {
            Effect::Open => with(|connection| connection.socket = Socket::open()),
            Effect::Close => {
                disconnect();
                speaking::lost();
            }
            Effect::Ping => send(&ClientFrame::Ping { reference: None }),
            Effect::AskAgain => with(|connection| connection.store.ask_again()).iter().for_each(send),
            Effect::Show(state) => show(state),
            Effect::Say(state) => with(|connection| connection.said.clone()).set(state),
        }
    }
    set_timer();
}

fn disconnect() {
    with(|connection| {
        connection.socket = None;
        connection.store.disconnected();
    });
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
    disconnect();
    step(Input::Closed(code));
    // After the machine knows: who is told so may ask again.
    speaking::lost();
}

fn take(frame: ServerFrame, text: &str) {
    match frame {
        ServerFrame::Hello { epoch, user, heartbeat, build, .. } => {
            lifecycle::reload_if_outdated(&build);
            if with(|connection| connection.user.as_ref().is_some_and(|own| *own != user)) {
                return leave_to(user);
            }
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
                let position = offset.map(|offset| Position::new(connection.epoch.clone(), offset));
                connection.store.event(&room, &event, position.as_ref())
            });
            give(outcome, Delivery::Message(message.get()));
        }
        ServerFrame::Joined { reference, room, position, recovered } => {
            let outcome = with(|connection| {
                connection.epoch.clone_from(&position.epoch);
                connection.store.joined(reference, &room, position, recovered)
            });
            give(outcome, Delivery::Gap);
            settle();
        }
        ServerFrame::Denied { reference: Some(reference), room, denial } => {
            warn_of(text);
            give(with(|connection| connection.store.denied(reference, &room, denial)), Delivery::Gap);
            settle();
        }
        ServerFrame::Denied { reference: None, room, .. } => {
            warn_of(text);
            with(|connection| connection.store.taken_away(&room));
        }
        ServerFrame::Emitted { room, event, user, message } => {
            let outcome = with(|connection| connection.store.emitted(&room, &event));
            give(outcome, Delivery::Emitted { user: &user, message: message.get() });
        }
        ServerFrame::Answer { reference, message } => {
            speaking::answered(reference, Ok(message.get()));
        }
        ServerFrame::Error { reference, reason, .. } => {
            let is_to_a_question = reference.is_some_and(|reference| speaking::answered(reference, Err(&reason)));
            if !is_to_a_question {
                warn_of(text);
                give(
                    reference.and_then(|reference| with(|connection| connection.store.failed(reference))),
                    Delivery::Gap,
                );
            }
        }
        ServerFrame::Gap { room, position } => {
            let outcome = with(|connection| {
                connection.epoch.clone_from(&position.epoch);
                connection.store.gap(&room, position)
            });
            give(outcome, Delivery::Gap);
        }
        ServerFrame::Ok { position, .. } => with(|connection| connection.store.caught_up(&position)),
        ServerFrame::Source { .. } => {}
        ServerFrame::Bye { code, position, .. } => {
            if let Some(position) = position {
                with(|connection| connection.store.caught_up(&position));
            }
            if !code.should_reconnect() {
                warn_of(text);
            }
            step(Input::Bye(code));
        }
    }
}

fn settle() {
    if with(|connection| connection.store.is_settled()) {
        step(Input::Settled);
    }
}

/// Does what an outcome says; `delivery` is for those who are to be given something.
fn give(outcome: Option<Outcome>, delivery: Delivery<'_>) {
    let (ids, delivery) = match outcome {
        None => return,
        Some(Outcome::AskLater) => return step(Input::JoinFailed),
        Some(Outcome::Deliver(ids)) => (ids, delivery),
        Some(Outcome::Gap(ids)) => (ids, Delivery::Gap),
    };
    for id in ids {
        let callback = with(|connection| {
            let found = connection.callbacks.iter().find(|(known, _)| *known == id);
            found.map(|(_, callback)| Rc::clone(callback))
        });
        if let Some(callback) = callback {
            callback(delivery);
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
