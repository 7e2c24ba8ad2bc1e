//! One-time codes: how a native app's webview gets in without a header.

use fake_frappe::{ALICE, BOB, Version};

use crate::support::beside::{Beside, SYSTEM_USER, Who};
use crate::support::browser::{COOKIE, JANE, code_of, get, head, post, user_with};
use crate::support::page::{Page, open};
use crate::support::server::Server;

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
