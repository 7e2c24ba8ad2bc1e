//! A vote for lunch: the page asks the server, and shows who points where.

#[cfg(feature = "hydrate")]
mod hands;

use crate::lunch::{Dish, LUNCH, Tally};
use crate::prelude::*;

/// The dishes, their votes, and who points at them.
#[island]
pub fn Lunch() -> impl IntoView {
    #[cfg(feature = "hydrate")]
    hands::follow();
    let dishes = Dish::ALL.map(|dish| {
        let votes = live_value(Room::Website, LUNCH, move |tally: Tally| tally.votes.of(dish));
        view! {
            <li class="panel dish">
                <h2>
                    <button type="button" aria-pressed="false" data-testid=dish.button()>{dish.name()}</button>
                </h2>
                <p>{dish.description()}</p>
                <p class="votes">"Votes: "<span data-testid=dish.counter()>{votes}</span></p>
                <p class="pointing" data-testid=dish.pointers()></p>
            </li>
        }
    });
    view! {
        <ul class="dishes" role="list">{dishes.into_iter().collect_view()}</ul>
        <p class="answer" role="status" data-testid=ANSWER></p>
    }
}

/// Where the server's answer to a vote is written.
const ANSWER: &str = "answer";
