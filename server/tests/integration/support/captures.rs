//! What real Frappe 14, 15 and 16 published on Redis, from `tests/fixtures/captures/`.
//!
//! The fixtures are the captures unchanged: one JSON line a case, `{case, python, error, published}`. Only
//! the payload of case `message_1mb` is cut there, with its length; it is made whole here.

use std::path::Path;

use serde::Deserialize;

/// The Frappe versions that were captured; also the names of the fixtures' folders.
pub(crate) const VERSIONS: [&str; 3] = ["v14", "v15", "v16"];

/// One call of Frappe's Python and what it published.
#[derive(Debug, Deserialize)]
pub(crate) struct Case {
    /// The case's name.
    #[serde(rename = "case")]
    pub(crate) name: String,
    /// The exception that the call ended with.
    pub(crate) error: Option<String>,
    /// What it published, in order.
    pub(crate) published: Vec<Published>,
}

/// One message on Redis.
#[derive(Debug, Deserialize)]
pub(crate) struct Published {
    /// The Redis channel.
    pub(crate) channel: String,
    /// The exact text.
    pub(crate) payload: String,
}

/// The cases of one version, in the order they were run.
pub(crate) fn cases(version: &str) -> Vec<Case> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/captures").join(version).join("redis_events.jsonl");
    let lines = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut cases: Vec<Case> =
        lines.lines().map(|line| serde_json::from_str(line).expect("a line is a case")).collect();
    make_whole(&mut cases);
    cases
}

/// Every payload of every version, with its version and case.
pub(crate) fn payloads() -> impl Iterator<Item = (&'static str, String, String)> {
    VERSIONS.into_iter().flat_map(|version| {
        cases(version).into_iter().flat_map(move |case| {
            let name = case.name;
            case.published.into_iter().map(move |published| (version, name.clone(), published.payload))
        })
    })
}

/// Puts back what the capture cut from `message_1mb`: the rest of its million `x`, and the lines after
/// the message, which are those of its neighbour for the same user.
fn make_whole(cases: &mut [Case]) {
    let payload = |name: &str| {
        let case = cases.iter().find(|case| case.name == name).expect("the case was captured");
        case.published[0].payload.clone()
    };
    let neighbour = payload("message_int_keys");
    let (_, after_message) = neighbour.split_once("\"b\"").expect("the neighbour's message ends with b");
    let cut = payload("message_1mb");
    let (start, length) = cut.split_once("...(").expect("the payload is cut");
    let length: usize =
        length.strip_suffix(" bytes)").and_then(|length| length.parse().ok()).expect("the cut payload says its length");

    let rest = "x".repeat(length - start.len() - 1 - after_message.len());
    let whole = format!("{start}{rest}\"{after_message}");
    assert_eq!(whole.matches('x').count(), 1_000_000, "the message is one million x");
    let case = cases.iter_mut().find(|case| case.name == "message_1mb").expect("the case was captured");
    case.published[0].payload = whole;
}
