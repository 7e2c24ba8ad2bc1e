//! What islands do to the page by hand, where a view of signals would weigh more.
//!
//! Elements are found by their `data-testid`, which a page has once.

use leptos::wasm_bindgen::JsCast;
use leptos::wasm_bindgen::prelude::Closure;
use leptos::web_sys::{Element, Event};

use crate::prelude::{RenderEffect, document};

/// The element with this `data-testid`.
pub(crate) fn find(id: &str) -> Option<Element> {
    document().query_selector(&["[data-testid=", id, "]"].concat()).ok()?
}

/// Writes the text of an element, if it is another one.
pub(crate) fn write(id: &str, text: &str) {
    if let Some(element) = find(id)
        && element.text_content().as_deref() != Some(text)
    {
        element.set_text_content(Some(text));
    }
}

/// Does something now, and again whenever a signal that it reads changes, as long as the page lives. The effects
/// of views are in every bundle; Leptos' other ones weigh 2 KB more (measured).
pub(crate) fn always(does: impl Fn() + 'static) {
    std::mem::forget(RenderEffect::new(move |_| does()));
}

/// The `data-testid` of what an event is about, if that has one.
pub(crate) fn target_of(event: &Event) -> Option<String> {
    event.target()?.unchecked_into::<Element>().get_attribute("data-testid")
}

/// Calls `handle` for events of the document, as long as the page lives.
pub(crate) fn on_document(events: &[&str], handle: impl FnMut(Event) + 'static) {
    let handle = Closure::<dyn FnMut(Event)>::new(handle);
    for event in events {
        // Adding a listener for a named event does not fail.
        let _ = document().add_event_listener_with_callback(event, handle.as_ref().unchecked_ref());
    }
    handle.forget();
}

/// Calls `press` whenever a button is pressed.
pub(crate) fn on_press(id: &'static str, press: impl Fn() + 'static) {
    on_document(&["click"], move |event| {
        if target_of(&event).as_deref() == Some(id) {
            press();
        }
    });
}
