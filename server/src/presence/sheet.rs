//! One document, as one server sees it: its own pages, those of other servers, and what was told of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::time::Instant;

use super::ledger::{Entry, PageId, Said};
use super::list::{Document, Looker, Viewers};
use crate::hub::ConnectionId;

/// The longest that another's entry may stand without being said again: what is in Redis may be anybody's.
const LONGEST: Duration = Duration::from_hours(2);

#[derive(Debug, Default)]
pub(super) struct Sheet {
    own: BTreeMap<PageId, Own>,
    others: BTreeMap<PageId, Other>,
    /// Own pages that the ledger does not show as they are.
    pub(super) unsaid: BTreeSet<PageId>,
    /// What other servers say has been read.
    pub(super) is_read: bool,
    told: Option<Told>,
    askers: Vec<(ConnectionId, Option<String>)>,
    /// When something is to be done without being asked.
    pub(super) due: Option<Instant>,
}

#[derive(Debug)]
struct Own {
    connection: ConnectionId,
    looker: Looker,
    /// Its connection broke; until then it counts.
    lingers_until: Option<Instant>,
}

#[derive(Debug)]
struct Other {
    looker: Looker,
    lingers: bool,
    until: Instant,
}

#[derive(Debug)]
struct Told {
    viewers: Viewers,
    message: Box<RawValue>,
    version: String,
    at: Instant,
}

/// A list, and whom to tell it.
#[derive(Debug)]
pub struct News {
    /// The message of the `doc_viewers` event.
    pub message: Box<RawValue>,
    /// Who is to be told.
    pub to: Audience,
}

/// Who of those in the room is to be told.
#[derive(Debug, PartialEq, Eq)]
pub enum Audience {
    /// All but these, who have it.
    AllBut(Vec<ConnectionId>),
    /// These only: for all others it is nothing new.
    Only(Vec<ConnectionId>),
}

impl Audience {
    /// Whether a connection is to be told.
    #[must_use]
    pub fn holds(&self, connection: ConnectionId) -> bool {
        match self {
            Self::AllBut(connections) => !connections.contains(&connection),
            Self::Only(connections) => connections.contains(&connection),
        }
    }
}

impl Sheet {
    /// Nothing of this server's hangs on it.
    pub(super) fn is_idle(&self) -> bool {
        self.own.is_empty() && self.unsaid.is_empty() && self.askers.is_empty()
    }

    /// Returns whether that is anything new.
    pub(super) fn open(&mut self, page: &PageId, connection: ConnectionId, looker: Looker) -> bool {
        let own = Own { connection, looker, lingers_until: None };
        let is_new = self.own.get(page).is_none_or(|known| known.looker != own.looker || known.lingers_until.is_some());
        self.own.insert(page.clone(), own);
        if is_new {
            self.unsaid.insert(page.clone());
        }
        is_new
    }

    /// Forgets a page of this connection. Returns whether it was one.
    pub(super) fn close(&mut self, page: &PageId, connection: ConnectionId) -> bool {
        // Another connection of the same page may have taken it over.
        self.own.get(page).is_some_and(|own| own.connection == connection) && self.close_page(page)
    }

    /// Forgets a page. Returns whether it was one.
    pub(super) fn close_page(&mut self, page: &PageId) -> bool {
        let was_one = self.own.remove(page).is_some();
        if was_one {
            self.unsaid.insert(page.clone());
        }
        was_one
    }

    /// Lets a page of this connection count until then. Returns whether it was one.
    pub(super) fn linger(&mut self, page: &PageId, connection: ConnectionId, until: Instant) -> bool {
        let own = self.own.get_mut(page).filter(|own| own.connection == connection && own.lingers_until.is_none());
        let Some(own) = own else { return false };
        own.lingers_until = Some(until);
        self.unsaid.insert(page.clone());
        true
    }

    pub(super) fn ask(&mut self, connection: ConnectionId, seen: Option<String>) {
        self.askers.retain(|(asker, _)| *asker != connection);
        self.askers.push((connection, seen));
    }

    /// Marks what must be said again so that it does not end.
    pub(super) fn renew(&mut self) {
        self.unsaid
            .extend(self.own.iter().filter(|(_, own)| own.lingers_until.is_none()).map(|(page, _)| page.clone()));
    }

    /// Says nothing more of pages that are gone.
    pub(super) fn forget_gone(&mut self) {
        self.unsaid.retain(|page| self.own.contains_key(page));
    }

    /// Marks everything: the ledger may have forgotten it.
    pub(super) fn say_all_again(&mut self) {
        self.unsaid.extend(self.own.keys().cloned());
    }

    /// What is to be said now.
    pub(super) fn take_unsaid(&mut self, now: Instant, lease: Duration) -> Vec<(PageId, Said)> {
        let say = |page: PageId| {
            let said = match self.own.get(&page) {
                None => Said::Gone,
                Some(Own { looker, lingers_until: None, .. }) => Said::Here(looker.clone(), lease),
                Some(Own { lingers_until: Some(until), .. }) if *until <= now => Said::Gone,
                Some(Own { looker, lingers_until: Some(until), .. }) => Said::Lingers(looker.clone(), *until - now),
            };
            (page, said)
        };
        std::mem::take(&mut self.unsaid).into_iter().map(say).collect()
    }

    /// Takes what the ledger holds of other servers. `keep_unknown`: it may have lost some, which stay until
    /// they end by themselves.
    pub(super) fn learn(&mut self, now: Instant, instance: &str, entries: Vec<Entry>, keep_unknown: bool) {
        self.is_read = true;
        if !keep_unknown {
            self.others.clear();
        }
        // What is this server's own it knows best.
        for entry in entries.into_iter().filter(|entry| entry.instance != instance) {
            // It came back to another server, which decides from now on.
            if self.own.get(&entry.page).is_some_and(|own| own.lingers_until.is_some()) {
                self.own.remove(&entry.page);
            }
            let until = now + entry.remaining.min(LONGEST);
            self.others.insert(entry.page, Other { looker: entry.looker, lingers: entry.lingers, until });
        }
    }

    /// Forgets what is over and says what is to be told, and when to look again. A list that changes again
    /// and again is told once in `pace`.
    pub(super) fn look(&mut self, now: Instant, document: &Document, is_alone: bool, pace: Duration) -> Option<News> {
        let is_over = |_: &PageId, own: &mut Own| own.lingers_until.is_some_and(|until| until <= now);
        for (page, _) in self.own.extract_if(.., is_over) {
            self.unsaid.insert(page);
        }
        self.others.retain(|_, other| other.until > now);
        let ends = self.own.values().filter_map(|own| own.lingers_until);
        self.due = ends.chain(self.others.values().map(|other| other.until)).min();
        if !self.is_read && !is_alone {
            return None;
        }
        let viewers = Viewers::of(self.lookers());
        match &self.told {
            Some(told) if told.viewers == viewers => self.answer_askers(),
            Some(told) if told.at + pace > now => {
                let at = told.at + pace;
                self.due = Some(self.due.map_or(at, |due| due.min(at)));
                None
            }
            _ => Some(self.tell(now, viewers, document)),
        }
    }

    /// A page that came from another server is here.
    fn lookers(&self) -> impl Iterator<Item = (&Looker, bool)> {
        let others = self.others.iter().filter(|(page, _)| !self.own.contains_key(*page));
        let own = self.own.values().map(|own| (&own.looker, own.lingers_until.is_some()));
        own.chain(others.map(|(_, other)| (&other.looker, other.lingers)))
    }

    fn tell(&mut self, now: Instant, viewers: Viewers, document: &Document) -> News {
        let (message, version) = viewers.message(document);
        let askers = std::mem::take(&mut self.askers).into_iter();
        let informed = askers.filter(|(_, seen)| seen.as_ref() == Some(&version)).map(|(asker, _)| asker).collect();
        self.told = Some(Told { viewers, message: message.clone(), version, at: now });
        News { message, to: Audience::AllBut(informed) }
    }

    fn answer_askers(&mut self) -> Option<News> {
        let told = self.told.as_ref()?;
        let askers = std::mem::take(&mut self.askers).into_iter();
        let askers = askers.filter(|(_, seen)| seen.as_ref() != Some(&told.version)).map(|(asker, _)| asker);
        let askers: Vec<ConnectionId> = askers.collect();
        (!askers.is_empty()).then(|| News { message: told.message.clone(), to: Audience::Only(askers) })
    }
}
