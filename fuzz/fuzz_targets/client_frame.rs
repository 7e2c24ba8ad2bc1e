//! Any text from a page: a frame, or an error that says why not, never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use realtime::frame::ClientFrame;

fuzz_target!(|bytes: &[u8]| {
    // The WebSocket layer has refused what is not UTF-8 before a frame is read.
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match ClientFrame::parse(text) {
        Ok(frame) => {
            let text = frame.encode();
            let again = ClientFrame::parse(&text).expect("what is encoded can be read");
            assert_eq!(again.encode(), text);
        }
        Err(error) => {
            assert!(!error.reason.is_empty(), "an error has a sentence");
            assert!(!error.code.is_empty(), "an error has a word");
        }
    }
});
