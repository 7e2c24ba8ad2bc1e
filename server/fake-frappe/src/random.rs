//! Texts nobody can guess, for sids and secrets of tests.

use std::fmt::Write;
use std::hash::{BuildHasher, Hasher, RandomState};

/// A random text of hex digits.
pub(crate) fn hex(length: usize) -> String {
    let mut text = String::with_capacity(length + 16);
    while text.len() < length {
        // The standard library's only source of randomness: the keys of a new hasher.
        write!(text, "{:016x}", RandomState::new().build_hasher().finish()).expect("a String takes every text");
    }
    text.truncate(length);
    text
}

#[cfg(test)]
mod tests {
    use super::hex;

    #[test]
    fn texts_have_the_length_asked_for_and_differ() {
        let (one, other) = (hex(56), hex(56));
        assert_eq!(one.len(), 56);
        assert_ne!(one, other);
        assert_ne!(one[..16], one[16..32], "one text does not repeat itself");
        assert!(one.bytes().all(|digit| digit.is_ascii_hexdigit()));
    }
}
