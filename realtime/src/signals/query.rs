//! A value that a server function loads, kept current.

use leptos::prelude::*;

#[cfg(feature = "hydrate")]
use super::browser;
use crate::room::Room;

/// A value that `load`, usually a server function, brings; loaded again when one of `events` comes in `room`,
/// and when events of the room may have been missed.
///
/// ```ignore
/// #[island]
/// fn Todos(at_start: Vec<Todo>) -> impl IntoView {
///     let todos = live_query(Room::doctype("ToDo"), &["list_update"], load_todos, Some(at_start));
///     view! { <ul>{move || todos.get().unwrap_or_default().into_iter().map(|todo| view! { <li>{todo.title}</li> }).collect_view()}</ul> }
/// }
/// ```
///
/// It begins with `initial`, which the page was rendered with; without it the browser loads at once. The old
/// value stays while a new one is loaded. Several events in a moment make one load, and never is an older
/// answer shown after a newer one. A load that fails is tried again, later each time.
#[cfg_attr(not(feature = "hydrate"), expect(unused_variables, reason = "only a browser loads again"))]
pub fn live_query<T, E, Loading>(
    room: Room,
    events: &[&str],
    load: impl Fn() -> Loading + 'static,
    initial: Option<T>,
) -> ReadSignal<Option<T>>
where
    T: Send + Sync + 'static,
    E: 'static,
    Loading: Future<Output = Result<T, E>> + 'static,
{
    let value = RwSignal::new(initial);
    #[cfg(feature = "hydrate")]
    browser::live_query(room, events, load, value);
    value.read_only()
}
