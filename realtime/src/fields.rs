//! A JSON object as its keys and the raw text of their values.
//!
//! Frames and the page start are read with it: a message must stay the text it was, and in the wasm a
//! derived deserializer of all frames' keys is larger than all else the browser's half does (measured).

use serde_json::value::RawValue;

use crate::position::Position;
use crate::room::Room;

/// The keys of one object. Where a key stands twice, the first one counts.
///
/// A key that is needed but missing, or not of its kind, is given as an empty value and remembered: a
/// frame is read in one go and then asked whether it was [complete](Self::if_complete).
#[derive(Debug, Default)]
pub(crate) struct Fields<'a> {
    /// Keys and values by turns.
    parts: Vec<&'a str>,
    missing: Option<&'static str>,
}

/// Why a text has no fields.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// It is not JSON.
    NotJson(serde_json::Error),
    /// It is JSON of another kind.
    NotAnObject,
}

impl<'a> Fields<'a> {
    /// Reads an object.
    ///
    /// # Errors
    /// Text that is not a JSON object.
    pub(crate) fn read(text: &'a str) -> Result<Self, Unreadable> {
        let json: &RawValue = serde_json::from_str(text).map_err(Unreadable::NotJson)?;
        Self::of(json.get()).ok_or(Unreadable::NotAnObject)
    }

    /// The raw texts of a JSON list; `None` where the text is no JSON, or of another kind.
    #[must_use]
    pub(crate) fn list_of(text: &str) -> Option<Vec<&str>> {
        let json: &RawValue = serde_json::from_str(text).ok()?;
        parts(json.get(), b'[')
    }

    /// The fields of a part of a JSON text; `None` where it is no object.
    #[must_use]
    pub(crate) fn of(json: &'a str) -> Option<Self> {
        parts(json, b'{').map(|parts| Self { parts, missing: None })
    }

    /// The first key that was needed and missing or not of its kind.
    #[must_use]
    pub(crate) const fn missing(&self) -> Option<&'static str> {
        self.missing
    }

    /// What was made of the fields, if nothing was missing.
    #[must_use]
    pub(crate) fn if_complete<T>(&self, made: T) -> Option<T> {
        self.missing.is_none().then_some(made)
    }

    /// The raw text of a key's value; a `null` is there too.
    #[must_use]
    pub(crate) fn raw(&self, key: &str) -> Option<&'a str> {
        self.parts.chunks_exact(2).find(|pair| unquote(pair[0]).as_deref() == Some(key)).map(|pair| pair[1])
    }

    /// A key that may be missing or null, but not of another kind.
    pub(crate) fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Self, &'static str) -> T,
    ) -> Option<T> {
        match self.raw(key) {
            None | Some("null") => None,
            Some(_) => Some(read(self, key)),
        }
    }

    /// A key's text.
    pub(crate) fn text(&mut self, key: &'static str) -> String {
        let text = self.text_of(key);
        self.needed(key, text)
    }

    /// The text of a key that is known at run time only, if there is one.
    #[must_use]
    pub(crate) fn text_of(&self, key: &str) -> Option<String> {
        self.raw(key).and_then(unquote)
    }

    /// A key's whole number.
    pub(crate) fn number(&mut self, key: &'static str) -> u64 {
        let number = self.raw(key).and_then(|raw| raw.parse().ok());
        self.needed(key, number)
    }

    /// A key's JSON as it stands.
    pub(crate) fn json(&mut self, key: &'static str) -> Box<RawValue> {
        let json = self.raw(key).and_then(|raw| RawValue::from_string(raw.to_owned()).ok());
        self.needed(key, json)
    }

    /// A key's room.
    pub(crate) fn room(&mut self, key: &'static str) -> Room {
        Room::parse(&self.text(key))
    }

    /// A key's position.
    pub(crate) fn position(&mut self, key: &'static str) -> Position {
        let mut fields = self.raw(key).and_then(Fields::of).unwrap_or_default();
        let position = Position::new(fields.text("epoch"), fields.number("offset"));
        if fields.missing.is_some() {
            self.missing.get_or_insert(key);
        }
        position
    }

    /// A key's `true` or `false`.
    pub(crate) fn truth(&mut self, key: &'static str) -> bool {
        let truth = self.raw(key).and_then(|raw| raw.parse().ok());
        self.needed(key, truth)
    }

    /// The raw texts of a key's list.
    pub(crate) fn list(&mut self, key: &'static str) -> Vec<&'a str> {
        let list = self.raw(key).and_then(|raw| parts(raw, b'['));
        self.needed(key, list)
    }

    /// The texts of a key's list.
    pub(crate) fn texts(&mut self, key: &'static str) -> Vec<String> {
        let mut texts = Vec::new();
        for raw in self.list(key) {
            let text = unquote(raw);
            texts.push(self.needed(key, text));
        }
        texts
    }

    fn needed<T: Default>(&mut self, key: &'static str, value: Option<T>) -> T {
        value.unwrap_or_else(|| {
            self.missing.get_or_insert(key);
            T::default()
        })
    }
}

/// The text that a JSON string stands for.
fn unquote(raw: &str) -> Option<String> {
    serde_json::from_str(raw).ok()
}

/// What stands between the brackets, commas and colons of valid JSON: the values of a list, the keys and
/// values of an object by turns. `None` where the JSON does not begin with this bracket.
fn parts(json: &str, bracket: u8) -> Option<Vec<&str>> {
    if json.as_bytes().first() != Some(&bracket) {
        return None;
    }
    let mut parts = Vec::new();
    let (mut start, mut depth, mut in_string, mut escaped) = (1, 0, false, false);
    for (at, byte) in json.bytes().enumerate() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        let ends_part = if depth == 1 { matches!(byte, b',' | b':') } else { depth == 0 };
        if ends_part {
            parts.push(json[start..at].trim_ascii());
            start = at + 1;
        }
    }
    // Nothing stands between the brackets of an empty object or list.
    parts.retain(|part| !part.is_empty());
    Some(parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::{Fields, Unreadable, parts};
    use crate::position::Position;
    use crate::room::Room;

    #[test]
    fn values_are_read_when_they_are_asked_for() {
        let text = r#"{"a": "x\ny", "n" : 7, "r": "user:jane", "p": {"epoch": "e", "offset": 3}, "l": ["b", "c"],
                      "m": { "big": 123456789012345678901234567890 }, "z": null, "\u0061b": 1, "a": 2}"#;
        let mut fields = Fields::read(text).expect("an object");
        assert_eq!(fields.text("a"), "x\ny");
        assert_eq!(fields.number("n"), 7);
        assert_eq!(fields.room("r"), Room::user("jane"));
        assert_eq!(fields.position("p"), Position::new("e", 3));
        assert_eq!(fields.texts("l"), ["b", "c"]);
        assert_eq!(fields.json("m").get(), r#"{ "big": 123456789012345678901234567890 }"#);
        assert_eq!((fields.raw("z"), fields.raw("nothing")), (Some("null"), None));
        assert_eq!(fields.number("ab"), 1);
        assert_eq!((fields.optional("z", Fields::number), fields.optional("nothing", Fields::number)), (None, None));
        assert_eq!(fields.optional("n", Fields::number), Some(7));
        assert_eq!(fields.if_complete("all"), Some("all"));
    }

    #[test]
    fn the_first_key_that_is_missing_or_of_another_kind_is_remembered() {
        let text = r#"{"text": "x", "number": 7, "object": {}, "list": [1]}"#;
        let missing = |read: fn(&mut Fields<'_>)| {
            let mut fields = Fields::read(text).expect("an object");
            read(&mut fields);
            assert_eq!(fields.if_complete(()), None);
            fields.missing()
        };
        assert_eq!(missing(|fields| drop((fields.text("number"), fields.text("nothing")))), Some("number"));
        assert_eq!(missing(|fields| drop(fields.room("list"))), Some("list"));
        assert_eq!(missing(|fields| drop((fields.text("text"), fields.number("text")))), Some("text"));
        assert_eq!(missing(|fields| drop(fields.json("nothing"))), Some("nothing"));
        assert_eq!(missing(|fields| drop(fields.position("object"))), Some("object"));
        assert_eq!(missing(|fields| drop(fields.position("list"))), Some("list"));
        assert_eq!(missing(|fields| drop(fields.list("object"))), Some("object"));
        assert_eq!(missing(|fields| drop(fields.texts("list"))), Some("list"));
        assert_eq!(missing(|fields| assert!(fields.optional("text", Fields::number).is_some())), Some("text"));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["null", "[]", "7", "\"{}\""] {
            assert!(matches!(Fields::read(text), Err(Unreadable::NotAnObject)), "{text}");
        }
        for text in ["", "{", r#"{"a"}"#, r#"{"a":1}}"#, r#"{"a":[}"#, r#"{"a":01}"#, r#"{"a":"\x"}"#] {
            assert!(matches!(Fields::read(text), Err(Unreadable::NotJson(_))), "{text}");
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<i32>().prop_map(|quarters| Value::from(f64::from(quarters) / 4.0)),
            any_text().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::hash_map(any_text(), inner, 0..8).prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    /// Text that a splitter may stumble over.
    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![".*", r#"[\\"{}\[\],:a ]*"#]
    }

    proptest! {
        #[test]
        fn every_value_is_found_where_it_stands(
            object in prop::collection::hash_map(any_text(), any_json(), 0..8),
            pretty: bool,
        ) {
            let object = Value::from_iter(object);
            let text = if pretty { format!("\n{object:#} ") } else { object.to_string() };
            let fields = Fields::read(&text).expect("an object");
            let object = object.as_object().expect("an object");
            prop_assert_eq!(fields.parts.len(), 2 * object.len());
            for (key, value) in object {
                let raw = fields.raw(key).expect("the key is there");
                prop_assert_eq!(&serde_json::from_str::<Value>(raw).expect("JSON"), value);
                if let Value::Array(items) = value {
                    let raw = parts(raw, b'[').expect("a list");
                    let read: Vec<Value> = raw.into_iter().map(|item| serde_json::from_str(item).expect("JSON")).collect();
                    prop_assert_eq!(&read, items);
                }
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in any_text()) {
            let is_object = serde_json::from_str::<Value>(&text).is_ok_and(|json| json.is_object());
            prop_assert_eq!(Fields::read(&text).is_ok(), is_object);
        }
    }
}
