//! What a page says: to the others in a room, and to the server.

use std::cell::RefCell;
use std::time::Duration;

use leptos::prelude::set_timeout;
use serde_json::value::RawValue;

use super::connection;
use super::outbox::{Emission, MERGE, Outbox};
use crate::frame::Ref;

/// Called once with the answer as JSON text, or with a sentence that says why there is none.
pub(crate) type Answered = Box<dyn FnOnce(Result<&str, &str>)>;

const NOT_CONNECTED: &str = "There is no connection to the server now. Try again in a moment.";
const LOST: &str = "The connection was lost before the answer came.";

thread_local! {
    static OUTBOX: RefCell<Outbox> = RefCell::default();
    static QUESTIONS: RefCell<Vec<(Ref, Answered)>> = RefCell::default();
}

/// Emits soon, unless something newer takes its place before.
pub(crate) fn emit(emission: Emission) {
    if OUTBOX.with_borrow_mut(|outbox| outbox.put(emission)) {
        let send_all = || OUTBOX.take().take().into_iter().for_each(connection::emit);
        set_timeout(send_all, Duration::from_millis(MERGE));
    }
}

/// Asks the server.
pub(crate) fn ask(event: &str, message: Box<RawValue>, answered: Answered) {
    match connection::new_question() {
        Some(reference) => {
            QUESTIONS.with_borrow_mut(|questions| questions.push((reference, answered)));
            connection::send_question(reference, event, message);
        }
        None => answered(Err(NOT_CONNECTED)),
    }
}

/// An answer came. Says whether it was to a question.
pub(super) fn answered(reference: Ref, answer: Result<&str, &str>) -> bool {
    let question = QUESTIONS.with_borrow_mut(|questions| {
        let index = questions.iter().position(|(asked, _)| *asked == reference)?;
        Some(questions.swap_remove(index).1)
    });
    question.map(|answered| answered(answer)).is_some()
}

/// The connection is gone, and with it all answers.
pub(super) fn lost() {
    for (_, answered) in QUESTIONS.take() {
        answered(Err(LOST));
    }
}
