//! What a page author imports.

pub use leptos::prelude::*;
pub use realtime::room::Room;
pub use realtime::signals::{
    Heard, ask, emit, live_query, live_value, on_emitted, on_event, use_connection, use_viewers,
};
pub use realtime::task::TaskTicket;
pub use serde::{Deserialize, Serialize};
