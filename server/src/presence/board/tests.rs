//! Several servers on one ledger against a simple model, under random schedules; and the rules one by one.

mod schedule;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Board, Rhythm, Visitor};
use crate::hub::ConnectionId;
use crate::presence::ledger::{Entries, PageId};
use crate::presence::list::{Document, Looker};
use crate::presence::{Audience, News};

const RHYTHM: Rhythm = Rhythm::with_grace(Duration::from_secs(10));

fn document(name: &str) -> Arc<Document> {
    Arc::new(Document { site: "s".into(), doctype: "ToDo".into(), name: name.into() })
}

fn looker(user: &str, away: bool) -> Looker {
    Looker { user: user.into(), name: user.to_uppercase(), away }
}

fn visitor(number: u64) -> Visitor {
    Visitor { page: PageId::of_server("i", number), connection: ConnectionId(number) }
}

fn users(news: &News) -> Vec<String> {
    let message: serde_json::Value = serde_json::from_str(news.message.get()).expect("JSON");
    serde_json::from_value(message["users"].clone()).expect("texts")
}

/// One server, and a ledger that takes everything.
struct Alone {
    board: Board,
    entries: Entries,
    now: Instant,
}

impl Alone {
    fn new() -> Self {
        Self { board: Board::new("i".into(), RHYTHM), entries: Entries::default(), now: Instant::now() }
    }

    /// Carries out what is due and returns the lists that are told.
    fn settle(&mut self) -> Vec<News> {
        self.board.renew(self.now, |_| true);
        let updates = self.board.take_updates(self.now, 100);
        let found = updates.iter().map(|update| self.entries.apply(self.now, "i", update).0).collect();
        self.board.learned(self.now, &updates, found);
        self.board.news(self.now).into_iter().map(|(_, news)| news).collect()
    }

    fn after(&mut self, time: Duration) -> Vec<News> {
        self.now += time;
        self.settle()
    }
}

#[test]
fn nobody_is_told_before_others_pages_are_read_and_then_once() {
    let mut alone = Alone::new();
    let document = document("a");
    alone.board.open(alone.now, &document, &visitor(1), looker("jane", false));
    alone.board.ask(alone.now, &document, ConnectionId(1), None);
    assert!(alone.board.news(alone.now).is_empty());
    let news = alone.settle();
    assert_eq!((news.len(), users(&news[0])), (1, vec!["jane".to_owned()]));
    assert_eq!(news[0].to, Audience::AllBut(vec![]));
    assert!(alone.settle().is_empty());
    let version: serde_json::Value = serde_json::from_str(news[0].message.get()).expect("JSON");
    let version = version["version"].as_str().expect("text").to_owned();

    alone.board.open(alone.now, &document, &visitor(2), looker("jane", false));
    alone.board.ask(alone.now, &document, ConnectionId(2), Some("of before".into()));
    let news = alone.settle();
    assert_eq!(news.iter().map(|news| &news.to).collect::<Vec<_>>(), [&Audience::Only(vec![ConnectionId(2)])]);
    alone.board.ask(alone.now, &document, ConnectionId(2), Some(version));
    assert!(alone.settle().is_empty(), "it has seen this list");
}

#[test]
fn a_user_who_flips_is_told_ten_times_a_second_and_the_last_word_counts() {
    let mut alone = Alone::new();
    let document = document("a");
    alone.board.open(alone.now, &document, &visitor(1), looker("jane", false));
    alone.settle();
    let mut told = Vec::new();
    for flip in 1..=201 {
        alone.now += Duration::from_millis(5);
        alone.board.open(alone.now, &document, &visitor(1), looker("jane", flip % 2 == 1));
        told.extend(alone.settle());
    }
    told.extend(alone.after(Duration::from_secs(1)));
    assert!((8..=12).contains(&told.len()), "{}", told.len());
    assert!(told.last().expect("some").message.get().contains(r#""away":["jane"]"#));
}

#[test]
fn what_ended_is_forgotten_with_or_without_a_ledger() {
    let mut alone = Alone::new();
    for name in 0..1_000 {
        let document = document(&name.to_string());
        alone.board.open(alone.now, &document, &visitor(name), looker("jane", false));
        alone.board.ask(alone.now, &document, ConnectionId(name), None);
        let updates = alone.board.take_updates(alone.now, 100);
        alone.board.failed(alone.now, updates);
        alone.board.news(alone.now);
        alone.board.gone(alone.now, &document, &visitor(name));
    }
    assert!(alone.board.is_alone());
    for _ in 0..20 {
        alone.now += RHYTHM.renewal;
        alone.board.renew(alone.now, |_| false);
        alone.board.news(alone.now);
    }
    assert_eq!((alone.board.sheets.len(), alone.board.due.len(), alone.board.urgent.len()), (0, 0, 0));
    assert_eq!(alone.board.due(), None);
}

#[test]
fn the_end_of_the_grace_is_no_later_than_it_is_due() {
    let mut alone = Alone::new();
    let document = document("a");
    for number in [1, 2] {
        alone.board.open(alone.now, &document, &visitor(number), looker(&format!("u{number}"), false));
    }
    alone.settle();
    alone.board.gone(alone.now, &document, &visitor(1));
    assert!(alone.settle().is_empty());
    let ends = alone.now + RHYTHM.grace;
    while alone.board.due().expect("something") < ends {
        let due = alone.board.due().expect("something");
        assert!(alone.after(due - alone.now).is_empty(), "not before");
    }
    assert_eq!(alone.board.due(), Some(ends));
    let told = alone.after(ends - alone.now);
    assert_eq!(told.iter().map(users).collect::<Vec<_>>(), [["u2"]]);
}

#[test]
fn another_connection_of_the_same_page_takes_it_over() {
    let mut alone = Alone::new();
    let document = document("a");
    let page = PageId::named("jane", "p");
    let (first, second) = [1, 2].map(|number| Visitor { page: page.clone(), connection: ConnectionId(number) }).into();
    alone.board.open(alone.now, &document, &first, looker("jane", false));
    alone.board.open(alone.now, &document, &second, looker("jane", false));
    alone.settle();
    alone.board.gone(alone.now, &document, &first);
    alone.board.close(alone.now, &document, &first);
    assert!(alone.after(Duration::from_mins(1)).is_empty(), "the first says nothing of it any more");
    alone.board.close(alone.now, &document, &second);
    assert_eq!(alone.settle().iter().map(users).collect::<Vec<_>>(), [Vec::<String>::new()]);
}
