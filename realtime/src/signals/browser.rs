//! The browser's half of the hooks.

use leptos::prelude::*;
use serde::de::DeserializeOwned;

use super::Heard;
use crate::client::connection::{self, Delivery, Listen};
use crate::host::{PAGE_START_ID, PageStart};
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

pub(super) fn live_value<M, T>(room: Room, event: &str, read: impl Fn(M) -> T + 'static) -> Signal<Option<T>>
where
    M: DeserializeOwned + 'static,
    T: Send + Sync + 'static,
{
    let (shown, position) = PAGE_START.with(|start| {
        let Some(start) = start else { return (None, None) };
        let value = start.values.iter().find(|value| value.room == room && value.event == event);
        let shown = value.and_then(|value| understand(&room, event, value.message.get())).map(&read);
        let position = value.map_or(&start.position, |value| &value.position);
        (shown, Some(position.clone()))
    });
    let value = RwSignal::new(shown);
    let listen = Listen { room: room.clone(), event: event.to_owned(), latest: true, start: position };
    let event = event.to_owned();
    listen_while_mounted(listen, move |delivery| {
        // After a gap the newest value follows by itself, if there is one.
        if let Delivery::Message(text) = delivery
            && let Some(message) = understand(&room, &event, text)
        {
            value.try_set(Some(read(message)));
        }
    });
    value.into()
}

pub(super) fn on_event<M>(room: Room, event: &str, listener: impl Fn(Heard<M>) + 'static)
where
    M: DeserializeOwned + 'static,
{
    let start = PAGE_START.with(|start| start.as_ref().map(|start| start.position.clone()));
    let listen = Listen { room: room.clone(), event: event.to_owned(), latest: false, start };
    let event = event.to_owned();
    listen_while_mounted(listen, move |delivery| match delivery {
        Delivery::Gap => listener(Heard::Gap),
        Delivery::Message(text) => {
            if let Some(message) = understand(&room, &event, text) {
                listener(Heard::Message(message));
            }
        }
    });
}

fn listen_while_mounted(listen: Listen, callback: impl Fn(Delivery<'_>) + 'static) {
    let id = connection::listen(listen, callback);
    on_cleanup(move || connection::forget(id));
}

fn understand<M: DeserializeOwned>(room: &Room, event: &str, message: &str) -> Option<M> {
    serde_json::from_str(message)
        .map_err(|error| {
            connection::warn(&format!(
                "frappe-live: a message of \"{event}\" in room {room} does not fit the page's type: {error}"
            ));
        })
        .ok()
}
