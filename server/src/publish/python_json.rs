//! JSON as Python writes it: `json.dumps(json.loads(text), indent=1, sort_keys=True, separators=(",", ": "))`,
//! which is what Frappe's `as_json` comes down to (FRAPPE `utils/response.py` and `__init__.py`).
//!
//! The text is walked in raw pieces, so that a number keeps its digits: `serde_json`'s own way to keep them,
//! `arbitrary_precision`, is a feature of the whole build and would reach the browser's wasm.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::event::surrogate;

/// How deep arrays and objects may nest: as deep as `serde_json` reads by itself.
const DEPTH_LIMIT: usize = 128;

/// Why a message cannot be published.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The text is not JSON.
    #[error("the message is not JSON ({problem}); text needs its quotes: '\"done\"'")]
    NotJson {
        /// Where and why reading stopped.
        problem: String,
    },
    /// Half of a surrogate pair stands alone.
    #[error("the message holds half of a surrogate pair, which no browser can be sent; write the whole character")]
    LoneSurrogate,
    /// Arrays and objects nest too deep.
    #[error("the message nests deeper than {DEPTH_LIMIT} arrays and objects; publish a flatter one")]
    TooDeep,
    /// Python would read the number as infinity, which JSON does not have.
    #[error("the number {number} in the message is larger than a float can be; publish it as text")]
    NumberTooLarge {
        /// The number as written.
        number: String,
    },
}

impl From<serde_json::Error> for MessageError {
    fn from(error: serde_json::Error) -> Self {
        Self::NotJson { problem: error.to_string() }
    }
}

/// Whether a text is JSON whose every string is Unicode text.
pub(super) fn check(json: &str) -> Result<&RawValue, MessageError> {
    let value = serde_json::from_str(json)?;
    if surrogate::has_lone(json) {
        return Err(MessageError::LoneSurrogate);
    }
    Ok(value)
}

/// Writes JSON text anew, as Python does.
pub(super) fn dumps(json: &str) -> Result<String, MessageError> {
    let mut out = String::with_capacity(json.len());
    write_value(&mut out, check(json)?, 0)?;
    Ok(out)
}

/// The entries of an object in the order of their keys' code points, which is that of their UTF-8 bytes;
/// of equal keys the last one, as in Python.
pub(super) fn entries(object: &RawValue) -> Result<BTreeMap<String, &RawValue>, MessageError> {
    Ok(BTreeMap::deserialize(object)?)
}

/// The items of an array.
pub(super) fn items(array: &RawValue) -> Result<Vec<&RawValue>, MessageError> {
    Ok(Vec::deserialize(array)?)
}

/// The text that a JSON string stands for.
pub(super) fn text(string: &RawValue) -> Result<String, MessageError> {
    Ok(String::deserialize(string)?)
}

fn write_value(out: &mut String, value: &RawValue, depth: usize) -> Result<(), MessageError> {
    if depth > DEPTH_LIMIT {
        return Err(MessageError::TooDeep);
    }
    match value.get().as_bytes().first() {
        Some(b'{') => write_nested(out, '{', entries(value)?, '}', depth, |out, (key, value)| {
            write_text(out, &key);
            out.push_str(": ");
            write_value(out, value, depth + 1)
        }),
        Some(b'[') => write_nested(out, '[', items(value)?, ']', depth, |out, item| write_value(out, item, depth + 1)),
        Some(b'"') => {
            write_text(out, &text(value)?);
            Ok(())
        }
        Some(b'-' | b'0'..=b'9') => {
            out.push_str(&number(value.get())?);
            Ok(())
        }
        // `true`, `false` and `null` are the same in both.
        _ => {
            out.push_str(value.get());
            Ok(())
        }
    }
}

/// Writes an array or object: nothing within on the same line, each part on a line of its own, indented
/// by one space a level.
fn write_nested<Part>(
    out: &mut String,
    open: char,
    parts: impl IntoIterator<Item = Part>,
    close: char,
    depth: usize,
    mut write_part: impl FnMut(&mut String, Part) -> Result<(), MessageError>,
) -> Result<(), MessageError> {
    let new_line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', depth));
    };
    out.push(open);
    let mut empty = true;
    for part in parts {
        if !empty {
            out.push(',');
        }
        empty = false;
        new_line(out, depth + 1);
        write_part(out, part)?;
    }
    if !empty {
        new_line(out, depth);
    }
    out.push(close);
    Ok(())
}

/// Writes a string with `ensure_ascii`: everything outside `' '..='~'` is escaped.
fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").expect("a String takes any text");
                }
            }
        }
    }
    out.push('"');
}

/// A number as Python reads and writes it: an `int` of any size, or else a `float`.
fn number(text: &str) -> Result<Cow<'_, str>, MessageError> {
    if text == "-0" {
        return Ok("0".into());
    }
    if !text.contains(['.', 'e', 'E']) {
        return Ok(text.into());
    }
    let float: f64 = text.parse().expect("a JSON number is one in Rust too");
    if float.is_infinite() {
        return Err(MessageError::NumberTooLarge { number: text.to_owned() });
    }
    Ok(repr(float).into())
}

/// Python's `repr` of a float: the fewest digits that read back equal, with an exponent below 1e-4 and from
/// 1e16 (`PyOS_double_to_string` of C Python, format `r`).
fn repr(float: f64) -> String {
    let scientific = shortest(float);
    let (mantissa, exponent) = scientific.split_once('e').expect("{:e} writes an exponent");
    let exponent: i32 = exponent.parse().expect("{:e} writes a number as the exponent");
    if !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs());
    }
    let (minus, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |mantissa| ("-", mantissa));
    let digits = mantissa.replace('.', "");
    let Ok(last_whole) = usize::try_from(exponent) else {
        let zeros = "0".repeat((exponent.unsigned_abs() - 1) as usize);
        return format!("{minus}0.{zeros}{digits}");
    };
    // Where the digits end within the whole part, zeros fill it and stand after the point.
    let (whole, fraction) = digits.split_at_checked(last_whole + 1).unwrap_or((&digits, ""));
    let fraction = if fraction.is_empty() { "0" } else { fraction };
    format!("{minus}{whole:0<width$}.{fraction}", width = last_whole + 1)
}

/// The fewest digits that read back as the same float, in the form `1.25e-7`.
fn shortest(float: f64) -> String {
    let shortest = format!("{float:e}");
    // Between two equally near candidates (…6.2 and …6.3 for …6.25) Rust takes either, Python the even one,
    // as Rust does too when it is told the number of digits.
    let digits = shortest.bytes().take_while(|byte| *byte != b'e').filter(u8::is_ascii_digit).count();
    let even = format!("{float:.*e}", digits - 1);
    if even.parse() == Ok(float) { even } else { shortest }
}

#[cfg(test)]
mod tests;
