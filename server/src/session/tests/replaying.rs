//! What a session is told of rooms whose past it is still being sent, when the count begins anew meanwhile.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use realtime::frame::{ClientFrame, ServerFrame};
use realtime::host::UserType;
use realtime::position::Position;
use realtime::room::Room;
use tokio::time::sleep;

use super::{Bench, usual_bench};
use crate::engine::Written;
use crate::queue::{Queue, QueueLimits};
use crate::session::{Paces, Session, SessionLimits, Standing};
use crate::site::scripted::jane;
use crate::site::{Caller, Credential};

/// A session whose frames are taken, as that of a poll.
struct Taken {
    session: Session,
    queue: Arc<Queue>,
}

impl Taken {
    fn of(bench: &Bench, frames: usize) -> Self {
        let queue = Arc::new(Queue::to_take(QueueLimits { frames, bytes: 1 << 20 }));
        let caller = Caller { viewer: jane(UserType::SystemUser), credential: Credential::Session("0123".into()) };
        let (parts, site) = (Arc::clone(&bench.parts), Arc::clone(bench.engine.default_site()));
        let paces = Arc::new(Paces::new(&SessionLimits::WIDE));
        let session = Session::silent(parts, site, caller, bench.engine.new_connection(), Arc::clone(&queue), paces);
        Self { session, queue }
    }

    fn frames(&self) -> Vec<ServerFrame> {
        let frame =
            |text: &bytes::Bytes| ServerFrame::parse(std::str::from_utf8(text).expect("text")).expect("a frame");
        self.queue.take().iter().map(frame).collect()
    }

    fn offsets(&self) -> Vec<u64> {
        let offset = |frame: ServerFrame| if let ServerFrame::Event { offset, .. } = frame { offset } else { None };
        self.frames().into_iter().filter_map(offset).collect()
    }

    async fn settle(&mut self) {
        while self.session.awaits_standing() {
            let done = self.session.progress().await;
            assert_eq!(self.session.finish(done), None);
        }
    }
}

fn join(room: Room, since: Option<Position>) -> String {
    ClientFrame::Join { reference: 1, room, since, latest: Vec::new(), token: None }.encode()
}

fn open() -> String {
    ClientFrame::Open { reference: 1, doctype: "ToDo".into(), name: "a".into(), away: false, seen: None }.encode()
}

fn resume(bench: &Bench, adopted: &HashMap<String, Position>) {
    let mut written = Written::default();
    bench.engine.resume(adopted, 0, &mut written);
    written.write_now();
}

/// The gap took the room from those to be caught up, and nothing brought the page into it: it heard no more.
#[tokio::test]
async fn a_room_that_is_being_replayed_when_a_new_epoch_begins_is_still_joined() {
    let bench = usual_bench();
    let start = bench.engine.default_site().position();
    for _ in 0..50 {
        bench.publish("website", "e");
    }
    let mut page = Taken::of(&bench, 10);
    assert_eq!(page.session.receive(&join(Room::Website, Some(start))), None);
    assert!(page.session.is_behind() && !page.offsets().is_empty());
    resume(&bench, &HashMap::new());
    assert_eq!(page.session.receive(r#"{"type":"ping"}"#), None);
    let told = page.frames();
    assert!(matches!(&told[..], [ServerFrame::Gap { .. }, ServerFrame::Ok { .. }]), "{told:?}");
    bench.publish("website", "e");
    page.session.catch_up();
    assert!(!page.session.is_behind());
    bench.publish("website", "e");
    assert_eq!(page.offsets(), [51, 52]);
}

/// The floor of the old count is above all of a count that begins lower: what was turned away was promised.
#[tokio::test]
async fn what_a_full_queue_turned_away_is_not_promised_in_a_count_that_begins_lower() {
    let bench = usual_bench();
    for _ in 0..50 {
        bench.publish("website", "e");
    }
    let mut page = Taken::of(&bench, 4);
    assert_eq!(page.session.receive(&join(Room::Website, None)), None);
    resume(&bench, &HashMap::from([("s".to_owned(), Position::new("of-others", 3))]));
    for _ in 0..10 {
        bench.publish("website", "e");
    }
    page.session.pong(None);
    let frames = page.frames();
    let last = frames.iter().rev().find_map(|frame| match frame {
        ServerFrame::Event { offset, .. } => *offset,
        _ => None,
    });
    let Some(ServerFrame::Ok { position, .. }) = frames.last() else { panic!("{frames:?}") };
    assert!(last < Some(13), "{frames:?}");
    assert!(Some(position.offset) <= last, "{frames:?}");
}

/// The document's `open` brought the room on to now, past what its `join` had not been sent.
#[tokio::test]
async fn who_listens_in_the_room_of_a_document_and_looks_at_it_misses_nothing_there() {
    let bench = usual_bench();
    let room = Room::open_doc("ToDo", "a");
    let start = bench.engine.default_site().position();
    for _ in 0..20 {
        bench.publish("open_doc:ToDo/a", "e");
    }
    for standing in [[join(room.clone(), Some(start.clone())), open()], [open(), join(room, Some(start))]] {
        let mut page = Taken::of(&bench, 10);
        for frame in standing {
            page.session.stand(Standing::read(&frame).expect("a standing frame"));
        }
        page.settle().await;
        let mut offsets = page.offsets();
        while page.session.is_behind() {
            page.session.catch_up();
            offsets.extend(page.offsets());
        }
        offsets.dedup();
        assert_eq!(offsets, (1..=20).collect::<Vec<_>>());
    }
}

/// It is closed with the poll after the one that opened it, whether or not that has ended.
#[tokio::test(start_paused = true)]
async fn a_page_that_polls_closes_what_its_earlier_poll_opened_at_once() {
    let bench = usual_bench();
    let mut watcher = bench.connect(UserType::SystemUser);
    watcher.join(1, "open_doc:ToDo/a");
    watcher.settle().await;
    let newest_list = async || {
        sleep(Duration::from_millis(300)).await;
        let mut lists = watcher.frames().into_iter().filter_map(|frame| match frame {
            ServerFrame::Event { message, .. } => Some(message.get().contains(r#""users":["jane@example.com"]"#)),
            _ => None,
        });
        lists.next_back()
    };
    newest_list().await;
    for has_ended in [true, false] {
        let poll = || {
            let Taken { session, queue } = Taken::of(&bench, 10);
            Taken { session: session.of_page("1f0c9e5d"), queue }
        };
        let mut first = poll();
        first.session.stand(Standing::read(&open()).expect("a standing frame"));
        first.settle().await;
        assert_eq!(newest_list().await, Some(true));
        let mut first = Some(first);
        if has_ended {
            first.take();
        }
        let mut second = poll();
        let close = ClientFrame::Close { reference: 2, doctype: "ToDo".into(), name: "a".into() };
        assert_eq!(second.session.receive(&close.encode()), None);
        assert_eq!(newest_list().await, Some(false), "the first has ended: {has_ended}");
        drop(first);
        assert_eq!(newest_list().await, None);
    }
}
