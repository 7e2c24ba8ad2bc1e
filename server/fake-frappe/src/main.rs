//! The `fake-frappe` binary: a fake for Playwright and for developers.

use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use fake_frappe::{FakeFrappe, Version};
use tokio::signal::unix::{SignalKind, signal};

/// A Frappe for tests and development, controlled over HTTP under /fake/
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// Which Frappe to be: 14, 15 or 16
    #[arg(long, value_name = "NUMBER", default_value = "15")]
    frappe_version: Version,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    /// The Redis to write the realtime server's secret to, like `redis://127.0.0.1:11000`
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fake-frappe: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run(cli: Cli) -> Result<(), Box<dyn Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let frappe = FakeFrappe::start_on(cli.frappe_version, cli.listen)
        .await
        .map_err(|error| format!("{} cannot be listened on ({error})", cli.listen))?;
    if let Some(url) = cli.redis {
        frappe.keep_secret_in(&url).map_err(|error| format!("--redis is no address of a Redis ({error})"))?;
    }
    let mut stdout = std::io::stdout();
    // A reader that is gone already is no reason to stop.
    let _ = writeln!(stdout, "fake-frappe {} at {}/ (site {})", frappe.version(), frappe.url(), frappe.site());
    tokio::select! {
        _ = terminate.recv() => {}
        outcome = tokio::signal::ctrl_c() => outcome?,
    }
    Ok(())
}
