//! Whose pages may show ours in a frame: the sources of the policy's `frame-ancestors` (CSP level 3).

use std::fmt;

use url::Url;

use super::SettingError;

const FLAG: &str = "--frame-ancestor";

/// The pages around ours, as a browser wants to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameAncestors(String);

impl FrameAncestors {
    /// The own site's pages, and those of these origins; with the one word `none` nobody's.
    pub(super) fn new(texts: &[String]) -> Result<Self, SettingError> {
        if texts.iter().any(|text| text == "none") {
            let alone = texts.len() == 1;
            return alone
                .then(|| Self("'none'".to_owned()))
                .ok_or_else(|| SettingError::new(FLAG, "none stands alone; leave it out, or the origins"));
        }
        let mut sources = "'self'".to_owned();
        for text in texts {
            let source = source(text).ok_or_else(|| {
                let problem = "not an origin; give scheme, host and port only, like https://app.example.com or \
                               https://*.example.com, or the one word none";
                SettingError::new(FLAG, problem)
            })?;
            sources.push(' ');
            sources.push_str(&source);
        }
        Ok(Self(sources))
    }
}

impl fmt::Display for FrameAncestors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// An origin whose host may begin with `*.`. The policy's grammar knows letters, digits, dots and hyphens in a
/// host: anything else could end the directive and begin another.
fn source(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let is_anonymous = url.username().is_empty() && url.password().is_none();
    let host = url.host_str()?;
    let name = host.strip_prefix("*.").unwrap_or(host);
    let is_plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    (matches!(url.scheme(), "http" | "https") && is_bare && is_anonymous && is_plain)
        .then(|| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::FrameAncestors;

    fn ancestors(texts: &[&str]) -> Result<String, String> {
        let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
        FrameAncestors::new(&texts).map(|ancestors| ancestors.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_own_pages_come_first_and_others_as_they_are_named() {
        for (texts, expected) in [
            (&[][..], "'self'"),
            (&["none"], "'none'"),
            (&["https://app.example.com"], "'self' https://app.example.com"),
            (
                &["https://APP.example.com:443/", "http://localhost:8080"],
                "'self' https://app.example.com http://localhost:8080",
            ),
            (&["https://*.example.com"], "'self' https://*.example.com"),
            (&["https://b\u{fc}ro.example"], "'self' https://xn--bro-hoa.example"),
            (&["http://192.0.2.1:3000"], "'self' http://192.0.2.1:3000"),
        ] {
            assert_eq!(ancestors(texts).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_is_no_origin_is_refused_in_one_line() {
        for texts in [
            &["https://app.example.com/path"][..],
            &["https://user:secret@app.example.com"],
            &["https://app.example.com?secret"],
            &["https://app.example.com;script-src"],
            &["https://app.example.com,https://b.example"],
            &["https://a.*.example.com"],
            &["https://*"],
            &["https://*."],
            &["https://[::1]:3000"],
            &["app.example.com"],
            &["file:///secret"],
            &["*"],
            &["'self'"],
            &[""],
            &["none", "https://app.example.com"],
            &["https://app.example.com", "none"],
        ] {
            let error = ancestors(texts).expect_err("no origin");
            let is_one_line = error.starts_with("--frame-ancestor: ") && !error.contains('\n');
            assert!(is_one_line && !error.contains("secret"), "{error}");
        }
    }
}
