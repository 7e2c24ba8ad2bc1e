//! A JSON object as its keys and the raw text of their values.
//!
//! The browser's half reads every frame with it: a derived deserializer of all frames' keys is larger
//! than everything else it does (measured in the wasm), and a message must stay the text it was.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::position::Position;
use crate::room::Room;

/// The keys of one object, in their order. Where a key stands twice, the first one counts.
#[derive(Debug)]
pub(crate) struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Reads an object.
    ///
    /// # Errors
    /// Text that is not a JSON object.
    pub(crate) fn read(text: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The raw text of a key's value; a `null` is there too.
    #[must_use]
    pub(crate) fn raw(&self, key: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value.get())
    }

    /// A key's text.
    #[must_use]
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        unquote(self.raw(key)?)
    }

    /// A key's whole number.
    #[must_use]
    pub(crate) fn number(&self, key: &str) -> Option<u64> {
        self.raw(key)?.parse().ok()
    }

    /// A key's room.
    #[must_use]
    pub(crate) fn room(&self, key: &str) -> Option<Room> {
        self.text(key).map(|text| Room::parse(&text))
    }

    /// A key's position.
    #[must_use]
    pub(crate) fn position(&self, key: &str) -> Option<Position> {
        let position = Fields::read(self.raw(key)?).ok()?;
        Some(Position::new(position.text("epoch")?, position.number("offset")?))
    }

    /// The raw texts of a key's list.
    #[must_use]
    pub(crate) fn list(&self, key: &str) -> Option<Vec<&'a str>> {
        let values: Vec<&'a RawValue> = serde_json::from_str(self.raw(key)?).ok()?;
        Some(values.into_iter().map(RawValue::get).collect())
    }

    /// The texts of a key's list.
    #[must_use]
    pub(crate) fn texts(&self, key: &str) -> Option<Vec<String>> {
        self.list(key)?.into_iter().map(unquote).collect()
    }
}

/// The text that a JSON string stands for.
fn unquote(raw: &str) -> Option<String> {
    serde_json::from_str(raw).ok()
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                    fields.push((key, map.next_value::<&'de RawValue>()?));
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::Fields;
    use crate::position::Position;
    use crate::room::Room;

    #[test]
    fn values_are_read_when_they_are_asked_for() {
        let text = r#"{"a": "x\ny", "n" : 7, "r": "user:jane", "p": {"epoch": "e", "offset": 3}, "l": ["b", "c"],
                      "m": { "big": 123456789012345678901234567890 }, "z": null, "\u0061b": 1, "a": 2}"#;
        let fields = Fields::read(text).expect("an object");
        assert_eq!(fields.text("a").as_deref(), Some("x\ny"));
        assert_eq!(fields.number("n"), Some(7));
        assert_eq!(fields.room("r"), Some(Room::user("jane")));
        assert_eq!(fields.position("p"), Some(Position::new("e", 3)));
        assert_eq!(fields.texts("l"), Some(vec!["b".to_owned(), "c".to_owned()]));
        assert_eq!(fields.raw("m"), Some(r#"{ "big": 123456789012345678901234567890 }"#));
        assert_eq!(fields.raw("z"), Some("null"));
        assert_eq!(fields.number("ab"), Some(1));
        assert_eq!((fields.text("n"), fields.number("a"), fields.raw("nothing")), (None, None, None));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["", "null", "[]", "7", "{", r#"{"a"}"#, r#"{"a":1}}"#] {
            assert!(Fields::read(text).is_err(), "{text}");
        }
    }
}
