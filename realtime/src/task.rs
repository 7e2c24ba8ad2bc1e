//! Background tasks that the server gave to a user.
//!
//! A server function that starts a task for the user gives it with
//! [`Page::give_task`](crate::host::Page::give_task) and returns the ticket; the page listens in its room:
//!
//! ```ignore
//! on_event(ticket.room(), "task_progress", |heard: Heard<Progress>| …);
//! ```

use serde::{Deserialize, Serialize};

use crate::room::Room;

/// The server's word that a user was given a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskTicket {
    /// The task, as Frappe names it.
    pub task_id: String,
    /// Proves it to the server, for this user only.
    pub token: String,
}

impl TaskTicket {
    /// The task's room. In the browser, joins of it carry the token from now on.
    #[must_use]
    pub fn room(&self) -> Room {
        #[cfg(feature = "hydrate")]
        crate::client::connection::remember(self.clone());
        Room::task(&self.task_id)
    }
}
