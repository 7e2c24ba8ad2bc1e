//! A vote for lunch: the page asks the server, and shows who points where.

use std::cell::Cell;
use std::time::Duration;

use crate::lunch::{Dish, LUNCH, POINTING, Tally, VOTE};
use crate::prelude::*;

/// How long somebody is shown pointing who says nothing new.
const POINTING_LASTS: Duration = Duration::from_secs(5);
/// A page that everyone may open shows no crowd.
const MOST_POINTERS: usize = 12;

/// The dishes, their votes, and who points at them.
#[island]
pub fn Lunch() -> impl IntoView {
    let votes = live_value(Room::Website, LUNCH, |tally: Tally| tally.votes);
    let pointers = others_pointing();
    let mine = RwSignal::new(None);
    let answer = RwSignal::new(String::new());
    let dishes = Dish::ALL.map(|dish| {
        let word = dish.word();
        let number = move || votes.get().unwrap_or_default().of(dish);
        let noun = move || if number() == 1 { " vote" } else { " votes" };
        let is_mine = move || if mine.get() == Some(dish) { "true" } else { "false" };
        let vote = move |_| {
            ask(VOTE, &word, move |said: Result<String, String>| {
                if said.is_ok() {
                    mine.try_set(Some(dish));
                }
                answer.try_set(said.unwrap_or_else(|why_not| why_not));
            });
        };
        let who = move || {
            let pointers = pointers.read();
            let here = pointers.iter().filter(|pointer| pointer.dish == word);
            here.map(|Pointer { user, .. }| {
                view! { <span class="avatar" role="img" title=user.clone()>{letters_of(user)}</span> }
            })
            .collect_view()
        };
        view! {
            <li class="panel dish">
                <h2>
                    <button
                        type="button"
                        aria-pressed=is_mine
                        data-testid=["dish-", word].concat()
                        on:click=vote
                        on:pointerenter=move |_| point_at(Some(dish))
                        on:pointerleave=move |_| point_at(None)
                        on:focus=move |_| point_at(Some(dish))
                        on:blur=move |_| point_at(None)
                    >
                        {dish.name()}
                    </button>
                </h2>
                <p>{dish.description()}</p>
                <p class="votes"><span data-testid=["votes-", word].concat()>{number}</span>{noun}</p>
                <div class="pointing" data-testid=["pointing-", word].concat()>{who}</div>
            </li>
        }
    });
    view! {
        <ul class="dishes" role="list">{dishes.into_iter().collect_view()}</ul>
        <p class="answer" role="status" data-testid="answer">{answer}</p>
    }
}

/// Somebody else who points at a dish.
struct Pointer {
    user: String,
    dish: String,
    /// Counts what was heard.
    news: u32,
}

fn others_pointing() -> RwSignal<Vec<Pointer>> {
    let pointers = RwSignal::new(Vec::new());
    let (me, heard) = (Room::me(), Cell::new(0));
    on_emitted(Room::Website, POINTING, move |user: String, dish: Option<String>| {
        if me == Room::user(user.as_str()) {
            return;
        }
        let news = heard.get() + 1;
        heard.set(news);
        pointers.update(|pointers: &mut Vec<Pointer>| {
            pointers.retain(|pointer| pointer.user != user);
            if let Some(dish) = dish
                && pointers.len() < MOST_POINTERS
            {
                pointers.push(Pointer { user, dish, news });
            }
        });
        let forget = move || {
            pointers.try_update(|pointers| pointers.retain(|pointer| pointer.news != news));
        };
        set_timeout(forget, POINTING_LASTS);
    });
    pointers
}

/// Tells the others where this user points. Guests all have one name, so theirs would say nothing.
fn point_at(dish: Option<Dish>) {
    if Room::me() != Room::user("Guest") {
        emit(&Room::Website, POINTING, &dish.map(Dish::word));
    }
}

/// The first letters of somebody's login id: it is the server's word, a name would be the sender's.
fn letters_of(user: &str) -> String {
    let name = user.split('@').next().unwrap_or_default();
    name.split(['.', '_', '-', ' ']).filter_map(|part| part.chars().next()).take(2).collect()
}

#[cfg(test)]
mod tests {
    use super::letters_of;

    #[test]
    fn letters_are_of_the_name_before_the_at_sign() {
        for (user, letters) in [
            ("Administrator", "A"),
            ("jane@example.com", "j"),
            ("jane.van-doe@example.com", "jv"),
            ("小龙@example.com", "小"),
            ("@", ""),
        ] {
            assert_eq!(letters_of(user), letters, "{user}");
        }
    }
}
