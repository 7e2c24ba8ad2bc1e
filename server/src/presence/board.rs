//! Everything that one server knows of who looks at what. Pure: time comes as an argument, and what is to be
//! done comes out ([`Board::take_updates`], [`Board::news`], [`Board::due`]).
//!
//! A server's own pages are what it says they are. What other servers say is read from the ledger whenever one
//! of them tells of a change, and again with each renewal. When the ledger is away, others' pages end with their
//! leases, and when it is back everything is said again.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::ledger::{Entry, PageId, Update};
use super::list::{Document, Looker};
use super::sheet::{News, Sheet};
use crate::hub::ConnectionId;

/// When things are said and forgotten.
#[derive(Debug, Clone, Copy)]
pub struct Rhythm {
    /// How often a server says what it holds, and reads what others do.
    pub renewal: Duration,
    /// How long what it said stands: the viewers of a server that died are gone after it.
    pub lease: Duration,
    /// How long a page counts whose connection broke.
    pub grace: Duration,
    /// The least time between two lists of one document.
    pub pace: Duration,
    /// The wait after the ledger could not be reached.
    pub retry: Duration,
}

impl Rhythm {
    /// The usual one. Two renewals may be lost; a server that was killed leaves its viewers for the lease of 18
    /// seconds, and a moment until the others have looked.
    #[must_use]
    pub const fn with_grace(grace: Duration) -> Self {
        Self {
            renewal: Duration::from_secs(6),
            lease: Duration::from_secs(18),
            grace,
            pace: Duration::from_millis(100),
            retry: Duration::from_secs(1),
        }
    }
}

/// A page that looks, and the connection that it does so with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// The page.
    pub page: PageId,
    /// The connection.
    pub connection: ConnectionId,
}

/// See the module.
pub struct Board {
    instance: String,
    rhythm: Rhythm,
    sheets: HashMap<Arc<Document>, Sheet>,
    due: BTreeSet<(Instant, Arc<Document>)>,
    /// Documents about which something is to be said or read: what has changed, before what is only renewed.
    urgent: BTreeSet<Arc<Document>>,
    routine: BTreeSet<Arc<Document>>,
    renewal_at: Option<Instant>,
    /// The ledger could not be reached, and is tried again then.
    retry_at: Option<Instant>,
    alone_since: Option<Instant>,
    /// Until then other servers may not have said again what the ledger lost.
    settled_at: Option<Instant>,
}

impl Board {
    /// The board of the server that names itself `instance`.
    #[must_use]
    pub fn new(instance: String, rhythm: Rhythm) -> Self {
        Self {
            instance,
            rhythm,
            sheets: HashMap::new(),
            due: BTreeSet::new(),
            urgent: BTreeSet::new(),
            routine: BTreeSet::new(),
            renewal_at: None,
            retry_at: None,
            alone_since: None,
            settled_at: None,
        }
    }

    /// How this server names itself.
    #[must_use]
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// Whether the ledger could not be reached when it was last tried.
    #[must_use]
    pub const fn is_alone(&self) -> bool {
        self.alone_since.is_some()
    }

    /// A page looks at a document, or is another way away.
    pub fn open(&mut self, now: Instant, document: &Arc<Document>, visitor: &Visitor, looker: Looker) {
        if self.sheet(now, document).open(&visitor.page, visitor.connection, looker) {
            self.changed_here(now, document);
        }
    }

    /// A page no longer looks at a document. Says nothing of a page that another connection has taken over.
    pub fn close(&mut self, now: Instant, document: &Arc<Document>, visitor: &Visitor) {
        let sheet = self.sheets.get_mut(document);
        if sheet.is_some_and(|sheet| sheet.close(&visitor.page, visitor.connection)) {
            self.changed_here(now, document);
        }
    }

    /// A page no longer looks at a document, whichever of its connections opened it here.
    pub fn close_page(&mut self, now: Instant, document: &Document, page: &PageId) {
        let Some((document, _)) = self.sheets.get_key_value(document) else { return };
        let document = Arc::clone(document);
        if self.sheets.get_mut(&document).is_some_and(|sheet| sheet.close_page(page)) {
            self.changed_here(now, &document);
        }
    }

    /// The connection of a page broke. It counts for the time of grace.
    pub fn gone(&mut self, now: Instant, document: &Arc<Document>, visitor: &Visitor) {
        let until = now + self.rhythm.grace;
        let sheet = self.sheets.get_mut(document);
        if sheet.is_some_and(|sheet| sheet.linger(&visitor.page, visitor.connection, until)) {
            self.changed_here(now, document);
        }
    }

    /// A connection that is in the document's room wants to know who looks, and has the list `seen`.
    pub fn ask(&mut self, now: Instant, document: &Arc<Document>, connection: ConnectionId, seen: Option<String>) {
        let sheet = self.sheet(now, document);
        sheet.ask(connection, seen);
        if !sheet.is_read {
            self.urgent.insert(Arc::clone(document));
        }
        self.look_at(now, document);
    }

    /// Another server says that it changed who looks at a document.
    pub fn changed_elsewhere(&mut self, document: &Document) {
        if let Some((document, _)) = self.sheets.get_key_value(document) {
            self.urgent.insert(Arc::clone(document));
        }
    }

    /// What other servers said may have been lost, and what was said here too.
    pub fn interrupted(&mut self) {
        for (document, sheet) in &mut self.sheets {
            sheet.say_all_again();
            self.urgent.insert(Arc::clone(document));
        }
    }

    /// Says again what would end, when it is time, and forgets documents that nobody here is in the room of.
    pub fn renew(&mut self, now: Instant, has_members: impl Fn(&Document) -> bool) {
        if self.renewal_at.is_none_or(|at| at > now) {
            return;
        }
        // What has ended in the ledger by itself need not be ended there.
        let is_long_alone = self.alone_since.is_some_and(|since| since + self.rhythm.lease < now);
        for sheet in self.sheets.values_mut().filter(|_| is_long_alone) {
            sheet.forget_gone();
        }
        for (document, sheet) in self.sheets.extract_if(|document, sheet| sheet.is_idle() && !has_members(document)) {
            self.urgent.remove(&document);
            if let Some(due) = sheet.due {
                self.due.remove(&(due, document));
            }
        }
        for (document, sheet) in &mut self.sheets {
            sheet.renew();
            self.routine.insert(Arc::clone(document));
        }
        self.renewal_at = (!self.sheets.is_empty()).then(|| now + self.rhythm.renewal);
    }

    /// What is to be said to the ledger now, and what is to be read from it, of this many documents at most.
    pub fn take_updates(&mut self, now: Instant, most: usize) -> Vec<Update> {
        let mut updates = Vec::new();
        if self.retry_at.is_some_and(|at| at > now) {
            return updates;
        }
        while updates.len() < most {
            let Some(document) = self.urgent.pop_first().or_else(|| self.routine.pop_first()) else { break };
            self.routine.remove(&document);
            if let Some(sheet) = self.sheets.get_mut(&document) {
                updates.push(Update { pages: sheet.take_unsaid(now, self.rhythm.lease), document });
            }
        }
        updates
    }

    /// The ledger has taken these updates and holds these entries. Returns whether it had been away.
    pub fn learned(&mut self, now: Instant, updates: &[Update], found: Vec<Vec<Entry>>) -> bool {
        let was_alone = self.alone_since.take().is_some();
        self.retry_at = None;
        if was_alone {
            self.settled_at = Some(now + self.rhythm.renewal + self.rhythm.retry);
            self.interrupted();
        }
        let keep_unknown = self.settled_at.is_some_and(|at| at > now);
        for (Update { document, .. }, entries) in updates.iter().zip(found) {
            if let Some(sheet) = self.sheets.get_mut(document) {
                sheet.learn(now, &self.instance, entries, keep_unknown);
                self.look_at(now, document);
            }
        }
        was_alone
    }

    /// The ledger could not be reached with these updates. Returns whether that is new.
    pub fn failed(&mut self, now: Instant, updates: Vec<Update>) -> bool {
        let is_new = self.alone_since.is_none();
        self.alone_since.get_or_insert(now);
        self.retry_at = Some(now + self.rhythm.retry);
        for Update { document, pages } in updates {
            if let Some(sheet) = self.sheets.get_mut(&document) {
                sheet.unsaid.extend(pages.into_iter().map(|(page, _)| page));
                self.urgent.insert(document);
            }
        }
        // What waited for the ledger is answered without it.
        for document in if is_new { self.urgent.clone() } else { BTreeSet::new() } {
            self.look_at(now, &document);
        }
        is_new
    }

    /// What pages are to be told now.
    pub fn news(&mut self, now: Instant) -> Vec<(Arc<Document>, News)> {
        let mut news = Vec::new();
        while self.due.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, document)) = self.due.pop_first() else { break };
            let Some(sheet) = self.sheets.get_mut(&document) else { continue };
            let told = sheet.look(now, &document, self.alone_since.is_some(), self.rhythm.pace);
            news.extend(told.map(|told| (Arc::clone(&document), told)));
            if !sheet.unsaid.is_empty() {
                self.urgent.insert(Arc::clone(&document));
            }
            self.due.extend(sheet.due.map(|due| (due, document)));
        }
        news
    }

    /// When [`Self::news`] or [`Self::renew`] have something to do next, if nothing happens.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let look = self.due.first().map(|(at, _)| *at);
        look.into_iter().chain(self.renewal_at).min()
    }

    /// When [`Self::take_updates`] has some again, after the ledger could not be reached.
    #[must_use]
    pub fn retry_due(&self) -> Option<Instant> {
        self.retry_at.filter(|_| !self.urgent.is_empty() || !self.routine.is_empty())
    }

    fn sheet(&mut self, now: Instant, document: &Arc<Document>) -> &mut Sheet {
        self.renewal_at.get_or_insert(now + self.rhythm.renewal);
        self.sheets.entry(Arc::clone(document)).or_default()
    }

    fn changed_here(&mut self, now: Instant, document: &Arc<Document>) {
        self.urgent.insert(Arc::clone(document));
        self.look_at(now, document);
    }

    fn look_at(&mut self, now: Instant, document: &Arc<Document>) {
        let Some(sheet) = self.sheets.get_mut(document) else { return };
        if let Some(due) = sheet.due.replace(now) {
            self.due.remove(&(due, Arc::clone(document)));
        }
        self.due.insert((now, Arc::clone(document)));
    }
}

#[cfg(test)]
mod tests;
