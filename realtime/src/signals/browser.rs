//! The browser's half of the hooks.

mod query;

use std::rc::Rc;

use leptos::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::to_raw_value;

pub(super) use self::query::live_query;
use super::viewers::DOC_VIEWERS;
use super::{Heard, Viewers};
use crate::client::connection::{self, Callback, Delivery};
use crate::client::machine::{Input, Said};
use crate::client::outbox::Emission;
use crate::client::speaking;
use crate::client::store::Interest;
use crate::host::{PAGE_START_ID, PageStart};
use crate::position::Position;
use crate::room::Room;

thread_local! {
    /// What the document carried. Read once: islands come and go, the document stays.
    static PAGE_START: Option<PageStart> = read_page_start();
}

fn read_page_start() -> Option<PageStart> {
    let text = document().get_element_by_id(PAGE_START_ID)?.text_content()?;
    let mut start = PageStart::read(&text)?;
    start.tasks.drain(..).for_each(connection::remember);
    connection::belongs_to(start.user.clone());
    Some(start)
}

pub(super) fn said() -> ReadSignal<Said> {
    // Before the page connects it must be known whose it is.
    PAGE_START.with(|_| ());
    connection::said()
}

pub(super) fn try_now() {
    connection::step(Input::TryNow);
}

pub(super) fn user() -> Option<String> {
    PAGE_START.with(|start| start.as_ref().map(|start| start.user.clone()))
}

pub(super) fn live_value<M, T>(room: Room, event: &str, read: impl Fn(M) -> T + 'static) -> ReadSignal<Option<T>>
where
    M: DeserializeOwned + 'static,
    T: Send + Sync + 'static,
{
    let subject = Rc::new(Subject { room, event: event.to_owned() });
    let (shown, position) = subject.at_start();
    let value = RwSignal::new(shown.and_then(|text| subject.understand(&text)).map(&read));
    listen_while_mounted(
        &subject.clone(),
        Interest::Value,
        position,
        Rc::new(move |delivery| {
            // After a gap the newest value follows by itself, if there is one.
            if let Delivery::Message(text) = delivery
                && let Some(message) = subject.understand(text)
            {
                value.try_set(Some(read(message)));
            }
        }),
    );
    value.read_only()
}

pub(super) fn on_event<M>(room: Room, event: &str, listener: impl Fn(Heard<M>) + 'static)
where
    M: DeserializeOwned + 'static,
{
    let subject = Rc::new(Subject { room, event: event.to_owned() });
    let position = page_position();
    listen_while_mounted(
        &subject.clone(),
        Interest::Event,
        position,
        Rc::new(move |delivery| match delivery {
            Delivery::Gap => listener(Heard::Gap),
            Delivery::Message(text) => {
                if let Some(message) = subject.understand(text) {
                    listener(Heard::Message(message));
                }
            }
            Delivery::Emitted { .. } => {}
        }),
    );
}

pub(super) fn viewers(doctype: &str, name: &str) -> ReadSignal<Option<Viewers>> {
    let viewers = RwSignal::new(None);
    let subject = Subject { room: Room::open_doc(doctype, name), event: DOC_VIEWERS.to_owned() };
    let callback = move |delivery: Delivery<'_>| {
        if let Delivery::Message(text) = delivery
            && let Some(read) = Viewers::read(text, &user().unwrap_or_default())
        {
            viewers.try_set(Some(read));
        }
    };
    listen_while_mounted(&subject, Interest::Viewers, None, Rc::new(callback));
    viewers.read_only()
}

pub(super) fn on_emitted<M>(room: Room, event: &str, listener: impl Fn(String, M) + 'static)
where
    M: DeserializeOwned + 'static,
{
    let subject = Rc::new(Subject { room, event: event.to_owned() });
    listen_while_mounted(
        &subject.clone(),
        Interest::Emitted,
        None,
        Rc::new(move |delivery| {
            if let Delivery::Emitted { user, message } = delivery
                && let Some(message) = subject.understand(message)
            {
                listener(user.to_owned(), message);
            }
        }),
    );
}

pub(super) fn emit(room: &Room, event: &str, message: &impl Serialize) {
    match to_raw_value(message) {
        Ok(message) => speaking::emit(Emission { room: room.clone(), event: event.to_owned(), message }),
        Err(error) => connection::warn(&no_json(&error)),
    }
}

pub(super) fn ask<A>(event: &str, message: &impl Serialize, then: impl FnOnce(Result<A, String>) + 'static)
where
    A: DeserializeOwned,
{
    match to_raw_value(message) {
        Ok(message) => speaking::ask(
            event,
            message,
            Box::new(|answer| {
                then(match answer {
                    Ok(text) => serde_json::from_str(text)
                        .map_err(|error| explained("The answer does not fit the page’s type", &error)),
                    Err(sentence) => Err(sentence.to_owned()),
                });
            }),
        ),
        Err(error) => then(Err(no_json(&error))),
    }
}

fn no_json(error: &serde_json::Error) -> String {
    explained("The message cannot be written as JSON", error)
}

/// A sentence, with what the parser says in a build for development: its words weigh 0.9 KB (measured).
fn explained(sentence: &str, error: &serde_json::Error) -> String {
    let mut sentence = sentence.to_owned();
    if cfg!(debug_assertions) {
        sentence.push_str(": ");
        sentence.push_str(&error.to_string());
    } else {
        sentence.push('.');
    }
    sentence
}

/// The position from which a page follows what it was rendered with.
fn page_position() -> Option<Position> {
    PAGE_START.with(|start| start.as_ref().map(|start| start.position.clone()))
}

/// What a hook follows.
struct Subject {
    room: Room,
    event: String,
}

impl Subject {
    /// The message that the document carries, and the position from which to follow.
    fn at_start(&self) -> (Option<String>, Option<Position>) {
        PAGE_START.with(|start| {
            let Some(start) = start else { return (None, None) };
            let value = start.values.iter().find(|value| value.room == self.room && value.event == self.event);
            let position = value.map_or(&start.position, |value| &value.position);
            (value.map(|value| value.message.get().to_owned()), Some(position.clone()))
        })
    }

    fn understand<M: DeserializeOwned>(&self, message: &str) -> Option<M> {
        serde_json::from_str(message).map_err(|error| self.warn_of_misfit(&error)).ok()
    }

    fn warn_of_misfit(&self, error: &serde_json::Error) {
        let mut sentence = "frappe-live: a message of \"".to_owned();
        sentence.push_str(&self.event);
        sentence.push_str("\" in room ");
        sentence.push_str(&self.room.to_string());
        sentence.push_str(" does not fit the page’s type");
        connection::warn(&explained(&sentence, error));
    }
}

fn listen_while_mounted(subject: &Subject, interest: Interest, start: Option<Position>, callback: Callback) {
    // It holds the tickets that a join needs.
    PAGE_START.with(|_| ());
    let id = connection::listen(&subject.room, &subject.event, interest, start, callback);
    on_cleanup(move || connection::forget(id));
}
