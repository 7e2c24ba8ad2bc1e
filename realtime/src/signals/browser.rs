//! The browser's half of the hooks.

use std::rc::Rc;

use leptos::prelude::*;
use serde::de::DeserializeOwned;

use super::Heard;
use crate::client::connection::{self, Callback, Delivery};
use crate::host::{PAGE_START_ID, PageStart};
use crate::position::Position;
use crate::room::Room;

thread_local! {
    /// What the document carried. Read once: islands come and go, the document stays.
    static PAGE_START: Option<PageStart> = read_page_start();
}

fn read_page_start() -> Option<PageStart> {
    let text = document().get_element_by_id(PAGE_START_ID)?.text_content()?;
    PageStart::read(&text)
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
        true,
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
    let position = PAGE_START.with(|start| start.as_ref().map(|start| start.position.clone()));
    listen_while_mounted(
        &subject.clone(),
        false,
        position,
        Rc::new(move |delivery| match delivery {
            Delivery::Gap => listener(Heard::Gap),
            Delivery::Message(text) => {
                if let Some(message) = subject.understand(text) {
                    listener(Heard::Message(message));
                }
            }
        }),
    );
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
        let Self { room, event } = self;
        connection::warn(&format!(
            "frappe-live: a message of \"{event}\" in room {room} does not fit the page's type: {error}"
        ));
    }
}

fn listen_while_mounted(subject: &Subject, latest: bool, start: Option<Position>, callback: Callback) {
    let id = connection::listen(&subject.room, &subject.event, latest, start, callback);
    on_cleanup(move || connection::forget(id));
}
