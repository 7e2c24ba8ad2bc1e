//! A request as the fake saw it, and Frappe's ways of reading one.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use url::form_urlencoded;

/// A request that came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// The path with its query, as it was sent.
    pub path: String,
    /// Names in small letters; values of a repeated header are joined, cookies by `; `, others by `, `.
    pub headers: BTreeMap<String, String>,
    /// The body, as far as it is text.
    pub body: String,
}

impl Asked {
    /// Gathers the headers of a request.
    pub(crate) fn headers<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, String> {
        let mut headers = BTreeMap::<String, String>::new();
        for (name, value) in pairs {
            let name = name.to_ascii_lowercase();
            let between = if name == "cookie" { "; " } else { ", " };
            headers.entry(name).and_modify(|known| known.extend([between, value])).or_insert(value.to_owned());
        }
        headers
    }

    /// The header with this name, given in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The path without its query.
    pub fn route(&self) -> &str {
        self.path.split_once('?').map_or(&self.path, |(route, _)| route)
    }

    /// The name of the called method, when one of `/api/method/` is.
    pub(crate) fn called_method(&self) -> Option<&str> {
        self.route().strip_prefix("/api/method/")
    }

    /// Frappe's `form_dict`: the query's arguments and those of a form or JSON body, the body's first.
    fn arguments(&self) -> Vec<(String, String)> {
        let content_type = self.header("content-type").unwrap_or_default();
        let mut arguments = Vec::new();
        if content_type.starts_with("application/x-www-form-urlencoded") {
            arguments.extend(form_urlencoded::parse(self.body.as_bytes()).into_owned());
        } else if let Ok(Value::Object(fields)) = serde_json::from_str(&self.body) {
            arguments.extend(fields.into_iter().map(|(name, value)| match value {
                Value::String(text) => (name, text),
                other => (name, other.to_string()),
            }));
        }
        arguments.extend(self.query());
        arguments
    }

    /// The argument with this name, if it was sent; it may be empty.
    pub(crate) fn argument(&self, name: &str) -> Option<String> {
        self.arguments().into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    fn query(&self) -> Vec<(String, String)> {
        let query = self.path.split_once('?').map_or("", |(_, query)| query);
        form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }

    /// The query without its `sid`: what is asked, whoever asks.
    pub(crate) fn query_of_anybody(&self) -> Vec<(String, String)> {
        self.query().into_iter().filter(|(name, _)| name != "sid").collect()
    }

    /// The session it names: the argument `sid` unless empty, else the cookie, which may be empty.
    pub(crate) fn sid(&self) -> Option<String> {
        let cookies = self.header("cookie").unwrap_or_default().split(';');
        let mut cookies = cookies.filter_map(|pair| pair.trim().split_once('='));
        let cookie = cookies.find(|(name, _)| *name == "sid").map(|(_, value)| value.to_owned());
        self.argument("sid").filter(|sid| !sid.is_empty()).or(cookie)
    }

    /// The site it is for.
    pub(crate) fn site(&self) -> &str {
        let host = self.header("host").unwrap_or_default();
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        self.header("x-frappe-site-name").unwrap_or(name)
    }

    /// Whether Frappe would look for a CSRF token.
    pub(crate) fn is_unsafe(&self) -> bool {
        matches!(self.method.as_str(), "POST" | "PUT" | "PATCH" | "DELETE")
    }
}

#[cfg(test)]
mod tests {
    use super::Asked;

    fn asked(path: &str, headers: &[(&str, &str)], body: &str) -> Asked {
        let headers = Asked::headers(headers.iter().copied());
        Asked { method: "POST".to_owned(), path: path.to_owned(), headers, body: body.to_owned() }
    }

    #[test]
    fn arguments_come_from_the_query_a_form_or_json() {
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        assert_eq!(asked("/?usr=query", &form, "usr=a%40b").argument("usr").as_deref(), Some("a@b"));
        assert_eq!(asked("/?usr=query", &[], "").argument("usr").as_deref(), Some("query"));
        let json = [("Content-Type", "application/json")];
        assert_eq!(asked("/", &json, r#"{"usr": "a@b", "n": 1}"#).argument("n").as_deref(), Some("1"));
        assert_eq!(asked("/", &json, r#"{"usr": "a@b", "n": 1}"#).argument("pwd"), None);
    }

    #[test]
    fn the_sid_of_the_query_comes_before_the_cookie() {
        let cookies = [("Cookie", "a=b; sid=cookie"), ("cookie", "c=d")];
        assert_eq!(asked("/?sid=query", &cookies, "").sid().as_deref(), Some("query"));
        assert_eq!(asked("/?sid=", &cookies, "").sid().as_deref(), Some("cookie"));
        assert_eq!(asked("/", &[("Cookie", "sid=")], "").sid().as_deref(), Some(""));
        assert_eq!(asked("/", &[("Cookie", "xsid=1")], "").sid(), None);
    }

    #[test]
    fn the_site_is_the_header_or_the_host_without_its_port() {
        assert_eq!(asked("/", &[("Host", "a.localhost:8000")], "").site(), "a.localhost");
        assert_eq!(asked("/", &[("Host", "h"), ("X-Frappe-Site-Name", "b.localhost")], "").site(), "b.localhost");
    }
}
