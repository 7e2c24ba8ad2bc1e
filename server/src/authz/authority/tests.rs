use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use realtime::frame::{Denial, Trouble};
use realtime::host::{UserType, Viewer};
use realtime::room::Room;
use tokio::time::sleep;

use super::{Authority, AuthorityParts};
use crate::authz::{Decision, Refusal};
use crate::seal::Sealer;
use crate::site::scripted::{ScriptedSite, jane};
use crate::site::{AskError, Caller, Credential, Site, Subject};

fn caller() -> Caller {
    Caller { viewer: jane(UserType::SystemUser), credential: Credential::Session("0123".into()) }
}

fn note() -> Subject {
    Subject { doctype: "Note".into(), name: Some("x".into()) }
}

fn authority_of(site: &Arc<ScriptedSite>, open_tasks: bool) -> Authority {
    Authority::new(AuthorityParts {
        site: Arc::clone(site) as Arc<dyn Site>,
        sealer: Arc::new(Sealer::new(&[])),
        rules: vec!["board=system-users".parse().expect("a rule")],
        open_tasks,
        kept_for: Duration::from_millis(100),
    })
}

#[test]
fn what_needs_no_question_is_decided_by_the_kind_of_room_and_user() {
    use Denial::{BadRoom, NoRule, NotYours, SystemUsersOnly, TaskNotGiven};
    use UserType::{Guest, SystemUser, WebsiteUser};
    let authority = authority_of(&ScriptedSite::new(Ok(Ok(()))), false);
    let long = "x".repeat(501);
    for (room, [guest, website, system]) in [
        ("website", [None; 3]),
        ("user:jane@example.com", [None; 3]),
        ("all", [Some(SystemUsersOnly), Some(SystemUsersOnly), None]),
        ("user:Administrator", [Some(NotYours); 3]),
        ("user:jane@example.com ", [Some(NotYours); 3]),
        ("user:", [Some(BadRoom); 3]),
        ("task_progress:k3f9a", [Some(TaskNotGiven); 3]),
        ("task_progress:", [Some(BadRoom); 3]),
        ("board", [Some(NoRule), Some(NoRule), None]),
        ("boards", [Some(NoRule); 3]),
        ("All", [Some(NoRule); 3]),
        ("../all", [Some(NoRule); 3]),
        ("doc:no name", [Some(BadRoom); 3]),
        ("", [Some(BadRoom); 3]),
        ("doc:ToDo/", [Some(BadRoom); 3]),
        ("doc:/x", [Some(BadRoom); 3]),
        ("doctype: ", [Some(BadRoom); 3]),
        (&*format!("doctype:{long}"), [Some(BadRoom); 3]),
        (&*long, [Some(BadRoom); 3]),
    ] {
        for (user_type, denial) in [(Guest, guest), (WebsiteUser, website), (SystemUser, system)] {
            let decision = authority.decide(&jane(user_type), Room::parse(room), None);
            match (&decision, denial) {
                (Decision::Granted(grant), None) => assert_eq!(*grant.room(), Room::parse(room)),
                (Decision::Denied(got), Some(denial)) => assert_eq!(*got, denial, "{room} {user_type:?}"),
                _ => panic!("{room} {user_type:?}: {decision:?}, not {denial:?}"),
            }
        }
    }
}

#[test]
fn documents_and_doctypes_are_frappes_to_decide() {
    let authority = authority_of(&ScriptedSite::new(Ok(Ok(()))), false);
    for (room, doctype, name) in [
        ("doc:Sales Invoice/INV/2026:ü 😀..", "Sales Invoice", Some("INV/2026:ü 😀..")),
        ("open_doc:Note/x", "Note", Some("x")),
        ("doctype:Sales Invoice", "Sales Invoice", None),
    ] {
        let decision = authority.decide(&jane(UserType::Guest), Room::parse(room), None);
        let subject = Subject { doctype: doctype.into(), name: name.map(str::to_owned) };
        assert_eq!(decision, Decision::Ask(subject));
    }
}

#[test]
fn a_task_is_for_whom_it_was_given_to() {
    let authority = authority_of(&ScriptedSite::new(Ok(Ok(()))), false);
    let given_to = jane(UserType::WebsiteUser);
    let token = authority.task_token(&given_to, "k3f9a");
    let joins = |viewer: &Viewer, task: &str, token: &str| {
        matches!(authority.decide(viewer, Room::task(task), Some(token)), Decision::GivenByToken(_))
    };
    assert!(joins(&given_to, "k3f9a", &token));
    assert!(!joins(&given_to, "other", &token));
    assert!(!joins(&Viewer { user: "ravi@example.com".into(), ..given_to.clone() }, "k3f9a", &token));
    assert!(!joins(&Viewer { site: "s2".into(), ..given_to.clone() }, "k3f9a", &token));
    assert!(!joins(&given_to, "k3f9a", "forged"));

    let open = authority_of(&ScriptedSite::new(Ok(Ok(()))), true);
    let decide = |user_type| open.decide(&jane(user_type), Room::task("k3f9a"), None);
    assert!(matches!(decide(UserType::SystemUser), Decision::Granted(_)));
    assert_eq!(decide(UserType::WebsiteUser), Decision::Denied(Denial::TaskNotGiven));
}

#[tokio::test]
async fn equal_questions_are_asked_once_and_the_answer_is_kept_for_a_short_time() {
    for verdict in [Ok(()), Err(Denial::NotPermitted)] {
        let site = ScriptedSite::new(Ok(verdict));
        let authority = authority_of(&site, false);
        let caller = caller();
        let ask = || authority.ask(&caller, Room::doc("Note", "x"), note());
        let answers = join_all((0..50).map(|_| ask())).await;
        let expected = verdict.map_err(Refusal::Denied);
        assert!(answers.iter().all(|answer| answer.as_ref().map(|_| ()).map_err(Clone::clone) == expected));
        assert_eq!(site.asked(), 1, "fifty at once");
        let _ = ask().await;
        assert_eq!(site.asked(), 0, "kept");
        sleep(Duration::from_millis(150)).await;
        let _ = ask().await;
        assert_eq!(site.asked(), 1, "no longer kept");
    }
}

/// A page that kept its connection busy held the answer back from everybody who had asked the same.
#[tokio::test]
async fn who_asked_first_and_looks_away_holds_nobody_up() {
    let site = ScriptedSite::new(Ok(Ok(())));
    let authority = authority_of(&site, false);
    let caller = caller();
    let ask = || authority.ask(&caller, Room::doc("Note", "x"), note());
    let mut first = Box::pin(ask());
    assert!(futures_util::poll!(&mut first).is_pending());
    let second = tokio::time::timeout(Duration::from_secs(5), ask()).await.expect("an answer");
    assert!(second.is_ok());
    assert_eq!(site.asked(), 1);
    drop(first);
}

/// A question that was under way brought a signed-out session back.
#[tokio::test]
async fn an_answer_from_before_a_sign_out_does_not_count() {
    let site = ScriptedSite::new(Ok(Ok(())));
    let authority = authority_of(&site, false);
    let caller = caller();
    let asking = authority.identify("s", &caller.credential);
    let signing_out = async {
        sleep(Duration::from_millis(5)).await;
        authority.forget("s", &caller.credential).await;
    };
    let (asked, ()) = futures_util::join!(asking, signing_out);
    assert_eq!(asked, Err(AskError::SessionExpired));
    assert_eq!(authority.identify("s", &caller.credential).await, Err(AskError::SessionExpired));
    let joined = authority.ask(&caller, Room::doc("Note", "x"), note()).await;
    assert_eq!(joined, Err(Refusal::Session(AskError::SessionExpired)));
    let other = Credential::Session("another".into());
    assert!(authority.identify("s", &other).await.is_ok());
}

#[tokio::test]
async fn one_sessions_answer_is_nobody_elses() {
    let site = ScriptedSite::new(Ok(Ok(())));
    let authority = authority_of(&site, false);
    for credential in [
        Credential::Nobody,
        Credential::Session("a".into()),
        Credential::Session("b".into()),
        Credential::Authorization("a".into()),
    ] {
        let caller = Caller { credential, ..caller() };
        let _ = authority.ask(&caller, Room::doc("Note", "x"), note()).await;
        assert_eq!(site.asked(), 1);
    }
    let mut elsewhere = caller();
    elsewhere.viewer.site = "s2".into();
    let _ = authority.ask(&elsewhere, Room::doc("Note", "x"), note()).await;
    assert_eq!(site.asked(), 1);
}

#[tokio::test]
async fn what_could_not_be_asked_is_asked_again() {
    let unreachable = AskError::Unreachable { problem: "gone".into() };
    for (error, refusal) in [
        (unreachable, Refusal::Trouble(Trouble::CouldNotAsk)),
        (AskError::Unexpected { status: 500, hint: "" }, Refusal::Trouble(Trouble::CouldNotAsk)),
        (AskError::Busy, Refusal::Trouble(Trouble::Busy)),
        (AskError::SessionExpired, Refusal::Session(AskError::SessionExpired)),
    ] {
        let site = ScriptedSite::new(Err(error.clone()));
        let authority = authority_of(&site, false);
        for _ in 0..2 {
            let answer = authority.ask(&caller(), Room::doc("Note", "x"), note()).await;
            assert_eq!(answer, Err(refusal.clone()));
            assert_eq!(site.asked(), 1, "{error:?} is not kept for long");
            if !error.is_frappes_word() {
                // Ten joins of a room that fails asked ten times.
                let answer = authority.ask(&caller(), Room::doc("Note", "x"), note()).await;
                assert_eq!((answer, site.asked()), (Err(refusal.clone()), 0));
            }
            sleep(Duration::from_millis(150)).await;
        }
    }
}

#[tokio::test]
async fn who_somebody_is_is_kept_until_it_is_forgotten() {
    for (verdict, is_kept) in [
        (Ok(jane(UserType::SystemUser)), true),
        (Err(AskError::SessionExpired), true),
        (Err(AskError::Unreachable { problem: "gone".into() }), false),
    ] {
        let site = ScriptedSite::new(Ok(Ok(())));
        site.know(verdict.clone());
        let authority = authority_of(&site, false);
        // A token is good again after a sign-out.
        let credential = Credential::Authorization("token key:secret".into());
        let identify = || authority.identify("s", &credential);
        join_all((0..50).map(|_| identify())).await;
        assert_eq!(site.asked(), 1, "{verdict:?}");
        let _ = identify().await;
        assert_eq!(site.asked() == 0, is_kept, "{verdict:?}");
        authority.forget("s", &credential).await;
        let _ = identify().await;
        assert_eq!(site.asked(), 1, "{verdict:?}");
    }
}
