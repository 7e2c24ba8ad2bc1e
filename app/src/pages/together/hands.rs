//! What visitors do with the dishes: the one who looks, and the others.
//!
//! By hand, with one listener of the document: Leptos' `on:` of three kinds of event and its signals for what
//! is written here weigh 8 KB more in brotli (measured), and all pages together may weigh 60.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use leptos::wasm_bindgen::JsCast;
use leptos::wasm_bindgen::prelude::Closure;
use leptos::web_sys::{Element, Event};

use super::ANSWER;
use crate::lunch::pointers::Pointers;
use crate::lunch::{Dish, POINTING, VOTE};
use crate::prelude::*;

/// How long somebody is shown pointing who says nothing new.
const POINTING_LASTS: Duration = Duration::from_secs(5);

/// Follows them as long as the page lives.
pub(super) fn follow() {
    let me = Room::me();
    // Guests all have one name: theirs would say nothing, and the server lets them emit to nobody.
    let is_guest = me == Room::user("Guest");
    let handle = Closure::<dyn FnMut(Event)>::new(move |event: Event| {
        if let Some(dish) = event.target().and_then(|target| dish_of(&target.unchecked_into())) {
            if event.type_() == "click" {
                vote(dish);
            } else if !is_guest {
                emit(&Room::Website, POINTING, &dish.word());
            }
        }
    });
    for event in ["click", "pointerover", "focusin"] {
        // Adding a listener for a named event does not fail.
        let _ = document().add_event_listener_with_callback(event, handle.as_ref().unchecked_ref());
    }
    handle.forget();

    let pointers = Rc::new(RefCell::new(Pointers::default()));
    on_emitted(Room::Website, POINTING, move |user: String, dish: String| {
        if me == Room::user(user.as_str()) {
            return;
        }
        let news = pointers.borrow_mut().hear(user, dish);
        show(&pointers.borrow());
        let pointers = Rc::clone(&pointers);
        let forget = move || {
            pointers.borrow_mut().forget(news);
            show(&pointers.borrow());
        };
        set_timeout(forget, POINTING_LASTS);
    });
}

fn vote(dish: Dish) {
    ask(VOTE, &dish.word(), move |said: Result<String, String>| {
        if said.is_ok() {
            press(dish);
        }
        write(ANSWER, &said.unwrap_or_else(|why_not| why_not));
    });
}

/// Presses the button of this dish, and no other.
fn press(pressed: Dish) {
    for dish in Dish::ALL {
        if let Some(button) = find(dish.button()) {
            // Only a name with a space in it is refused.
            let _ = button.set_attribute("aria-pressed", if dish == pressed { "true" } else { "false" });
        }
    }
}

fn show(pointers: &Pointers) {
    for dish in Dish::ALL {
        write(dish.pointers(), &pointers.letters_at(dish));
    }
}

/// The dish whose button this is.
fn dish_of(element: &Element) -> Option<Dish> {
    let id = element.get_attribute("data-testid")?;
    Dish::ALL.iter().copied().find(|dish| dish.button() == id)
}

fn find(id: &str) -> Option<Element> {
    document().query_selector(&["[data-testid=", id, "]"].concat()).ok()?
}

fn write(id: &str, text: &str) {
    if let Some(element) = find(id) {
        element.set_text_content(Some(text));
    }
}
