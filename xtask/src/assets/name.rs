//! Names that change with the content, so that browsers may keep a file for ever.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

const HASH_DIGITS: usize = 16;
const EXTENSIONS: [&str; 3] = ["js", "wasm", "css"];
const ENCODINGS: [&str; 2] = ["br", "gz"];

/// A short name for a content: 16 hexadecimal digits.
pub(super) fn content_hash(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    let start = digest.first_chunk().expect("a SHA-256 digest has 32 bytes");
    format!("{:016x}", u64::from_be_bytes(*start))
}

/// The name of a file with this hash: `frappe-live.0123456789abcdef.js`.
pub(super) fn hashed(output_name: &str, hash: &str, extension: &str) -> String {
    format!("{output_name}.{hash}.{extension}")
}

/// Removes the files of earlier builds, and what belongs to them, leaving all that is not ours.
pub(super) fn remove_earlier(folder: &Path, output_name: &str, current: &[PathBuf]) -> Result<()> {
    let listed = || format!("the folder {} cannot be listed", folder.display());
    for entry in fs::read_dir(folder).with_context(listed)? {
        let path = entry.with_context(listed)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if original_of(name, output_name).is_some_and(|original| !current.contains(&folder.join(original))) {
            fs::remove_file(&path).with_context(|| format!("the earlier {} cannot be removed", path.display()))?;
        }
    }
    Ok(())
}

/// For a file that a build made, the file itself or the one it is the compressed form of.
fn original_of<'a>(name: &'a str, output_name: &str) -> Option<&'a str> {
    let original = ENCODINGS.iter().find_map(|encoding| name.strip_suffix(encoding)?.strip_suffix('.')).unwrap_or(name);
    let (hash, extension) = original.strip_prefix(output_name)?.strip_prefix('.')?.split_once('.')?;
    let is_hash = hash.len() == HASH_DIGITS && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_hash && EXTENSIONS.contains(&extension)).then_some(original)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_content_has_equal_names_and_a_change_shows() {
        let hash = content_hash(b"body {}");
        assert_eq!(hash, content_hash(b"body {}"));
        assert_ne!(hash, content_hash(b"body { }"));
        assert_eq!(hash.len(), 16);
        assert_eq!(content_hash(b""), "e3b0c44298fc1c14");
        assert_eq!(hashed("frappe-live", "e3b0c44298fc1c14", "css"), "frappe-live.e3b0c44298fc1c14.css");
    }

    #[test]
    fn built_files_and_their_compressed_forms_are_known() {
        let js = "frappe-live.e3b0c44298fc1c14.js";
        for name in [js, "frappe-live.e3b0c44298fc1c14.js.br", "frappe-live.e3b0c44298fc1c14.js.gz"] {
            assert_eq!(original_of(name, "frappe-live"), Some(js));
        }
    }

    #[test]
    fn other_files_are_left_alone() {
        for name in [
            "frappe-live.js",
            "frappe-live.e3b0c44298fc1c14.png",
            "frappe-live.e3b0c44298fc1c14.js.map",
            "frappe-live.min.css",
            "other.e3b0c44298fc1c14.js",
            "frappe-live-2.e3b0c44298fc1c14.js",
            "br",
        ] {
            assert_eq!(original_of(name, "frappe-live"), None, "{name}");
        }
    }
}
