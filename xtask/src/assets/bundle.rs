//! The wasm and the JS that loads it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use wasm_bindgen_cli_support::Bindgen;

use super::{Build, optimise};
use crate::process;
use crate::workspace::Workspace;

/// The target of the browser's half.
pub(crate) const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// The wasm, and the JS that loads it.
pub(crate) struct Bundle {
    pub(super) wasm: Vec<u8>,
    js: String,
    /// The name under which the JS asks for the wasm.
    wasm_name: String,
}

impl Bundle {
    /// Compiles the frontend and makes the browser's files of it.
    pub(crate) fn build(workspace: &Workspace, build: Build) -> Result<Self> {
        let compiled = compile(workspace, build)?;
        if build == Build::Release {
            ensure_features_are_named(workspace, &compiled)?;
        }
        let folder = workspace.scratch_folder(build.folder());
        bind(&compiled, &folder, workspace.output_name(), build)?;
        ensure_no_snippets(&folder)?;

        let wasm_name = format!("{}_bg.wasm", workspace.output_name());
        let wasm = folder.join(&wasm_name);
        let js = folder.join(format!("{}.js", workspace.output_name()));
        let (wasm, js) = match build {
            Build::Debug => (wasm, fs::read_to_string(&js).with_context(|| cannot_read(&js))?),
            Build::Release => {
                let smaller = folder.join("optimised.wasm");
                optimise::wasm(workspace, &wasm, &smaller)?;
                (smaller, optimise::text(workspace, &js)?)
            }
        };
        Ok(Self { wasm: fs::read(&wasm).with_context(|| cannot_read(&wasm))?, js, wasm_name })
    }

    /// The JS, loading the wasm under the name it is published as.
    pub(super) fn js_loading(&self, wasm_name: &str) -> String {
        self.js.replace(&self.wasm_name, wasm_name)
    }
}

fn compile(workspace: &Workspace, build: Build) -> Result<PathBuf> {
    let (profile, profile_folder) = match build {
        Build::Debug => ("dev", "debug"),
        Build::Release => {
            let profile = workspace.frontend_release_profile();
            (profile, profile)
        }
    };
    let mut command = process::cargo(&workspace.root);
    command.args(["build", "--lib", "--package", workspace.frontend_package()]);
    command.args(["--target", WASM_TARGET, "--profile", profile]);
    if build == Build::Release {
        command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", without_paths(&workspace.root));
    }
    process::run(&mut command)?;
    Ok(workspace.frontend_wasm(WASM_TARGET, profile_folder))
}

/// Panics name their place in the source: not where that lies on the machine that built it.
fn without_paths(root: &Path) -> String {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let registry = home.map(|home| format!("--remap-path-prefix={}= ", home.join("registry/src").display()));
    format!("{}--remap-path-prefix={}=", registry.unwrap_or_default(), root.display())
}

fn bind(compiled: &Path, folder: &Path, name: &str, build: Build) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("the folder {} cannot be cleared", folder.display()))?;
    }
    Bindgen::new()
        .input_path(compiled)
        .out_name(name)
        .web(true)?
        .typescript(false)
        .omit_default_module_path(false)
        .remove_name_section(build == Build::Release)
        .remove_producers_section(build == Build::Release)
        .generate(folder)
        .with_context(|| format!("wasm-bindgen cannot make the JS for {}", compiled.display()))
}

/// Without the section that a stripped module lacks, wasm-opt refuses what the module does.
fn ensure_features_are_named(workspace: &Workspace, compiled: &Path) -> Result<()> {
    const SECTION: &[u8] = b"target_features";
    let module = fs::read(compiled).with_context(|| cannot_read(compiled))?;
    ensure!(
        module.windows(SECTION.len()).any(|window| window == SECTION),
        "{} does not say which wasm features it uses: set `strip = \"none\"` in [profile.{}] of the root Cargo.toml",
        workspace.relative(compiled).display(),
        workspace.frontend_release_profile()
    );
    Ok(())
}

/// Libraries may bring JS of their own, which the bundle's JS imports from `snippets/`: the server has no such folder.
fn ensure_no_snippets(folder: &Path) -> Result<()> {
    let snippets = folder.join("snippets");
    ensure!(
        !snippets.exists(),
        "a library brings JS of its own ({}), which the server cannot serve: do without it, or call the browser \
         through web-sys and js-sys",
        snippets.display()
    );
    Ok(())
}

fn cannot_read(path: &Path) -> String {
    format!("{} cannot be read", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snippets_that_could_not_be_served_fail_the_build() {
        let folder = std::env::temp_dir().join(format!("xtask-snippets-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        assert!(ensure_no_snippets(&folder).is_ok());
        fs::create_dir_all(folder.join("snippets/library-0123")).expect("a folder");
        let error = ensure_no_snippets(&folder).expect_err("a snippet");
        assert!(error.to_string().contains("cannot serve"), "{error}");
        fs::remove_dir_all(folder).expect("still there");
    }
}
