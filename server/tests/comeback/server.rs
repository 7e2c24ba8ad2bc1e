//! The server that the pages come back to, and what is published there.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use realtime::position::Position;
use realtime::room::Room;
use server::publish::{CHANNEL, frappe15_payload};

use crate::page;
use crate::support::redis::free_port;
use crate::support::wait_for;
use crate::{EVENT, SITE};

pub(crate) struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts it beside this Redis, and waits until it answers.
    pub(crate) fn start(redis: &str) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let binary = std::env::var("FRAPPE_LIVE_COMEBACK_BINARY")
            .unwrap_or_else(|_| env!("CARGO_BIN_EXE_frappe-live").to_owned());
        // Relative to the workspace.
        let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(binary));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FRAPPE_LIVE_")) {
            command.env_remove(name);
        }
        command.args(["--listen", &address.to_string(), "--redis", redis, "--site", SITE]);
        // All pages are of one user and one address here.
        command.args(["--room-rule", "lane-*=everyone", "--max-connections-per-user", "20000"]);
        command.args(["--max-connections-per-address", "20000", "--log-level", "warn"]);
        let process = command.stderr(Stdio::null()).spawn().expect("the binary runs");
        let server = Self { process, address };
        wait_for("the server to answer", || TcpStream::connect(address).ok());
        server
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until it has taken so many events.
    pub(crate) async fn wait_for_events(&self, count: u64) {
        let url = format!("http://{}/live/readyz", self.address);
        loop {
            let body = reqwest::get(&url).await.expect("the server answers").text().await.expect("text");
            let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
            if body["events"]["accepted"] == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Where the site is: what a page's first join is answered.
    pub(crate) async fn position(&self) -> Position {
        page::position(self.address).await
    }

    /// The time that its threads have worked so far.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).expect("Linux has it");
        let (_, fields) = stat.rsplit_once(") ").expect("the name stands in parentheses");
        // Fields 14 and 15 of proc(5), in hundredths of a second; this is the third.
        let ticks: u64 = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number")).sum();
        Duration::from_millis(ticks * 10)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Publishes these numbers to each room, one room after another for each.
pub(crate) fn publish(redis: u16, rooms: &[String], numbers: Range<u64>) {
    let line = TcpStream::connect((Ipv4Addr::LOCALHOST, redis)).expect("Redis takes connections");
    let mut answers = BufReader::new(&line).lines();
    for number in numbers {
        let mut commands = String::new();
        for room in rooms {
            // About as much as a `doc_update` of Frappe's.
            let message = format!(r#"{{"number": {number}, "filling": "{}"}}"#, "x".repeat(150));
            let payload = frappe15_payload(SITE, &Room::parse(room), EVENT, &message).expect("a message");
            let length = payload.len();
            commands += "*3\r\n$7\r\nPUBLISH\r\n$6\r\n";
            commands.extend([CHANNEL, &format!("\r\n${length}\r\n"), &payload, "\r\n"]);
        }
        (&line).write_all(commands.as_bytes()).expect("Redis takes it");
        for _ in rooms {
            assert_eq!(answers.next().expect("an answer").expect("an answer"), ":1", "one server hears it");
        }
    }
}
