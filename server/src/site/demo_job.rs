//! The demo's job: it does nothing, and says how far it is, as `frappe.publish_progress` does.

use std::sync::Arc;
use std::time::Duration;

use realtime::handlers::Publisher;
use realtime::room::Room;
use serde_json::json;
use tokio::time::interval;

/// Between two words of progress.
const STEP: Duration = Duration::from_millis(250);

/// Runs to the end: `progress` from 0 to 100 percent, in Frappe 15's shape.
pub async fn run(publisher: Arc<dyn Publisher>, site: String, task_id: String) {
    let room = Room::task(&task_id);
    let mut steps = interval(STEP);
    for percent in (0..=100).step_by(5) {
        steps.tick().await;
        let description = if percent < 100 { "Counting sheep" } else { "Asleep" };
        let message = json!({"description": description, "percent": percent, "task_id": task_id, "title": "Demo job"});
        publisher.publish(&site, &room, "progress", &message.to_string());
    }
}
