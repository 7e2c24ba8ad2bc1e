//! What the browser downloads: built, named after its content, and put where the server finds it.

mod bundle;
mod compress;
mod name;
mod optimise;
mod size;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace::Workspace;

pub(crate) use bundle::{Bundle, WASM_TARGET};
pub(crate) use compress::compress;

/// Which of the two ways to build: fast to build, or small and fast to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Build {
    Debug,
    Release,
}

impl Build {
    /// Cargo's folder for what it builds for this machine.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Release => "release",
        }
    }
}

/// All that a page needs beside its HTML.
pub(crate) struct Assets {
    bundle: Bundle,
    style: Vec<u8>,
    build: Build,
}

/// Builds the wasm with its JS, and reads the style sheet.
pub(crate) fn build(workspace: &Workspace, build: Build) -> Result<Assets> {
    Ok(Assets { bundle: Bundle::build(workspace, build)?, style: read_style(workspace, build)?, build })
}

impl Assets {
    /// Takes a newly built bundle in place of the one it had.
    pub(crate) fn replace_bundle(&mut self, bundle: Bundle) {
        self.bundle = bundle;
    }

    /// Reads the style sheet again.
    pub(crate) fn read_style_again(&mut self, workspace: &Workspace) -> Result<()> {
        self.style = read_style(workspace, self.build)?;
        Ok(())
    }

    /// Writes the files under names that change with their content, and removes those of earlier builds.
    ///
    /// A file that is there already is not written again: cargo would take it for a change.
    pub(crate) fn publish(&self, workspace: &Workspace) -> Result<Vec<PathBuf>> {
        let output_name = workspace.output_name();
        let folder = workspace.package_folder();

        let wasm_hash = name::content_hash(&self.bundle.wasm);
        let wasm_name = name::hashed(output_name, &wasm_hash, "wasm");
        let js = self.bundle.js_loading(&wasm_name);
        let js_hash = name::content_hash(js.as_bytes());
        let css_hash = name::content_hash(&self.style);

        let files = [
            (folder.join(name::hashed(output_name, &js_hash, "js")), js.as_bytes()),
            (folder.join(wasm_name), self.bundle.wasm.as_slice()),
            (folder.join(name::hashed(output_name, &css_hash, "css")), self.style.as_slice()),
        ];

        for (path, content) in &files {
            write_if_changed(path, content)?;
        }
        let written: Vec<PathBuf> = files.into_iter().map(|(path, _)| path).collect();
        name::remove_earlier(&folder, output_name, &written)?;

        let hashes = format!("js: {js_hash}\nwasm: {wasm_hash}\ncss: {css_hash}\n");
        let server_folder = workspace.server_folder(self.build.folder());
        write_if_changed(&server_folder.join("hash.txt"), hashes.as_bytes())?;
        Ok(written)
    }
}

fn read_style(workspace: &Workspace, build: Build) -> Result<Vec<u8>> {
    let path = workspace.style_file();
    match build {
        Build::Debug => fs::read(&path)
            .with_context(|| format!("the style sheet {} cannot be read", workspace.relative(&path).display())),
        Build::Release => optimise::text(workspace, &path).map(String::into_bytes),
    }
}

/// Writes a file, and its folder, unless it holds this content already.
fn write_if_changed(path: &Path, content: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|present| present == content) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    }
    fs::write(path, content).with_context(|| format!("{} cannot be written", path.display()))
}
