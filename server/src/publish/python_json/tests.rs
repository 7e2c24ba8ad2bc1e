//! The writer against values written down by hand, and against Python itself where there is one.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::json;

use super::{DEPTH_LIMIT, MessageError, dumps};

/// JSON text, and what Python 3 writes for it. Also given to Python itself below.
const TABLE: &[(&str, &str)] = &[
    // Layout.
    ("{}", "{}"),
    ("[]", "[]"),
    ("[ ]", "[]"),
    ("[[], {}]", "[\n [],\n {}\n]"),
    ("[1,\"a\", null,true ,false]", "[\n 1,\n \"a\",\n null,\n true,\n false\n]"),
    (r#"{"b": {"d": 1, "c": [2]}, "a": {}}"#, "{\n \"a\": {},\n \"b\": {\n  \"c\": [\n   2\n  ],\n  \"d\": 1\n }\n}"),
    // Keys: by code point, the last of equal ones.
    (r#"{"b":1,"B":2,"":3,"a":4,"_":5}"#, "{\n \"\": 3,\n \"B\": 2,\n \"_\": 5,\n \"a\": 4,\n \"b\": 1\n}"),
    ("{\"\u{ffff}\":1,\"😀\":2,\"ü\":3}", "{\n \"\\u00fc\": 3,\n \"\\uffff\": 1,\n \"\\ud83d\\ude00\": 2\n}"),
    (r#"{"a":1,"a":{"x":2},"\u0061":3}"#, "{\n \"a\": 3\n}"),
    // Text.
    ("\"ünï ✓ 😀\"", r#""\u00fcn\u00ef \u2713 \ud83d\ude00""#),
    (r#""\u00FC\uD83D\uDE00""#, r#""\u00fc\ud83d\ude00""#),
    (r#""\n\r\t\b\f\"\\\/""#, r#""\n\r\t\b\f\"\\/""#),
    (r#""\u0000\u0007\u001f </script>""#, r#""\u0000\u0007\u001f </script>""#),
    ("\"~\u{7f}\u{80}\u{2028}\"", r#""~\u007f\u0080\u2028""#),
    // Whole numbers.
    ("0", "0"),
    ("-0", "0"),
    ("-1", "-1"),
    ("9007199254740993", "9007199254740993"),
    ("9223372036854775808", "9223372036854775808"),
    ("-123456789012345678901234567890", "-123456789012345678901234567890"),
    // Numbers with a point or an exponent.
    ("0.0", "0.0"),
    ("-0.0", "-0.0"),
    ("-0e5", "-0.0"),
    ("5.0", "5.0"),
    ("5.50", "5.5"),
    ("0.1", "0.1"),
    ("1e0", "1.0"),
    ("1E5", "100000.0"),
    ("1e15", "1000000000000000.0"),
    ("1e16", "1e+16"),
    ("9999999999999998.0", "9999999999999998.0"),
    ("12345678901234567.0", "1.2345678901234568e+16"),
    ("1e22", "1e+22"),
    ("1.5e300", "1.5e+300"),
    ("0.001", "0.001"),
    ("0.0001", "0.0001"),
    ("0.00012", "0.00012"),
    ("0.00001", "1e-05"),
    ("0.000012", "1.2e-05"),
    ("1e-7", "1e-07"),
    ("1.25e-100", "1.25e-100"),
    ("1e-400", "0.0"),
    ("5e-324", "5e-324"),
    ("2.2250738585072014e-308", "2.2250738585072014e-308"),
    ("1.7976931348623157e308", "1.7976931348623157e+308"),
    ("1234567890.123456789", "1234567890.1234567"),
    ("0.30000000000000004", "0.30000000000000004"),
    ("9007199254740993.0", "9007199254740992.0"),
    ("1e23", "1e+23"),
    ("2e-44", "2e-44"),
    ("-120.0", "-120.0"),
    ("-0.00025", "-0.00025"),
    // As near to …6.3 as to …6.2: the even digit.
    ("973379027929416.25", "973379027929416.2"),
    ("973379027929416.75", "973379027929416.8"),
    // A power of two: the nearest 16 digits, …801e-14, read back as the float below.
    ("5.684341886080801486968994140625E-14", "5.684341886080802e-14"),
];

#[test]
fn json_is_written_as_python_writes_it() {
    for (json, python) in TABLE {
        assert_eq!(dumps(json).as_deref(), Ok(*python), "{json}");
    }
}

#[test]
fn what_cannot_be_published_is_said() {
    for json in ["", "done", "NaN", "{\"a\": Infinity}", "1}, {", "[1,]", "'a'"] {
        assert!(matches!(dumps(json), Err(MessageError::NotJson { .. })), "{json}");
    }
    for json in [r#""\ud800""#, r#"{"\udc00": 1}"#, r#"{"a": ["\ud83d\ud83d"]}"#] {
        assert_eq!(dumps(json), Err(MessageError::LoneSurrogate), "{json}");
    }
    let number = "-1e309".to_owned();
    assert_eq!(dumps("[-1e309]"), Err(MessageError::NumberTooLarge { number }));
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(dumps(&nested(DEPTH_LIMIT)).is_ok());
    assert_eq!(dumps(&nested(DEPTH_LIMIT + 2)), Err(MessageError::TooDeep));
    assert_eq!(dumps(&nested(100_000)), Err(MessageError::TooDeep));
}

/// What Python writes for each of the texts; nothing where there is no `python3`.
fn python_writes(texts: &[String]) -> Option<Vec<String>> {
    const PROGRAM: &str = "
import json, sys
dumps = lambda text: json.dumps(json.loads(text), indent=1, sort_keys=True, separators=(',', ': '))
json.dump([dumps(text) for text in json.load(sys.stdin)], sys.stdout)
";
    let mut python = Command::new("python3")
        .args(["-c", PROGRAM])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .inspect_err(|error| eprintln!("not compared with Python: python3 does not start: {error}"))
        .ok()?;
    let mut stdin = python.stdin.take().expect("the input is piped");
    stdin.write_all(json!(texts).to_string().as_bytes()).expect("Python reads its input to the end");
    drop(stdin);
    let output = python.wait_with_output().expect("Python ends");
    assert!(output.status.success(), "Python reads every text");
    Some(serde_json::from_slice(&output.stdout).expect("Python writes an array of texts"))
}

#[test]
fn python_itself_agrees_with_the_table() {
    let texts: Vec<_> = TABLE.iter().map(|(json, _)| (*json).to_owned()).collect();
    let Some(written) = python_writes(&texts) else { return };
    for ((json, expected), python) in TABLE.iter().zip(written) {
        assert_eq!(python, *expected, "{json}");
    }
}

/// A number in any of JSON's spellings, within a float's range.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?(0|[1-9][0-9]{0,30})",
        "-?(0|[1-9][0-9]{0,20})\\.[0-9]{1,20}",
        "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,20})?[eE][+-]?[0-9]{1,2}",
        "[1-9][0-9]{12,14}\\.(125|25|375|625|75|875)",
        "-?(0|[1-9])(\\.[0-9]{1,18})?[eE]-3[012][0-9]",
        any::<f64>()
            .prop_filter("JSON has finite numbers only", |float| float.is_finite())
            .prop_map(|float| format!("{float:e}")),
        any::<f64>()
            .prop_filter("JSON has finite numbers only", |float| float.is_finite())
            .prop_map(|float| format!("{float:?}")),
    ]
}

fn json_text() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        any::<String>().prop_map(|text| json!(text).to_string()),
        "[ -~\\x00-\\x20\\x7f\u{80}-\u{ff}\u{2028}😀]{0,8}".prop_map(|text| json!(text).to_string()),
        r#""(\\\\|\\"|\\/|\\[bfnrt]|\\u00[fF]c|\\uD83D\\ude00|[a-c])*""#,
    ];
    let leaf = prop_oneof![
        2 => prop_oneof![Just("null"), Just("true"), Just("false")].prop_map(str::to_owned),
        6 => number(),
        4 => text.clone(),
    ];
    leaf.prop_recursive(6, 60, 8, move |inner| {
        let entry = (text.clone(), inner.clone()).prop_map(|(key, value)| format!("{key} : {value}"));
        prop_oneof![
            prop::collection::vec(inner, 0..8).prop_map(|items| format!("[{}]", items.join(" ,\t"))),
            prop::collection::vec(entry, 0..8).prop_map(|entries| format!("{{\r\n{}}}", entries.join(","))),
        ]
    })
}

#[test]
fn python_itself_agrees_with_generated_values() {
    const VALUES: usize = 600;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_nanos();
    let seed = std::env::var("FRAPPE_LIVE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(now);
    println!("FRAPPE_LIVE_SEED={seed} generates these values again");

    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = json_text();
    let texts: Vec<_> =
        (0..VALUES).map(|_| strategy.new_tree(&mut runner).expect("a value can be generated").current()).collect();

    let Some(written) = python_writes(&texts) else { return };
    assert_eq!(written.len(), VALUES);
    for (json, python) in texts.iter().zip(written) {
        assert_eq!(dumps(json), Ok(python), "{json}");
    }
}
