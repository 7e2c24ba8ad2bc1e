//! Signing in and out through Frappe 14 to 16, with plain forms.

use std::time::Duration;

use fake_frappe::{ALICE, BOB, CAROL, Controls, Version};
use realtime::close::CloseCode;
use realtime::frame::ServerFrame;
use realtime::room::Room;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::beside::{Beside, SYSTEM_USER, Who};
use crate::support::browser::{Answer, get, post};
use crate::support::page::Page;
use crate::support::server::Server;

const ALICES_PASSWORD: &str = "alice-pw-4711";

async fn sign_in(server: &Server, user: &str, password: &str) -> Answer {
    let form = format!("usr={}&pwd={password}&redirect-to=%2Flive%2Fcount%3Fa%3Db", user.replace('@', "%40"));
    post(server, "/live/login", &form, &[]).await
}

#[tokio::test]
async fn the_right_password_begins_frappes_session() {
    for version in Version::ALL {
        let beside = Beside::start(version, &[]).await;
        let form = get(&beside.server, "/live/login?redirect-to=%2Flive%2Fcount", &[]).await;
        assert_eq!(form.status, 200, "{version}");
        assert!(form.body.contains(r#"name="redirect-to" value="/live/count""#), "{}", form.body);

        let answer = sign_in(&beside.server, ALICE, ALICES_PASSWORD).await;
        assert_eq!(
            (answer.status, answer.location.as_deref()),
            (303, Some("/live/count?a=b")),
            "{version}: {answer:?}"
        );
        let sid = answer.pair("sid");
        let page = get(&beside.server, "/live/count", &[("cookie", &sid)]).await;
        assert_eq!(page.user(), ALICE);
        assert!(page.body.contains(r#"data-testid="sign-out""#), "{}", page.body);
        assert_eq!(Page::open(&beside.server, &[("cookie", &sid)]).await.user, ALICE);

        let asked = beside.frappe.asked();
        let login = asked.iter().find(|asked| asked.path.contains("login")).expect("Frappe was asked");
        assert_eq!(login.header("x-forwarded-for"), None, "who is at 127.0.0.1 may be everybody");
        let secret = sid.trim_start_matches("sid=");
        let log = beside.server.log();
        assert!(log.contains("Signed in.") && !log.contains(secret) && !log.contains(ALICES_PASSWORD), "{log}");
    }
}

#[tokio::test]
async fn each_refusal_says_what_is_wrong_and_keeps_the_name() {
    for version in Version::ALL {
        let beside = Beside::start(version, &[]).await;
        beside.frappe.disable(BOB);
        beside.frappe.require_two_factor(CAROL, true);
        for (user, password, status, words) in [
            (ALICE, "wrong-pw-1", 401, "do not belong together"),
            ("nobody@example.com", "wrong-pw-2", 401, "do not belong together"),
            (BOB, "bob-pw-4711", 403, "is disabled"),
            (CAROL, "carol-pw-4711", 403, "second factor"),
        ] {
            let answer = sign_in(&beside.server, user, password).await;
            assert_eq!(answer.status, status, "{version} {user}: {answer:?}");
            assert!(answer.body.contains(words) && answer.body.contains(r#"role="alert""#), "{user}: {}", answer.body);
            assert!(answer.body.contains(&format!(r#"value="{user}""#)), "{user}: {}", answer.body);
            assert!(answer.body.contains(r#"value="/live/count?a=b""#), "the way back is kept: {}", answer.body);
            assert!(!answer.body.contains(password) && !beside.server.log().contains(password), "{user}");
            assert!(answer.cookies.is_empty(), "{user}: {:?}", answer.cookies);
            let leads_to_frappe = answer.body.contains(r#"href="/login?redirect-to=%2Flive%2Fcount%3Fa%3Db""#);
            assert_eq!(leads_to_frappe, user == CAROL, "{user}: {}", answer.body);
        }
        let empty = post(&beside.server, "/live/login", "usr=a&pwd=", &[]).await;
        assert_eq!(empty.status, 400);
    }
}

#[tokio::test]
async fn when_frappe_is_down_the_form_is_there_and_says_so() {
    let beside = Beside::start(Version::V15, &[]).await;
    for misbehave in [Controls::close as fn(&Controls, &str), |frappe, path| frappe.fail(path, 502)] {
        misbehave(&beside.frappe, "");
        let sid = beside.header_of(SYSTEM_USER).expect("a cookie").1;
        assert_eq!(get(&beside.server, "/live/login", &[("cookie", &sid)]).await.status, 200);
        let answer = sign_in(&beside.server, ALICE, ALICES_PASSWORD).await;
        assert_eq!(answer.status, 503);
        assert!(answer.body.contains("Your site does not answer"), "{}", answer.body);
        let out = post(&beside.server, "/live/logout", "", &[("cookie", &sid)]).await;
        assert_eq!(out.status, 503);
        assert!(out.body.contains("signed out in this browser") && out.cookie("sid").is_some(), "{out:?}");
        beside.frappe.behave();
    }
}

#[tokio::test]
async fn one_is_never_sent_to_another_host() {
    let server = Server::start(&[]);
    for (redirect_to, location) in [
        ("%2Flive%2Fcount", "/live/count"),
        ("%2F%2Fevil.example%2F", "/live/"),
        ("https%3A%2F%2Fevil.example%2F", "/live/"),
        ("%2F%5Cevil.example", "/live/"),
        ("%2Flive%2F..%2F%2Fevil.example", "/live/"),
        ("%2Flive%2F%0D%0ASet-Cookie%3A%20a%3Db", "/live/"),
        ("", "/live/"),
    ] {
        let form = format!("usr=jane%40example.com&pwd=demo&redirect-to={redirect_to}");
        let answer = post(&server, "/live/login", &form, &[]).await;
        assert_eq!((answer.status, answer.location.as_deref()), (303, Some(location)), "{redirect_to}");
        // Each server counts tries; these are good ones, and fewer than a minute's.
        let shown = get(&server, &format!("/live/login?redirect-to={redirect_to}"), &[]).await;
        assert!(shown.body.contains(&format!(r#"name="redirect-to" value="{location}""#)), "{redirect_to}");
    }
}

#[tokio::test]
async fn cookies_are_for_this_host_and_secure_where_the_visitor_came_over_https() {
    for version in Version::ALL {
        let beside = Beside::start(version, &["--trust-proxy"]).await;
        for (proto, secure) in [("http", ""), ("https", " Secure;")] {
            let form = format!("usr=alice%40example.com&pwd={ALICES_PASSWORD}");
            let answer = post(&beside.server, "/live/login", &form, &[("x-forwarded-proto", proto)]).await;
            let (_, attributes) = answer.cookie("sid").expect("a session").split_once("; ").expect("attributes");
            let rest = attributes.strip_prefix(&format!("HttpOnly; SameSite=Lax;{secure} Path=/; Max-Age="));
            assert!(rest.is_some_and(|age| age.parse::<u32>().is_ok()), "{version} {attributes}");
            let user = answer.cookie("user_id").expect("for Frappe's own pages");
            assert_eq!(user, format!("user_id=alice%40example.com; SameSite=Lax;{secure} Path=/"));
            let known = ["sid", "system_user", "full_name", "user_id", "user_image", "user_lang"];
            assert!(answer.cookies.iter().all(|cookie| known.iter().any(|name| cookie.starts_with(name))));

            let sid = answer.pair("sid");
            let out = post(&beside.server, "/live/logout", "", &[("x-forwarded-proto", proto), ("cookie", &sid)]).await;
            let removal = out.cookie("sid").expect("it is taken away");
            assert!(
                removal.starts_with(&format!("sid=; HttpOnly; SameSite=Lax;{secure} Path=/; Max-Age=0")),
                "{removal}"
            );
        }
    }
}

#[tokio::test]
async fn signing_out_ends_the_session_and_its_connections_at_once() {
    // No review comes in time to explain the end.
    let patient = ["--review-seconds", "3600"];
    for version in Version::ALL {
        for has_visited_the_desk in [false, true] {
            let beside = Beside::start(version, &patient).await;
            let (_, sid) = beside.header_of(SYSTEM_USER).expect("a cookie");
            if has_visited_the_desk {
                beside.frappe.visit_desk(&beside.frappe.sid_of(ALICE)).expect("a session");
            }
            let pages =
                [beside.connect(SYSTEM_USER).await.expect("Alice"), beside.connect(SYSTEM_USER).await.expect("Alice")];
            let mut other = beside.connect(Who::Session(CAROL)).await.expect("Carol");
            let out = post(&beside.server, "/live/logout", "", &[("cookie", &sid)]).await;
            assert_eq!((out.status, out.location.as_deref()), (303, Some("/live/login")), "{version}: {out:?}");
            for page in pages {
                assert_eq!(page.close_code().await, CloseCode::SessionExpired.number());
            }
            other.assert_nothing_waits().await;

            // The browser has lost the session, and Frappe knows it no more.
            let next = get(&beside.server, "/live/", &[("cookie", &out.pair("sid"))]).await;
            assert_eq!(next.user(), "Guest");
            assert!(next.body.contains(r#"data-testid="sign-in""#), "{}", next.body);
            let stolen = get(&beside.server, "/live/count?a=b", &[("cookie", &sid)]).await;
            assert_eq!(stolen.status, 401, "{version}");
            assert!(stolen.body.contains("/live/login?redirect-to=%2Flive%2Fcount%3Fa%3Db"), "{}", stolen.body);
            let form = get(&beside.server, "/live/login", &[("cookie", &sid)]).await;
            assert_eq!(form.status, 200, "with an expired session too");
            beside.assert_the_log_holds_no_secrets();
        }
    }
}

#[tokio::test]
async fn a_link_signs_nobody_out_and_another_site_nobody_in_or_out() {
    let server = Server::start(&[]);
    let link = get(&server, "/live/logout", &[]).await;
    assert!(link.status == 405 && link.body.contains("POST") && link.cookies.is_empty(), "{link:?}");
    for path in ["/live/login", "/live/logout", "/live/code"] {
        let foreign = [("origin", "https://evil.example")];
        let answer = post(&server, path, "usr=jane%40example.com&pwd=demo", &foreign).await;
        assert!(answer.status == 403 && answer.cookies.is_empty(), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn what_is_no_form_of_ours_is_refused() {
    let server = Server::start(&[]);
    let long = format!("usr=jane%40example.com&pwd={}", "x".repeat(20_000));
    let answer = post(&server, "/live/login", &long, &[]).await;
    assert!(answer.status == 413 && answer.body.contains("16 KiB"), "it was 415: {answer:?}");
    let json = reqwest::Client::new().post(server.url("/live/login")).header("content-type", "application/json");
    let json = json.body(r#"{"usr":"jane@example.com","pwd":"demo"}"#).send().await.expect("an answer");
    assert_eq!(json.status(), 415);
}

#[tokio::test]
async fn guessing_is_stopped_before_frappe_is_asked() {
    let beside = Beside::start(Version::V15, &[]).await;
    for _ in 0..10 {
        assert_eq!(sign_in(&beside.server, ALICE, "guess").await.status, 401);
    }
    beside.frappe.forget_asked();
    let answer = sign_in(&beside.server, ALICE, ALICES_PASSWORD).await;
    assert!(answer.status == 429 && answer.body.contains("too many tries"), "{answer:?}");
    assert!(beside.frappe.asked().is_empty());
    assert_eq!(sign_in(&beside.server, CAROL, "carol-pw-4711").await.status, 303, "others may");
}

/// Behind nginx everybody came from 127.0.0.1, and thirty wrong tries locked all of them out.
#[tokio::test]
async fn one_who_guesses_behind_an_unknown_proxy_locks_out_nobody_else() {
    let beside = Beside::start(Version::V15, &[]).await;
    for user in 0..31 {
        let answer = sign_in(&beside.server, &format!("guess-{user}"), "guess").await;
        assert_eq!(answer.status, 401, "{answer:?}");
    }
    assert_eq!(sign_in(&beside.server, ALICE, ALICES_PASSWORD).await.status, 303);
}

/// One client of this machine tried 247 users in three seconds: none of them often, and no address was known.
#[tokio::test]
async fn one_password_for_many_users_was_no_guessing() {
    let beside = Beside::start(Version::V15, &[]).await;
    let mut refused = 0;
    for user in 0..140 {
        let answer = sign_in(&beside.server, &format!("spray-{user}"), "Summer2026").await;
        assert!(matches!(answer.status, 401 | 429), "{answer:?}");
        refused += u32::from(answer.status == 429 && answer.body.contains("too many tries"));
    }
    // A try comes back each half second.
    assert!(refused > 0, "all were passed on");
}

/// A user whom Frappe lets in from some addresses only could sign in, and not out.
#[tokio::test]
async fn frappe_hears_the_same_address_at_a_sign_in_and_a_sign_out() {
    let beside = Beside::start(Version::V15, &["--trust-proxy"]).await;
    let from = ("x-forwarded-for", "192.0.2.7");
    let form = format!("usr=alice%40example.com&pwd={ALICES_PASSWORD}");
    let sid = post(&beside.server, "/live/login", &form, &[from]).await.pair("sid");
    assert_eq!(post(&beside.server, "/live/logout", "", &[from, ("cookie", &sid)]).await.status, 303);
    for method in ["login", "logout"] {
        let asked = beside.frappe.asked();
        let asked = asked.iter().find(|asked| asked.path.ends_with(method)).expect("Frappe was asked");
        assert_eq!(asked.header("x-forwarded-for"), Some("192.0.2.7"), "{method}");
    }
}

/// Every 401 and 403 counted as a session that was over already.
#[tokio::test]
async fn a_sign_out_that_frappe_refuses_is_not_taken_for_one() {
    for (version, status) in Version::ALL.into_iter().zip([401, 403, 401]) {
        let beside = Beside::start(version, &[]).await;
        beside.frappe.fail("logout", status);
        let (_, expired) = beside.header_of(Who::Expired).expect("a cookie");
        assert_eq!(post(&beside.server, "/live/logout", "", &[("cookie", &expired)]).await.status, 303, "{version}");
        let (_, sid) = beside.header_of(SYSTEM_USER).expect("a cookie");
        let out = post(&beside.server, "/live/logout", "", &[("cookie", &sid)]).await;
        assert_eq!(out.status, 503, "{version}: {out:?}");
        assert!(out.body.contains("did not confirm it") && out.cookie("sid").is_some(), "{out:?}");
    }
}

/// The connections ended only once Frappe had answered, and not at all if the browser hung up before.
#[tokio::test]
async fn a_sign_out_ends_connections_before_frappe_answers_and_when_the_browser_hangs_up() {
    let beside = Beside::start(Version::V15, &["--review-seconds", "3600"]).await;
    let (_, sid) = beside.header_of(SYSTEM_USER).expect("a cookie");
    let page = beside.connect(SYSTEM_USER).await.expect("Alice");
    beside.frappe.delay(Duration::from_secs(2));
    let mut browser = TcpStream::connect(beside.server.address()).await.expect("a connection");
    let request =
        format!("POST /live/logout HTTP/1.1\r\nHost: localhost\r\nCookie: {sid}\r\nContent-Length: 0\r\n\r\n");
    browser.write_all(request.as_bytes()).await.expect("the server reads");
    tokio::select! {
        answer = browser.read_u8() => panic!("Frappe was waited for: {answer:?}"),
        code = page.close_code() => assert_eq!(code, CloseCode::SessionExpired.number()),
    }
    drop(browser);
    beside.server.wait_for_log("Signed out; 1 open connections ended.");
}

/// All guests share a session: one of them ended the connections of all.
#[tokio::test]
async fn a_guest_who_signs_out_ends_nobodys_connections() {
    let beside = Beside::start(Version::V15, &[]).await;
    let demo = Server::start(&[]);
    for (server, cookie) in [(&beside.server, "sid=Guest"), (&demo, "frappe_live_demo_user=Guest")] {
        let mut other = Page::open(server, &[("cookie", cookie)]).await;
        let mut nobody = Page::open(server, &[]).await;
        for headers in [&[("cookie", cookie)][..], &[]] {
            let out = post(server, "/live/logout", "", headers).await;
            assert_eq!((out.status, out.location.as_deref()), (303, Some("/live/login")), "{out:?}");
        }
        // The demo's count comes in between: only a close would be a fault.
        for page in [&mut other, &mut nobody] {
            assert!(!matches!(page.join(Room::Website, None, &[]).await, ServerFrame::Bye { .. }), "{cookie}");
        }
        assert_eq!(Page::open(server, &[("cookie", cookie)]).await.user, "Guest");
    }
    assert!(beside.frappe.asked().iter().all(|asked| !asked.path.contains("logout")), "there is nothing to sign out");
}

#[tokio::test]
async fn the_demo_signs_in_and_out_too() {
    let server = Server::start(&["--trust-proxy"]);
    let https = ("x-forwarded-proto", "https");
    let form = "usr=mia%40example.com&pwd=demo";
    let answer = post(&server, "/live/login", form, &[https]).await;
    let cookie = answer.cookie("frappe_live_demo_user").expect("the demo's own cookie");
    assert_eq!(cookie, "frappe_live_demo_user=mia@example.com; HttpOnly; SameSite=Lax; Secure; Path=/live/");
    let mia = answer.pair("frappe_live_demo_user");
    assert_eq!(get(&server, "/live/", &[("cookie", &mia)]).await.user(), "mia@example.com");
    let switched = post(&server, "/live/api/sign_in_as", "user=Guest", &[https, ("cookie", &mia)]).await;
    assert!(switched.cookie("frappe_live_demo_user").is_some_and(|cookie| cookie.contains("; Secure")), "{switched:?}");
    assert_eq!(post(&server, "/live/login", "usr=mia%40example.com&pwd=wrong", &[]).await.status, 401);

    let page = Page::open(&server, &[("cookie", &mia)]).await;
    let out = post(&server, "/live/logout", "", &[("cookie", &mia)]).await;
    assert_eq!(page.close_code().await, CloseCode::SessionExpired.number());
    let guest = out.pair("frappe_live_demo_user");
    assert_eq!(get(&server, "/live/", &[("cookie", &guest)]).await.user(), "Guest");
    let again = post(&server, "/live/login", form, &[("cookie", &guest)]).await.pair("frappe_live_demo_user");
    assert_eq!(get(&server, "/live/", &[("cookie", &again)]).await.user(), "mia@example.com", "at once");
}
