//! Who looks at a document: by user and not by tab, over all servers beside a bench.
//!
//! [`list`] is what pages see, [`board`] what one server knows and does (pure), [`ledger`] what servers tell each
//! other: [`embedded`] in one process, [`redis`] among several. A page declares that it looks ([`Presence::open`]),
//! closes ([`Presence::close`]), or loses its connection and counts for a time of grace ([`Presence::gone`]).
//! Frappe's own server (FRAPPE 13 to 17) forgets all documents of a connection when one is closed, and keeps
//! ghosts; here each page and document is an entry of its own that ends by itself.

pub mod board;
pub mod embedded;
pub mod ledger;
pub mod list;
pub mod redis;
mod sheet;

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use realtime::frame::ServerFrame;
use realtime::host::Viewer;
use realtime::room::Room;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

pub use self::board::{Board, Rhythm, Visitor};
use self::embedded::{EmbeddedLedger, Shared};
use self::ledger::{Entry, Ledger, Listener, PageId, Update};
use self::list::{DOC_VIEWERS, Document, Looker};
use self::redis::RedisLedger;
pub use self::sheet::{Audience, News};
use crate::engine::{Emitted, Engine, Written};
use crate::hub::ConnectionId;
use crate::queue::NewestOf;
use crate::redis_address::RedisAddress;

/// Documents of one exchange with the ledger.
const DOCUMENTS_AT_A_TIME: usize = 256;
/// The least time between the beginnings of two exchanges: what changes faster is said together.
const BREATH: Duration = Duration::from_millis(10);
/// When there is nothing to do: somebody will say.
const LONG: Duration = Duration::from_hours(24);

/// Who looks at which document, for the connections of this server. Ends with its last owner.
pub struct Presence {
    inner: Arc<Inner>,
    _work: AbortOnDropHandle<()>,
}

struct Inner {
    engine: Arc<Engine>,
    board: Mutex<Board>,
    wake: Notify,
}

impl Presence {
    /// Begins, with what is said to others in this process only. Must be called inside a Tokio runtime.
    #[must_use]
    pub fn embedded(engine: Arc<Engine>, rhythm: Rhythm) -> Self {
        Self::with_shared(engine, rhythm, Arc::default())
    }

    /// Begins, together with all that share the same ledger in this process.
    #[must_use]
    pub fn with_shared(engine: Arc<Engine>, rhythm: Rhythm, shared: Arc<Shared>) -> Self {
        Self::start(engine, rhythm, |instance, listener| Box::new(EmbeddedLedger::new(shared, instance, listener)))
    }

    /// Begins, together with all servers that use this Redis. Must be called inside a Tokio runtime.
    #[must_use]
    pub fn on_redis(engine: Arc<Engine>, rhythm: Rhythm, address: RedisAddress) -> Self {
        Self::start(engine, rhythm, |instance, listener| Box::new(RedisLedger::new(address, instance, listener)))
    }

    fn start(
        engine: Arc<Engine>,
        rhythm: Rhythm,
        ledger: impl FnOnce(&str, Arc<dyn Listener>) -> Box<dyn Ledger>,
    ) -> Self {
        let instance = format!("{:016x}", RandomState::new().hash_one(std::time::Instant::now()));
        let board = Mutex::new(Board::new(instance.clone(), rhythm));
        let inner = Arc::new(Inner { engine, board, wake: Notify::new() });
        let ledger = ledger(&instance, Arc::clone(&inner) as Arc<dyn Listener>);
        let work = tokio::spawn(work(Arc::clone(&inner), ledger));
        Self { inner, _work: AbortOnDropHandle::new(work) }
    }

    /// A page that has no name of its own: it is its connection.
    #[must_use]
    pub fn page_of(&self, connection: ConnectionId) -> PageId {
        PageId::of_server(self.inner.board().instance(), connection)
    }

    /// A page looks at a document, or is another way away.
    pub fn open(&self, document: &Arc<Document>, visitor: &Visitor, viewer: &Viewer, away: bool) {
        let looker = Looker { user: viewer.user.clone(), name: viewer.full_name.clone(), away };
        self.inner.change(|board, now| board.open(now, document, visitor, looker));
    }

    /// Has a connection told who looks at a document, unless it has the list of the version `seen`. It must be in
    /// the document's room already.
    pub fn ask(&self, document: &Arc<Document>, connection: ConnectionId, seen: Option<String>) {
        self.inner.change(|board, now| board.ask(now, document, connection, seen));
    }

    /// A page no longer looks at a document.
    pub fn close(&self, document: &Arc<Document>, visitor: &Visitor) {
        self.inner.change(|board, now| board.close(now, document, visitor));
    }

    /// A page no longer looks at a document, whichever of its connections opened it here.
    pub fn close_page(&self, document: &Document, page: &PageId) {
        self.inner.change(|board, now| board.close_page(now, document, page));
    }

    /// The connection of a page is gone; the page may come back.
    pub fn gone(&self, document: &Arc<Document>, visitor: &Visitor) {
        self.inner.change(|board, now| board.gone(now, document, visitor));
    }
}

/// What a waiting list of viewers is replaced by: a newer one of the same room.
#[must_use]
pub fn newest_of(room: &Room) -> NewestOf {
    NewestOf::new(None, room, DOC_VIEWERS)
}

impl Inner {
    fn board(&self) -> MutexGuard<'_, Board> {
        // Between two of its methods the board is whole.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Board, Instant)) {
        change(&mut self.board(), Instant::now());
        self.wake.notify_one();
    }

    fn tell(&self, news: Vec<(Arc<Document>, News)>) -> Written {
        let mut written = Written::default();
        for (document, News { message, to }) in news {
            let Some(site) = self.engine.site(&document.site) else { continue };
            let (room, event) = (document.room(), DOC_VIEWERS.to_owned());
            let newest_of = newest_of(&room);
            let frame = ServerFrame::Event { room: room.clone(), event, message, offset: None };
            let told = Emitted { text: frame.encode(), newest_of };
            site.tell(&room, &told, |connection| to.holds(connection), &mut written);
        }
        written
    }

    fn has_members(&self, document: &Document) -> bool {
        self.engine.site(&document.site).is_some_and(|site| site.has_members(&document.room()))
    }
}

impl Listener for Inner {
    fn changed(&self, document: &Document) {
        self.change(|board, _| board.changed_elsewhere(document));
    }

    fn interrupted(&self) {
        self.change(|board, _| board.interrupted());
    }
}

type Exchange = (Vec<Update>, Result<Vec<Vec<Entry>>, String>);

/// Tells pages and the ledger what is new, for ever. The ledger may take its time: pages are told meanwhile.
async fn work(inner: Arc<Inner>, ledger: Box<dyn Ledger>) {
    let ledger: Arc<dyn Ledger> = Arc::from(ledger);
    let mut exchange: Option<BoxFuture<'static, Exchange>> = None;
    let mut next_exchange = Instant::now();
    loop {
        let (news, wake_at) = {
            let now = Instant::now();
            let mut board = inner.board();
            board.renew(now, |document| inner.has_members(document));
            let news = board.news(now);
            let mut wake_at = board.due();
            if exchange.is_none() && now < next_exchange {
                wake_at = wake_at.into_iter().chain([next_exchange]).min();
            } else if exchange.is_none() {
                let updates = board.take_updates(now, DOCUMENTS_AT_A_TIME);
                if updates.is_empty() {
                    wake_at = wake_at.into_iter().chain(board.retry_due()).min();
                } else {
                    next_exchange = now + BREATH;
                    let ledger = Arc::clone(&ledger);
                    exchange = Some(Box::pin(async move {
                        let found = ledger.exchange(&updates).await;
                        (updates, found)
                    }));
                }
            }
            (news, wake_at.unwrap_or(now + LONG))
        };
        if !news.is_empty() {
            inner.tell(news).write().await;
        }
        let exchanged = async {
            match &mut exchange {
                Some(exchange) => exchange.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            (updates, found) = exchanged => {
                exchange = None;
                finish(&inner, updates, found);
            }
            () = inner.wake.notified() => {}
            () = sleep_until(wake_at) => {}
        }
    }
}

fn finish(inner: &Inner, updates: Vec<Update>, found: Result<Vec<Vec<Entry>>, String>) {
    let now = Instant::now();
    match found {
        Ok(found) => {
            if inner.board().learned(now, &updates, found) {
                info!("Who looks at documents is shared with the other servers again.");
            }
        }
        Err(problem) => {
            if inner.board().failed(now, updates) {
                warn!(
                    "Who looks at documents is known of this server's own pages only, until Redis is back: {problem}."
                );
            }
        }
    }
}

#[cfg(test)]
impl Presence {
    /// One that tells nobody, for tests of what is around it, with or without a runtime.
    pub(crate) fn for_a_test() -> Self {
        static IDLE: std::sync::LazyLock<tokio::runtime::Runtime> = std::sync::LazyLock::new(|| {
            tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime")
        });
        let _inside = IDLE.enter();
        let engine = Engine::new(&["s".to_owned()], crate::history::HistoryLimits::default());
        Self::embedded(Arc::new(engine), Rhythm::with_grace(Duration::from_secs(10)))
    }
}
