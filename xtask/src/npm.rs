//! The npm packages: Playwright for the browser tests, binaryen for the release.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value};

use crate::process;
use crate::workspace::Workspace;

/// A program that an npm package brings.
pub(crate) fn tool(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.browser_tests().join("node_modules/.bin").join(name)
}

/// Installs the packages of the lock file, unless these very packages are there.
pub(crate) fn provide_packages(workspace: &Workspace) -> Result<()> {
    let folder = workspace.browser_tests();
    if are_installed(&folder)? {
        return Ok(());
    }
    ensure!(
        process::is_installed("npm"),
        "npm is not installed: install Node.js 20 or later, which brings it (Debian: `apt-get install npm`)"
    );
    let mut command = Command::new("npm");
    command.arg("ci").current_dir(folder);
    // The browser is Debian's.
    command.env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    process::run(&mut command)
}

fn are_installed(folder: &Path) -> Result<bool> {
    let lock = folder.join("package-lock.json");
    let wanted = fs::read_to_string(&lock).with_context(|| format!("{} cannot be read", lock.display()))?;
    // npm writes this one last, when all packages are in place.
    let Ok(present) = fs::read_to_string(folder.join("node_modules/.package-lock.json")) else {
        return Ok(false);
    };
    let wanted = packages(&wanted).with_context(|| format!("{} is not an npm lock file", lock.display()))?;
    Ok(packages(&present).is_some_and(|present| matches(&wanted, &present)))
}

fn packages(lock: &str) -> Option<Map<String, Value>> {
    let mut lock: Value = serde_json::from_str(lock).ok()?;
    match lock.get_mut("packages")?.take() {
        Value::Object(mut packages) => {
            packages.remove("");
            Some(packages)
        }
        _ => None,
    }
}

/// Whether all wanted packages are there as wanted, and no others; those for other systems may be absent.
fn matches(wanted: &Map<String, Value>, present: &Map<String, Value>) -> bool {
    let identity = |package: &Value| (package.get("version").cloned(), package.get("integrity").cloned());
    let is_optional = |package: &Value| package.get("optional") == Some(&Value::Bool(true));
    let all_wanted = wanted.iter().all(|(path, package)| match present.get(path) {
        Some(installed) => identity(installed) == identity(package),
        None => is_optional(package),
    });
    all_wanted && present.keys().all(|path| wanted.contains_key(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"{"lockfileVersion": 3, "packages": {
        "": {"name": "end2end"},
        "node_modules/binaryen": {"version": "132.0.0", "integrity": "sha512-a", "dev": true},
        "node_modules/fsevents": {"version": "2.3.2", "integrity": "sha512-b", "optional": true}
    }}"#;

    fn is_match(installed: &str) -> bool {
        let installed = format!(r#"{{"packages": {installed}}}"#);
        let packages = |lock| packages(lock).expect("the samples are lock files");
        matches(&packages(LOCK), &packages(&installed))
    }

    #[test]
    fn the_same_packages_match_without_those_of_other_systems() {
        assert!(is_match(r#"{"node_modules/binaryen": {"version": "132.0.0", "integrity": "sha512-a"}}"#));
    }

    #[test]
    fn a_missing_another_or_a_changed_package_does_not() {
        assert!(!is_match("{}"));
        assert!(!is_match(r#"{"node_modules/binaryen": {"version": "131.0.0", "integrity": "sha512-a"}}"#));
        assert!(!is_match(r#"{"node_modules/binaryen": {"version": "132.0.0", "integrity": "sha512-c"}}"#));
        assert!(!is_match(
            r#"{"node_modules/binaryen": {"version": "132.0.0", "integrity": "sha512-a"}, "node_modules/left": {}}"#
        ));
    }

    #[test]
    fn other_json_is_no_lock_file() {
        assert_eq!(packages("[]"), None);
        assert_eq!(packages("not json"), None);
    }
}
