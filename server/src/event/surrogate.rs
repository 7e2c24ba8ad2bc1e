//! Lone surrogates: `"\ud800"` is JSON by its grammar and text in Python, but no Unicode text.
//! `serde_json` sees them only in the strings it decodes, not in those a raw value skips.

/// The length of an escape such as `\u00fc`.
const ESCAPE: usize = 6;

/// Whether a JSON text holds an escape of half a surrogate pair without its other half.
pub(crate) fn has_lone(json: &str) -> bool {
    // Nearly all payloads hold no surrogate at all; these two searches are vectorised, the walk is not.
    (json.contains("\\ud") || json.contains("\\uD")) && walk(json.as_bytes())
}

fn walk(mut rest: &[u8]) -> bool {
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        let escape = &rest[at..];
        let length = match unit(escape) {
            Some(0xD800..=0xDBFF) => {
                if !matches!(unit(&escape[ESCAPE..]), Some(0xDC00..=0xDFFF)) {
                    return true;
                }
                2 * ESCAPE
            }
            Some(0xDC00..=0xDFFF) => return true,
            Some(_) => ESCAPE,
            // The backslash and what it escapes, which may be a backslash.
            None => 2,
        };
        rest = escape.get(length..).unwrap_or_default();
    }
    false
}

/// The UTF-16 unit that an escape at the start of the text stands for.
fn unit(text: &[u8]) -> Option<u32> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |unit, digit| Some(unit * 16 + char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::has_lone;

    #[test]
    fn halves_without_their_other_half_are_found() {
        for json in [
            r#""\ud800""#,
            r#""\uD800""#,
            r#""\uDfFf""#,
            r#""\udc00\ud800""#,
            r#""\ud83d\ud83d\ude00""#,
            r#""\ud83d\n\ude00""#,
            r#""\ud83dx\ude00""#,
            r#""\ud83d""#,
            r#""\ud83d\u0041""#,
            r#""\\\ud800""#,
            r#"{"\ud800": 1}"#,
            r#"["\ud83d", "\ude00"]"#,
        ] {
            assert!(has_lone(json), "{json}");
        }
    }

    #[test]
    fn pairs_and_escaped_backslashes_are_text() {
        for json in [
            r#""\ud83d\ude00""#,
            r#""\uD83D\uDE00\ud83d\uDE00""#,
            r#""\\ud800""#,
            r#""\\\\ud800""#,
            r#""\\\ud83d\ude00""#,
            r#""\u00fc\ud7ff\ue000\uD7FF""#,
            r#""\"\\ud800""#,
            "\"😀 \\\\ud800\"",
        ] {
            assert!(!has_lone(json), "{json}");
        }
    }

    #[test]
    fn text_cut_within_an_escape_does_not_panic() {
        for json in [r"\ud83d\", r"\ud83d\u", r"\ud83", r"\", r"\ud\", "\\ud\\ü", "\\\\ud\\", r"\ud83d\u+123"] {
            has_lone(json);
        }
    }

    proptest! {
        /// `serde_json` refuses exactly the strings with a lone surrogate when it decodes them.
        #[test]
        fn decoding_agrees(pieces in prop::collection::vec(
            prop::sample::select(vec![
                r"\ud83d", r"\uDE00", r"\uD800", r"\udfff", r"\\", r"\n", r"\u00FC", "ud83d", "x", "ü", r#"\""#,
            ]),
            0..12,
        )) {
            let json = format!("\"{}\"", pieces.concat());
            prop_assert_eq!(has_lone(&json), serde_json::from_str::<String>(&json).is_err());
        }
    }
}
