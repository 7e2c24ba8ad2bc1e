//! The protocol without a socket: what a page asks with `POST /live/poll`, and what it is answered.
//!
//! The server keeps nothing between two polls, so any instance can answer any of them. What the page is in
//! comes with each poll, as the frames that would bring it there; what happened in between is replayed from
//! the positions in them.

use super::ClientFrame;
use super::client::JsonObject;
use crate::fields::Fields;

/// One poll of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PollRequest {
    /// Names the page, as long as it lives: a random text of its own.
    pub page: String,
    /// The page's first poll, which `hello` answers.
    pub begins: bool,
    /// The page knows that the server does not hear what is published.
    pub source_lost: bool,
    /// `join` and `open` frames of what the page is in already, with its positions. Answered only where
    /// something is new, or missing.
    pub standing: Vec<String>,
    /// What the page asks now. Each is answered, and then the poll waits for nothing more.
    pub frames: Vec<String>,
}

impl PollRequest {
    /// The request's body.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut json = JsonObject::new();
        json.text("page", &self.page);
        if self.begins {
            json.raw("begins", "true");
        }
        if self.source_lost {
            json.raw("source_lost", "true");
        }
        json.raw("standing", &list(&self.standing));
        json.raw("frames", &list(&self.frames));
        json.end()
    }

    /// Understands a request's body.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it. Frames are looked at one by one, later.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut fields = Fields::read(text).map_err(|_| "The body is not a JSON object.".to_owned())?;
        let owned = |frames: Vec<&str>| frames.into_iter().map(str::to_owned).collect();
        let request = Self {
            page: fields.text("page"),
            begins: fields.optional("begins", Fields::truth).unwrap_or_default(),
            source_lost: fields.optional("source_lost", Fields::truth).unwrap_or_default(),
            standing: fields.optional("standing", Fields::list).map(owned).unwrap_or_default(),
            frames: fields.optional("frames", Fields::list).map(owned).unwrap_or_default(),
        };
        match fields.missing() {
            None => Ok(request),
            Some(key) => Err(format!("The key \"{key}\" is missing or not of its kind.")),
        }
    }

    /// Adds a frame of what the page is in.
    pub fn stand(&mut self, frame: &ClientFrame) {
        self.standing.push(frame.encode());
    }
}

/// The frames of an answer, a JSON array of texts as a WebSocket would carry them, in their order.
#[must_use]
pub fn poll_answer(frames: &[String]) -> String {
    list(frames)
}

/// The frames that an answer holds; `None` where the text is no answer.
#[must_use]
pub fn read_poll_answer(text: &str) -> Option<Vec<&str>> {
    Fields::list_of(text)
}

/// `frames` are JSON texts.
fn list(frames: &[String]) -> String {
    ["[", &frames.join(","), "]"].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{PollRequest, poll_answer, read_poll_answer};
    use crate::frame::ClientFrame;
    use crate::room::Room;

    fn join(room: &str) -> String {
        let room = Room::parse(room);
        ClientFrame::Join { reference: 0, room, since: None, latest: Vec::new(), token: None }.encode()
    }

    #[test]
    fn what_is_wrong_is_said() {
        for text in ["", "[]", "{}", r#"{"page":1}"#, r#"{"page":"p","frames":{}}"#, r#"{"page":"p","begins":1}"#] {
            assert!(PollRequest::parse(text).is_err(), "{text}");
        }
        assert_eq!(read_poll_answer("<html>"), None);
        assert_eq!(read_poll_answer("[1"), None);
    }

    proptest! {
        #[test]
        fn requests_and_answers_come_back_equal(
            page in ".*", begins: bool, source_lost: bool,
            standing in prop::collection::vec(".*", 0..3), frames in prop::collection::vec(".*", 0..3),
        ) {
            let frames: Vec<String> = frames.iter().map(|room| join(room)).collect();
            let standing = standing.iter().map(|room| join(room)).collect();
            let answer = poll_answer(&frames);
            prop_assert_eq!(read_poll_answer(&answer), Some(frames.iter().map(String::as_str).collect()));
            let request = PollRequest { page, begins, source_lost, standing, frames };
            prop_assert_eq!(PollRequest::parse(&request.encode()), Ok(request));
        }

        #[test]
        fn any_text_is_answered_without_a_panic(text in ".*") {
            let _ = PollRequest::parse(&text);
            let _ = read_poll_answer(&text);
        }
    }
}
