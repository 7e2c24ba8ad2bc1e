//! What real Frappe was asked and answered: the data behind every answer.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::asked::Asked;
use crate::version::Version;

static V14: LazyLock<Captures> = LazyLock::new(|| Captures::read(include_str!("../captures/v14.jsonl")));
static V15: LazyLock<Captures> = LazyLock::new(|| Captures::read(include_str!("../captures/v15.jsonl")));
static V16: LazyLock<Captures> = LazyLock::new(|| Captures::read(include_str!("../captures/v16.jsonl")));

/// Everything captured of one version.
#[derive(Debug)]
pub(crate) struct Captures {
    cases: Vec<Case>,
}

/// One captured request and its answer.
#[derive(Debug)]
pub(crate) struct Case {
    /// What was tried, like `login_form`.
    pub(crate) name: String,
    pub(crate) asked: Asked,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

#[derive(Deserialize)]
struct Line {
    case: String,
    request: String,
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Captures {
    /// Those of a version.
    pub(crate) fn of(version: Version) -> &'static Self {
        match version {
            Version::V14 => &V14,
            Version::V15 => &V15,
            Version::V16 => &V16,
        }
    }

    fn read(lines: &str) -> Self {
        Self { cases: lines.lines().map(Case::read).collect() }
    }

    pub(crate) fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// The case with this name. Names are the code's own: one that is not there is a mistake in the code.
    pub(crate) fn case(&self, name: &str) -> &Case {
        let case = self.cases.iter().find(|case| case.name == name);
        case.unwrap_or_else(|| panic!("the captures have no case named {name}"))
    }
}

impl Case {
    fn read(line: &str) -> Self {
        let line: Line = serde_json::from_str(line).expect("every line of the captures is a case");
        let (head, body) = line.request.split_once("\r\n\r\n").expect("a captured request has a head");
        let mut lines = head.split("\r\n");
        let mut first = lines.next().into_iter().flat_map(|line| line.split(' '));
        let method = first.next().expect("a captured request begins with its method").to_owned();
        let path = first.next().expect("a captured request has a path").to_owned();
        let asked = Asked {
            method,
            path,
            headers: Asked::headers(lines.filter_map(|line| line.split_once(": "))),
            body: body.to_owned(),
        };
        Self { name: line.case, asked, status: line.status, headers: line.headers, body: line.body }
    }

    /// The answer's header with this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The answer's `Set-Cookie` headers.
    pub(crate) fn cookies(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().filter(|(name, _)| name == "Set-Cookie").map(|(_, value)| value.as_str())
    }

    /// The sid the answer set, as a login does.
    pub(crate) fn new_sid(&self) -> Option<&str> {
        self.cookies().find_map(|cookie| cookie.strip_prefix("sid=")?.split(';').next())
    }
}
