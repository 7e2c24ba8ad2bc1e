//! The wasm entry: everything else stands in `app`.

use wasm_bindgen::prelude::wasm_bindgen;

// Linked for its islands, which export themselves.
use app as _;

/// Runs when the wasm has loaded; the document's script then wakes each island.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_islands();
}
