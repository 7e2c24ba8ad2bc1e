//! The bus, the servers on it, and what must hold after each step.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use realtime::frame::ServerFrame;
use realtime::position::Position;
use realtime::room::Room;

use super::super::{SITES, Server, join, mark};
use crate::bridge::Arrival;
use crate::bridge::own_channel::Note;

pub(super) const SERVERS: usize = 3;

#[derive(Debug, Clone)]
pub(super) enum Step {
    Start(usize),
    Crash(usize),
    Subscribe(usize),
    /// The mark reaches the bus, or is lost on the way there.
    Mark(usize, bool),
    /// The server learns how many got its mark.
    Receivers(usize),
    /// The server reads so much of its stream.
    Read(usize, usize),
    /// The oldest of its answers reaches the bus, or is lost.
    Answer(usize, bool),
    /// All that is due on this server is done.
    Work(usize),
    Break(usize),
    Restart,
    Publish(usize),
    Wait(u64),
    Clock(usize),
    /// A page of the one goes on at the other.
    Hop(usize, usize, usize),
}

#[derive(Debug, Clone)]
enum Sent {
    Payload(String),
    Own(Vec<u8>),
}

/// A server, and its line to the bus.
pub(super) struct Instance {
    pub(super) server: Server,
    /// How far it has read the stream; none without a line.
    cursor: Option<usize>,
    /// The mark it is to publish.
    mark: Option<String>,
    alone: Option<String>,
    answers: Vec<Vec<u8>>,
    /// Where its pages are, by site.
    pages: Vec<Position>,
}

pub(super) struct World {
    pub(super) instances: [Option<Instance>; SERVERS],
    stream: Vec<Sent>,
    /// How many events of each site were published before each thing in the stream, and before its end.
    published: Vec<[u64; SITES.len()]>,
    run: usize,
    names: usize,
    now: Instant,
    /// What an offset of an epoch is ahead of the events that were published. One number an epoch and site: an
    /// event with two numbers would make it two.
    ahead: HashMap<(usize, String), i128>,
    pub(super) adopted: usize,
    pub(super) recovered: usize,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            instances: [None, None, None],
            stream: Vec::new(),
            published: vec![[0; SITES.len()]],
            run: 0,
            names: 0,
            now: Instant::now(),
            ahead: HashMap::new(),
            adopted: 0,
            recovered: 0,
        }
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("n{}", self.names)
    }

    fn run_id(&self) -> String {
        format!("run {}", self.run)
    }

    /// Who is counted by PUBLISH.
    fn listeners(&self) -> usize {
        self.instances.iter().flatten().filter(|instance| instance.cursor.is_some()).count()
    }

    pub(super) fn step(&mut self, step: &Step) {
        match step {
            Step::Start(index) => {
                let name = self.name();
                let server = Server::new(&name);
                let pages = SITES.map(|site| server.position(site)).into();
                let (cursor, mark, alone, answers) = (None, None, None, Vec::new());
                self.instances[*index] = Some(Instance { server, cursor, mark, alone, answers, pages });
            }
            Step::Crash(index) => self.instances[*index] = None,
            Step::Subscribe(index) => {
                let (id, run_id, start, now) = (self.name(), self.run_id(), self.stream.len(), self.now);
                let Some(instance) = &mut self.instances[*index] else { return };
                if instance.cursor.is_none() {
                    instance.cursor = Some(start);
                    instance.mark = Some(id.clone());
                    let subscribed = Arrival::Subscribed { bridge: 0, mark: Some(mark(&id, &run_id)) };
                    instance.server.take(subscribed, now);
                }
            }
            Step::Mark(index, arrives) => {
                let (listeners, run_id) = (self.listeners(), self.run_id());
                let Some(instance) = &mut self.instances[*index] else { return };
                let Some(id) = instance.mark.take() else { return };
                let note = Note::Mark(mark(&id, &run_id)).encode().expect("short");
                if !arrives || listeners <= 1 {
                    instance.alone = Some(id);
                }
                if *arrives {
                    self.send(Sent::Own(note.into()), self.published());
                }
            }
            Step::Receivers(index) => {
                let Some(instance) = &mut self.instances[*index] else { return };
                if let Some(mark) = instance.alone.take() {
                    instance.server.take(Arrival::Alone { mark }, self.now);
                }
            }
            Step::Read(index, count) => {
                for _ in 0..*count {
                    if !self.read(*index) {
                        break;
                    }
                }
            }
            Step::Answer(index, arrives) => {
                let Some(instance) = &mut self.instances[*index] else { return };
                if !instance.answers.is_empty() {
                    let answer = instance.answers.remove(0);
                    if *arrives {
                        self.send(Sent::Own(answer), self.published());
                    }
                }
            }
            Step::Work(index) => {
                self.step(&Step::Subscribe(*index));
                self.step(&Step::Mark(*index, true));
                self.step(&Step::Receivers(*index));
                self.step(&Step::Read(*index, usize::MAX));
                for _ in 0..SERVERS {
                    self.step(&Step::Answer(*index, true));
                }
            }
            Step::Break(index) => self.break_line(*index),
            Step::Restart => {
                self.run += 1;
                for index in 0..SERVERS {
                    self.break_line(index);
                }
            }
            Step::Publish(kind) => self.publish(*kind),
            Step::Wait(ms) => self.now += Duration::from_millis(*ms),
            Step::Clock(index) => {
                let Some(instance) = &mut self.instances[*index] else { return };
                instance.server.look_at_the_clock(self.now);
            }
            Step::Hop(from, to, site) => self.hop(*from, *to, *site),
        }
        for index in 0..SERVERS {
            self.check(index);
        }
    }

    fn break_line(&mut self, index: usize) {
        let Some(instance) = &mut self.instances[index] else { return };
        if instance.cursor.take().is_some() {
            instance.mark = None;
            instance.server.take(Arrival::Lost { bridge: 0 }, self.now);
        }
    }

    fn published(&self) -> [u64; SITES.len()] {
        *self.published.last().expect("one more than is in the stream")
    }

    fn send(&mut self, sent: Sent, published: [u64; SITES.len()]) {
        self.stream.push(sent);
        self.published.push(published);
    }

    fn publish(&mut self, kind: usize) {
        let mut published = self.published();
        let payload = match kind {
            0 | 1 => {
                published[kind] += 1;
                let message = published[kind];
                format!(r#"{{"event":"e","message":{message},"namespace":"{}","room":"website"}}"#, SITES[kind])
            }
            2 => {
                published = published.map(|number| number + 1);
                r#"{"event":"e","message":"to the whole bench"}"#.to_owned()
            }
            3 => r#"{"event":"e","message":1,"namespace":"c.example"}"#.to_owned(),
            _ => r#"{"message":1}"#.to_owned(),
        };
        self.send(Sent::Payload(payload), published);
    }

    /// `false` when there is nothing to read.
    fn read(&mut self, index: usize) -> bool {
        let Some(instance) = &mut self.instances[index] else { return false };
        let Some(cursor) = &mut instance.cursor else { return false };
        let Some(sent) = self.stream.get(*cursor) else { return false };
        *cursor += 1;
        let arrival = match sent {
            Sent::Payload(payload) => Arrival::Payload(payload.clone().into()),
            Sent::Own(note) => Arrival::OwnChannel(note.clone().into()),
        };
        instance.server.take(arrival, self.now);
        true
    }

    fn check(&mut self, index: usize) {
        let Some(instance) = &mut self.instances[index] else { return };
        for answer in instance.server.answers() {
            let Arrival::OwnChannel(answer) = answer else { panic!("{answer:?}") };
            instance.answers.push(answer.into());
        }
        let (mut told, mut adopted) = (Vec::new(), 0);
        for (site, (wire, _)) in instance.server.pages.iter().enumerate() {
            for frame in wire.take() {
                match frame {
                    ServerFrame::Event { offset: Some(offset), message, .. } => {
                        let at = &mut instance.pages[site];
                        assert_eq!(offset, at.offset + 1, "a page hears every event of its site");
                        at.offset = offset;
                        told.push((site, at.clone(), message.get().to_owned()));
                    }
                    ServerFrame::Gap { position, .. } => {
                        adopted += usize::from(self.ahead.contains_key(&(site, position.epoch.clone())));
                        instance.pages[site] = position;
                    }
                    ServerFrame::Source { .. } => {}
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(instance.pages[site], instance.server.position(SITES[site]), "pages are where the server is");
        }
        // Whoever numbers has read the stream up to its cursor: so many events of the site were before it.
        let cursor = instance.cursor.filter(|_| instance.server.engine.source_connected());
        let positions = instance.pages.clone();
        self.adopted += adopted;
        for (site, at, message) in told {
            let ahead = self.ahead.get(&(site, at.epoch.clone())).copied();
            if let (Some(ahead), Ok(number)) = (ahead, message.parse::<i128>()) {
                assert_eq!(i128::from(at.offset) - number, ahead, "{at:?} of {} is event {number}", SITES[site]);
            }
        }
        let Some(cursor) = cursor else { return };
        for (site, at) in positions.into_iter().enumerate() {
            let ahead = i128::from(at.offset) - i128::from(self.published[cursor][site]);
            let known = *self.ahead.entry((site, at.epoch.clone())).or_insert(ahead);
            assert_eq!(known, ahead, "{at:?} of {} counts otherwise", SITES[site]);
        }
    }

    fn hop(&mut self, from: usize, to: usize, site: usize) {
        let Some(position) = self.instances[from].as_ref().map(|instance| instance.pages[site].clone()) else { return };
        let Some(instance) = &self.instances[to] else { return };
        let (wire, _) = join(&instance.server.engine, SITES[site], Room::Website, Some(&position));
        let mut frames = wire.take().into_iter();
        let Some(ServerFrame::Joined { position: head, recovered, .. }) = frames.next() else { panic!("the answer") };
        if !recovered {
            return;
        }
        self.recovered += usize::from(from != to);
        assert_eq!(head.epoch, position.epoch);
        let offsets = frames.map(|frame| match frame {
            ServerFrame::Event { offset: Some(offset), message, .. } => {
                if let (Some(ahead), Ok(number)) =
                    (self.ahead.get(&(site, head.epoch.clone())), message.get().parse::<i128>())
                {
                    assert_eq!(i128::from(offset) - number, *ahead);
                }
                offset
            }
            other => panic!("{other:?}"),
        });
        assert_eq!(offsets.collect::<Vec<_>>(), (position.offset + 1..=head.offset).collect::<Vec<_>>());
    }
}
