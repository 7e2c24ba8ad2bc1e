//! Pages in a native app's webview: opened with a header or a code, and the same user's from then on.

use fake_frappe::{ALICE, BOB, Version};
use realtime::close::CloseCode;

use crate::support::beside::{Beside, SYSTEM_USER, Who};
use crate::support::browser::{Answer, COOKIE, JANE, code_of, get, head, post, user_with};
use crate::support::page::{Page, close_code, open};
use crate::support::server::Server;

const OLD_KEY: &str = "an-old-key-of-thirty-two-letters";
const NEW_KEY: &str = "a-newer-key-of-thirty-two-letters";

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
