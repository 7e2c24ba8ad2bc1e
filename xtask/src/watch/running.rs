//! The server while it is watched: one at a time, stopped before the next one starts and with this process.

use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use crate::assets::Build;
use crate::server;
use crate::workspace::Workspace;

/// How long a server may take to say goodbye to its pages: they come back anyway.
const GRACE: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const STOPPED_BY_INTERRUPT: i32 = 130;

/// A handle on the server, if one runs.
#[derive(Clone, Default)]
pub(super) struct Running {
    child: Arc<Mutex<Option<Child>>>,
}

impl Running {
    /// From now on, ending this process ends the server first.
    pub(super) fn stop_with_this_process(&self) -> Result<()> {
        let running = self.clone();
        ctrlc::set_handler(move || {
            // Kept until the exit, so that no other server starts meanwhile.
            let mut child = running.lock();
            stop(&mut child);
            std::process::exit(STOPPED_BY_INTERRUPT);
        })
        .context("the handler that stops the server on Ctrl-C could not be set")
    }

    /// Stops the server that runs, and starts the one that was built since.
    pub(super) fn restart(&self, workspace: &Workspace, arguments: &[String]) -> Result<()> {
        let mut child = self.lock();
        stop(&mut child);
        let program = server::binary(workspace, Build::Debug);
        let started = Command::new(&program)
            .args(arguments)
            .env("FRAPPE_LIVE_DEV_RELOAD", "true")
            .spawn()
            .with_context(|| format!("the server {} could not be started", program.display()))?;
        *child = Some(started);
        Ok(())
    }

    /// How the server ended, told once, if it ended by itself.
    pub(super) fn ended(&self) -> Option<ExitStatus> {
        let mut child = self.lock();
        let status = child.as_mut()?.try_wait().ok()??;
        *child = None;
        Some(status)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks the server to end, and ends it when it does not.
fn stop(child: &mut Option<Child>) {
    let Some(mut child) = child.take() else {
        return;
    };
    let until = Instant::now() + GRACE;
    // Both fail only for a process that has ended.
    let _ = kill_process(Pid::from_child(&child), Signal::TERM);
    while matches!(child.try_wait(), Ok(None)) {
        if Instant::now() >= until {
            let _ = child.kill();
            let _ = child.wait();
            return;
        }
        thread::sleep(LOOK_AGAIN);
    }
}
