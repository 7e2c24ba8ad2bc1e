//! The browser's WebSocket, with nothing left behind: a dropped socket reports nothing more.

use leptos::prelude::window;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{CloseEvent, MessageEvent, WebSocket};

use crate::client::connection;
use crate::close::CloseCode;
use crate::frame::SUBPROTOCOL;

/// Where the server answers, on the page's own origin.
const PATH: &str = "/live/ws";

pub(in crate::client) struct Socket {
    inner: WebSocket,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_close: Closure<dyn FnMut(CloseEvent)>,
}

impl Socket {
    /// Starts to connect, as the page's link of this number; `None` where the browser refuses to try, which it says in its console.
    pub(super) fn open(number: u32) -> Option<Self> {
        let location = window().location();
        let scheme = if location.protocol().ok()? == "https:" { "wss" } else { "ws" };
        let url = format!("{scheme}://{}{PATH}", location.host().ok()?);
        let socket = WebSocket::new_with_str(&url, SUBPROTOCOL).ok()?;
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(|event: MessageEvent| {
            if let Some(text) = event.data().as_string() {
                connection::received(&text);
            }
        });
        let on_close = Closure::<dyn FnMut(CloseEvent)>::new(move |event: CloseEvent| {
            let code = event.code();
            // Dropping a closure from inside itself is not allowed: leave the handler first.
            leptos::task::spawn_local(async move { connection::closed(number, code) });
        });
        socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        Some(Self { inner: socket, _on_message: on_message, _on_close: on_close })
    }

    pub(super) fn send(&self, text: &str) {
        // Fails only while connecting or closing; what is not sent is asked again after `hello`.
        let _ = self.inner.send_with_str(text);
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.inner.set_onmessage(None);
        self.inner.set_onclose(None);
        let _ = self.inner.close_with_code(CloseCode::Normal.number());
    }
}
