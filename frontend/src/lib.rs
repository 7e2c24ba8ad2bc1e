//! The wasm entry: everything else stands in `app`.

use std::panic;

use rlsf::GlobalTlsf;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::console;

// Linked for its islands, which export themselves.
use app as _;

/// A page holds little and keeps it: std's allocator is 2 KB more to download than this one.
#[global_allocator]
static ALLOCATOR: GlobalTlsf = GlobalTlsf::new();

/// Runs when the wasm has loaded; the document's script then wakes each island.
#[wasm_bindgen(start)]
pub fn start() {
    // The console adds the stack by itself.
    panic::set_hook(Box::new(|panic| console::error_1(&panic.to_string().into())));
    leptos::mount::hydrate_islands();
}
