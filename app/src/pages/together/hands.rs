//! What visitors do with the dishes: the one who looks, and the others.
//!
//! By hand, with one listener of the document: Leptos' `on:` of three kinds of event and its signals for what
//! is written here weigh 8 KB more in brotli (measured), and all pages together may weigh 60.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::ANSWER;
use crate::hands::{find, on_document, target_of, write};
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
    on_document(&["click", "pointerover", "focusin"], move |event| {
        let Some(dish) = target_of(&event).and_then(|id| dish_of(&id)) else { return };
        if event.type_() == "click" {
            vote(dish);
        } else if !is_guest {
            emit(&Room::Website, POINTING, &dish.word());
        }
    });

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
fn dish_of(id: &str) -> Option<Dish> {
    Dish::ALL.iter().copied().find(|dish| dish.button() == id)
}
