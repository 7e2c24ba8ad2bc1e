//! Stands in for the crate `wasm-streams`, through `[patch.crates-io]` of the root `Cargo.toml`.
//!
//! Leptos' server functions can stream the bodies of requests and responses. Our islands never do, but the
//! real crate exports JavaScript classes, which the linker must keep: 5 KB of brotli (measured) that every
//! visitor would download and nobody would run. Here is what `server_fn` compiles against, and no more.
//!
//! To stream a body after all, remove the patch.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use wasm_bindgen::JsValue;

/// A stream of the browser. There is none: nothing can make one.
#[derive(Debug)]
pub enum ReadableStream {}

/// The same, read from Rust.
#[derive(Debug)]
pub enum IntoStream {}

impl ReadableStream {
    /// # Panics
    /// Always.
    pub fn from_raw(_: web_sys::ReadableStream) -> Self {
        no_streams()
    }

    /// # Panics
    /// Always.
    pub fn from_stream(_: impl Stream<Item = Result<JsValue, JsValue>> + 'static) -> Self {
        no_streams()
    }

    pub fn into_raw(self) -> web_sys::ReadableStream {
        match self {}
    }

    pub fn into_stream(self) -> IntoStream {
        match self {}
    }
}

impl Stream for IntoStream {
    type Item = Result<JsValue, JsValue>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match *self {}
    }
}

fn no_streams() -> ! {
    panic!("This build streams no bodies: remove the patch of wasm-streams from the root Cargo.toml.")
}
