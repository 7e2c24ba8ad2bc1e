//! From a page to the others in a room, or to a handler of the app.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use realtime::frame::{Ref, ServerFrame, Trouble};
use realtime::handlers::{Context, HandlerError, Refused};
use realtime::host::UserType;
use realtime::room::Room;
use serde_json::value::RawValue;
use tokio::time::timeout;

use super::Session;
use super::work::Done;
use crate::engine::{Emitted, Written};
use crate::queue::NewestOf;

/// The largest message of one emit, in bytes: a cursor, a few words.
const MESSAGE_BYTES: usize = 8 << 10;
/// The longest name of what is emitted, in bytes.
const EVENT_BYTES: usize = 140;
/// Handlers that run for one connection at a time, with what else goes on.
const WORK_AT_A_TIME: usize = 16;
/// How long a handler may take.
const HANDLER_PATIENCE: Duration = Duration::from_secs(20);
/// What a page hears of a handler that panics; the panic itself stands in the log.
const BROKEN: &str = "The server failed while it answered; its log says why.";
/// What a handler's own refusal is called.
const REFUSED: &str = "refused";

impl Session {
    /// Tells the others in a room. Only the newest of an event is wanted from one connection: it is in no
    /// history.
    pub(super) fn emit_to_room(&mut self, reference: Ref, room: Room, event: String, message: Box<RawValue>) {
        let trouble = self.too_much(&event, &message);
        if let Some(trouble) = trouble.or_else(|| self.has_no_voice_in(&room)) {
            return self.say(&ServerFrame::trouble(reference, trouble));
        }
        let user = self.caller.viewer.user.clone();
        let newest_of = NewestOf::new(Some(self.connection), &room, &event);
        let frame = ServerFrame::Emitted { room: room.clone(), event, user, message };
        let emitted = Emitted { text: frame.encode(), newest_of };
        let mut written = Written::default();
        if !self.site.emit(&room, self.connection, &emitted, &mut written) {
            return self.say(&ServerFrame::trouble(reference, Trouble::NotJoined));
        }
        self.pong(Some(reference));
        written.write_soon();
    }

    /// Gives an event to the app's handler, which answers when it is done.
    pub(super) fn emit_to_handler(&mut self, reference: Ref, event: &str, message: &RawValue) {
        let trouble = self.too_much(event, message);
        let is_busy = self.work.as_ref().is_some_and(|work| work.running() >= WORK_AT_A_TIME);
        if let Some(trouble) = trouble.or(is_busy.then_some(Trouble::TooFast)) {
            return self.say(&ServerFrame::trouble(reference, trouble));
        }
        let context = Context::new(self.caller.viewer.clone(), Arc::clone(&self.parts.publisher));
        let (parts, event, message) = (Arc::clone(&self.parts), event.to_owned(), message.to_owned());
        let handling = async move {
            match parts.handlers.handle(&event, context, &message) {
                Some(handling) => Some(handling.await),
                None => None,
            }
        };
        self.work().handle(Box::pin(async move {
            // One handler that breaks is nobody else's problem.
            let handled = AssertUnwindSafe(timeout(HANDLER_PATIENCE, handling)).catch_unwind().await;
            let broken = || Ok(Some(Err(HandlerError::Refused(Refused::because(BROKEN)))));
            let Some(handled) = handled.unwrap_or_else(|_| broken()).transpose() else {
                return Done::Handler(ServerFrame::trouble(reference, Trouble::NoHandler));
            };
            Done::Handler(match handled {
                Ok(Ok(message)) => ServerFrame::Answer { reference, message },
                Ok(Err(HandlerError::Refused(refused))) => ServerFrame::Error {
                    reference: Some(reference),
                    code: REFUSED.to_owned(),
                    reason: refused.to_string(),
                    remedy: None,
                },
                Ok(Err(HandlerError::BadMessage(_))) => ServerFrame::trouble(reference, Trouble::BadMessage),
                Err(_) => ServerFrame::trouble(reference, Trouble::NoAnswer),
            })
        }));
    }

    fn too_much(&self, event: &str, message: &RawValue) -> Option<Trouble> {
        if self.paces.emits.check().is_err() {
            return Some(Trouble::TooFast);
        }
        (event.len() > EVENT_BYTES || message.get().len() > MESSAGE_BYTES).then_some(Trouble::TooLarge)
    }

    /// Whoever comes by must not speak to every visitor of the site, and nobody more than one connection's worth.
    fn has_no_voice_in(&self, room: &Room) -> Option<Trouble> {
        let viewer = &self.caller.viewer;
        match room {
            Room::Website | Room::Site | Room::User(_) if viewer.user_type == UserType::Guest => Some(Trouble::NotHere),
            Room::Website | Room::Site => (!self.parts.voices.may_speak(viewer)).then_some(Trouble::TooFast),
            _ => None,
        }
    }
}
