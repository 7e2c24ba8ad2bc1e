//! A Frappe that answers `get_user_info` as real Frappe did: with captured answers, found by the
//! credentials of the captured request.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::net::TcpListener;

/// One captured question and its answer.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Case {
    #[serde(rename = "case")]
    pub(crate) name: String,
    request: String,
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Case {
    /// A header of the captured request.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.request.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

/// The captured cases of a version: `v14`, `v15` or `v16`.
pub(crate) fn cases(version: &str) -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/captures").join(version);
    let lines = std::fs::read_to_string(folder.join("get_user_info.jsonl")).expect("the fixture is there");
    lines.lines().map(|line| serde_json::from_str(line).expect("a line is a case")).collect()
}

/// What the fake was asked: a path and its headers.
pub(crate) type Asked = Vec<(String, HashMap<String, String>)>;

#[derive(Clone)]
struct Fake {
    cases: Arc<Vec<Case>>,
    asked: Arc<Mutex<Asked>>,
}

pub(crate) struct Frappe {
    pub(crate) url: String,
    asked: Arc<Mutex<Asked>>,
}

impl Frappe {
    /// Answers with these cases on a free port, until the test's runtime ends.
    pub(crate) async fn start(cases: Vec<Case>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let fake = Fake { cases: Arc::new(cases), asked: Arc::default() };
        let asked = Arc::clone(&fake.asked);
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer).with_state(fake)).await });
        Self { url, asked }
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Asked {
        self.asked.lock().expect("no panic").clone()
    }
}

async fn answer(State(fake): State<Fake>, request: Request) -> Response {
    let headers: HashMap<String, String> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let path = request.uri().to_string();
    let (authorization, cookie) = (headers.get("authorization").cloned(), headers.get("cookie").cloned());
    fake.asked.lock().expect("no panic").push((path.clone(), headers));
    if path != "/api/method/frappe.realtime.get_user_info" {
        return (http::StatusCode::NOT_FOUND, "no such method").into_response();
    }
    let case = fake.cases.iter().find(|case| match &authorization {
        // Frappe takes the token where there is one and no session.
        Some(authorization) => case.header("authorization") == Some(authorization) && case.header("cookie").is_none(),
        None => case.header("authorization").is_none() && case.header("cookie") == cookie.as_deref(),
    });
    let case = case.unwrap_or_else(|| panic!("a question that was not captured: {authorization:?} {cookie:?}"));
    let status = http::StatusCode::from_u16(case.status).expect("a status");
    (status, [("content-type", "application/json")], case.body.clone()).into_response()
}
