//! What the commands need from the machine: looked for, installed where that may be done, else named.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail, ensure};

use crate::assets::WASM_TARGET;
use crate::workspace::Workspace;
use crate::{npm, process};

/// Something that a command needs and a machine may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    WasmTarget,
    Redis,
    Chromium,
    NpmPackages,
}

/// Looks for what is needed and installs what is missing.
pub(crate) fn provide(workspace: &Workspace, needs: &[Need]) -> Result<()> {
    let missing: Vec<&str> = [Need::Redis, Need::Chromium]
        .into_iter()
        .filter(|need| needs.contains(need))
        .flat_map(missing_debian_packages)
        .copied()
        .collect();
    if !missing.is_empty() {
        install_debian_packages(&missing)?;
    }
    if needs.contains(&Need::WasmTarget) {
        provide_wasm_target(workspace)?;
    }
    if needs.contains(&Need::NpmPackages) {
        npm::provide_packages(workspace)?;
    }
    Ok(())
}

/// The browser of the tests: the one that `CHROMIUM` names, else Debian's.
fn chromium() -> PathBuf {
    std::env::var_os("CHROMIUM").map_or_else(|| "/usr/bin/chromium".into(), PathBuf::from)
}

fn missing_debian_packages(need: Need) -> &'static [&'static str] {
    match need {
        Need::Redis if !process::is_installed("redis-server") => &["redis-server"],
        // Without a font a browser draws boxes, of other sizes than text.
        Need::Chromium if !chromium().is_file() => &["chromium", "fonts-liberation"],
        _ => &[],
    }
}

fn install_debian_packages(packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    ensure!(
        process::is_installed("apt-get"),
        "this machine lacks what Debian calls {list}, and has no apt-get to install it: install it by hand"
    );
    let is_root = rustix::process::geteuid().is_root();
    let may_use_sudo = || process::succeeds(Command::new("sudo").args(["--non-interactive", "true"]));
    if !is_root && !may_use_sudo() {
        bail!(
            "{list} must be installed, and this user may not do it unasked: \
             run `sudo apt-get update && sudo apt-get install --yes {list}`"
        );
    }
    let apt_get = |arguments: &[&str]| {
        let mut command = if is_root {
            Command::new("env")
        } else {
            let mut sudo = Command::new("sudo");
            sudo.args(["--non-interactive", "env"]);
            sudo
        };
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet"]).args(arguments);
        process::run(&mut command)
    };
    println!("Installing {list}");
    apt_get(&["update"])?;
    apt_get(&[&["install", "--yes", "--no-install-recommends"], packages].concat())
}

fn provide_wasm_target(workspace: &Workspace) -> Result<()> {
    let mut command = Command::new("rustc");
    command.current_dir(&workspace.root).args(["--print", "target-libdir", "--target", WASM_TARGET]);
    let library = process::output(&mut command)?;
    if Path::new(library.trim()).is_dir() {
        return Ok(());
    }
    ensure!(
        process::is_installed("rustup"),
        "Rust's library for {WASM_TARGET} is not installed: install it with the package manager that brought Rust \
         (Debian: `apt-get install libstd-rust-dev-wasm32`), or take Rust from rustup"
    );
    let mut command = Command::new("rustup");
    command.current_dir(&workspace.root).args(["target", "add", WASM_TARGET]);
    process::run(&mut command)
}
