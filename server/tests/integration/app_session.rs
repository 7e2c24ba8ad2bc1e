//! Pages in a native app's webview: opened with a header or a code, and the same user's from then on.

use fake_frappe::{ALICE, BOB, Version};
use realtime::close::CloseCode;
use serde_json::Value;

use crate::support::beside::{Beside, SYSTEM_USER, Who};
use crate::support::browser::{Answer, get, head, post};
use crate::support::page::{Page, close_code, open};
use crate::support::server::Server;

const COOKIE: &str = "frappe_live_session";
const JANE: [(&str, &str); 1] = [("authorization", "token jane@example.com:demo")];
const OLD_KEY: &str = "an-old-key-of-thirty-two-letters";
const NEW_KEY: &str = "a-newer-key-of-thirty-two-letters";

fn code_of(answer: &Answer) -> String {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
    assert_eq!((answer.status, &body["expires_in"]), (200, &Value::from(60)));
    assert_eq!(answer.cache_control, "no-store");
    body["code"].as_str().expect("a code").to_owned()
}

async fn user_with(server: &Server, cookie: &str) -> String {
    get(server, "/live/", &[("cookie", cookie)]).await.user().to_owned()
}

/// Pages say so and take it away, and a socket ends.
async fn assert_is_dead(server: &Server, host: &str, cookie: &str) {
    let headers = [("host", host), ("cookie", cookie)];
    let page = get(server, "/live/", &headers).await;
    assert!(page.status == 401 && page.body.contains("Your session has expired"), "{page:?}");
    assert!(page.cookie(COOKIE).is_some_and(|removal| removal.contains("Max-Age=0")), "{page:?}");
    let code = post(server, "/live/code", "", &headers).await;
    assert!(code.status == 401 && code.body == "The session has expired; sign in again.\n", "{code:?}");
    let mut socket = open(server, &headers).await.expect("the reason comes on the socket");
    assert_eq!(close_code(&mut socket).await, CloseCode::SessionExpired.number());
}

/// A server that was told nothing by Frappe yet, and opens what the first one sealed with the old key.
fn another_server(beside: &Beside) -> Server {
    let (frappe, redis, site) = (beside.frappe.url(), beside.redis.url(), beside.frappe.site());
    Server::start(&["--frappe", &frappe, "--redis", &redis, "--site", site, "--secret-key", OLD_KEY])
}

#[tokio::test]
async fn a_page_opened_with_a_header_goes_on_without_it() {
    for version in Version::ALL {
        let beside = Beside::start(version, &["--trust-proxy"]).await;
        let (_, token) = beside.header_of(Who::Token(ALICE)).expect("a token");
        for (proto, secure) in [("http", ""), ("https", " Secure;")] {
            let headers = [("authorization", token.as_str()), ("x-forwarded-proto", proto)];
            let page = get(&beside.server, "/live/count", &headers).await;
            let (_, attributes) = page.cookie(COOKIE).expect("a cookie").split_once("; ").expect("attributes");
            assert_eq!(attributes, format!("HttpOnly; SameSite=Lax;{secure} Path=/live/; Max-Age=604800"));
            let cookie = page.pair(COOKIE);
            assert_eq!(user_with(&beside.server, &cookie).await, ALICE);
            assert_eq!(Page::open(&beside.server, &[("cookie", &cookie)]).await.user, ALICE, "{version}");
            let log = beside.server.log();
            assert!(!log.contains(cookie.trim_start_matches(&format!("{COOKIE}="))), "sessions are not logged");
        }
        beside.assert_the_log_holds_no_secrets();
    }
}

#[tokio::test]
async fn only_a_page_and_only_a_users_header_begins_a_session() {
    let beside = Beside::start(Version::V16, &[]).await;
    let (_, token) = beside.header_of(Who::Token(ALICE)).expect("a token");
    let (_, unknown) = beside.header_of(Who::BadToken).expect("a token");
    let (_, sid) = beside.header_of(SYSTEM_USER).expect("a cookie");
    let server = &beside.server;
    let refused = get(server, "/live/", &[("authorization", &unknown)]).await;
    assert!(refused.status == 401 && refused.cookies.is_empty(), "{refused:?}");
    // One word is no credential: Frappe answers as Guest.
    for headers in [vec![("authorization", "token")], vec![], vec![("cookie", sid.as_str())]] {
        let page = get(server, "/live/", &headers).await;
        assert!(page.status == 200 && page.cookies.is_empty(), "{headers:?}: {page:?}");
    }
    let headers = [("authorization", token.as_str())];
    assert!(head(server, "/live/", &headers).await.cookies.is_empty());
    assert!(post(server, "/live/api/sign_in_as", "user=x", &headers).await.cookies.is_empty());
}

#[tokio::test]
async fn a_cookie_that_cannot_be_opened_made_a_guest() {
    let server = Server::start(&["--site", "a.localhost", "--site", "b.localhost"]);
    let on = |host| [("host", host), JANE[0]];
    let cookie = get(&server, "/live/", &on("a.localhost")).await.pair(COOKIE);
    let user = async |host: &str, cookie: &str| {
        get(&server, "/live/", &[("host", host), ("cookie", cookie)]).await.user().to_owned()
    };
    assert_eq!(user("a.localhost", &cookie).await, "jane@example.com");
    let middle = cookie.len() / 2;
    let flipped = if &cookie[middle..=middle] == "A" { "B" } else { "A" };
    let tampered = format!("{}{flipped}{}", &cookie[..middle], &cookie[middle + 1..]);
    for (host, dead) in [
        ("b.localhost", cookie.as_str()),
        ("a.localhost", &tampered),
        ("a.localhost", &cookie[..middle]),
        ("a.localhost", &format!("{COOKIE}=x")),
    ] {
        assert_is_dead(&server, host, dead).await;
        let with_a_session = format!("{dead}; frappe_live_demo_user=ravi@example.com");
        assert_eq!(user(host, &with_a_session).await, "ravi@example.com", "{dead}");
    }
    // Whom the demo takes for Administrator is who brings nothing.
    assert_eq!(user("a.localhost", &format!("{COOKIE}=")).await, "Administrator");
}

#[tokio::test]
async fn a_key_may_change_while_sessions_go_on() {
    let old = Server::start(&["--secret-key", OLD_KEY]);
    let cookie = get(&old, "/live/", &JANE).await.pair(COOKIE);
    let rotated = Server::start(&["--secret-key", NEW_KEY, "--secret-key", OLD_KEY, "--log-level", "trace"]);
    assert_eq!(user_with(&rotated, &cookie).await, "jane@example.com");
    let renewed = get(&rotated, "/live/", &JANE).await.pair(COOKIE);
    let without_the_old = Server::start(&["--secret-key", NEW_KEY]);
    assert_is_dead(&without_the_old, "localhost", &cookie).await;
    assert_eq!(user_with(&without_the_old, &renewed).await, "jane@example.com");
    assert!(!rotated.log().contains(OLD_KEY) && !rotated.log().contains(NEW_KEY), "keys are not logged");
}

#[tokio::test]
async fn a_code_opens_a_page_once() {
    for version in Version::ALL {
        let beside = Beside::start(version, &[]).await;
        let server = &beside.server;
        for who in [Who::Token(ALICE), SYSTEM_USER] {
            let (name, value) = beside.header_of(who).expect("a credential");
            let code = code_of(&post(server, "/live/code", "", &[(name, &value)]).await);
            assert!(code.len() >= 32, "{code}");
            let address = format!("/live/count?a=%20b&code={code}&c");
            assert_eq!(head(server, &address, &[]).await.status, 200, "a look at it does not use it");

            let opened = get(server, &address, &[("sec-fetch-site", "none")]).await;
            assert_eq!((opened.status, opened.location.as_deref()), (303, Some("/live/count?a=%20b&c")), "{opened:?}");
            assert_eq!(opened.cache_control, "no-store");
            let cookie = opened.pair(COOKIE);
            assert_eq!(user_with(server, &cookie).await, ALICE);
            assert_eq!(Page::open(server, &[("cookie", &cookie)]).await.user, ALICE);

            let again = get(server, &address, &[]).await;
            assert!(again.status == 401 && again.body.contains("This code does not work any more"), "{again:?}");
            assert!(again.cookies.is_empty() && !again.body.contains(&code), "{again:?}");
            assert!(again.body.contains("/live/login?redirect-to=%2Flive%2Fcount%3Fa%3D%2520b%26c"), "{}", again.body);
            assert!(!server.log().contains(&code), "codes are not logged");
        }
        assert_eq!(get(server, "/live/?code=guess", &[]).await.status, 401);
        beside.server.wait_for_log("Gave a code");
        beside.assert_the_log_holds_no_secrets();
    }
}

#[tokio::test]
async fn a_code_is_of_its_site() {
    let server = Server::start(&["--site", "a.localhost", "--site", "b.localhost"]);
    let code = code_of(&post(&server, "/live/code", "", &[("host", "a.localhost"), JANE[0]]).await);
    let path = format!("/live/?code={code}");
    assert_eq!(get(&server, &path, &[("host", "b.localhost")]).await.status, 401);
    assert_eq!(get(&server, &path, &[("host", "a.localhost")]).await.status, 303, "that did not use it up");
    // A browser reads two slashes as another host.
    let code = code_of(&post(&server, "/live/code", "", &[("host", "a.localhost"), JANE[0]]).await);
    let opened = get(&server, &format!("//evil.example/?code={code}"), &[("host", "a.localhost")]).await;
    assert_eq!((opened.status, opened.location.as_deref()), (303, Some("/live/")), "{opened:?}");
}

/// A link in a comment of the own site, or one of another site, signed its reader in as its author.
#[tokio::test]
async fn a_code_that_a_link_holds_signs_nobody_in_and_works_no_more() {
    let server = Server::start(&[]);
    for from in ["cross-site", "same-site", "same-origin"] {
        let code = code_of(&post(&server, "/live/code", "", &JANE).await);
        let path = format!("/live/?%63ode={code}");
        let led = get(&server, &path, &[("sec-fetch-site", from)]).await;
        assert!(led.status == 401 && led.cookies.is_empty() && !led.body.contains(&code), "{from}: {led:?}");
        assert!(led.body.contains("A link brought you here"), "{}", led.body);
        let again = get(&server, &path, &[("sec-fetch-site", "none")]).await;
        assert!(again.status == 401 && again.body.contains("does not work any more"), "{from}: {again:?}");
    }
}

/// Whoever signed in on a form that a link had opened was somebody else after it.
#[tokio::test]
async fn the_form_to_sign_in_leads_to_no_code() {
    let server = Server::start(&[]);
    for key in ["code", "%2563ode"] {
        let back = format!("redirect-to=%2Flive%2Fcount%3Fa%3Db%26{key}%3Dk3");
        let form = get(&server, &format!("/live/login?{back}"), &[]).await;
        assert!(form.body.contains(r#"value="/live/count?a=b""#) && !form.body.contains("k3"), "{}", form.body);
        let signed_in = post(&server, "/live/login", &format!("usr=jane%40example.com&pwd=demo&{back}"), &[]).await;
        assert_eq!(signed_in.location.as_deref(), Some("/live/count?a=b"), "{key}");
    }
}

/// A redirect from elsewhere looks like the visitor's own wish to a browser.
#[tokio::test]
async fn a_code_makes_nobody_else_of_who_is_signed_in() {
    let beside = Beside::start(Version::V15, &[]).await;
    let server = &beside.server;
    let (_, token) = beside.header_of(Who::Token(ALICE)).expect("a token");
    let code = async || code_of(&post(server, "/live/code", "", &[("authorization", &token)]).await);
    let bob = format!("sid={}", beside.frappe.sid_of(BOB));
    let path = format!("/live/?code={}", code().await);
    let opened = get(server, &path, &[("cookie", &bob), ("sec-fetch-site", "none")]).await;
    assert!(opened.status == 409 && opened.cookies.is_empty(), "{opened:?}");
    assert!(opened.body.contains("signed in as somebody else") && opened.body.contains("sign out"), "{}", opened.body);
    assert_eq!(get(server, &path, &[]).await.status, 401, "it is used up");

    let (_, alice) = beside.header_of(SYSTEM_USER).expect("a cookie");
    let (_, expired) = beside.header_of(Who::Expired).expect("a cookie");
    for nobody_else in [alice.as_str(), &expired, "sid=Guest"] {
        let path = format!("/live/?code={}", code().await);
        assert_eq!(get(server, &path, &[("cookie", nobody_else)]).await.status, 303, "{nobody_else}");
    }
}

/// The session of a page that runs a foreign script went elsewhere, though no script can read its cookie.
#[tokio::test]
async fn a_pages_script_gets_no_code_for_its_cookies() {
    let beside = Beside::start(Version::V15, &[]).await;
    let server = &beside.server;
    let (_, sid) = beside.header_of(SYSTEM_USER).expect("a cookie");
    let (_, token) = beside.header_of(Who::Token(ALICE)).expect("a token");
    let own = format!("http://{}", server.address());
    for by_a_browser in [("origin", own.as_str()), ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "none")] {
        let refused = post(server, "/live/code", "", &[("cookie", &sid), by_a_browser]).await;
        assert!(refused.status == 403 && refused.body.contains("Authorization"), "{by_a_browser:?}: {refused:?}");
        code_of(&post(server, "/live/code", "", &[("authorization", &token), by_a_browser]).await);
    }
}

/// The code was given, used up, and the page a guest's.
#[tokio::test]
async fn credentials_that_no_cookie_holds_get_no_code() {
    let demo = Server::start(&[]);
    // Whom the demo does not know it takes for Administrator.
    let long = format!("frappe_live_demo_user={}", "x".repeat(4_000));
    let answer = post(&demo, "/live/code", "", &[("cookie", &long)]).await;
    assert!(answer.status == 413 && answer.body.contains("too long for a cookie"), "{answer:?}");
    let longer = format!("frappe_live_demo_user={}", "x".repeat(9_000));
    let bearer = format!("Bearer {}", "x".repeat(9_000));
    for header in [("cookie", longer.as_str()), ("authorization", &bearer)] {
        let answer = get(&demo, "/live/", &[header]).await;
        assert!(answer.status == 431 && answer.body.contains("8 KiB"), "{answer:?}");
        assert!(open(&demo, &[header]).await.is_err(), "no socket either");
    }
}

/// The app's cookie went before a good session for up to seven days after what it holds had ended.
#[tokio::test]
async fn an_app_session_that_is_over_gives_way_to_the_sites_own() {
    for version in Version::ALL {
        let beside = Beside::start(version, &["--secret-key", OLD_KEY]).await;
        let (_, sid) = beside.header_of(SYSTEM_USER).expect("a cookie");
        let code = code_of(&post(&beside.server, "/live/code", "", &[("cookie", &sid)]).await);
        let over = get(&beside.server, &format!("/live/?code={code}"), &[]).await.pair(COOKIE);
        let both = format!("{over}; sid={}", beside.frappe.sid_of(BOB));
        assert_eq!(user_with(&beside.server, &both).await, ALICE, "while it is good");
        beside.frappe.end_sessions_of(ALICE);

        let server = another_server(&beside);
        let takes_it_away = |answer: &Answer| answer.cookie(COOKIE).is_some_and(|cookie| cookie.contains("Max-Age=0"));
        let page = get(&server, "/live/", &[("cookie", &both)]).await;
        assert!(page.user() == BOB && takes_it_away(&page), "{version}: {page:?}");
        assert_eq!(Page::open(&server, &[("cookie", &both)]).await.user, BOB);
        let alone = get(&server, "/live/", &[("cookie", &over)]).await;
        assert!(alone.status == 401 && takes_it_away(&alone), "{version}: {alone:?}");
        let function = post(&server, "/live/api/sign_in_as", "user=x", &[("cookie", &over)]).await;
        assert!(function.status == 401 && takes_it_away(&function), "{version}: {function:?}");
        let mut socket = open(&server, &[("cookie", &over)]).await.expect("the reason comes on the socket");
        assert_eq!(close_code(&mut socket).await, CloseCode::SessionExpired.number());
    }
}

/// Nobody knows whether it is over.
#[tokio::test]
async fn an_app_session_stays_while_frappe_is_down() {
    let beside = Beside::start(Version::V15, &["--secret-key", OLD_KEY]).await;
    let (_, token) = beside.header_of(Who::Token(ALICE)).expect("a token");
    let cookie = get(&beside.server, "/live/", &[("authorization", &token)]).await.pair(COOKIE);
    beside.frappe.fail("", 502);
    let server = another_server(&beside);
    let page = get(&server, "/live/", &[("cookie", &cookie)]).await;
    assert!(page.status == 503 && page.cookies.is_empty(), "{page:?}");
}

/// It read "the session has expired; sign in again", and "Frappe answered 503, which is no answer" and no more.
#[tokio::test]
async fn a_refused_code_said_no_whole_sentence() {
    let beside = Beside::start(Version::V15, &[]).await;
    let (_, expired) = beside.header_of(Who::Expired).expect("a cookie");
    let answer = post(&beside.server, "/live/code", "", &[("cookie", &expired)]).await;
    assert_eq!(answer.body, "The session has expired; sign in again.\n");
    beside.frappe.fail("", 503);
    let (_, token) = beside.header_of(Who::Token(ALICE)).expect("a token");
    let answer = post(&beside.server, "/live/code", "", &[("authorization", &token)]).await;
    let is_whole = answer.body.starts_with("Frappe answered 503, which is no answer; ") && answer.body.ends_with(".\n");
    assert!(answer.status == 503 && is_whole, "{answer:?}");
}

#[tokio::test]
async fn a_code_is_for_users_only() {
    let beside = Beside::start(Version::V15, &[]).await;
    let (_, expired) = beside.header_of(Who::Expired).expect("a cookie");
    for headers in [vec![], vec![("authorization", "token")], vec![("cookie", expired.as_str())]] {
        let answer = post(&beside.server, "/live/code", "", &headers).await;
        assert_eq!(answer.status, 401, "{headers:?}: {answer:?}");
    }
    let demo = Server::start(&[]);
    assert_eq!(post(&demo, "/live/code", "", &[]).await.status, 401);
    assert_eq!(post(&demo, "/live/code", "", &[("cookie", "frappe_live_demo_user=Guest")]).await.status, 401);
    let link = get(&demo, "/live/code", &[]).await;
    assert!(link.status == 405 && link.body.contains("POST"), "{link:?}");
}

#[tokio::test]
async fn signing_in_or_out_ends_the_apps_session() {
    let beside = Beside::start(Version::V15, &["--review-seconds", "3600"]).await;
    let (_, sid) = beside.header_of(SYSTEM_USER).expect("a cookie");
    let begin = async || {
        let code = code_of(&post(&beside.server, "/live/code", "", &[("cookie", &sid)]).await);
        get(&beside.server, &format!("/live/?code={code}"), &[]).await.pair(COOKIE)
    };
    let cookie = begin().await;

    let form = "usr=bob%40example.com&pwd=bob-pw-4711";
    let bob = post(&beside.server, "/live/login", form, &[("cookie", &cookie)]).await;
    assert!(bob.cookie(COOKIE).is_some_and(|removal| removal.contains("Max-Age=0")), "{bob:?}");
    let both = format!("{}; {}", bob.pair(COOKIE), bob.pair("sid"));
    assert_eq!(user_with(&beside.server, &both).await, BOB);

    // The session that was sealed ends in Frappe too, and so do its connections.
    let cookie = begin().await;
    let page = Page::open(&beside.server, &[("cookie", &cookie)]).await;
    let out = post(&beside.server, "/live/logout", "", &[("cookie", &cookie)]).await;
    assert!(out.cookie(COOKIE).is_some_and(|removal| removal.contains("Max-Age=0")), "{out:?}");
    assert_eq!(page.close_code().await, CloseCode::SessionExpired.number());
    assert_eq!(get(&beside.server, "/live/", &[("cookie", &sid)]).await.status, 401);
}

/// Whoever had a copy of the cookie was its user for up to seven days after the sign-out.
#[tokio::test]
async fn a_copy_of_an_apps_cookie_outlived_the_sign_out() {
    let beside = Beside::start(Version::V15, &[]).await;
    let server = &beside.server;
    let (_, token) = beside.header_of(Who::Token(ALICE)).expect("a token");
    let header = ("authorization", token.as_str());
    let first = get(server, "/live/", &[header]).await.pair(COOKIE);
    // The same webview opens another page with its header.
    let second = get(server, "/live/count", &[header, ("cookie", &first)]).await.pair(COOKIE);
    assert_eq!((user_with(server, &first).await, user_with(server, &second).await), (ALICE.into(), ALICE.into()));
    assert_eq!(post(server, "/live/logout", "", &[("cookie", &second)]).await.status, 303);
    for cookie in [&first, &second] {
        assert_is_dead(server, "localhost", cookie).await;
    }
    let again = get(server, "/live/", &[header, ("cookie", &second)]).await.pair(COOKIE);
    assert_eq!(user_with(server, &again).await, ALICE, "the key is good, and begins another session");

    let bob = post(server, "/live/login", "usr=bob%40example.com&pwd=bob-pw-4711", &[("cookie", &again)]).await;
    assert_eq!(bob.status, 303);
    assert_is_dead(server, "localhost", &again).await;
}

/// A webview's sign-out ended what the same key had open elsewhere, too.
#[tokio::test]
async fn a_sign_out_in_a_webview_ended_connections_of_others_with_its_key() {
    let beside = Beside::start(Version::V15, &["--review-seconds", "3600"]).await;
    let server = &beside.server;
    let (_, token) = beside.header_of(Who::Token(ALICE)).expect("a token");
    let header = ("authorization", token.as_str());
    let own = get(server, "/live/", &[header]).await.pair(COOKIE);
    let others = get(server, "/live/", &[header]).await.pair(COOKIE);
    let page = Page::open(server, &[("cookie", &own)]).await;
    let mut with_the_header = Page::open(server, &[header]).await;
    let mut with_another_cookie = Page::open(server, &[("cookie", &others)]).await;
    assert_eq!(post(server, "/live/logout", "", &[("cookie", &own)]).await.status, 303);
    assert_eq!(page.close_code().await, CloseCode::SessionExpired.number());
    with_the_header.assert_nothing_waits().await;
    with_another_cookie.assert_nothing_waits().await;
    assert_eq!(user_with(server, &others).await, ALICE);
}

/// A second code began another session in the same webview: a sign-out left the page that the first one opened live.
#[tokio::test]
async fn a_sign_out_missed_the_page_that_an_earlier_code_opened() {
    let server = Server::start(&["--review-seconds", "3600"]);
    let mut cookie = None;
    let mut pages = Vec::new();
    for _ in 0..2 {
        let code = code_of(&post(&server, "/live/code", "", &JANE).await);
        let headers: Vec<(&str, &str)> = cookie.iter().map(|cookie: &String| ("cookie", cookie.as_str())).collect();
        let opened = get(&server, &format!("/live/?code={code}"), &headers).await.pair(COOKIE);
        pages.push(Page::open(&server, &[("cookie", &opened)]).await);
        cookie = Some(opened);
    }
    let cookie = cookie.expect("the last one");
    assert_eq!(post(&server, "/live/logout", "", &[("cookie", &cookie)]).await.status, 303);
    for page in pages {
        assert_eq!(page.close_code().await, CloseCode::SessionExpired.number());
    }
}

/// Whoever signed in as somebody else in a webview left its other pages live as the former user.
#[tokio::test]
async fn a_sign_in_left_the_former_users_pages_live() {
    let server = Server::start(&["--review-seconds", "3600"]);
    let cookie = get(&server, "/live/", &JANE).await.pair(COOKIE);
    let page = Page::open(&server, &[("cookie", &cookie)]).await;
    let form = "usr=ravi%40example.com&pwd=demo";
    assert_eq!(post(&server, "/live/login", form, &[("cookie", &cookie)]).await.status, 303);
    assert_eq!(page.close_code().await, CloseCode::SessionExpired.number());
}
