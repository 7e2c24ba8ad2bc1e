//! The processes, the lines between them, and the pages at their ends.

use std::io::{BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use realtime::room::Room;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::SITE;
use crate::line::{Flow, Line};
use crate::page::{self, Doing, PageParts};
use crate::people::{self, Person};
use crate::publisher::{Publisher, ask};
use crate::random::Random;
use crate::record::{PageRecord, Record};
use crate::support::redis::{Redis, free_port};
use crate::support::server::Server;
use crate::support::wait_for;

/// One of the servers behind the proxy.
pub(crate) struct Instance {
    server: Option<Server>,
    number: usize,
    port: u16,
    record: Arc<Record>,
    pub(crate) redis_line: Line,
}

/// A page, and the line to it.
pub(crate) struct PageHandle {
    pub(crate) line: Line,
    pub(crate) state: Arc<PageRecord>,
    doings: UnboundedSender<Doing>,
}

/// Everything.
pub(crate) struct World {
    pub(crate) record: Arc<Record>,
    pub(crate) instances: Vec<Instance>,
    pub(crate) pages: Vec<PageHandle>,
    pub(crate) publisher: Publisher,
    pub(crate) random: Random,
    redis: Option<Redis>,
}

/// How much goes on.
pub(crate) struct Size {
    pub(crate) pages: usize,
    pub(crate) events_per_second: u32,
}

const INSTANCES: usize = 2;

impl World {
    /// Starts Redis, the servers and the pages, and begins to publish when all pages are live.
    pub(crate) fn start(seed: u64, size: &Size) -> Self {
        let mut random = Random::new(seed);
        let redis = Redis::start();
        let redis_address = SocketAddr::from((Ipv4Addr::LOCALHOST, redis.port));
        let rooms = people::rooms();
        let weights = rooms.iter().map(|(_, weight)| *weight).collect();
        let record = Arc::new(Record::new(rooms.into_iter().map(|(room, _)| room).collect(), INSTANCES));
        let mut instances = Vec::new();
        for number in 0..INSTANCES {
            let redis_line = Line::to(vec![redis_address], Arc::default());
            let record = Arc::clone(&record);
            let mut instance = Instance { server: None, number, port: free_port(), redis_line, record };
            instance.start();
            instances.push(instance);
        }
        let addresses: Vec<SocketAddr> = instances.iter().map(Instance::address).collect();
        let turn: Arc<AtomicUsize> = Arc::default();
        let mut pages = Vec::new();
        for number in 0..size.pages {
            let line = Line::to(addresses.clone(), Arc::clone(&turn));
            pages.push(open_page(Person::of_page(number), line, &record, random.next()));
        }
        wait_for("all pages to be live", || pages.iter().all(|page| page.state.is_live()).then_some(()));
        let publisher =
            Publisher::start(Arc::clone(&record), redis.port, size.events_per_second, weights, random.next());
        Self { record, instances, pages, publisher, random, redis: Some(redis) }
    }

    /// Some of the pages: few or all.
    pub(crate) fn some_pages(&mut self) -> Vec<usize> {
        let one_in = *self.random.pick(&[1, 2, 4, 10]);
        (0..self.pages.len()).filter(|_| self.random.is_one_in(one_in)).collect()
    }

    /// Whatever was done to lines and pages is over.
    pub(crate) fn let_all_pass(&self) {
        for instance in &self.instances {
            instance.redis_line.set(Flow::Pass);
        }
        for page in &self.pages {
            page.line.set(Flow::Pass);
            page.does(Doing::FindNetwork);
            page.does(Doing::Show);
        }
    }

    /// Whether the servers hear what is published.
    pub(crate) fn is_ready(&self) -> bool {
        self.instances.iter().all(Instance::is_ready)
    }

    /// How many events each server has heard of since it began.
    pub(crate) fn heard(&self) -> Vec<u64> {
        self.instances.iter().map(|instance| instance.heard().unwrap_or_default()).collect()
    }

    /// Whether all servers number events alike.
    pub(crate) fn count_alike(&self) -> bool {
        let mut epochs = self.instances.iter().map(Instance::epoch);
        let first = epochs.next().flatten();
        first.is_some() && epochs.all(|epoch| epoch == first)
    }

    pub(crate) fn redis(&self) -> &Redis {
        self.redis.as_ref().expect("there is one between storms")
    }

    pub(crate) fn redis_mut(&mut self) -> &mut Redis {
        self.redis.as_mut().expect("there is one between storms")
    }

    /// Asks Redis to end, and waits until it has.
    pub(crate) fn shut_redis_down(&mut self) {
        self.tell_redis(&["SHUTDOWN", "NOSAVE"]);
        self.redis_mut().process.wait().expect("the process is ours");
    }

    /// Starts Redis again, empty.
    pub(crate) fn restart_redis(&mut self) {
        self.redis = self.redis.take().map(Redis::restart);
    }

    /// Says something to Redis; it may end instead of answering.
    pub(crate) fn tell_redis(&self, words: &[&str]) {
        let line = TcpStream::connect((Ipv4Addr::LOCALHOST, self.redis().port)).expect("Redis takes a connection");
        if let Ok(answer) = ask(&mut BufReader::new(line), words) {
            assert!(!answer.starts_with('-'), "{words:?}: {answer}");
        }
    }
}

impl Instance {
    fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Starts it on its own port, and waits until it answers.
    pub(crate) fn start(&mut self) {
        let redis = format!("redis://{}", self.redis_line.address());
        let arguments = ["--redis", &redis, "--site", SITE, "--heartbeat", "3", "--open-tasks"];
        let rules = ["--room-rule", "lane-*=everyone", "--max-connections-per-user", "1000"];
        let queue = ["--queue-frames", "256"];
        self.server =
            Some(Server::start_on(&self.address().to_string(), &[&arguments[..], &rules[..], &queue[..]].concat()));
        wait_for("a server to answer", || self.readyz());
        self.record.instance_begins(self.number);
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        self.server = None;
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(&mut self) {
        let code = self.server().stop();
        assert_eq!(code, Some(0), "a server that is asked to stop does");
        self.server = None;
    }

    /// Stands still (`STOP`) or goes on (`CONT`), without closing anything.
    pub(crate) fn signal(&mut self, signal: &str) {
        let id = self.server().process.id().to_string();
        let status = Command::new("kill").args([&format!("-{signal}"), &id]).status();
        assert!(status.expect("kill runs").success());
    }

    fn server(&mut self) -> &mut Server {
        self.server.as_mut().expect("it runs between storms")
    }

    /// Whether it believes that it hears what is published.
    pub(crate) fn is_ready(&self) -> bool {
        self.readyz().is_some_and(|answer| answer.starts_with("HTTP/1.1 200 "))
    }

    fn heard(&self) -> Option<u64> {
        let answer = self.readyz()?;
        let (_, count) = answer.split_once("\"accepted\":")?;
        count.split_once(|digit: char| !digit.is_ascii_digit())?.0.parse().ok()
    }

    fn epoch(&self) -> Option<String> {
        let page = self.get("/live/count")?;
        let (_, epoch) = page.split_once(r#""epoch":""#)?;
        Some(epoch.split_once('"')?.0.to_owned())
    }

    fn readyz(&self) -> Option<String> {
        self.get("/live/readyz")
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.address()).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }
}

impl PageHandle {
    /// Does something with the page.
    pub(crate) fn does(&self, doing: Doing) {
        self.doings.send(doing).expect("pages live as long as the test");
    }
}

fn open_page(person: Person, line: Line, record: &Arc<Record>, seed: u64) -> PageHandle {
    let number_of =
        |room: &Room| record.rooms.iter().position(|book| book.room == *room).expect("a room that is published to");
    let listeners: Vec<_> = person.listens.iter().map(|(room, interest)| (number_of(room), *interest)).collect();
    let state = Arc::new(PageRecord::new(person.name, &listeners));
    let (doings, done) = unbounded_channel();
    let parts = PageParts {
        address: line.address(),
        instance: line.target(),
        user: person.user,
        listens: person.listens,
        seed,
        state: Arc::clone(&state),
        record: Arc::clone(record),
    };
    tokio::spawn(page::run(parts, done));
    PageHandle { line, state, doings }
}
