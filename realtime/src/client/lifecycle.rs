//! What the browser says of the page: seen, hidden, network, back/forward cache.

use std::cell::Cell;

use leptos::prelude::{document, window};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{EventTarget, VisibilityState};

use super::connection::step;
use super::machine::Input;

/// Listens for the life of the page. Calling it again does nothing.
pub(super) fn listen_once() {
    thread_local!(static LISTENING: Cell<bool> = const { Cell::new(false) });
    if LISTENING.replace(true) {
        return;
    }
    if is_hidden() {
        step(Input::Hidden);
    }
    if !window().navigator().on_line() {
        step(Input::NetworkLost);
    }
    listen(&document(), "visibilitychange", || {
        step(if is_hidden() { Input::Hidden } else { Input::Seen });
    });
    for (event, input) in [
        ("online", Input::NetworkBack),
        ("pageshow", Input::Seen),
        ("offline", Input::NetworkLost),
        ("pagehide", Input::PageHide),
    ] {
        listen(&window(), event, move || step(input));
    }
}

fn is_hidden() -> bool {
    document().visibility_state() == VisibilityState::Hidden
}

fn listen(target: &EventTarget, event: &str, handler: impl FnMut() + 'static) {
    let closure = Closure::<dyn FnMut()>::new(handler);
    // Adding a listener for a named event does not fail.
    let _ = target.add_event_listener_with_callback(event, closure.as_ref().unchecked_ref());
    // The page's listeners live as long as the page.
    closure.forget();
}

/// While developing, a page of an older build loads itself again.
pub(super) fn reload_if_outdated(build: &str) {
    let Some(html) = document().document_element() else { return };
    if html.get_attribute("data-dev-build").is_some_and(|own| own != build) {
        // Only a sandboxed document refuses.
        let _ = window().location().reload();
    }
}
