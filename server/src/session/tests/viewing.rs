//! Opening and closing documents, as one connection does it.

use std::num::NonZeroU32;
use std::time::Duration;

use realtime::frame::{ClientFrame, Denial, ServerFrame};
use realtime::handlers::Handlers;
use realtime::host::UserType;
use realtime::room::Room;
use tokio::time::sleep;

use super::{Bench, Connected, bench, usual_bench};
use crate::session::SessionLimits;

const SOON: Duration = Duration::from_millis(300);

impl Connected {
    fn open(&mut self, reference: u64, name: &str, away: bool) {
        self.say(&ClientFrame::Open { reference, doctype: "ToDo".into(), name: name.into(), away, seen: None });
    }

    fn close(&mut self, reference: u64, name: &str) {
        self.say(&ClientFrame::Close { reference, doctype: "ToDo".into(), name: name.into() });
    }

    /// The frames that come soon, lists of viewers as their documents, users and who of them is away.
    async fn seen(&mut self) -> Vec<String> {
        self.settle().await;
        sleep(SOON).await;
        let short = |frame: ServerFrame| match frame {
            ServerFrame::Event { event, message, offset: None, .. } if event == "doc_viewers" => {
                let list: serde_json::Value = serde_json::from_str(message.get()).expect("JSON");
                format!("{} {} {}", list["docname"], list["users"], list["away"]).replace('"', "")
            }
            ServerFrame::Joined { reference, .. } => format!("{reference} joined"),
            ServerFrame::Ok { reference, .. } => format!("{} ok", reference.unwrap_or_default()),
            ServerFrame::Denied { reference, denial, .. } => format!("{reference:?} {}", denial.word()),
            other => format!("{other:?}"),
        };
        self.frames().into_iter().map(short).collect()
    }
}

async fn watcher(bench: &Bench) -> Connected {
    let mut watcher = bench.connect(UserType::SystemUser);
    watcher.join(1, "open_doc:ToDo/a");
    assert_eq!(watcher.seen().await, ["1 joined", "a [] []"], "a join looks at nothing");
    watcher
}

const JANE: &str = "a [jane@example.com] []";
const JANE_AWAY: &str = "a [jane@example.com] [jane@example.com]";
const NOBODY: &str = "a [] []";

#[tokio::test(start_paused = true)]
async fn an_open_is_a_join_and_another_one_is_no_new_question() {
    let bench = usual_bench();
    let mut watcher = watcher(&bench).await;
    bench.site.asked();
    let mut page = bench.connect(UserType::SystemUser);
    page.open(1, "a", false);
    assert_eq!(page.seen().await, ["1 joined", JANE]);
    assert_eq!(watcher.seen().await, [JANE]);
    assert_eq!(bench.site.asked(), 1);
    page.open(2, "a", true);
    assert_eq!(page.seen().await, ["2 joined", JANE_AWAY]);
    assert_eq!(watcher.seen().await, [JANE_AWAY]);
    page.open(3, "a", true);
    assert_eq!(page.seen().await, ["3 joined", JANE_AWAY], "who asks is told");
    assert_eq!((watcher.seen().await, bench.site.asked()), (vec![], 0));
    page.close(4, "a");
    assert_eq!(page.seen().await, ["4 ok"], "who left is told nothing more");
    assert_eq!(watcher.seen().await, [NOBODY]);
}

#[tokio::test(start_paused = true)]
async fn closing_one_document_forgets_no_other() {
    let bench = usual_bench();
    let mut watcher = watcher(&bench).await;
    let mut page = bench.connect(UserType::SystemUser);
    for (reference, name) in [(1, "a"), (2, "b"), (3, "b"), (4, "c")] {
        page.open(reference, name, false);
    }
    page.close(5, "c");
    page.close(6, "b");
    page.seen().await;
    assert_eq!(watcher.seen().await, [JANE]);
    drop(page);
    assert!(watcher.seen().await.is_empty(), "for the time of grace");
    sleep(Duration::from_secs(10)).await;
    assert_eq!(watcher.seen().await, [NOBODY], "no ghost");
}

#[tokio::test(start_paused = true)]
async fn leaving_the_room_in_any_way_ends_looking_at_once() {
    let bench = usual_bench();
    let mut watcher = watcher(&bench).await;
    let mut page = bench.connect(UserType::SystemUser);
    page.open(1, "a", false);
    page.seen().await;
    assert_eq!(watcher.seen().await, [JANE]);
    page.say(&ClientFrame::Leave { reference: 2, room: Room::open_doc("ToDo", "a") });
    assert_eq!(page.seen().await, ["2 ok"]);
    assert_eq!(watcher.seen().await, [NOBODY]);

    page.open(3, "a", false);
    page.seen().await;
    assert_eq!(watcher.seen().await, [JANE]);
    bench.site.decide(Ok(Err(Denial::NotPermitted)));
    assert_eq!(page.review().await, None);
    assert_eq!(page.seen().await, ["None not_permitted"]);
    assert_eq!(watcher.seen().await, [NOBODY]);
    page.open(4, "a", false);
    assert_eq!(page.seen().await, ["Some(4) not_permitted"], "it is asked again");
    assert!(watcher.seen().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_said_while_frappe_is_asked_counts() {
    let bench = usual_bench();
    let mut watcher = watcher(&bench).await;
    let mut page = bench.connect(UserType::SystemUser);
    page.open(1, "a", false);
    page.open(2, "a", true);
    page.open(3, "a", false);
    page.open(4, "a", true);
    let mut seen = page.seen().await;
    assert_eq!(seen.pop().as_deref(), Some(JANE_AWAY));
    assert_eq!(watcher.seen().await, [JANE_AWAY], "the last word, whichever answer came last");

    page.close(5, "a");
    page.open(6, "a", false);
    page.close(7, "a");
    let seen = page.seen().await;
    assert!(seen.contains(&"5 ok".to_owned()) && seen.last().is_some_and(|last| last == "7 ok"), "{seen:?}");
    assert_eq!(watcher.seen().await, [NOBODY], "closed before it was opened");
}

#[tokio::test(start_paused = true)]
async fn who_has_the_list_is_not_told_it_again() {
    let bench = usual_bench();
    let mut page = bench.connect(UserType::SystemUser);
    page.open(1, "a", false);
    page.settle().await;
    sleep(SOON).await;
    let version = page.frames().into_iter().find_map(|frame| match frame {
        ServerFrame::Event { message, .. } => {
            let list: serde_json::Value = serde_json::from_str(message.get()).expect("JSON");
            list["version"].as_str().map(str::to_owned)
        }
        _ => None,
    });
    assert!(version.is_some());
    drop(page);
    let mut again = bench.connect(UserType::SystemUser);
    let seen = |seen| ClientFrame::Open { reference: 2, doctype: "ToDo".into(), name: "a".into(), away: false, seen };
    again.say(&seen(version));
    assert_eq!(again.seen().await, ["2 joined"]);
    again.say(&seen(Some("0123456789abcdef".into())));
    assert_eq!(again.seen().await, ["2 joined", JANE]);
    again.say(&seen(Some("x".repeat(60_000))));
    assert_eq!(again.seen().await, ["2 joined", JANE]);
}

#[tokio::test(start_paused = true)]
async fn a_page_with_a_name_of_its_own_goes_on_in_its_next_session() {
    let bench = usual_bench();
    let mut watcher = watcher(&bench).await;
    let mut told = Vec::new();
    for _ in 0..10 {
        let mut page = bench.connect(UserType::SystemUser);
        page.session = page.session.of_page("1f0c9e5d");
        page.open(1, "a", false);
        page.seen().await;
        drop(page);
        told.extend(watcher.seen().await);
        sleep(Duration::from_secs(5)).await;
    }
    assert_eq!(told, [JANE], "told once, though there were ten");
    let mut page = bench.connect(UserType::SystemUser);
    page.session = page.session.of_page("1f0c9e5d");
    page.open(1, "a", false);
    page.close(2, "a");
    page.seen().await;
    page.open(3, "a", false);
    page.seen().await;
    page.close(4, "a");
    page.seen().await;
    assert_eq!(watcher.seen().await.last().map(String::as_str), Some(NOBODY), "closed at once, whoever opened it");
}

#[tokio::test(start_paused = true)]
async fn flipping_is_joining_and_has_the_same_limit() {
    let joins_per_second = NonZeroU32::new(50).expect("not zero");
    let bench = bench(SessionLimits { joins_per_second, ..SessionLimits::WIDE }, Handlers::new());
    let mut page = bench.connect(UserType::SystemUser);
    page.open(0, "a", false);
    page.seen().await;
    for reference in 1..=5_000 {
        page.open(reference, "a", reference % 2 == 0);
    }
    let seen = page.frames();
    let denied = |frame: &&ServerFrame| matches!(frame, ServerFrame::Denied { denial: Denial::TooFast, .. });
    assert!(seen.iter().filter(denied).count() > 4_000, "{}", seen.len());
    assert!(bench.site.asked() <= 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_open_counts_as_a_room() {
    let bench = usual_bench();
    let mut page = bench.connect(UserType::SystemUser);
    for reference in 1..=120 {
        page.open(reference, &reference.to_string(), false);
    }
    let seen = page.seen().await;
    let count = |end: &str| seen.iter().filter(|seen| seen.ends_with(end)).count();
    assert_eq!((count(" joined"), count(" too_many_rooms")), (97, 23));
}
