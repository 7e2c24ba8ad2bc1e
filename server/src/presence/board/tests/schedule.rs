//! Random schedules: three servers, six pages of three users, two documents. Pages open, hide, close, lose their
//! lines and come back anywhere; servers are killed; the ledger goes away and comes back empty. Whenever
//! anything happens, every page in a room shows the truth.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::{Board, RHYTHM, Rhythm, Visitor, document, looker};
use crate::hub::ConnectionId;
use crate::presence::ledger::{Entries, PageId};
use crate::presence::list::Document;

const SERVERS: usize = 3;
const PAGES: usize = 6;
const DOCUMENTS: usize = 2;
/// A page that is in the first room of the first server and looks at nothing.
const WATCHER: ConnectionId = ConnectionId(9_999);

#[derive(Debug, Clone)]
enum Step {
    Open {
        page: usize,
        document: usize,
        away: bool,
    },
    Close {
        page: usize,
        document: usize,
    },
    /// The line breaks.
    Break {
        page: usize,
    },
    Connect {
        page: usize,
        server: usize,
    },
    /// The line breaks, and the page comes back to a document at once.
    Hop {
        page: usize,
        server: usize,
        document: usize,
        away: bool,
    },
    /// Everything of the server is gone at once.
    Kill {
        server: usize,
    },
    /// The ledger cannot be reached until it is, and may be empty then.
    Ledger {
        is_away: bool,
        forgets: bool,
    },
    Wait {
        milliseconds: u64,
    },
}

struct Server {
    board: Board,
    /// What the connections in a room were told.
    shown: HashMap<(ConnectionId, usize), Option<String>>,
}

struct Line {
    server: usize,
    visitor: Visitor,
}

/// What the model knows of a page that looks at a document.
#[derive(Debug, Clone)]
struct Claim {
    user: String,
    away: bool,
    /// From then on it may have ended.
    certain_until: Option<Instant>,
    /// From then on it has ended.
    possible_until: Option<Instant>,
}

struct World {
    now: Instant,
    rhythm: Rhythm,
    servers: Vec<Server>,
    entries: Entries,
    is_away: bool,
    /// Until then the ledger may be behind.
    unsettled_until: Instant,
    lines: Vec<Option<Line>>,
    claims: BTreeMap<(usize, PageId), Claim>,
    documents: Vec<Arc<Document>>,
    connections: u64,
}

fn user_of(page: usize) -> String {
    format!("u{}", page / 2)
}

impl World {
    fn new(grace: Duration) -> Self {
        let rhythm = Rhythm { grace, pace: Duration::ZERO, ..RHYTHM };
        let now = Instant::now();
        let mut world = Self {
            now,
            rhythm,
            servers: Vec::new(),
            entries: Entries::default(),
            is_away: false,
            unsettled_until: now,
            lines: (0..PAGES).map(|_| None).collect(),
            claims: BTreeMap::new(),
            documents: ["a", "b"].map(document).into(),
            connections: 0,
        };
        for server in 0..SERVERS {
            world.servers.push(world.new_server(server));
        }
        world.watch();
        world
    }

    fn new_server(&self, number: usize) -> Server {
        let board = Board::new(format!("{number}.{}", self.connections), self.rhythm);
        Server { board, shown: HashMap::new() }
    }

    fn watch(&mut self) {
        let server = &mut self.servers[0];
        server.shown.insert((WATCHER, 0), None);
        server.board.ask(self.now, &self.documents[0], WATCHER, None);
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Open { page, document, away } => {
                let Some(Line { server, visitor }) = &self.lines[page] else { return };
                let server = &mut self.servers[*server];
                server.shown.entry((visitor.connection, document)).or_default();
                let user = user_of(page);
                server.board.open(self.now, &self.documents[document], visitor, looker(&user, away));
                server.board.ask(self.now, &self.documents[document], visitor.connection, None);
                let claim = Claim { user, away, certain_until: None, possible_until: None };
                self.claims.insert((document, visitor.page.clone()), claim);
            }
            Step::Close { page, document } => {
                let Some(Line { server, visitor }) = &self.lines[page] else { return };
                let server = &mut self.servers[*server];
                // A session closes only what it has opened.
                if server.shown.remove(&(visitor.connection, document)).is_some() {
                    server.board.close(self.now, &self.documents[document], visitor);
                    self.claims.remove(&(document, visitor.page.clone()));
                }
            }
            Step::Break { page } => {
                let Some(Line { server, visitor }) = self.lines[page].take() else { return };
                let ends = Some(self.now + self.rhythm.grace);
                for document in 0..DOCUMENTS {
                    let server = &mut self.servers[server];
                    if server.shown.remove(&(visitor.connection, document)).is_some() {
                        server.board.gone(self.now, &self.documents[document], &visitor);
                        let claim = self.claims.get_mut(&(document, visitor.page.clone())).expect("it looks");
                        (claim.certain_until, claim.possible_until) = (ends, ends);
                    }
                }
            }
            Step::Connect { page, server } => {
                if self.lines[page].is_none() {
                    self.connections += 1;
                    let page_id = if page.is_multiple_of(2) {
                        PageId::named(&user_of(page), "mine")
                    } else {
                        PageId::of_server(self.servers[server].board.instance(), self.connections)
                    };
                    let visitor = Visitor { page: page_id, connection: ConnectionId(self.connections) };
                    self.lines[page] = Some(Line { server, visitor });
                }
            }
            Step::Hop { page, server, document, away } => {
                self.step(&Step::Break { page });
                self.step(&Step::Connect { page, server });
                self.step(&Step::Open { page, document, away });
            }
            Step::Kill { server } => self.kill(server),
            Step::Ledger { is_away, forgets } => {
                if forgets && self.is_away {
                    self.entries = Entries::default();
                }
                if self.is_away || is_away {
                    self.unsettled_until = self.now + 2 * self.rhythm.lease + self.rhythm.grace;
                }
                self.is_away = is_away;
            }
            Step::Wait { milliseconds } => self.wait(Duration::from_millis(milliseconds)),
        }
        self.settle();
    }

    fn kill(&mut self, number: usize) {
        self.connections += 1;
        let fresh = self.new_server(number);
        let killed = std::mem::replace(&mut self.servers[number], fresh);
        for line in &mut self.lines {
            if let Some(Line { visitor, .. }) = line.take_if(|line| line.server == number) {
                for document in 0..DOCUMENTS {
                    if killed.shown.contains_key(&(visitor.connection, document)) {
                        let claim = self.claims.get_mut(&(document, visitor.page.clone())).expect("it looks");
                        claim.certain_until = Some(self.now + self.rhythm.lease - self.rhythm.renewal);
                        claim.possible_until = Some(self.now + self.rhythm.lease);
                    }
                }
            }
        }
        if number == 0 {
            self.watch();
        }
    }

    /// Lets time pass, with everything that is due meanwhile at its moment.
    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let dues =
                self.servers.iter().flat_map(|server| server.board.due().into_iter().chain(server.board.retry_due()));
            match dues.min().filter(|due| *due <= end) {
                Some(due) => self.now = due.max(self.now),
                None => break,
            }
            self.settle();
        }
        self.now = end;
    }

    /// Carries out all that is due at this moment.
    fn settle(&mut self) {
        for _ in 0..100 {
            if !(0..SERVERS).fold(false, |did, server| self.turn(server) | did) {
                self.check();
                return;
            }
        }
        panic!("it never settles");
    }

    /// One turn of a server's work. Returns whether there was anything to do.
    fn turn(&mut self, number: usize) -> bool {
        let now = self.now;
        let Server { board, shown } = &mut self.servers[number];
        let of = |document: &Document| self.documents.iter().position(|known| **known == *document).expect("known");
        board.renew(now, |document| shown.keys().any(|(_, shown)| *shown == of(document)));
        let news = board.news(now);
        let mut did = !news.is_empty();
        for (document, news) in news {
            for ((connection, shown_document), shown) in shown.iter_mut() {
                if *shown_document == of(&document) && news.to.holds(*connection) {
                    *shown = Some(news.message.get().to_owned());
                }
            }
        }
        let updates = board.take_updates(now, 2);
        did |= !updates.is_empty();
        if updates.is_empty() {
            return did;
        }
        if self.is_away {
            board.failed(now, updates);
            return did;
        }
        let instance = board.instance().to_owned();
        let (mut found, mut changed) = (Vec::new(), Vec::new());
        for update in &updates {
            let (entries, is_news) = self.entries.apply(now, &instance, update);
            found.push(entries);
            changed.extend(is_news.then(|| Arc::clone(&update.document)));
        }
        board.learned(now, &updates, found);
        for document in changed {
            for (other, server) in self.servers.iter_mut().enumerate().filter(|(other, _)| *other != number) {
                let _: usize = other;
                server.board.changed_elsewhere(&document);
            }
        }
        did
    }

    fn check(&self) {
        for (number, server) in self.servers.iter().enumerate() {
            for ((connection, document), shown) in &server.shown {
                let shown = shown.as_ref().unwrap_or_else(|| panic!("{connection} was told nothing of {document}"));
                let shown: serde_json::Value = serde_json::from_str(shown).expect("JSON");
                let texts = |key: &str| -> BTreeSet<String> {
                    let list: Vec<String> = serde_json::from_value(shown[key].clone()).expect("texts");
                    let set: BTreeSet<String> = list.iter().cloned().collect();
                    assert_eq!(set.len(), list.len(), "somebody is there twice: {shown}");
                    set
                };
                let (users, away) = (texts("users"), texts("away"));
                self.check_list(number, *document, &users, &away);
            }
        }
    }

    fn check_list(&self, server: usize, document: usize, users: &BTreeSet<String>, away: &BTreeSet<String>) {
        let claims = || self.claims.iter().filter(|((of, _), _)| *of == document).map(|(_, claim)| claim);
        for user in (0..PAGES / 2).map(|number| format!("u{number}")) {
            let holds = |until: Option<Instant>| until.is_none_or(|until| until > self.now);
            let certain: Vec<&Claim> = claims().filter(|it| it.user == user && holds(it.certain_until)).collect();
            let possible: Vec<&Claim> = claims().filter(|it| it.user == user && holds(it.possible_until)).collect();
            let is_shown = users.contains(&user);
            let place = format!("{user} of {document} on {server}: {users:?} {away:?}, {possible:?} at {:?}", self.now);
            if self.is_away || self.unsettled_until > self.now {
                let is_own = |line: &Line| {
                    let claim = self.claims.get(&(document, line.visitor.page.clone()));
                    line.server == server
                        && claim.is_some_and(|claim| claim.user == user && holds(claim.certain_until))
                        && self.servers[server].shown.contains_key(&(line.visitor.connection, document))
                };
                assert!(is_shown || !self.lines.iter().flatten().any(is_own), "{place}");
                continue;
            }
            assert!(is_shown || certain.is_empty(), "missing {place}");
            assert!(!is_shown || !possible.is_empty(), "ghost {place}");
            if certain.len() == possible.len() && is_shown {
                // Those whose line stands decide, if there are any: also those of a server that was killed, as far as
                // the others know. Those that linger end at a certain moment.
                let stands =
                    |claim: &&&Claim| claim.certain_until.is_none() || claim.certain_until != claim.possible_until;
                let has_line = certain.iter().any(|claim| stands(&claim));
                let is_away = certain.iter().filter(|claim| !has_line || stands(claim)).all(|claim| claim.away);
                assert_eq!(away.contains(&user), is_away, "away {place}");
            }
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let (page, document, server) = (0..PAGES, 0..DOCUMENTS, 0..SERVERS);
    prop_oneof![
        8 => (page.clone(), document.clone(), any::<bool>())
            .prop_map(|(page, document, away)| Step::Open { page, document, away }),
        3 => (page.clone(), document.clone()).prop_map(|(page, document)| Step::Close { page, document }),
        5 => page.clone().prop_map(|page| Step::Break { page }),
        10 => (page.clone(), server.clone()).prop_map(|(page, server)| Step::Connect { page, server }),
        1 => server.clone().prop_map(|server| Step::Kill { server }),
        1 => any::<(bool, bool)>().prop_map(|(is_away, forgets)| Step::Ledger { is_away, forgets }),
        5 => (page, server.clone(), document, any::<bool>())
            .prop_map(|(page, server, document, away)| Step::Hop { page, server, document, away }),
        8 => prop_oneof![0..2_000_u64, 0..15_000_u64].prop_map(|milliseconds| Step::Wait { milliseconds }),
    ]
}

proptest! {
    #[test]
    fn every_page_shows_the_truth(grace in 0..15_u64, steps in prop::collection::vec(step(), 1..100)) {
        let mut world = World::new(Duration::from_secs(grace));
        world.settle();
        for step in &steps {
            world.step(step);
        }
        // Once everything is well again and nobody does anything, the rest ends too.
        world.step(&Step::Ledger { is_away: false, forgets: false });
        world.wait(Duration::from_mins(2));
        world.settle();
    }
}
