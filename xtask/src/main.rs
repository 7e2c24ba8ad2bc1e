//! The project's own commands: `cargo xtask run`, `test`, `dist` and `watch`.
//!
//! # Layout
//! - [`workspace`]: the names of the project, read from the root `Cargo.toml`
//! - [`assets`]: what the browser downloads: wasm, JS and CSS, built, named, compressed
//! - [`server`]: the server binary, built and started
//! - [`dist`], [`test`], [`watch`]: the commands
//! - [`prerequisites`], [`npm`]: what the commands need from the machine
//! - [`process`]: running other programs

mod assets;
mod dist;
mod npm;
mod prerequisites;
mod process;
mod server;
mod test;
mod watch;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::assets::Build;
use crate::prerequisites::Need;
use crate::test::Step;
use crate::workspace::Workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about, version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build everything and serve the demo at <http://127.0.0.1:3000/live/>
    Run {
        /// Arguments for the server
        #[arg(last = true, value_name = "SERVER ARGUMENTS")]
        server_arguments: Vec<String>,
    },
    /// Run every check: format, lints, tests, release build, browser tests
    Test {
        /// Only these steps, in the order in which `test` has them
        #[arg(value_enum, value_name = "STEP")]
        steps: Vec<Step>,
    },
    /// Build the release: one self-contained binary, within its size budget
    Dist,
    /// Serve the demo, rebuild on every change and have open pages show it
    Watch {
        /// Arguments for the server
        #[arg(last = true, value_name = "SERVER ARGUMENTS")]
        server_arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    match execute(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> Result<()> {
    let workspace = Workspace::read()?;
    match command {
        Command::Run { server_arguments } => run(&workspace, &server_arguments),
        Command::Test { steps } => test::test(&workspace, &steps),
        Command::Dist => dist::dist(&workspace),
        Command::Watch { server_arguments } => watch::watch(&workspace, &server_arguments),
    }
}

fn run(workspace: &Workspace, server_arguments: &[String]) -> Result<()> {
    prerequisites::provide(workspace, &[Need::WasmTarget])?;
    assets::build(workspace, Build::Debug)?.publish(workspace)?;
    server::build(workspace, Build::Debug)?;
    server::become_server(workspace, server_arguments)
}
