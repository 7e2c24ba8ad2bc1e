//! The protocol without a socket: one request after another, each answered when there is something to tell.

use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::XmlHttpRequest;

use crate::client::connection;
use crate::client::store::Store;
use crate::client::unrest::Unrest;
use crate::frame::PollRequest;

/// Where the server answers, on the page's own origin.
const PATH: &str = "/live/poll";

pub(in crate::client) struct Poll {
    /// The link's.
    number: u32,
    request: XmlHttpRequest,
    _on_end: Closure<dyn FnMut()>,
    has_begun: bool,
    /// What the request that is under way asks; `None` where none is.
    under_way: Option<Asks>,
    /// What waits to be sent.
    frames: Vec<String>,
    is_woken: bool,
    unrest: Unrest,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Asks {
    /// To be told what comes: another request may take its place, and what it would have told comes with that.
    Whatever,
    /// What must be answered.
    Something,
}

impl Poll {
    /// Polls for the first time, as the page's link of this number.
    pub(super) fn open(number: u32) -> Option<Self> {
        let request = XmlHttpRequest::new().ok()?;
        // What follows may drop the link and this handler with it: leave the handler first.
        let on_end = Closure::<dyn FnMut()>::new(move || spawn_local(async move { connection::polled(number) }));
        let handler = Some(on_end.as_ref().unchecked_ref());
        request.set_onload(handler);
        request.set_onerror(handler);
        let (has_begun, under_way, frames, is_woken, unrest) = (false, None, Vec::new(), false, Unrest::default());
        let mut poll = Self { number, request, _on_end: on_end, has_begun, under_way, frames, is_woken, unrest };
        poll.wake();
        Some(poll)
    }

    /// Sends a frame with all others of this moment.
    pub(super) fn send(&mut self, text: String) {
        self.frames.push(text);
        self.wake();
    }

    fn wake(&mut self) {
        if !std::mem::replace(&mut self.is_woken, true) {
            let number = self.number;
            spawn_local(async move { connection::go_on(number) });
        }
    }

    /// Sends the next request, unless one is under way that must be answered, or will do.
    pub(super) fn go_on(&mut self, page: &str, store: &Store, source_lost: bool) {
        self.is_woken = false;
        let must_wait = match self.under_way {
            None => false,
            Some(Asks::Whatever) => self.frames.is_empty(),
            Some(Asks::Something) => true,
        };
        if must_wait {
            return;
        }
        let mut poll = PollRequest {
            page: page.to_owned(),
            begins: !self.has_begun,
            source_lost,
            standing: Vec::new(),
            frames: std::mem::take(&mut self.frames),
        };
        for frame in store.standing() {
            poll.stand(&frame);
        }
        let is_idle = self.has_begun && poll.frames.is_empty();
        self.under_way = Some(if is_idle { Asks::Whatever } else { Asks::Something });
        self.has_begun = true;
        // The own origin is not refused, and what fails later is reported. Opening again gives up what waits.
        let _ = self.request.open("POST", PATH);
        let _ = self.request.set_request_header("content-type", "application/json");
        let _ = self.request.send_with_opt_str(Some(&poll.encode()));
    }

    /// What the request that is over was answered; `None` where it failed.
    pub(super) fn take_answer(&mut self) -> Option<String> {
        self.under_way = None;
        let is_answered = self.request.status() == Ok(200);
        self.request.response_text().ok().flatten().filter(|_| is_answered)
    }

    /// Milliseconds until the next request, if nothing is to be asked before.
    pub(super) fn pause_after(&mut self, frames: &[&str]) -> u64 {
        self.unrest.pause_after(frames)
    }

    pub(super) fn is_at_rest(&self) -> bool {
        self.frames.is_empty()
    }
}

impl Drop for Poll {
    fn drop(&mut self) {
        self.request.set_onload(None);
        self.request.set_onerror(None);
        let _ = self.request.abort();
    }
}
