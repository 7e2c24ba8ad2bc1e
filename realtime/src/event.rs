//! What Frappe's event names mean to every side.

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

#[cfg(test)]
mod tests {
    use super::is_happening;

    #[test]
    fn toasts_are_happenings_and_counters_are_values() {
        assert!(is_happening("msgprint"));
        assert!(is_happening("notification"));
        assert!(is_happening("list_update"));
        assert!(!is_happening("count"));
        assert!(!is_happening("progress"));
    }
}
