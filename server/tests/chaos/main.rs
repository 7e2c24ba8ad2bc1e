//! Nothing is lost: real servers on a real Redis, pages of browsers, and everything between them cut, held,
//! paused and killed, by chance that can be repeated.
//!
//! What must hold: each listener's numbers only grow; a number that is missing lies under a `gap` that was
//! told there; and when the storms are over every page is live again and gets what is published then.
//!
//! `FRAPPE_LIVE_CHAOS_SECONDS` says how long it blows, `FRAPPE_LIVE_CHAOS_SEED` repeats a run's storms.

mod line;
mod link;
mod page;
mod people;
mod publisher;
mod random;
mod record;
mod report;
mod storm;
#[expect(dead_code, reason = "what the integration tests use of it")]
#[path = "../integration/support/mod.rs"]
mod support;
mod weather;
mod witness;
mod world;

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use weather::Weather;
use world::{Size, World};

/// Whether instances on one Redis share their positions. Where they do, a page that hops from one to the
/// other recovers, and storms that touch neither Redis nor the lines to it bring no gap; but of a server that began
/// after the page had lost its line, which cannot know what was in between.
const INSTANCES_AGREE: bool = true;

/// Whether a page's position in a room where nothing happens moves on with the site. Where it does not, a page
/// that hops to an instance which began after the room's last event is told of a gap there.
const QUIET_ROOMS_KEEP_UP: bool = false;

const SITE: &str = "chaos.localhost";
/// The name of all events.
const EVENT: &str = "tick";

/// A number from the environment.
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}; give a whole number")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_nothing_comes_twice_whatever_breaks() {
    let lasts = Duration::from_secs(setting("FRAPPE_LIVE_CHAOS_SECONDS").unwrap_or(120));
    let seed = setting("FRAPPE_LIVE_CHAOS_SEED").unwrap_or_else(|| RandomState::new().hash_one(lasts));
    println!("chaos for {lasts:?}; FRAPPE_LIVE_CHAOS_SEED={seed} brings the same storms");
    let world = World::start(seed, &Size { pages: 40, events_per_second: 150 });
    let storms = tokio::task::spawn_blocking(move || Weather::new(world, lasts).blow());
    if let Err(failed) = storms.await {
        println!("failed with FRAPPE_LIVE_CHAOS_SEED={seed}");
        std::panic::resume_unwind(failed.into_panic());
    }
}
