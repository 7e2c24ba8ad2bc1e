//! What Frappe's event names mean to every side.

use crate::room::Room;

/// Whether an event is a happening rather than a value.
///
/// The newest value of a counter is worth showing to a page that joins late; a toast, a typing mark or
/// a request to run code from before it joined must not come back. FRAPPE `msgprint` and `eval_js` are
/// published by Python, the typing and viewer events by the realtime server.
#[must_use]
pub fn is_happening(event: &str) -> bool {
    matches!(
        event,
        // Toasts and requests, shown or done once.
        "msgprint" | "eval_js" | "notification"
        // Marks that are true for a moment.
        | "doc_typers" | "doc_typing" | "doc_viewers" | "typing"
        // Words that something changed: a bulk update publishes thousands, and a page that is rendered
        // now has the change already.
        | "doc_update" | "list_update" | "docinfo_update" | "doc_rename" | "refetch_resource" | "version-update"
    )
}

/// Whether only the newest of an event is worth sending to a page that reads slowly: how far a background task is
/// (FRAPPE `publish_progress`). In other rooms several things may have a progress.
#[must_use]
pub fn is_a_progress(room: &Room, event: &str) -> bool {
    matches!(room, Room::Task(_)) && matches!(event, "progress" | "task_progress")
}

#[cfg(test)]
mod tests {
    use super::{is_a_progress, is_happening};
    use crate::room::Room;

    #[test]
    fn a_task_has_one_progress_and_a_user_may_have_many() {
        let task = Room::task("k3f9a");
        assert!(is_a_progress(&task, "progress") && is_a_progress(&task, "task_progress"));
        assert!(!is_a_progress(&task, "task_status_change") && !is_a_progress(&Room::user("jane"), "progress"));
    }

    #[test]
    fn toasts_are_happenings_and_counters_are_values() {
        assert!(is_happening("msgprint"));
        assert!(is_happening("notification"));
        assert!(is_happening("list_update"));
        assert!(!is_happening("count"));
        assert!(!is_happening("progress"));
    }
}
