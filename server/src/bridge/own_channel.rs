//! What servers on one Redis say to each other, on a channel of their own: how they number, and what their pages
//! tell rooms.
//!
//! Whoever may publish can say anything there, as on Frappe's own channel. What is not understood is ignored;
//! nothing here is believed beyond its bounds.

use std::collections::HashMap;

use realtime::position::Position;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::hub::ConnectionId;

/// The channel.
pub const OWN_CHANNEL: &str = "frappe_live";
/// Names how this version numbers events. Only servers that number alike may agree: raise it whenever other
/// payloads count, or for other sites.
const NUMBERING_VERSION: &str = "1";
/// The longest that is said, in bytes: some ten thousand sites, or an emitted message.
const LONGEST: usize = 1 << 20;
/// The longest name of a mark, an epoch or an instance, in bytes.
const LONGEST_NAME: usize = 64;
/// The longest name of a way to number, in bytes.
const LONGEST_NUMBERING: usize = 512;
/// The largest offset that a page's script can hold exactly.
const LARGEST_OFFSET: u64 = 1 << 53;

/// What makes servers number events alike: their version, the site of rooms that name none, and the one process
/// that gives the stream its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbering(String);

impl Numbering {
    /// `run_id` is that of the Redis process (`INFO server`).
    #[must_use]
    pub fn new(run_id: &str, default_site: &str) -> Self {
        Self(format!("{NUMBERING_VERSION}/{run_id}/{default_site}"))
    }
}

/// A point in the stream, and the question where each site is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Names it.
    pub id: String,
    /// How the one numbers who asks.
    pub numbering: Numbering,
}

/// Where each site is at a mark: after all events before it and before all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The mark.
    pub mark: Mark,
    /// The sites' positions.
    pub sites: HashMap<String, Position>,
}

/// What a page told a room of another server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Names the server among all.
    pub instance: String,
    /// The site.
    pub site: String,
    /// The connection there.
    pub from: ConnectionId,
    /// The text of an `emitted` frame.
    pub frame: String,
}

/// Anything that is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// Somebody asks.
    Mark(Mark),
    /// Somebody answers.
    Answer(Answer),
    /// Somebody who asked before this mark, with the mark `by`, has no answer yet, and may be the one to give it.
    AskedBefore {
        /// The later mark.
        mark: Mark,
        /// The name of the earlier one.
        by: String,
    },
    /// A page told a room something.
    Told(Told),
}

/// All keys. The order is that of the text: whoever ignores what it said itself looks at the first two.
#[derive(Default, Serialize, Deserialize)]
struct Wire<'a> {
    kind: &'a str,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mark: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    numbering: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sites: Option<HashMap<String, (String, u64)>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    site: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    connection: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    frame: Option<&'a RawValue>,
}

impl Note {
    /// The note as text. `None` where it is a frame that is no JSON, or longer than anybody takes.
    #[must_use]
    pub fn encode(&self) -> Option<String> {
        let wire = match self {
            Self::Mark(Mark { id, numbering }) => {
                Wire { kind: "mark", mark: Some(id.clone()), numbering: Some(numbering.0.clone()), ..Wire::default() }
            }
            Self::Answer(Answer { mark, sites }) => Wire {
                kind: "answer",
                mark: Some(mark.id.clone()),
                numbering: Some(mark.numbering.0.clone()),
                sites: Some(sites.iter().map(|(site, at)| (site.clone(), (at.epoch.clone(), at.offset))).collect()),
                ..Wire::default()
            },
            Self::AskedBefore { mark, by } => Wire {
                kind: "asked_before",
                mark: Some(mark.id.clone()),
                by: Some(by.clone()),
                numbering: Some(mark.numbering.0.clone()),
                ..Wire::default()
            },
            Self::Told(Told { instance, site, from, frame }) => Wire {
                kind: "told",
                instance: Some(instance.clone()),
                site: Some(site.clone()),
                connection: Some(from.0),
                frame: Some(serde_json::from_str(frame).ok()?),
                ..Wire::default()
            },
        };
        let text = serde_json::to_string(&wire).expect("notes hold only text, numbers and raw JSON");
        (text.len() <= LONGEST).then_some(text)
    }

    /// Understands a note. `None` for anything else.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        if payload.len() > LONGEST {
            return None;
        }
        let wire: Wire<'_> = serde_json::from_slice(payload).ok()?;
        match wire.kind {
            "mark" => Some(Self::Mark(mark(wire.mark, wire.numbering)?)),
            "answer" => {
                let sites = wire.sites?.into_iter().map(|(site, (epoch, offset))| {
                    let is_one = is_name(&epoch) && offset <= LARGEST_OFFSET;
                    is_one.then(|| (site, Position::new(epoch, offset)))
                });
                let sites = sites.collect::<Option<_>>()?;
                Some(Self::Answer(Answer { mark: mark(wire.mark, wire.numbering)?, sites }))
            }
            "asked_before" => {
                let by = wire.by.filter(|by| is_name(by))?;
                Some(Self::AskedBefore { mark: mark(wire.mark, wire.numbering)?, by })
            }
            "told" => {
                let instance = wire.instance.filter(|instance| is_name(instance))?;
                let from = ConnectionId(wire.connection?);
                Some(Self::Told(Told { instance, site: wire.site?, from, frame: wire.frame?.get().to_owned() }))
            }
            _ => None,
        }
    }

    /// How everything begins that pages of an instance tell: what it said itself need not be understood.
    #[must_use]
    pub fn beginning_of_told(instance: &str) -> String {
        format!(r#"{{"kind":"told","instance":"{instance}""#)
    }
}

fn mark(id: Option<String>, numbering: Option<String>) -> Option<Mark> {
    let id = id.filter(|id| is_name(id))?;
    let numbering = numbering.filter(|numbering| numbering.len() <= LONGEST_NUMBERING)?;
    Some(Mark { id, numbering: Numbering(numbering) })
}

const fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST_NAME
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use realtime::position::Position;

    use super::{Answer, LARGEST_OFFSET, Mark, Note, Numbering, Told};
    use crate::hub::ConnectionId;

    fn mark() -> Mark {
        Mark { id: "m1".into(), numbering: Numbering::new("run", "a \"site\"") }
    }

    fn notes() -> [Note; 4] {
        let sites = HashMap::from([("a.example".to_owned(), Position::new("e", LARGEST_OFFSET))]);
        let frame = r#"{"type":"emitted","user":"jane","room":"all","event":"e","message":{ "a": 1 }}"#.to_owned();
        let told = Told { instance: "i1".into(), site: "a.example".into(), from: ConnectionId(7), frame };
        let asked_before = Note::AskedBefore { mark: mark(), by: "m0".into() };
        [Note::Mark(mark()), Note::Answer(Answer { mark: mark(), sites }), Note::Told(told), asked_before]
    }

    #[test]
    fn what_is_said_is_understood() {
        for note in notes() {
            let text = note.encode().expect("short");
            assert_eq!(Note::parse(text.as_bytes()), Some(note), "{text}");
        }
        let told = notes()[2].encode().expect("short");
        assert!(told.starts_with(&Note::beginning_of_told("i1")), "{told}");
    }

    #[test]
    fn what_is_out_of_bounds_is_nothing() {
        let long = "x".repeat(65);
        let huge = "x".repeat(2 << 20);
        for text in [
            r#"{"kind":"mark"}"#.to_owned(),
            r#"{"kind":"mark","mark":"","numbering":"n"}"#.to_owned(),
            format!(r#"{{"kind":"mark","mark":"{long}","numbering":"n"}}"#),
            format!(r#"{{"kind":"mark","mark":"m","numbering":"{huge}"}}"#),
            format!(r#"{{"kind":"asked_before","mark":"m","by":"{long}","numbering":"n"}}"#),
            r#"{"kind":"answer","mark":"m","numbering":"n","sites":{"a":["e",9007199254740993]}}"#.to_owned(),
            r#"{"kind":"answer","mark":"m","numbering":"n","sites":{"a":["e",-1]}}"#.to_owned(),
            format!(r#"{{"kind":"answer","mark":"m","numbering":"n","sites":{{"a":["{long}",1]}}}}"#),
            r#"{"kind":"told","instance":"i","site":"a","connection":1}"#.to_owned(),
            r#"{"kind":"sing"}"#.to_owned(),
            "[]".to_owned(),
        ] {
            assert_eq!(Note::parse(text.as_bytes()), None);
        }
    }

    proptest! {
        #[test]
        fn garbage_is_ignored(start in 0..4_usize, at in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            let mut text = notes()[start].encode().expect("short").into_bytes();
            let at = at.index(text.len());
            text.splice(at..at, bytes);
            let _: Option<Note> = Note::parse(&text);
        }
    }
}
