//! What a page author imports.

pub use leptos::prelude::*;
pub use realtime::room::Room;
pub use realtime::signals::{Heard, live_value, on_event, use_connection};
pub use serde::{Deserialize, Serialize};
