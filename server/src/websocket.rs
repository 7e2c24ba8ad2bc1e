//! Frames as bytes on the WebSocket (RFC 6455 section 5), built once and shared.

use bytes::Bytes;
use realtime::close::CloseCode;
use realtime::frame::ServerFrame;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// The first byte of a text frame that is whole.
const TEXT: u8 = 0x81;

/// A text frame.
#[must_use]
pub fn text(text: &str) -> Bytes {
    frame(OpCode::Data(Data::Text), text.as_bytes())
}

/// The text of a text frame; none where it is another.
#[must_use]
pub fn text_of(frame: &Bytes) -> Option<Bytes> {
    let [TEXT, length, ..] = frame[..] else { return None };
    let header = match length {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    Some(frame.slice(header..))
}

/// The frame that says why the connection is about to be closed.
#[must_use]
pub fn bye(code: CloseCode) -> Bytes {
    text(&ServerFrame::Bye { code, after: None, position: None }.encode())
}

/// A close frame. Its reason is the code's word: browsers show it beside the number.
#[must_use]
pub fn close(code: CloseCode) -> Bytes {
    let mut payload = code.number().to_be_bytes().to_vec();
    payload.extend(code.word().as_bytes());
    frame(OpCode::Control(Control::Close), &payload)
}

/// A ping. Browsers answer it by themselves, even while the page's scripts sleep.
#[must_use]
pub fn ping() -> Bytes {
    frame(OpCode::Control(Control::Ping), &[])
}

fn frame(opcode: OpCode, payload: &[u8]) -> Bytes {
    let header = FrameHeader { opcode, ..FrameHeader::default() };
    let length = payload.len() as u64;
    let mut bytes = Vec::with_capacity(header.len(length) + payload.len());
    header.format(length, &mut bytes).expect("a vector takes any bytes");
    bytes.extend_from_slice(payload);
    bytes.into()
}

#[cfg(test)]
mod tests {
    use realtime::close::CloseCode;

    use super::{close, ping, text, text_of};

    #[test]
    fn headers_are_as_short_as_the_payload_allows() {
        assert_eq!(&text("hi")[..], b"\x81\x02hi");
        assert_eq!(&ping()[..], b"\x89\x00");
        assert_eq!(&text(&"x".repeat(126))[..4], b"\x81\x7e\x00\x7e");
        assert_eq!(&text(&"x".repeat(65_536))[..10], b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00");
    }

    #[test]
    fn the_text_comes_back_and_other_frames_have_none() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let words = "x".repeat(length);
            assert_eq!(text_of(&text(&words)).as_deref(), Some(words.as_bytes()), "{length}");
        }
        assert_eq!((text_of(&ping()), text_of(&close(CloseCode::Slow))), (None, None));
    }
}
