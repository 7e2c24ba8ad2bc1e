//! An answer, before it is HTTP.

use serde_json::{Map, Value};

use crate::captures::Case;

/// What the site says to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    /// Values of `Set-Cookie`.
    pub(crate) cookies: Vec<String>,
    pub(crate) body: String,
}

impl Answer {
    /// The captured answer, without its cookies: those depend on who asks.
    pub(crate) fn captured(case: &Case) -> Self {
        let content_type = case.header("content-type").expect("captured answers say their type").to_owned();
        Self { status: case.status, content_type, cookies: Vec::new(), body: case.body.clone() }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let content_type = "application/json".to_owned();
        Self { status, content_type, cookies: Vec::new(), body: body.to_string() }
    }

    /// The same with fields of its JSON object changed, if it is one.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Map<String, Value>)) -> Self {
        if let Ok(Value::Object(mut fields)) = serde_json::from_str(&self.body) {
            change(&mut fields);
            self.body = Value::Object(fields).to_string();
        }
        self
    }
}
