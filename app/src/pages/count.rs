use crate::prelude::*;

#[derive(Deserialize)]
struct Count {
    count: i64,
}

#[island]
pub fn CountPage() -> impl IntoView {
    let count = live_value(Room::me(), "count", |message: Count| message.count);
    view! { <p class="count">"Count: " <output data-testid="count" aria-live="off">{count}</output></p> }
}
