//! The server's binary: built, and started.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Error, Result};

use crate::assets::Build;
use crate::process;
use crate::workspace::Workspace;

/// Builds the server. The browser's files come first: a release embeds them.
pub(crate) fn build(workspace: &Workspace, build: Build) -> Result<()> {
    let mut command = process::cargo(&workspace.root);
    command.args(["build", "--package", workspace.server_package()]);
    command.args(["--bin", workspace.server_name()]);
    if build == Build::Release {
        command.arg("--release");
    }
    process::run(&mut command)
}

/// The server as built.
pub(crate) fn binary(workspace: &Workspace, build: Build) -> PathBuf {
    workspace.server_folder(build.folder()).join(workspace.server_name())
}

/// Puts the server in the place of this process: it gets every signal, and its exit code is the command's.
pub(crate) fn become_server(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let program = binary(workspace, Build::Debug);
    let reason = Command::new(&program).args(arguments).exec();
    Err(Error::new(reason).context(format!("the server {} could not be started", program.display())))
}
