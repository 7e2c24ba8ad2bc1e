//! Publishes numbered events to rooms, as Frappe does, and notes what Redis said.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use server::publish::{CHANNEL, frappe15_payload};

use crate::random::Random;
use crate::record::Record;
use crate::{EVENT, SITE};

/// What the publisher is asked to do beside its usual work.
enum Order {
    /// Publish one event to each room, and say the numbers.
    Round(SyncSender<Vec<u64>>),
    /// Publish so many events of so many bytes to a room.
    Burst { room: usize, events: usize, bytes: usize },
}

/// The publisher's thread; it ends with this.
pub(crate) struct Publisher {
    orders: Sender<Order>,
}

impl Publisher {
    /// Begins: so many events a second, to rooms by their weights.
    pub(crate) fn start(record: Arc<Record>, redis: u16, rate: u32, weights: Vec<usize>, seed: u64) -> Self {
        let (orders, ordered) = channel();
        let random = Random::new(seed);
        let mut work = Work { record, redis, line: None };
        thread::spawn(move || work.run(&ordered, rate, &weights, random));
        Self { orders }
    }

    /// Publishes one event to each room. Returns its number in each.
    pub(crate) fn round(&self) -> Vec<u64> {
        let (answer, answered) = sync_channel(1);
        self.orders.send(Order::Round(answer)).expect("the publisher runs");
        answered.recv().expect("the publisher runs")
    }

    /// Publishes so many events of so many bytes to a room, soon.
    pub(crate) fn burst(&self, room: usize, events: usize, bytes: usize) {
        self.orders.send(Order::Burst { room, events, bytes }).expect("the publisher runs");
    }
}

struct Work {
    record: Arc<Record>,
    redis: u16,
    line: Option<BufReader<TcpStream>>,
}

impl Work {
    fn run(&mut self, orders: &Receiver<Order>, rate: u32, weights: &[usize], mut random: Random) {
        let sum = weights.iter().sum();
        let mut due = Instant::now();
        loop {
            due += Duration::from_secs(1) / rate;
            // After a pause of Redis the rest is not made up for.
            due = due.max(Instant::now());
            match orders.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(Order::Round(answer)) => {
                    let rooms = 0..self.record.rooms.len();
                    // Who asked may have given up.
                    let _ = answer.send(rooms.map(|room| self.publish(room, 0)).collect());
                }
                Ok(Order::Burst { room, events, bytes }) => {
                    for _ in 0..events {
                        self.publish(room, bytes);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    let mut rest = random.below(sum);
                    let room = weights.iter().position(|weight| {
                        let is_here = rest < *weight;
                        rest = rest.saturating_sub(*weight);
                        is_here
                    });
                    self.publish(room.expect("less than their sum"), 0);
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Publishes the room's next number, and waits for Redis's answer as long as its line stands: what is
    /// still on its way must not come after the next.
    fn publish(&mut self, room: usize, bytes: usize) -> u64 {
        self.connect();
        let book = &self.record.rooms[room];
        let number = book.next();
        let message = format!(r#"{{"room": "{}", "number": {number}, "filling": "{}"}}"#, book.room, "x".repeat(bytes));
        let payload = frappe15_payload(SITE, &book.room, EVENT, &message).expect("a message");
        let line = self.line.as_mut().expect("just connected");
        let answer = ask(line, &["PUBLISH", CHANNEL, &payload]);
        if !answer.is_ok_and(|answer| answer.starts_with(':')) {
            book.is_unsure(number);
            self.line = None;
        }
        self.record.published.fetch_add(1, Ordering::Relaxed);
        number
    }

    /// While there is no Redis, nothing is published.
    fn connect(&mut self) {
        while self.line.is_none() {
            match TcpStream::connect((Ipv4Addr::LOCALHOST, self.redis)) {
                Ok(line) => self.line = Some(BufReader::new(line)),
                Err(_) => thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

/// Sends a command to Redis. Returns the first line of its answer.
pub(crate) fn ask(line: &mut BufReader<TcpStream>, words: &[&str]) -> io::Result<String> {
    let mut command = format!("*{}\r\n", words.len());
    for word in words {
        command.extend([&format!("${}\r\n", word.len()), *word, "\r\n"]);
    }
    line.get_mut().write_all(command.as_bytes())?;
    let mut answer = String::new();
    if line.read_line(&mut answer)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(answer.trim_end().to_owned())
}
