//! Both ledgers of viewers, in the process and in a real Redis, do the same.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use server::presence::embedded::{EmbeddedLedger, Shared};
use server::presence::ledger::{Entry, Ledger, Listener, PageId, Said, Update};
use server::presence::list::{Document, Looker};
use server::presence::redis::RedisLedger;
use server::redis_address::RedisAddress;
use tokio::time::{sleep, timeout};

use crate::support::PATIENCE;
use crate::support::redis::Redis;

const SERVERS: [&str; 2] = ["0000000000000001", "0000000000000002"];

/// What one server hears.
#[derive(Default)]
struct Heard {
    changed: Mutex<Vec<String>>,
    interrupted: Mutex<usize>,
}

impl Listener for Heard {
    fn changed(&self, document: &Document) {
        self.changed
            .lock()
            .expect("no panic")
            .push(format!("{}|{}|{}", document.site, document.doctype, document.name));
    }

    fn interrupted(&self) {
        *self.interrupted.lock().expect("no panic") += 1;
    }
}

/// Two servers on one ledger.
struct Pair {
    ledgers: [Box<dyn Ledger>; 2],
    heard: [Arc<Heard>; 2],
}

impl Pair {
    fn embedded() -> Self {
        let shared = Arc::new(Shared::default());
        Self::of(|server, heard| Box::new(EmbeddedLedger::new(Arc::clone(&shared), server, heard)))
    }

    async fn on(redis: &Redis) -> Self {
        let address = RedisAddress::parse(&redis.url()).expect("an address");
        let pair = Self::of(|server, heard| Box::new(RedisLedger::new(address.clone(), server, heard)));
        until("both to listen", || pair.heard.iter().all(|heard| *heard.interrupted.lock().expect("no panic") == 1))
            .await;
        pair
    }

    fn of(ledger: impl Fn(&str, Arc<dyn Listener>) -> Box<dyn Ledger>) -> Self {
        let heard = [Arc::new(Heard::default()), Arc::new(Heard::default())];
        let ledgers = [0, 1].map(|server: usize| {
            let listener = Arc::clone(&heard[server]) as Arc<dyn Listener>;
            ledger(SERVERS[server], listener)
        });
        Self { ledgers, heard }
    }

    /// Exchanges, and returns what is there: all but how long it stands, which takes the test's time.
    async fn exchange(&self, server: usize, update: &Update) -> Vec<(PageId, String, Looker)> {
        let found = self.ledgers[server].exchange(std::slice::from_ref(update)).await.expect("it is there");
        let [entries] = <[Vec<Entry>; 1]>::try_from(found).expect("one document");
        let mut entries: Vec<_> = entries.into_iter().map(|entry| (entry.page, entry.instance, entry.looker)).collect();
        entries.sort_by(|one, other| one.0.cmp(&other.0));
        entries
    }

    fn heard(&self) -> [Vec<String>; 2] {
        [0, 1].map(|server: usize| self.heard[server].changed.lock().expect("no panic").clone())
    }
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waited = timeout(PATIENCE, async {
        while !is_so() {
            sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "waited in vain for {what}");
}

/// Numbers that look random and come again with their seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn update(numbers: &mut Numbers) -> Update {
    let names = ["a", "b/c", "ü :\n\"\u{0}"];
    let name = names[usize::try_from(numbers.below(3)).expect("below three")];
    let document = Document { site: "s".into(), doctype: "To Do".into(), name: name.into() };
    let pages = (0..numbers.below(3)).map(|_| {
        let number = numbers.below(4);
        let user = ["jane@example.com", "Gu\"est ü"][usize::from(number > 1)].to_owned();
        let looker = Looker { name: user.to_uppercase(), user, away: numbers.below(2) == 0 };
        let life = Duration::from_mins(1);
        let said = match numbers.below(4) {
            0 | 1 => Said::Here(looker, life),
            2 => Said::Lingers(looker, life),
            _ => Said::Gone,
        };
        (PageId::named("u", &number.to_string()), said)
    });
    Update { pages: pages.collect(), document: Arc::new(document) }
}

#[tokio::test]
async fn both_ledgers_do_the_same() {
    let redis = Redis::start();
    let (embedded, shared) = (Pair::embedded(), Pair::on(&redis).await);
    let seed = RandomState::new().hash_one(0_u8);
    let mut numbers = Numbers(seed);
    for step in 0..600 {
        let (server, update) = (usize::from(numbers.below(2) == 0), update(&mut numbers));
        let found = embedded.exchange(server, &update).await;
        assert_eq!(shared.exchange(server, &update).await, found, "seed {seed}, step {step}: {server} {update:?}");
    }
    until("the same news", || shared.heard() == embedded.heard()).await;
    assert!(embedded.heard().iter().all(|heard| heard.len() > 50), "seed {seed}");
}

#[tokio::test]
async fn what_is_not_said_again_ends_by_itself() {
    let redis = Redis::start();
    for pair in [Pair::embedded(), Pair::on(&redis).await] {
        let document = Arc::new(Document { site: "s".into(), doctype: "ToDo".into(), name: "a".into() });
        let looker = Looker { user: "jane".into(), name: "Jane".into(), away: false };
        let says = |page: &str, said| Update {
            document: Arc::clone(&document),
            pages: vec![(PageId::named("jane", page), said)],
        };
        let reads = Update { document: Arc::clone(&document), pages: Vec::new() };
        let (short, long) = (Duration::from_millis(300), Duration::from_mins(1));
        pair.exchange(0, &says("short", Said::Here(looker.clone(), short))).await;
        pair.exchange(0, &says("long", Said::Here(looker.clone(), short))).await;
        pair.exchange(0, &says("long", Said::Here(looker.clone(), long))).await;
        assert_eq!(pair.exchange(1, &reads).await.len(), 2);
        until("two news", || pair.heard()[1].len() == 2).await;
        sleep(Duration::from_millis(350)).await;
        assert_eq!(pair.exchange(1, &reads).await.len(), 1);
        until("the news of the end", || pair.heard()[0].len() == 1).await;
        let remaining = pair.ledgers[1].exchange(std::slice::from_ref(&reads)).await.expect("it is there");
        assert!((50..=60).contains(&remaining[0][0].remaining.as_secs()), "{remaining:?}");
        assert!(pair.exchange(0, &says("long", Said::Gone)).await.is_empty());
    }
    let mut line = redis::Client::open(redis.url()).and_then(|client| client.get_connection()).expect("it runs");
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut line).expect("an answer");
    assert!(keys.is_empty(), "{keys:?}");
}

#[tokio::test]
async fn a_redis_that_is_away_is_an_error_and_its_return_is_heard() {
    let mut redis = Redis::start();
    let pair = Pair::on(&redis).await;
    let document = Arc::new(Document { site: "s".into(), doctype: "ToDo".into(), name: "a".into() });
    let reads = [Update { document, pages: Vec::new() }];
    assert!(pair.ledgers[0].exchange(&reads).await.is_ok());
    redis.kill();
    assert!(pair.ledgers[0].exchange(&reads).await.is_err());
    let _redis = redis.restart();
    until("both to listen again", || pair.heard.iter().all(|heard| *heard.interrupted.lock().expect("no panic") == 2))
        .await;
    assert!(pair.ledgers[0].exchange(&reads).await.is_ok(), "the script is there again, too");
}
