//! The names of the project, read from the root `Cargo.toml` as cargo-leptos reads them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::process;

/// The workspace: where it is, and the names that its `[[workspace.metadata.leptos]]` gives.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    target: PathBuf,
    names: Names,
}

/// What `cargo metadata` says, as far as it matters here.
#[derive(Deserialize)]
struct Described {
    workspace_root: PathBuf,
    target_directory: PathBuf,
    metadata: OtherTools,
}

/// `[workspace.metadata]`, which cargo leaves to other tools.
#[derive(Deserialize)]
struct OtherTools {
    leptos: Vec<Names>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Names {
    output_name: String,
    site_root: PathBuf,
    site_pkg_dir: PathBuf,
    style_file: PathBuf,
    bin_package: String,
    bin_target: String,
    lib_package: String,
    lib_profile_release: String,
    end2end_cmd: String,
    end2end_dir: PathBuf,
}

impl Workspace {
    /// Asks cargo about the workspace of the current folder.
    pub(crate) fn read() -> Result<Self> {
        let folder = std::env::current_dir().context("the current folder cannot be read")?;
        let mut command = process::cargo(&folder);
        command.args(["metadata", "--no-deps", "--format-version", "1"]);
        Self::from_metadata(&process::output(&mut command)?)
    }

    fn from_metadata(json: &str) -> Result<Self> {
        let described: Described = serde_json::from_str(json)
            .context("the root Cargo.toml does not name all that the build needs in [[workspace.metadata.leptos]]")?;
        let mut projects = described.metadata.leptos;
        let names = match (projects.pop(), projects.len()) {
            (Some(names), 0) => names,
            (_, others) => bail!(
                "the root Cargo.toml must hold exactly one [[workspace.metadata.leptos]], not {}",
                if others == 0 { 0 } else { others + 1 }
            ),
        };
        Ok(Self { root: described.workspace_root, target: described.target_directory, names })
    }

    /// What the names of the built files begin with.
    pub(crate) fn output_name(&self) -> &str {
        &self.names.output_name
    }

    /// The package that becomes the wasm.
    pub(crate) fn frontend_package(&self) -> &str {
        &self.names.lib_package
    }

    /// The cargo profile of the wasm in a release.
    pub(crate) fn frontend_release_profile(&self) -> &str {
        &self.names.lib_profile_release
    }

    /// The wasm as cargo leaves it, given the folder of the profile.
    pub(crate) fn frontend_wasm(&self, target: &str, profile_folder: &str) -> PathBuf {
        let file = format!("{}.wasm", self.names.lib_package.replace('-', "_"));
        self.target.join(target).join(profile_folder).join(file)
    }

    /// The package of the server.
    pub(crate) fn server_package(&self) -> &str {
        &self.names.bin_package
    }

    /// The name of the server's binary.
    pub(crate) fn server_name(&self) -> &str {
        &self.names.bin_target
    }

    /// The folder that the server's binary is built in.
    pub(crate) fn server_folder(&self, profile_folder: &str) -> PathBuf {
        self.target.join(profile_folder)
    }

    /// The style sheet as written.
    pub(crate) fn style_file(&self) -> PathBuf {
        self.root.join(&self.names.style_file)
    }

    /// The folder of the browser's files, which the server embeds or reads.
    pub(crate) fn package_folder(&self) -> PathBuf {
        self.root.join(&self.names.site_root).join(&self.names.site_pkg_dir)
    }

    /// A folder for files between two steps of a build.
    pub(crate) fn scratch_folder(&self, profile_folder: &str) -> PathBuf {
        self.target.join("xtask").join(profile_folder)
    }

    /// The folder of the browser tests.
    pub(crate) fn browser_tests(&self) -> PathBuf {
        self.root.join(&self.names.end2end_dir)
    }

    /// The command of the browser tests, run in their folder.
    pub(crate) fn browser_tests_command(&self) -> impl Iterator<Item = &str> {
        self.names.end2end_cmd.split_whitespace()
    }

    /// A path as people know it: from the workspace root on.
    pub(crate) fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &str = r#"{
        "name": "shop", "output-name": "shop", "site-root": "target/site", "site-pkg-dir": "live/pkg",
        "style-file": "style/main.css", "bin-package": "server", "bin-target": "shop-live",
        "lib-package": "shop-front", "lib-profile-release": "wasm-release", "hash-files": true,
        "end2end-cmd": "npx playwright test", "end2end-dir": "end2end"
    }"#;

    fn metadata(projects: &[&str]) -> String {
        format!(
            r#"{{"packages": [], "workspace_root": "/shop", "target_directory": "/shop/target",
               "metadata": {{"leptos": [{}]}}}}"#,
            projects.join(",")
        )
    }

    fn sample() -> Workspace {
        Workspace::from_metadata(&metadata(&[NAMES])).expect("the sample is complete")
    }

    fn refusal(json: &str) -> String {
        let error = Workspace::from_metadata(json).err().expect("it is refused");
        format!("{error:#}")
    }

    #[test]
    fn names_come_from_the_leptos_metadata() {
        let workspace = sample();
        assert_eq!(workspace.output_name(), "shop");
        assert_eq!(
            workspace.frontend_wasm("wasm32-unknown-unknown", "debug"),
            Path::new("/shop/target/wasm32-unknown-unknown/debug/shop_front.wasm")
        );
        assert_eq!(workspace.package_folder(), Path::new("/shop/target/site/live/pkg"));
        assert_eq!(workspace.style_file(), Path::new("/shop/style/main.css"));
        assert_eq!(workspace.browser_tests_command().collect::<Vec<_>>(), ["npx", "playwright", "test"]);
        assert_eq!(workspace.relative(Path::new("/shop/style/main.css")), Path::new("style/main.css"));
    }

    #[test]
    fn two_projects_are_refused() {
        assert_eq!(
            refusal(&metadata(&[NAMES, NAMES])),
            "the root Cargo.toml must hold exactly one [[workspace.metadata.leptos]], not 2"
        );
    }

    #[test]
    fn no_project_is_refused() {
        assert!(refusal(&metadata(&[])).ends_with("not 0"));
    }

    #[test]
    fn a_missing_name_is_told() {
        let text = refusal(&metadata(&[r#"{"output-name": "shop"}"#]));
        assert!(text.contains("missing field `site-root`"), "{text}");
    }
}
