//! A real Redis of a test's own.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use super::wait_for;

const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

pub(crate) struct Redis {
    pub(crate) process: Child,
    pub(crate) port: u16,
}

impl Redis {
    /// Starts one on a free port.
    pub(crate) fn start() -> Self {
        // Whatever else runs on the machine may take the port before Redis has it: then another one.
        for _ in 0..4 {
            let port = free_port();
            let mut redis = Self { process: spawn(port), port };
            if redis.answers_or_ended() {
                return redis;
            }
        }
        let port = free_port();
        Self { process: spawn(port), port }.ready()
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("the process is ours");
        self.process.wait().expect("the process is ours");
    }

    /// Starts it again on its old port, empty.
    pub(crate) fn restart(self) -> Self {
        let port = self.port;
        drop(self);
        Self { process: spawn(port), port }.ready()
    }

    /// Stops answering without closing anything: a half-open line.
    pub(crate) fn pause(&self) {
        self.signal("STOP");
    }

    /// Answers again.
    pub(crate) fn go_on(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([&format!("-{signal}"), &self.process.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Publishes bytes on the channel `events`. Returns how many subscribers got them.
    pub(crate) fn publish(&self, payload: impl AsRef<[u8]>) -> u64 {
        self.publish_on("events", payload)
    }

    /// The same, on any channel.
    pub(crate) fn publish_on(&self, channel: &str, payload: impl AsRef<[u8]>) -> u64 {
        let (payload, length) = (payload.as_ref(), channel.len());
        let command = format!("*3\r\n$7\r\nPUBLISH\r\n${length}\r\n{channel}\r\n${}\r\n", payload.len());
        let mut command = command.into_bytes();
        command.extend_from_slice(payload);
        command.extend_from_slice(b"\r\n");
        let answer = self.ask(&command).expect("Redis answers");
        answer.strip_prefix(':').and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{answer}"))
    }

    /// Executes a command that is written as a line without quotes. Returns the first line of the answer, or for a
    /// text all of it.
    pub(crate) fn execute(&self, command: &str) -> String {
        let stream = self.connect().expect("Redis takes connections");
        (&stream).write_all(format!("{command}\r\n").as_bytes()).expect("Redis reads");
        let mut answer = BufReader::new(&stream);
        let mut line = String::new();
        answer.read_line(&mut line).expect("Redis answers");
        let Some(length) = line.strip_prefix('$').and_then(|length| length.trim().parse().ok()) else {
            return line.trim_end().to_owned();
        };
        let mut text = vec![0; length];
        answer.read_exact(&mut text).expect("Redis answers");
        String::from_utf8(text).expect("text")
    }

    /// Cuts the line of the subscriber that came first, as an administrator may.
    pub(crate) fn kill_the_oldest_subscriber(&self) {
        let list = self.execute("CLIENT LIST TYPE pubsub");
        let ids = list.lines().filter_map(|line| line.strip_prefix("id=")?.split(' ').next()?.parse::<u64>().ok());
        let oldest = ids.min().expect("somebody is subscribed");
        assert_eq!(self.execute(&format!("CLIENT KILL ID {oldest}")), ":1");
    }

    /// Waits until this many subscribers are there.
    pub(crate) fn wait_for_subscribers(&self, count: u64) {
        wait_for("subscribers", || {
            let stream = self.connect().ok()?;
            let mut answer = BufReader::new(&stream).lines();
            (&stream).write_all(b"*3\r\n$6\r\nPUBSUB\r\n$6\r\nNUMSUB\r\n$6\r\nevents\r\n").ok()?;
            // An array of two: the channel's name and its number of subscribers.
            let number = answer.nth(3)?.ok()?;
            (number == format!(":{count}")).then_some(())
        });
    }

    fn ask(&self, command: &[u8]) -> std::io::Result<String> {
        let stream = self.connect()?;
        (&stream).write_all(command)?;
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        TcpStream::connect(("127.0.0.1", self.port))
    }

    /// Waits until it answers, or has ended. Returns whether it answers.
    fn answers_or_ended(&mut self) -> bool {
        wait_for("redis-server to answer, or to end", || {
            let ended = self.process.try_wait().expect("the process is ours").is_some();
            let answers = !ended && self.ask(PING).is_ok_and(|answer| answer == "+PONG");
            (ended || answers).then_some(answers)
        })
    }

    fn ready(self) -> Self {
        wait_for("redis-server to answer", || self.ask(PING).ok().filter(|answer| answer == "+PONG"));
        self
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may be gone already, or stopped: SIGKILL ends both.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(port: u16) -> Child {
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed (apt-get install redis-server; cargo xtask test does it)")
}

/// A port that nobody uses at the moment.
pub(crate) fn free_port() -> u16 {
    loop {
        // Below the ports that systems give to outgoing connections (from 32768 on Linux), which come and go.
        let random = RandomState::new().build_hasher().finish();
        let port = 12_000 + u16::try_from(random % 20_000).expect("less than 20,000");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
