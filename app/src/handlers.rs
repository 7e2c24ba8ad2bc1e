//! What the server does when a page asks it something.

use std::sync::{Arc, Mutex, PoisonError};

use realtime::handlers::{Context, Handlers, Refused};

use crate::lunch::ballots::Ballots;
use crate::lunch::{Dish, LUNCH, VOTE};
use crate::prelude::*;

/// The handlers of all pages.
#[must_use]
pub fn handlers() -> Handlers {
    let ballots = Arc::new(Mutex::new(Ballots::default()));
    Handlers::new().on(VOTE, move |context: Context, dish: Dish| {
        let ballots = Arc::clone(&ballots);
        async move { vote(&ballots, &context, dish) }
    })
}

/// Counts the vote of whoever Frappe says is asking, and tells everyone on the site.
fn vote(ballots: &Mutex<Ballots>, context: &Context, dish: Dish) -> Result<String, Refused> {
    let mut ballots = ballots.lock().unwrap_or_else(PoisonError::into_inner);
    let (tally, sentence) = ballots.cast(context.viewer(), dish)?;
    // Nobody else votes before it is published: tallies go out in the order in which they were counted.
    context.publish(&Room::Website, LUNCH, &tally);
    Ok(sentence)
}
