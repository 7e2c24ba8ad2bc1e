//! `cargo xtask dist`: the release, one self-contained binary.

use anyhow::Result;

use crate::assets::{self, Build};
use crate::prerequisites::{self, Need};
use crate::server;
use crate::workspace::Workspace;

/// Builds the release and says how large it is; refuses to when a page would load too much.
pub(crate) fn dist(workspace: &Workspace) -> Result<()> {
    prerequisites::provide(workspace, &[Need::WasmTarget, Need::NpmPackages])?;
    let files = assets::build(workspace, Build::Release)?.publish(workspace)?;
    let report = assets::compress(&files)?;
    println!("\n{report}");
    println!("{}\n", report.verdict()?);

    server::build(workspace, Build::Release)?;
    let binary = server::binary(workspace, Build::Release);
    println!("Built {}", workspace.relative(&binary).display());
    Ok(())
}
