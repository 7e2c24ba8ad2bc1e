//! What pages tell each other, and ask of handlers.

use std::num::NonZeroU32;

use realtime::handlers::{Context, Handlers, Refused};
use realtime::host::UserType;
use realtime::room::Room;
use tokio::time::Instant;

use super::{bench, usual_bench};
use crate::session::SessionLimits;

#[tokio::test]
async fn the_others_in_a_room_hear_who_emits_and_the_emitter_does_not() {
    let bench = usual_bench();
    let (mut first, second) = (bench.connect(UserType::SystemUser), bench.connect(UserType::WebsiteUser));
    first.emit(1, Some("website"), "typing", r#"{"field": "x"}"#);
    assert_eq!(first.answers(), ["1 ok"]);
    assert_eq!(second.answers(), [r#"jane@example.com emitted website typing {"field": "x"}"#]);
    first.emit(2, Some("all"), "typing", "1");
    assert_eq!((first.answers(), second.answers()), (vec!["2 ok".to_owned()], vec![]), "not everybody is there");
}

#[tokio::test]
async fn nothing_is_emitted_where_one_is_not() {
    let bench = usual_bench();
    let other = bench.connect(UserType::SystemUser);
    let mut page = bench.connect(UserType::WebsiteUser);
    for room in ["all", "user:Administrator", "doc:ToDo/x", "board", "", "open_doc:ToDo/x"] {
        page.emit(1, Some(room), "typing", "1");
        assert_eq!(page.answers(), ["1 error not_joined"], "{room}");
    }
    page.emit(2, Some("website"), "typing", &format!("\"{}\"", "x".repeat(9000)));
    assert_eq!(page.answers(), ["2 error too_large"]);
    page.emit(2, Some("website"), &"e".repeat(141), "1");
    assert_eq!(page.answers(), ["2 error too_large"], "a name has no more room than a message");
    let mut guest = bench.connect(UserType::Guest);
    guest.emit(3, Some("website"), "typing", "1");
    assert_eq!(guest.answers(), ["3 error not_here"]);
    assert!(other.answers().is_empty());
}

#[tokio::test]
async fn who_emits_too_fast_is_told() {
    let emits_per_second = NonZeroU32::new(5).expect("not zero");
    let bench = bench(SessionLimits { emits_per_second, ..SessionLimits::WIDE }, Handlers::new());
    let other = bench.connect(UserType::SystemUser);
    let mut page = bench.connect(UserType::SystemUser);
    for reference in 1..=100 {
        page.emit(reference, Some("website"), "cursor", "1");
    }
    let answers = page.answers();
    let refused = answers.iter().filter(|answer| answer.ends_with(" error too_fast")).count();
    assert!((80..=95).contains(&refused) && answers.len() == 100, "{answers:?}");
    assert_eq!(other.answers().len(), 100 - refused);
}

#[tokio::test]
async fn a_user_has_one_voice_over_all_connections() {
    let emits_per_second = NonZeroU32::new(5).expect("not zero");
    let bench = bench(SessionLimits { emits_per_second, ..SessionLimits::WIDE }, Handlers::new());
    let other = bench.connect(UserType::SystemUser);
    let mut said = 0;
    for _ in 0..20 {
        let mut page = bench.connect(UserType::WebsiteUser);
        page.emit(1, Some("website"), "cursor", "1");
        said += usize::from(page.answers().last().is_some_and(|answer| answer == "1 ok"));
    }
    assert!((5..=10).contains(&said), "{said}");
    assert_eq!(other.answers().len(), said);
}

#[tokio::test]
async fn a_handler_answers_the_one_who_asks() {
    let begun = Instant::now();
    let handlers = Handlers::new()
        .on("add", |context: Context, (a, b): (i64, i64)| async move {
            context.publish(&Room::Website, "added", &(a + b));
            Ok::<_, Refused>(format!("{}: {}", context.viewer().user, a + b))
        })
        .on("refuse", |_: Context, (): ()| async { Err::<(), _>(Refused::because("Not today.")) })
        .on("panic", move |_: Context, (): ()| async move {
            assert!(Instant::now() < begun, "a handler's own fault");
            Ok::<_, Refused>(())
        });
    let bench = bench(SessionLimits::WIDE, handlers);
    let mut page = bench.connect(UserType::Guest);
    page.emit(1, None, "add", "[1, 2]");
    page.settle().await;
    assert_eq!(page.answers(), [r#"1 answer "jane@example.com: 3""#]);
    for (event, message, answer) in [
        ("add", "{}", "2 error bad_message"),
        ("refuse", "null", "2 error refused"),
        ("panic", "null", "2 error refused"),
        ("nothing", "null", "2 error no_handler"),
    ] {
        page.emit(2, None, event, message);
        page.settle().await;
        assert_eq!(page.answers(), [answer], "{event}");
    }
}
