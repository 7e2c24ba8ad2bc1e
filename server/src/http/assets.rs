//! The files of the build: embedded in a release, read from disk in a debug build.

use std::borrow::Cow;

use app::shell::Assets;
use axum::body::Bytes;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};

/// What `cargo xtask` wrote to the site root.
#[derive(RustEmbed)]
#[folder = "../target/site"]
#[allow_missing = true]
struct Site;

/// Where the files stand in the site root, and so in the browser.
const FOLDER: &str = "live/pkg";
/// The `output-name` of the workspace's leptos metadata.
const NAME: &str = "frappe-live";

/// The names of the build's files, which hold a hash of what is in them.
#[derive(Debug, Clone)]
pub struct AssetNames {
    script: String,
    wasm: String,
    style: String,
}

impl AssetNames {
    /// Looks for the files of the build; `None` when there are none.
    #[must_use]
    pub fn find() -> Option<Self> {
        let find = |ending: &str| {
            let prefix = format!("{FOLDER}/{NAME}");
            Site::iter().find(|name| name.starts_with(&prefix) && name.ends_with(ending)).map(|name| format!("/{name}"))
        };
        Some(Self { script: find(".js")?, wasm: find(".wasm")?, style: find(".css")? })
    }

    /// Names of files that are not there: pages then stay what the server rendered.
    #[must_use]
    pub fn missing() -> Self {
        let name = |ending: &str| format!("/{FOLDER}/{NAME}.{ending}");
        Self { script: name("js"), wasm: name("wasm"), style: name("css") }
    }

    /// Names the build: pages that were made by another one are out of date.
    #[must_use]
    pub fn build(&self) -> String {
        let hash_of = |path: &str| path.rsplit('.').nth(1).unwrap_or_default().to_owned();
        [&self.script, &self.wasm, &self.style].map(|path| hash_of(path)).join("-")
    }

    /// As the document wants them.
    pub(super) fn for_document(&self, dev_build: Option<String>) -> Assets {
        Assets {
            script: self.script.clone(),
            wasm: self.wasm.clone(),
            style: self.style.clone(),
            build: self.build(),
            dev_build,
        }
    }
}

/// Answers with a file, in the smallest form that the browser takes.
pub(super) async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let path = format!("{FOLDER}/{name}");
    let found = content_type(&name).zip(best_form(&path, &headers));
    let Some((content_type, (encoding, file))) = found else {
        return (StatusCode::NOT_FOUND, "No such file in this build; reload the page that asked for it.\n")
            .into_response();
    };
    let hash = file.metadata.sha256_hash();
    let tag = format!("\"{:016x}\"", u64::from_be_bytes(std::array::from_fn(|index| hash[index])));
    let mut answer = HeaderMap::new();
    let mut insert = |name, value: &str| {
        let value = HeaderValue::from_str(value).expect("names and hashes are plain ASCII");
        answer.insert(name, value);
    };
    insert(header::CONTENT_TYPE, content_type);
    insert(header::VARY, "accept-encoding");
    // A changed file has another name.
    insert(header::CACHE_CONTROL, "public, max-age=31536000, immutable");
    insert(header::ETAG, &tag);
    if let Some(encoding) = encoding {
        insert(header::CONTENT_ENCODING, encoding);
    }
    if is_known(&headers, &tag) {
        return (StatusCode::NOT_MODIFIED, answer).into_response();
    }
    (answer, without_copying(file.data)).into_response()
}

/// Whether the browser has what the tag names. Tags are compared without their weakness (RFC 9110 section 13.1.2).
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    let mut known = lists.flat_map(|list| list.split(',')).map(str::trim);
    known.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

/// A release holds its files in memory already.
fn without_copying(data: Cow<'static, [u8]>) -> Bytes {
    match data {
        Cow::Borrowed(embedded) => Bytes::from_static(embedded),
        Cow::Owned(read) => Bytes::from(read),
    }
}

fn best_form(path: &str, headers: &HeaderMap) -> Option<(Option<&'static str>, EmbeddedFile)> {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    for (encoding, ending) in [("br", "br"), ("gzip", "gz")] {
        if accepts(accepted, encoding)
            && let Some(file) = Site::get(&format!("{path}.{ending}"))
        {
            return Some((Some(encoding), file));
        }
    }
    Site::get(path).map(|file| (None, file))
}

fn accepts(accepted: &str, encoding: &str) -> bool {
    accepted.split(',').any(|choice| {
        let mut parts = choice.split(';').map(str::trim);
        parts.next() == Some(encoding) && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

fn content_type(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "js" => Some("text/javascript"),
        "wasm" => Some("application/wasm"),
        "css" => Some("text/css"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use http::{HeaderMap, HeaderValue, header};

    use super::{FOLDER, NAME, accepts, content_type, is_known, without_copying};

    #[test]
    fn files_are_looked_for_where_the_leptos_metadata_has_them_built() {
        let manifest: toml::Table = include_str!("../../../Cargo.toml").parse().expect("cargo reads it too");
        let project = &manifest["workspace"]["metadata"]["leptos"][0];
        assert_eq!(project["site-pkg-dir"].as_str(), Some(FOLDER));
        assert_eq!(project["output-name"].as_str(), Some(NAME));
        let site_root = project["site-root"].as_str().expect("text");
        let folder = format!("#[folder = \"../{site_root}\"]");
        assert!(include_str!("assets.rs").contains(&folder), "no constant can stand in an attribute: {folder}");
    }

    #[test]
    fn an_embedded_file_is_served_without_a_copy() {
        static EMBEDDED: &[u8] = b"body {}";
        assert_eq!(without_copying(Cow::Borrowed(EMBEDDED)).as_ptr(), EMBEDDED.as_ptr());
        assert_eq!(without_copying(Cow::Owned(EMBEDDED.to_vec())), EMBEDDED);
    }

    #[test]
    fn encodings_are_taken_at_their_word() {
        assert!(accepts("gzip, deflate, br, zstd", "br"));
        assert!(accepts("br;q=0.5", "br"));
        assert!(!accepts("br;q=0, gzip", "br"));
        assert!(!accepts("", "gzip"));
    }

    #[test]
    fn a_browser_knows_a_file_by_any_form_of_its_tag() {
        let knows = |lists: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for list in lists {
                headers.append(header::IF_NONE_MATCH, HeaderValue::from_static(list));
            }
            is_known(&headers, "\"x\"")
        };
        for lists in
            [&["\"x\""][..], &["W/\"x\""], &["\"a\", \"x\""], &["\"a\" ,W/\"x\",\"b\""], &["\"a\"", "\"x\""], &["*"]]
        {
            assert!(knows(lists), "{lists:?}");
        }
        for lists in [&[][..], &[""], &["x"], &["\"y\""], &["w/\"x\""], &["\"x\"y"], &["\"*\""]] {
            assert!(!knows(lists), "{lists:?}");
        }
    }

    #[test]
    fn only_the_builds_kinds_of_file_are_served() {
        assert_eq!(content_type("frappe-live.abc.wasm"), Some("application/wasm"));
        assert_eq!(content_type("frappe-live.abc.wasm.br"), None);
        assert_eq!(content_type("passwd"), None);
    }
}
