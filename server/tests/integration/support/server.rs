//! The real binary, on a free port.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use super::wait_for;

pub(crate) struct Server {
    pub(crate) process: Child,
    address: String,
    log: Arc<Mutex<String>>,
}

/// The binary with these arguments and no setting from the environment.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_frappe-live"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FRAPPE_LIVE_")) {
        command.env_remove(name);
    }
    command.args(args);
    command
}

/// Runs the binary to its end.
pub(crate) fn run(args: &[&str]) -> Output {
    command(args).stdin(Stdio::null()).output().expect("the binary runs")
}

impl Server {
    /// Starts it and waits until it says where it is.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_on("127.0.0.1:0", args)
    }

    /// The same, on an address of one's own.
    pub(crate) fn start_on(listen: &str, args: &[&str]) -> Self {
        let process = command(&[&["--listen", listen], args].concat()).stderr(Stdio::piped()).spawn();
        let mut process = process.expect("the binary runs");
        let log: Arc<Mutex<String>> = Arc::default();
        let stderr = process.stderr.take().expect("piped");
        thread::spawn({
            let log = Arc::clone(&log);
            move || copy_lines(stderr, &log)
        });
        let address = wait_for("the server to say where it is", || {
            let log = log.lock().expect("no panic");
            let (_, rest) = log.split_once("http://")?;
            Some(rest.split_once("/live/")?.0.to_owned())
        });
        Self { process, address, log }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("no panic").clone()
    }

    /// Waits until it has logged something.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, text: &str) {
        wait_for(&format!("{text:?} in the log"), || self.log().contains(text).then_some(()));
    }

    /// Asks it to stop and waits until it has. Returns its exit code.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.wait()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &id]).status().expect("kill runs").success());
    }

    /// Waits until it has ended. Returns its exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.process.wait().expect("the process is ours").code()
    }

    /// The memory that it holds, in bytes.
    pub(crate) fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("it runs");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line of VmRSS");
        let kilobytes = resident.trim().strip_suffix(" kB").and_then(|number| number.parse::<usize>().ok());
        kilobytes.expect("a number of kB") << 10
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            eprintln!("--- log of the server\n{}", self.log());
        }
    }
}

fn copy_lines(stderr: impl Read, log: &Mutex<String>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        let mut log = log.lock().expect("no panic");
        log.push_str(&line);
        log.push('\n');
    }
}
