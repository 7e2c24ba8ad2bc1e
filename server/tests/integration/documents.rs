//! The documents say what the code does.

use std::path::PathBuf;

use realtime::close::CloseCode;
use realtime::frame::{ClientFrame, Denial, PollRequest, ServerFrame, Trouble};
use realtime::host::PageStart;

use crate::support::server::run;

fn read(path: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The blocks of a document that open with this fence.
fn blocks(document: &str, fence: &str) -> Vec<String> {
    let opening = format!("```{fence}\n");
    let rest = document.split(opening.as_str()).skip(1);
    rest.map(|block| block.split("```").next().expect("a block ends").to_owned()).collect()
}

#[test]
fn the_readmes_ten_lines_are_the_count_page() {
    let readme = read("README.md");
    let source = read("app/src/pages/count.rs");
    assert!(blocks(&readme, "rust").contains(&source), "README.md holds app/src/pages/count.rs as it is");
    let lines = source.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("use "));
    assert!(lines.count() < 10, "a page author wrote fewer than ten lines");
}

#[test]
fn the_protocols_tables_are_complete() {
    let protocol = read("docs/PROTOCOL.md");
    for code in CloseCode::ALL {
        let comes_back = if code.should_reconnect() { "yes" } else { "no" };
        let row = format!("| {} | `{}` | {comes_back} | {} |", code.number(), code.word(), code.sentence());
        assert!(protocol.contains(&row), "docs/PROTOCOL.md lacks: {row}");
    }
    for trouble in Trouble::ALL {
        let row = format!("| `{}` | {} | {} |", trouble.word(), trouble.sentence(), trouble.remedy());
        assert!(protocol.contains(&row), "docs/PROTOCOL.md lacks: {row}");
    }
    for denial in Denial::ALL {
        let row = format!("| `{}` | {} | {} |", denial.word(), denial.sentence(), denial.remedy());
        assert!(protocol.contains(&row), "docs/PROTOCOL.md lacks: {row}");
    }
}

#[test]
fn the_protocols_examples_are_frames() {
    let protocol = read("docs/PROTOCOL.md");
    let lines = |fence| -> Vec<String> {
        blocks(&protocol, fence).iter().flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
    };
    let (client, server, start) = (lines("json client"), lines("json server"), lines("json start"));
    assert_eq!((client.len(), server.len(), start.len()), (9, 15, 1));
    for line in client {
        let frame = ClientFrame::parse(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(frame.encode(), line);
    }
    for line in server {
        let frame = ServerFrame::parse(&line).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(frame.encode(), line);
    }
    assert!(PageStart::read(&start[0]).is_some());
    for line in lines("json poll") {
        let request = PollRequest::parse(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(request.encode(), line);
    }
}

#[test]
fn the_documented_settings_exist() {
    let help = ["serve", "publish"].map(|command| String::from_utf8(run(&[command, "--help"]).stdout).expect("text"));
    let help = help.concat();
    for document in ["README.md", "docs/PROTOCOL.md"] {
        let text = read(document);
        for flag in text.split(|character: char| !(character.is_ascii_alphanumeric() || character == '-')) {
            let is_flag = flag.starts_with("--") && !flag.trim_matches('-').is_empty();
            assert!(!is_flag || help.contains(flag), "{document} names {flag}, which does not exist");
        }
    }
}
