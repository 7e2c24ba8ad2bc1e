//! `cargo xtask watch`: serves the demo, rebuilds after each change what the change asks for, and restarts the server.

mod change;
mod running;

use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use self::change::{Rebuild, WATCHED};
use self::running::Running;
use crate::assets::{self, Assets, Build, Bundle};
use crate::prerequisites::{self, Need};
use crate::server;
use crate::workspace::Workspace;

/// An editor, or git, writes several files in one go: the rebuild waits for so long a silence.
const SILENCE: Duration = Duration::from_millis(150);
/// How often to look whether the server ended by itself.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Serves until it is stopped.
pub(crate) fn watch(workspace: &Workspace, server_arguments: &[String]) -> Result<()> {
    prerequisites::provide(workspace, &[Need::WasmTarget])?;
    let (report_change, changes) = mpsc::channel();
    let _watcher = watch_folders(workspace, report_change)?;

    let mut assets = assets::build(workspace, Build::Debug)?;
    assets.publish(workspace)?;
    server::build(workspace, Build::Debug)?;

    let running = Running::default();
    running.stop_with_this_process()?;
    running.restart(workspace, server_arguments)?;

    // What a failed build leaves to do is not forgotten at the next change.
    let mut waiting = Rebuild::default();
    loop {
        let Some(paths) = next_changes(&changes)? else {
            if let Some(status) = running.ended() {
                println!("[watch] The server ended ({status}). It starts again after the next change.");
            }
            continue;
        };
        waiting |= Rebuild::after_all(paths.iter().map(|path| workspace.relative(path)));
        if waiting.is_nothing() {
            continue;
        }
        let started = Instant::now();
        let rebuilt =
            rebuild(workspace, &mut assets, waiting).and_then(|()| running.restart(workspace, server_arguments));
        let seconds = started.elapsed().as_secs_f32();
        match rebuilt {
            Ok(()) => {
                println!("[watch] Rebuilt {waiting} in {seconds:.1} s.");
                waiting = Rebuild::default();
            }
            Err(error) => {
                println!("[watch] The rebuild failed after {seconds:.1} s, the server stays as it is: {error:#}");
            }
        }
    }
}

fn watch_folders(workspace: &Workspace, report: mpsc::Sender<Vec<PathBuf>>) -> Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| match event {
        // Reading a file, as cargo does all the time, is no change.
        Ok(event) if event.kind.is_access() => {}
        Ok(event) => {
            // The receiver is gone only when the command ends.
            let _ = report.send(event.paths);
        }
        Err(error) => eprintln!("[watch] A change may have been missed: {error}"),
    })
    .context("this system cannot watch files for changes")?;
    for folder in WATCHED {
        watcher
            .watch(&workspace.root.join(folder), RecursiveMode::Recursive)
            .with_context(|| format!("the folder {folder} cannot be watched"))?;
    }
    Ok(watcher)
}

/// The files that changed, once it is silent again; nothing if nothing changed for a while.
fn next_changes(changes: &Receiver<Vec<PathBuf>>) -> Result<Option<Vec<PathBuf>>> {
    let mut paths = match changes.recv_timeout(LOOK_AGAIN) {
        Ok(first) => first,
        Err(RecvTimeoutError::Timeout) => return Ok(None),
        Err(RecvTimeoutError::Disconnected) => bail!("the watch on the files ended by itself"),
    };
    while let Ok(more) = changes.recv_timeout(SILENCE) {
        paths.extend(more);
    }
    Ok(Some(paths))
}

/// Builds both halves before it puts the new files out: the old server goes on with the old ones if either fails.
fn rebuild(workspace: &Workspace, assets: &mut Assets, what: Rebuild) -> Result<()> {
    let bundle = what.frontend.then(|| Bundle::build(workspace, Build::Debug)).transpose()?;
    if what.server {
        server::build(workspace, Build::Debug)?;
    }
    if let Some(bundle) = bundle {
        assets.replace_bundle(bundle);
    }
    if what.style {
        assets.read_style_again(workspace)?;
    }
    assets.publish(workspace)?;
    Ok(())
}
