//! Smaller wasm, JS and CSS for the release, by the tools of `end2end/package.json`.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{npm, process};

/// Writes a smaller form of a wasm module.
///
/// wasm-opt may use the features that the module says it uses and no others: what an old web view does not know stays
/// out.
pub(super) fn wasm(workspace: &Workspace, module: &Path, smaller: &Path) -> Result<()> {
    let mut command = Command::new(npm::tool(workspace, "wasm-opt"));
    // Rust's stack ends there: no value has an address so low.
    command.arg("--low-memory-unused");
    // Laying out the control flow anew between rounds saves half a kilobyte of brotli (measured).
    // What is inlined compresses worse than a call of what stands there once.
    command.arg("--always-inline-max-function-size=0");
    command.args(["-Oz", "--flatten", "--rereloop", "-Oz", "-Oz", "--strip-target-features"]);
    command.arg(module).arg("--output").arg(smaller);
    process::run(&mut command)
}

/// A smaller form of a file of JS or CSS.
pub(super) fn text(workspace: &Workspace, file: &Path) -> Result<String> {
    let mut command = Command::new(npm::tool(workspace, "esbuild"));
    // A module: what it does not export may be renamed.
    command.args(["--minify", "--format=esm", "--log-level=warning"]).arg(file);
    process::output(&mut command)
}
