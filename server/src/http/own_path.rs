//! Paths that a browser may be sent to because a request says so: of this host only, and without a one-time code,
//! which must come from the app itself.

use app::code::without_code;
use url::Url;

/// Where one goes when a request names no place of ours.
pub(super) const HOME: &str = "/live/";
/// No address of a page is longer.
const LONGEST: usize = 2048;

/// The path as a browser reads it, in plain ASCII; `None` for what could lead to another host.
pub(super) fn own_path(text: &str) -> Option<String> {
    let is_suspicious = |character: char| character == '\\' || character.is_control();
    if text.len() > LONGEST || !text.starts_with('/') || text.contains(is_suspicious) {
        return None;
    }
    let here = Url::parse("http://here.invalid/").expect("a URL");
    let url = here.join(text).ok().filter(|url| url.origin() == here.origin())?;
    // Two slashes begin a host's name, also where dots led to them.
    let path = url.path();
    if path.contains("//") {
        return None;
    }
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let fragment = url.fragment().map(|fragment| format!("#{fragment}")).unwrap_or_default();
    Some(without_code(&format!("{path}{query}{fragment}")))
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn a_path_of_this_host_is_kept() {
        for (text, path) in [
            ("/live/", "/live/"),
            ("/live/count?a=b&c", "/live/count?a=b&c"),
            ("/live/count?next=http://x.example/", "/live/count?next=http://x.example/"),
            ("/app/todo#list", "/app/todo#list"),
            ("/live/übung", "/live/%C3%BCbung"),
            ("/live/../app", "/app"),
        ] {
            assert_eq!(own_path(text).as_deref(), Some(path), "{text}");
        }
    }

    /// Whoever was led to the form was signed in as the code's user after it.
    #[test]
    fn a_code_is_not_carried_along() {
        for text in ["/live/count?code=k3", "/live/count?%63ode=k3", "/live/count?c\u{6f}de=k3&code=k4"] {
            assert_eq!(own_path(text).as_deref(), Some("/live/count"), "{text}");
        }
    }

    #[test]
    fn a_way_to_another_host_is_none() {
        for text in [
            "",
            "live/",
            "https://evil.example/",
            "//evil.example/",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/live/..//evil.example",
            "/%2e%2e//evil.example",
            "/\t/evil.example",
            "/live/\r\nSet-Cookie: a=b",
            "javascript:alert(1)",
            " //evil.example",
            "/live/\u{7f}",
        ] {
            assert_eq!(own_path(text), None, "{text:?}");
        }
        assert_eq!(own_path(&format!("/{}", "x".repeat(3000))), None);
    }
}
