//! Whole documents, rendered as the server renders them.

mod rendering;

use std::sync::{Arc, Mutex};

use realtime::handlers::{Context, HandlerError, Publisher};
use realtime::host::{PAGE_START_ID, PageStart, UserType};
use serde_json::value::RawValue;

use self::rendering::{Answer, FakeHost, get, get_instead, get_problem, person, post_form};
use crate::handlers::handlers;
use crate::prelude::*;
use crate::problem::Problem;
use crate::shell::Instead;
use crate::sign_in::SignInForm;

/// Names the directory to keep the documents in, for screenshots.
const KEEP_IN: &str = "FRAPPE_LIVE_KEEP_DOCUMENTS_IN";

fn count_shown(document: &str) -> &str {
    between(document, r#"data-testid="count" aria-live="off">"#, "</output>")
}

fn page_start(document: &str) -> PageStart {
    let json = between(document, &format!(r#"<script id="{PAGE_START_ID}" type="application/json">"#), "</script>");
    PageStart::read(json).expect("the page start can be read")
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split_once(after).unwrap_or_else(|| panic!("no {after} in {rest}")).0
}

#[tokio::test]
async fn the_first_paint_holds_the_value_and_then_what_the_browser_begins_from() {
    let Answer { status, body, .. } = get("/live/count", FakeHost::demo("jane@example.com")).await;
    assert_eq!((status, count_shown(&body)), (200, "42"));
    let start = page_start(&body);
    assert_eq!((start.user.as_str(), start.position.offset), ("jane@example.com", 7));
    let [value] = &start.values[..] else { panic!("{:?}", start.values) };
    assert_eq!((value.event.as_str(), value.position.offset), ("count", 8));
    assert_eq!((value.room.to_string().as_str(), value.message.get()), ("user:jane@example.com", r#"{"count":42}"#));
    assert!(body.find("42</output>") < body.find(PAGE_START_ID), "the value is noted as it is rendered");
}

#[tokio::test]
async fn an_unknown_value_leaves_the_place_empty() {
    let host = FakeHost { message: None, ..FakeHost::demo("Guest") };
    let body = get("/live/count", host).await.body;
    // The style sheet draws a dash in what is `:empty`, which comments do not end.
    assert_eq!(count_shown(&body), "<!>");
    assert!(page_start(&body).values.is_empty());
}

#[tokio::test]
async fn a_slash_at_the_end_makes_no_other_page() {
    for (paths, title, link) in [
        (["/live", "/live/"], "<title>Home · frappe-live</title>", r#"<a href="/live/" aria-current="page">"#),
        (["/live/count", "/live/count/"], "<title>Count · frappe-live</title>", r#"count" aria-current="page">"#),
        (
            ["/live/together", "/live/together/"],
            "<title>Together · frappe-live</title>",
            r#"together" aria-current="page">"#,
        ),
    ] {
        for path in paths {
            let Answer { status, body, .. } = get(path, FakeHost::demo("Administrator")).await;
            assert_eq!(status, 200, "{path}");
            assert!(body.contains(title) && body.contains(link), "{path}: {body}");
            assert_eq!(body.matches("aria-current").count(), 1, "{path}");
        }
    }
}

#[tokio::test]
async fn an_unknown_path_is_not_found() {
    let Answer { status, body, .. } = get("/live/nothing", FakeHost::demo("Administrator")).await;
    assert_eq!(status, 404);
    assert!(body.contains("<title>Page not found · frappe-live</title>"), "{body}");
    assert!(body.contains("There is no page here"), "{body}");
}

#[tokio::test]
async fn the_snippet_publishes_to_who_looks() {
    let body = get("/live/count", FakeHost::demo("ravi@example.com")).await.body;
    assert!(body.contains(r#"user="ravi@example.com","#), "{body}");
}

#[tokio::test]
async fn the_demo_offers_its_people_with_the_current_one_chosen() {
    let body = get("/live/", FakeHost::demo("mia@example.com")).await.body;
    let form = between(&body, r#"<form method="post" action="/live/api/sign_in_as""#, "</form>");
    assert_eq!(form.matches("<option").count(), 5, "{form}");
    assert!(form.contains(r#"<option value="mia@example.com" selected>Mia Customer</option>"#), "{form}");
    assert_eq!(form.matches("selected").count(), 1, "{form}");
}

#[tokio::test]
async fn a_frappe_site_has_no_demo_banner() {
    let jane = person("jane@example.com", "Jane Doe", UserType::WebsiteUser);
    let body = get("/live/", FakeHost { viewer: jane, people: Vec::new(), message: None, website: None }).await.body;
    assert!(!body.contains("demo-banner"), "{body}");
}

#[tokio::test]
async fn the_front_page_names_the_automatic_rooms() {
    let body = get("/live/", FakeHost::demo("jane@example.com")).await.body;
    for room in ["user:jane@example.com", "website", "all"] {
        assert!(body.contains(&format!("<code>{room}</code>")), "{room}: {body}");
    }
    let body = get("/live/", FakeHost::demo("mia@example.com")).await.body;
    assert!(!body.contains("<code>all</code>"), "{body}");
}

#[tokio::test]
async fn names_are_text_and_never_markup() {
    let mallory = person(r#""><img src=x>"#, "</script><b>Mallory</b>", UserType::WebsiteUser);
    for path in ["/live/", "/live/count", "/live/together", "/live/nothing"] {
        let host = FakeHost { people: vec![mallory.clone()], viewer: mallory.clone(), message: None, website: None };
        let body = get(path, host).await.body;
        assert!(!body.contains("<img") && !body.contains("<b>"), "{path}: {body}");
        assert_eq!(page_start(&body).user, mallory.user, "{path}");
    }
}

#[tokio::test]
async fn a_problem_says_what_is_wrong_and_is_not_live() {
    let unknown = || Problem::UnknownSite { host: "<i>.example.com".into() };
    for (problem, status, text) in [
        (unknown(), 404, "No site called &lt;i&gt;.example.com is served at this address."),
        (Problem::FrappeUnreachable, 503, r#"<a href="" class="button main">Try again</a>"#),
        (Problem::SessionExpired, 401, r#"href="/live/login?redirect-to=%2Flive%2Fcount%3Fa%3Db%26c""#),
        (Problem::Unauthorized, 401, r#"href="/live/login?redirect-to=%2Flive%2Fcount%3Fa%3Db%26c""#),
        (Problem::CodeOver, 401, r#"href="/live/login?redirect-to=%2Flive%2Fcount%3Fa%3Db%26c""#),
        (Problem::CodeFromElsewhere, 401, "the code was not used"),
        (Problem::CodeOfAnother, 409, r#"<a href="/live/" class="button main">Home</a>"#),
        (Problem::Refused { sentence: "Frappe answered 417.".into() }, 503, "Frappe answered 417."),
    ] {
        assert_eq!(problem.status(), status);
        let answer = get_problem("/live/count?a=b&c", problem.clone()).await;
        assert_eq!(answer.status, status, "{problem:?}");
        let body = answer.body;
        assert!(body.contains(text) && body.contains(problem.title()), "{problem:?}: {body}");
        assert!(body.contains(&format!("<title>{} · frappe-live</title>", problem.name())), "{body}");
        for live in ["data-live", "session-expired", PAGE_START_ID, ".wasm", "leptos-island", "who-name"] {
            assert!(!body.contains(live), "{problem:?} holds {live}: {body}");
        }
    }
}

#[tokio::test]
async fn a_used_code_is_not_carried_to_the_sign_in() {
    for (path, back) in [
        ("/live/count?a=b&code=k3&c", "/live/login?redirect-to=%2Flive%2Fcount%3Fa%3Db%26c\""),
        ("/live/count?code=k3", "/live/login?redirect-to=%2Flive%2Fcount\""),
        // The server reads the key decoded; the link to sign in kept the code.
        ("/live/count?%63ode=k3", "/live/login?redirect-to=%2Flive%2Fcount\""),
        ("/live/count?c%6fde=k3&a=b", "/live/login?redirect-to=%2Flive%2Fcount%3Fa%3Db\""),
    ] {
        let body = get_problem(path, Problem::CodeOver).await.body;
        assert!(body.contains(back) && !body.contains("k3"), "{path}: {body}");
    }
}

fn sign_in_form(problem: Option<&str>) -> Instead {
    Instead::SignIn(SignInForm {
        user: problem.map(|_| r#"ja"ne<b>@example.com"#.to_owned()).unwrap_or_default(),
        redirect_to: "/live/count?a=b".to_owned(),
        problem: problem.map(ToOwned::to_owned),
        needs_own_page: false,
        is_demo: true,
    })
}

#[tokio::test]
async fn the_sign_in_is_a_plain_form_with_names_for_password_managers() {
    let body = get_instead("/live/login", sign_in_form(None)).await.body;
    let form = between(&body, r#"<form method="post" action="/live/login""#, "</form>");
    for needed in [
        r#"name="redirect-to" value="/live/count?a=b""#,
        r#"<label for="login-user">"#,
        r#"autocomplete="username""#,
        r#"<label for="login-password">"#,
        r#"autocomplete="current-password""#,
        r#"type="submit""#,
    ] {
        assert!(form.contains(needed), "{needed}: {form}");
    }
    assert!(between(form, r#"id="login-user""#, ">").contains("autofocus"), "{form}");
    for absent in ["role=\"alert\"", "aria-describedby", "aria-invalid", "data-live", ".wasm", PAGE_START_ID] {
        assert!(!body.contains(absent), "{absent}: {body}");
    }
}

#[tokio::test]
async fn a_refused_sign_in_says_why_and_keeps_the_name_as_text() {
    let body = get_instead("/live/login", sign_in_form(Some("No <b>way</b>."))).await.body;
    let problem = between(&body, r#"role="alert" id="login-problem""#, "</div>");
    assert!(problem.contains("No &lt;b&gt;way&lt;/b&gt;."), "{problem}");
    let form = between(&body, r#"<form method="post" action="/live/login""#, "</form>");
    assert!(form.contains(r#"value="ja&quot;ne&lt;b&gt;@example.com""#), "{form}");
    assert_eq!(form.matches(r#"aria-describedby="login-problem" aria-invalid="true""#).count(), 2, "{form}");
    assert!(between(form, r#"id="login-password""#, ">").contains("autofocus"), "{form}");
}

#[tokio::test]
async fn users_may_sign_out_and_guests_sign_in() {
    let jane = get("/live/count", FakeHost::demo("jane@example.com")).await.body;
    let form = between(&jane, r#"<form method="post" action="/live/logout" class="sign">"#, "</form>");
    assert!(form.contains(r#"data-testid="sign-out""#) && !jane.contains("sign-in\""), "{form}");
    let guest = get("/live/count?a=b", FakeHost::demo("Guest")).await.body;
    let link = between(&guest, r#"<p class="sign">"#, "</p>");
    assert!(link.contains(r#"href="/live/login?redirect-to=%2Flive%2Fcount%3Fa%3Db""#), "{link}");
    assert!(!guest.contains("/live/logout"), "{guest}");
}

#[tokio::test]
async fn a_page_holds_the_way_back_should_its_session_expire() {
    let body = get("/live/count?a=b&c", FakeHost::demo("jane@example.com")).await.body;
    let notice = between(&body, r#"data-testid="session-expired" class="notice">"#, "</div>");
    let link = r#"href="/live/login?redirect-to=%2Flive%2Fcount%3Fa%3Db%26c""#;
    assert!(notice.contains("Your session has expired") && notice.contains(link), "{notice}");
    let unknown = get("/live/nothing", FakeHost::demo("jane@example.com")).await.body;
    assert!(unknown.contains("redirect-to=%2Flive%2Fnothing"), "{unknown}");
}

#[tokio::test]
async fn the_first_paint_of_the_vote_holds_the_tally() {
    let tally = Some(r#"{"votes":{"dosa":2,"ramen":1,"tacos":0}}"#);
    let body = get("/live/together", FakeHost { website: tally, ..FakeHost::demo("jane@example.com") }).await.body;
    for (dish, votes) in [("dosa", "2"), ("ramen", "1"), ("tacos", "0")] {
        assert_eq!(between(&body, &format!(r#"data-testid="votes-{dish}">"#), "</span></p>"), votes, "{dish}");
        let button = between(&body, r#"<button type="button" "#, &format!(r#"data-testid="dish-{dish}""#));
        assert!(!button.contains("true"), "nobody has told the page of a vote of one’s own: {button}");
        assert_eq!(between(&body, &format!(r#"data-testid="pointing-{dish}" class="pointing">"#), "</p>"), "");
    }
    let start = page_start(&body);
    let [value] = &start.values[..] else { panic!("{:?}", start.values) };
    assert_eq!((&value.room, value.event.as_str()), (&Room::Website, "lunch"));
}

#[tokio::test]
async fn before_anybody_has_voted_the_places_of_the_votes_are_empty() {
    let body = get("/live/together", FakeHost::demo("Guest")).await.body;
    // The style sheet draws a zero in what is `:empty`, which comments do not end.
    assert_eq!(between(&body, r#"data-testid="votes-dosa">"#, "</span></p>"), "<!>");
    assert!(page_start(&body).values.is_empty());
}

#[tokio::test]
async fn a_vote_is_counted_for_who_asks_and_published_to_the_website() {
    let published = Arc::new(Published::default());
    let handlers = handlers();
    let ask = async |user: &str, message: &str| {
        let viewer = FakeHost::demo(user).viewer;
        let message = RawValue::from_string(message.to_owned()).expect("JSON");
        let context = Context::new(viewer, Arc::clone(&published) as Arc<dyn Publisher>);
        handlers.handle("vote", context, &message).expect("a handler").await.map(|answer| answer.get().to_owned())
    };
    assert_eq!(ask("jane@example.com", r#""dosa""#).await.as_deref(), Ok(r#""Thanks, Jane: Dosa it is.""#));
    assert_eq!(ask("mia@example.com", r#""ramen""#).await.as_deref(), Ok(r#""Thanks, Mia: Ramen it is.""#));
    assert_eq!(ask("jane@example.com", r#""ramen""#).await.as_deref(), Ok(r#""Jane changed from Dosa to Ramen.""#));
    let refused = ask("Guest", r#""dosa""#).await.expect_err("a guest has no vote");
    assert_eq!(refused.to_string(), "Sign in to vote: each person has one vote.");
    assert!(matches!(ask("jane@example.com", r#""pizza""#).await, Err(HandlerError::BadMessage(_))));
    let tally = |dosa, ramen| {
        format!(r#"site1.localhost website lunch {{"votes":{{"dosa":{dosa},"ramen":{ramen},"tacos":0}}}}"#)
    };
    assert_eq!(*published.0.lock().expect("no panic"), [tally(1, 0), tally(1, 1), tally(0, 2)]);
}

/// What handlers published.
#[derive(Default)]
struct Published(Mutex<Vec<String>>);

impl Publisher for Published {
    fn publish(&self, site: &str, room: &Room, event: &str, message: &str) {
        self.0.lock().expect("no panic").push(format!("{site} {room} {event} {message}"));
    }
}

const SIGN_IN_AS: &str = "/live/api/sign_in_as";

#[tokio::test]
async fn becoming_someone_else_sets_the_cookie_and_goes_back() {
    for (page, back) in [(Some("http://localhost/live/count"), "/live/count"), (None, "/live/")] {
        let answer = post_form(SIGN_IN_AS, "user=jane%40example.com", page, FakeHost::demo("Guest")).await;
        assert_eq!((answer.status, answer.location.as_deref()), (303, Some(back)));
        assert_eq!(answer.cookie.as_deref(), Some("sid=demo-jane@example.com; Path=/; HttpOnly"));
    }
}

#[tokio::test]
async fn becoming_nobody_is_refused_in_a_sentence() {
    for (form, sentence) in [
        ("user=nobody", r#""“nobody” is not one of the demo’s people.""#),
        ("user=mia%40example.com%0D%0A", r#""“mia@example.com\r\n” is not one of the demo’s people.""#),
        ("", r#""error deserializing server function arguments: missing field `user`""#),
    ] {
        let answer = post_form(SIGN_IN_AS, form, None, FakeHost::demo("Guest")).await;
        assert_eq!((answer.status, answer.cookie, answer.body.as_str()), (400, None, sentence));
    }
}

/// Not a test of its own: keeps the documents for screenshots when asked to.
#[tokio::test]
async fn documents_can_be_kept_to_look_at() {
    let Some(directory) = std::env::var_os(KEEP_IN).map(std::path::PathBuf::from) else { return };
    let demo = FakeHost::demo;
    let guest = FakeHost { people: Vec::new(), ..demo("Guest") };
    let unknown_site = Problem::UnknownSite { host: "shop.example.com".into() };
    let refused = Problem::Refused { sentence: "Your site answered with an error (500).".into() };
    for (name, answer) in [
        ("index", get("/live/", demo("Administrator")).await),
        ("index-guest", get("/live/", guest).await),
        ("count", get("/live/count", demo("Administrator")).await),
        ("count-empty", get("/live/count", FakeHost { message: None, ..demo("Guest") }).await),
        (
            "count-long",
            get("/live/count", FakeHost { message: Some(r#"{"count":1234567}"#), ..demo("jane@example.com") }).await,
        ),
        ("together", get("/live/together", demo("jane@example.com")).await),
        ("not-found", get("/live/nothing", demo("Administrator")).await),
        ("unknown-site", get_problem("/live/", unknown_site).await),
        ("unreachable", get_problem("/live/", Problem::FrappeUnreachable).await),
        ("session-expired", get_problem("/live/count", Problem::SessionExpired).await),
        ("code-over", get_problem("/live/count", Problem::CodeOver).await),
        ("sign-in", get_instead("/live/login", sign_in_form(None)).await),
        ("sign-in-refused", get_instead("/live/login", sign_in_form(Some("That was wrong. Try again."))).await),
        ("unauthorized", get_problem("/live/count", Problem::Unauthorized).await),
        ("refused", get_problem("/live/count", refused).await),
    ] {
        std::fs::write(directory.join(name).with_extension("html"), answer.body).expect("the directory can be written");
    }
}
