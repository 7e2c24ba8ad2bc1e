//! What the servers beside one bench tell each other of their pages: an entry for each page and document, which
//! ends by itself unless it is renewed.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::list::{Document, Looker};

/// The longest text of a page's own that names it, in bytes.
const NAME_BYTES: usize = 64;

/// Names a page among all servers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PageId(Arc<str>);

impl PageId {
    /// A page that chose its name itself. The user stands before it, so that nobody can speak for another
    /// user's page; of a long name only the beginning counts.
    #[must_use]
    pub fn named(user: &str, name: &str) -> Self {
        let end = name.floor_char_boundary(NAME_BYTES);
        // The length keeps the two apart, whatever is in them.
        Self(format!("{}:{user}:{}", user.len(), &name[..end]).into())
    }

    /// A page of a server, which counts them.
    #[must_use]
    pub fn of_server(instance: &str, number: impl fmt::Display) -> Self {
        Self(format!("{instance}-{number}").into())
    }

    /// A page that somebody else named.
    pub(super) fn read(text: &str) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a server says of one of its pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It looks at the document, for so long if it is not said again. It may have been another server's before.
    Here(Looker, Duration),
    /// Its connection broke: it still counts for so long, unless it has come back, to any server.
    Lingers(Looker, Duration),
    /// It no longer looks, unless it does so through another server.
    Gone,
}

/// What a server says of one document; nothing, where it only wants to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The document.
    pub document: Arc<Document>,
    /// Its pages.
    pub pages: Vec<(PageId, Said)>,
}

/// A page that looks at a document, as it stands in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The page.
    pub page: PageId,
    /// The server that said so.
    pub instance: String,
    /// Who looks.
    pub looker: Looker,
    /// Its connection is gone.
    pub lingers: bool,
    /// For how long it stands, from now on.
    pub remaining: Duration,
}

/// Where the entries are kept.
pub trait Ledger: Send + Sync + 'static {
    /// Writes what is said, tells the other servers where a list may have changed, and returns for each update
    /// all entries of its document.
    ///
    /// # Errors
    /// A sentence; how much was written is not known then.
    fn exchange<'a>(&'a self, updates: &'a [Update]) -> BoxFuture<'a, Result<Vec<Vec<Entry>>, String>>;
}

/// A server, as others tell it what happened.
pub trait Listener: Send + Sync + 'static {
    /// Another server may have changed who looks at a document.
    fn changed(&self, document: &Document);

    /// Such news may have been lost before this moment.
    fn interrupted(&self);
}

/// The entries themselves. Pure: the moment comes as an argument. Redis does the same in a script.
#[derive(Debug, Default)]
pub struct Entries {
    documents: HashMap<Arc<Document>, BTreeMap<PageId, Row>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Row {
    instance: String,
    looker: Looker,
    lingers: bool,
    until: Instant,
}

impl Entries {
    /// Does what [`Ledger::exchange`] does for one document. Says whether the other servers must hear of it.
    pub fn apply(&mut self, now: Instant, instance: &str, update: &Update) -> (Vec<Entry>, bool) {
        let rows = self.documents.entry(Arc::clone(&update.document)).or_default();
        let before = rows.len();
        rows.retain(|_, row| row.until > now);
        let mut is_news = rows.len() != before;
        for (page, said) in &update.pages {
            let known = rows.get(page);
            let is_own = known.is_some_and(|row| row.instance == instance);
            let is_free = is_own || known.is_none();
            let (looker, life, lingers) = match said {
                Said::Here(looker, life) => (looker, *life, false),
                Said::Lingers(looker, life) if is_free => (looker, *life, true),
                Said::Gone if is_own => {
                    rows.remove(page);
                    is_news = true;
                    continue;
                }
                Said::Lingers(..) | Said::Gone => continue,
            };
            let instance = instance.to_owned();
            let row = Row { instance, looker: looker.clone(), lingers, until: now + life };
            let known = rows.insert(page.clone(), row);
            is_news |= known.is_none_or(|known| {
                let Row { instance, looker, lingers, .. } = &rows[page];
                (&known.instance, &known.looker, &known.lingers) != (instance, looker, lingers)
            });
        }
        let entry = |(page, row): (&PageId, &Row)| Entry {
            page: page.clone(),
            instance: row.instance.clone(),
            looker: row.looker.clone(),
            lingers: row.lingers,
            remaining: row.until - now,
        };
        let entries: Vec<Entry> = rows.iter().map(entry).collect();
        if entries.is_empty() {
            self.documents.remove(&update.document);
        }
        (entries, is_news)
    }
}

#[cfg(test)]
mod tests {
    use super::PageId;

    #[test]
    fn nobody_names_another_users_page() {
        assert_ne!(PageId::named("a", "b:c"), PageId::named("a:b", "c"));
        assert_ne!(PageId::named("jane", "p"), PageId::named("ravi", "p"));
        assert_ne!(PageId::named("jane", "p"), PageId::of_server("jane", "p"));
        let long = "ü".repeat(10_000);
        assert_eq!(PageId::named("jane", &long).as_str().len(), "4:jane:".len() + 64);
    }
}
