//! `cargo xtask test`: every check, in order, up to the first that fails.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;

use crate::assets::{Build, WASM_TARGET};
use crate::prerequisites::{self, Need};
use crate::workspace::Workspace;
use crate::{dist, npm, process, server};

/// One of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    /// The format of the Rust code
    Format,
    /// Clippy, warnings denied: the server's half, then the browser's
    Clippy,
    /// The licenses and sources of all dependencies, where cargo-deny is installed
    Deny,
    /// Unit, property, integration and doc tests
    Tests,
    /// The release build and its size budget
    Dist,
    /// The browser tests, against the release
    Browser,
}

/// The packages of the server's half. The browser's half needs other features of the same crates, so the two must
/// never be built in one cargo call.
const SERVER_HALF: [&str; 10] = [
    "--package",
    "realtime",
    "--package",
    "app",
    "--package",
    "server",
    "--package",
    "fake-frappe",
    "--package",
    "xtask",
];

enum Outcome {
    Passed,
    Skipped,
}

/// Runs these steps, or all of them.
pub(crate) fn test(workspace: &Workspace, chosen: &[Step]) -> Result<()> {
    let steps = in_order(chosen);
    let started = Instant::now();
    run_step("prerequisites", || {
        prerequisites::provide(workspace, &needs(&steps))?;
        Ok(Outcome::Passed)
    })
    .context("the prerequisites failed")?;

    let mut skipped = 0;
    for step in &steps {
        let name = step.name();
        let outcome = run_step(name, || step.run(workspace))
            .with_context(|| format!("the step `{name}` failed (only this step again: `cargo xtask test {name}`)"))?;
        skipped += usize::from(matches!(outcome, Outcome::Skipped));
    }
    println!("\nAll done in {:.0?}.", started.elapsed());
    println!("steps: {} passed, 0 failed, {skipped} skipped", steps.len() - skipped);
    Ok(())
}

fn run_step(name: &str, run: impl FnOnce() -> Result<Outcome>) -> Result<Outcome> {
    println!("\n==> {name}");
    let started = Instant::now();
    let result = run();
    let seconds = started.elapsed().as_secs_f32();
    let word = match result {
        Ok(Outcome::Passed) => "passed",
        Ok(Outcome::Skipped) => "skipped",
        Err(_) => "FAILED",
    };
    println!("<== {name} {word} after {seconds:.1} s");
    result
}

fn in_order(chosen: &[Step]) -> Vec<Step> {
    let all = Step::value_variants();
    all.iter().filter(|step| chosen.is_empty() || chosen.contains(step)).copied().collect()
}

fn needs(steps: &[Step]) -> Vec<Need> {
    steps.iter().flat_map(|step| step.needs()).copied().collect()
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::Clippy => "clippy",
            Self::Deny => "deny",
            Self::Tests => "tests",
            Self::Dist => "dist",
            Self::Browser => "browser",
        }
    }

    fn needs(self) -> &'static [Need] {
        match self {
            Self::Format | Self::Deny => &[],
            Self::Clippy => &[Need::WasmTarget],
            Self::Tests => &[Need::Redis],
            Self::Dist => &[Need::WasmTarget, Need::NpmPackages],
            Self::Browser => &[Need::Redis, Need::Chromium, Need::NpmPackages],
        }
    }

    fn run(self, workspace: &Workspace) -> Result<Outcome> {
        match self {
            Self::Format => cargo(workspace, &["fmt", "--all", "--check"])?,
            Self::Clippy => clippy(workspace)?,
            Self::Deny => return deny(workspace),
            Self::Tests => tests(workspace)?,
            Self::Dist => dist::dist(workspace)?,
            Self::Browser => browser(workspace)?,
        }
        Ok(Outcome::Passed)
    }
}

fn clippy(workspace: &Workspace) -> Result<()> {
    let deny_warnings: &[&str] = &["--", "--deny", "warnings"];
    cargo(workspace, &[&["clippy", "--all-targets"], &SERVER_HALF[..], deny_warnings].concat())?;
    let browser_half: &[&str] =
        &["clippy", "--package", "frontend", "--package", "app", "--features", "app/hydrate", "--target", WASM_TARGET];
    cargo(workspace, &[browser_half, deny_warnings].concat())
}

fn deny(workspace: &Workspace) -> Result<Outcome> {
    if !has_cargo_command(workspace, "deny") {
        println!("cargo-deny is not installed (`cargo install --locked cargo-deny` does it): not checked here");
        return Ok(Outcome::Skipped);
    }
    cargo(workspace, &["deny", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"])?;
    Ok(Outcome::Passed)
}

fn tests(workspace: &Workspace) -> Result<()> {
    if has_cargo_command(workspace, "nextest") {
        cargo(workspace, &[&["nextest", "run"], &SERVER_HALF[..]].concat())?;
    } else {
        cargo(workspace, &[&["test", "--all-targets"], &SERVER_HALF[..]].concat())?;
    }
    let with_a_library = ["--package", "realtime", "--package", "app", "--package", "server"];
    cargo(workspace, &[&["test", "--doc"], &with_a_library[..]].concat())
}

fn browser(workspace: &Workspace) -> Result<()> {
    let binary = server::binary(workspace, Build::Release);
    ensure!(
        binary.is_file(),
        "{} is not there for the browser tests: build it with `cargo xtask dist`",
        workspace.relative(&binary).display()
    );
    // The bench that some of them sign in to.
    cargo(workspace, &["build", "--package", "fake-frappe"])?;
    let folder = workspace.browser_tests();
    process::run(Command::new(npm::tool(workspace, "tsc")).arg("--noEmit").current_dir(&folder))?;

    let mut words = workspace.browser_tests_command();
    let Some(program) = words.next() else {
        bail!("end2end-cmd in the root Cargo.toml names no command for the browser tests");
    };
    let mut command = Command::new(program);
    let fake_frappe = workspace.server_folder(Build::Debug.folder()).join("fake-frappe");
    command.args(words).current_dir(&folder).env("FRAPPE_LIVE_BINARY", binary).env("FAKE_FRAPPE_BINARY", fake_frappe);
    process::run(&mut command)
}

fn cargo(workspace: &Workspace, arguments: &[&str]) -> Result<()> {
    process::run(process::cargo(&workspace.root).args(arguments))
}

fn has_cargo_command(workspace: &Workspace, name: &str) -> bool {
    process::succeeds(process::cargo(&workspace.root).args([name, "--version"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_choice_all_steps_run() {
        assert_eq!(in_order(&[]), Step::value_variants());
    }

    #[test]
    fn chosen_steps_run_once_and_in_their_order() {
        let chosen = [Step::Browser, Step::Format, Step::Browser];
        assert_eq!(in_order(&chosen), [Step::Format, Step::Browser]);
    }

    #[test]
    fn a_step_asks_only_for_what_it_needs() {
        assert_eq!(needs(&[Step::Format]), []);
        assert_eq!(needs(&[Step::Tests]), [Need::Redis]);
    }

    #[test]
    fn the_name_told_after_a_failure_is_the_one_to_type() {
        for step in Step::value_variants() {
            assert_eq!(Step::from_str(step.name(), false), Ok(*step));
        }
    }
}
