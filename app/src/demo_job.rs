//! A job of the demo's: how a server function gives a background task to the user who starts it.

#![expect(clippy::unused_async, reason = "a server function is one")]

use realtime::host::{Page, UserType};
use realtime::task::TaskTicket;

use crate::prelude::*;
use crate::sign_in_as::BadRequest;

/// Starts the demo's job, which takes some seconds, and gives it to the visitor: the ticket opens the room
/// that its `progress` is published to.
#[server(prefix = "/live/api", endpoint = "start_demo_job")]
pub async fn start_demo_job() -> Result<TaskTicket, BadRequest> {
    let page = expect_context::<Page>();
    let refuse = |sentence: &str| BadRequest::because(sentence.to_owned());
    if page.host().viewer().user_type == UserType::Guest {
        return Err(refuse("A job belongs to somebody: sign in first."));
    }
    let task_id = page.host().start_demo_job();
    let task_id =
        task_id.ok_or_else(|| refuse("Only the demo has a job to start; beside a bench, Frappe runs them."))?;
    Ok(page.give_task(&task_id))
}
