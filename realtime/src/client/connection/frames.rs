//! Does what the server's frames say.

use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::set_timeout;
use leptos::task::spawn_local;

use super::{Connection, Delivery, closed, go_on, mark, send, step, with};
use crate::client::lifecycle;
use crate::client::machine::Input;
use crate::client::speaking;
use crate::client::store::Outcome;
use crate::client::transport::Link;
use crate::close::CloseCode;
use crate::fields::Fields;
use crate::frame::{ServerFrame, read_poll_answer};
use crate::position::Position;

/// A lost line, as a WebSocket close code (RFC 6455 section 7.4.1).
const LOST: u16 = 1006;

/// A text came on the current link.
pub(crate) fn received(text: &str) {
    step(Input::Heard);
    match ServerFrame::parse(text) {
        Ok(frame) => take(frame, text),
        Err(_) => warn_of(text),
    }
}

/// The request of a poll, the link of this number, is over.
pub(crate) fn polled(number: u32) {
    let Some(answer) = with(|connection| connection.link(number).map(Link::take_answer)) else { return };
    let Some(frames) = answer.as_deref().and_then(read_poll_answer) else { return closed(number, LOST) };
    let pause = with(|connection| connection.link(number).map_or(0, |link| link.pause_after(&frames)));
    step(Input::Heard);
    for frame in frames {
        if with(|connection| connection.link(number).is_none()) {
            return;
        }
        received(frame);
    }
    if !with(|connection| connection.machine.is_open()) {
        // Good-bye was said, or no `hello`.
        return closed(number, LOST);
    }
    if with(|connection| connection.link(number).is_some_and(|link| link.is_at_rest())) {
        step(Input::Rested);
    }
    if pause == 0 {
        go_on(number);
    } else {
        // What is asked meanwhile is sent at once.
        set_timeout(move || go_on(number), Duration::from_millis(pause));
    }
}

/// Shows the developer a frame as it came: its own words say what is wrong.
fn warn_of(frame: &str) {
    web_sys::console::warn_2(&"frappe-live: the server says".into(), &frame.into());
}

fn take(frame: ServerFrame, text: &str) {
    match frame {
        ServerFrame::Hello { epoch, user, heartbeat, build, .. } => {
            let is_outdated = lifecycle::is_outdated(&build);
            if with(|connection| connection.user.as_ref().is_some_and(|own| *own != user)) {
                // The browser's session is somebody else's now, or nobody's: what the page shows is not, and stays
                // as it is.
                warn_of(&user);
                return end(CloseCode::SessionExpired, None);
            }
            let joins = with(|connection| {
                connection.epoch = epoch;
                mark("data-transport", connection.machine.transport().word());
                connection.store.connected()
            });
            step(Input::Hello { heartbeat: u64::from(heartbeat) * 1000, is_outdated });
            joins.iter().for_each(send);
            settle();
        }
        ServerFrame::Event { room, event, message, offset } => {
            let outcome = with(|connection| {
                let position = offset.map(|offset| Position::new(connection.epoch.clone(), offset));
                let outcome = connection.store.event(&room, &event, position.as_ref());
                if position.is_none()
                    && outcome.is_some()
                    && let Some(version) = Fields::of(message.get()).and_then(|viewers| viewers.text_of("version"))
                {
                    connection.store.shows_viewers(&room, version);
                }
                outcome
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
        ServerFrame::Ok { position, .. } => caught_up(position),
        ServerFrame::Source { connected } => step(Input::Source(connected)),
        ServerFrame::Bye { code, after, position } => {
            position.into_iter().for_each(caught_up);
            if !code.should_reconnect() {
                warn_of(text);
            }
            end(code, after);
        }
    }
}

fn caught_up(position: Position) {
    with(|Connection { store, .. }| store.caught_up(&position));
}

/// The link is over, and nothing is to be awaited of it.
fn end(code: CloseCode, after: Option<u64>) {
    step(Input::Bye { code, after });
    let number = with(|connection| connection.link_number);
    // A link cannot be dropped from inside its own handler.
    spawn_local(async move { closed(number, code.number()) });
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
