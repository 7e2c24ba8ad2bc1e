//! What the browser, or the app around it, says of the page: seen, hidden, network, back/forward cache.

use std::cell::Cell;

use js_sys::Reflect;
use leptos::prelude::{document, window};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{Event, EventTarget, MessageEvent, VisibilityState};

use super::connection::{set_away, step};
use super::machine::Input;
use crate::fields::Fields;

/// What a native app says, as a message or an event, when its webview is in front again.
const WAKE: &str = "frappe-live:wake";

/// Listens for the life of the page. Calling it again does nothing.
pub(super) fn listen_once() {
    thread_local!(static LISTENING: Cell<bool> = const { Cell::new(false) });
    if LISTENING.replace(true) {
        return;
    }
    if is_hidden() {
        set_away(true);
        step(Input::Hidden);
    }
    if !window().navigator().on_line() {
        step(Input::NetworkLost);
    }
    listen(&document(), "visibilitychange", |_| {
        set_away(is_hidden());
        step(if is_hidden() { Input::Hidden } else { Input::Seen });
    });
    for (event, input) in [
        ("online", Input::NetworkBack),
        ("pageshow", Input::Seen),
        ("offline", Input::NetworkLost),
        ("pagehide", Input::PageHide),
        (WAKE, Input::Seen),
    ] {
        listen(&window(), event, move |_| step(input));
    }
    // Webviews give a page its messages at either.
    for target in [window().into(), document().into()] {
        let target: EventTarget = target;
        listen(&target, "message", |event| {
            if is_wake(&event) {
                step(Input::Seen);
            }
        });
    }
}

/// Whether it is the message of a native app that the page is in front again: the word, or an object or its JSON
/// with the word as `type`.
fn is_wake(event: &Event) -> bool {
    let Some(message) = event.dyn_ref::<MessageEvent>().map(MessageEvent::data) else { return false };
    let kind = match message.as_string() {
        Some(text) => Fields::read(&text).map_or(text.clone(), |mut fields| fields.text("type")),
        None => Reflect::get(&message, &"type".into()).ok().and_then(|kind| kind.as_string()).unwrap_or_default(),
    };
    kind == WAKE
}

fn is_hidden() -> bool {
    document().visibility_state() == VisibilityState::Hidden
}

fn listen(target: &EventTarget, event: &str, handler: impl FnMut(Event) + 'static) {
    let closure = Closure::<dyn FnMut(Event)>::new(handler);
    // Adding a listener for a named event does not fail.
    let _ = target.add_event_listener_with_callback(event, closure.as_ref().unchecked_ref());
    // The page's listeners live as long as the page.
    closure.forget();
}

/// Whether the page is of another build than the server. While developing it loads itself again.
pub(super) fn is_outdated(build: &str) -> bool {
    let Some(html) = document().document_element() else { return false };
    let is_other = |attribute: &str| html.get_attribute(attribute).is_some_and(|own| own != build);
    if is_other("data-dev-build") {
        // Only a sandboxed document refuses.
        let _ = window().location().reload();
    }
    is_other("data-build")
}
