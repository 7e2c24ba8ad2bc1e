//! Who is looking, as real Frappe 14, 15 and 16 answered.

use realtime::close::CloseCode;
use realtime::room::Room;
use serde_json::Value;

use crate::support::frappe::{Case, Frappe, cases};
use crate::support::page::{Page, close_code, open};
use crate::support::redis::free_port;
use crate::support::server::Server;

const PATH: &str = "/api/method/frappe.realtime.get_user_info";

fn credentials(case: &Case) -> Vec<(&'static str, &str)> {
    let headers = [("cookie", case.header("cookie")), ("authorization", case.header("authorization"))];
    headers.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

async fn status_of(server: &Server, headers: &[(&'static str, &str)]) -> (u16, String) {
    let mut request = reqwest::Client::new().get(server.url("/live/count"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.expect("the server answers");
    (answer.status().as_u16(), answer.text().await.expect("text"))
}

#[tokio::test]
async fn sessions_are_who_frappe_says() {
    for version in ["v14", "v15", "v16"] {
        let site = format!("r{}.localhost", version.replace('v', "t"));
        let all = cases(version);
        let frappe = Frappe::start(all.clone()).await;
        let server = Server::start(&["--frappe", &frappe.url, "--site", &site]);
        let mut checked = 0;
        for case in all.iter().filter(|case| case.header("host").is_some_and(|host| host.starts_with(&site))) {
            let headers = credentials(case);
            // Both at once: the token is believed, so the answer is the one that a token alone gets.
            if headers.len() == 2 {
                continue;
            }
            checked += 1;
            let body: Value = serde_json::from_str(&case.body).unwrap_or_default();
            let refused = match (case.status, &body["session_expired"]) {
                (401, _) => Some((CloseCode::Unauthorized, 401)),
                (200, Value::Number(_)) => Some((CloseCode::SessionExpired, 401)),
                _ => None,
            };
            // Frappe makes a session out of an empty `sid`; for us it says nothing.
            let refused = refused.filter(|_| case.name != "get_user_info_empty_sid");
            let (status, html) = status_of(&server, &headers).await;
            if let Some((code, expected)) = refused {
                assert_eq!(status, expected, "{version} {}", case.name);
                assert!(html.contains("/login"), "{version} {}: the page says where to sign in", case.name);
                let mut socket = open(&server, &headers).await.expect("the reason comes on the socket");
                assert_eq!(close_code(&mut socket).await, code.number(), "{version} {}", case.name);
                continue;
            }
            assert_eq!(status, 200, "{version} {}", case.name);
            let page = Page::open(&server, &headers).await;
            let user = body["message"]["user"].as_str().unwrap_or("Guest");
            assert_eq!(page.user, user, "{version} {}", case.name);
            let mut rooms = vec![Room::user(user), Room::Website];
            if body["message"]["user_type"] == "System User" {
                rooms.push(Room::Site);
            }
            assert_eq!(page.rooms, rooms, "{version} {}", case.name);
        }
        assert!(checked >= 14, "{version}: {checked} cases");
        for (path, headers) in frappe.asked() {
            assert_eq!(path, PATH);
            assert_eq!((&headers["host"], &headers["x-frappe-site-name"]), (&site, &site));
        }
    }
}

#[tokio::test]
async fn the_token_comes_before_the_session_and_a_guest_costs_no_question() {
    let all = cases("v15");
    let frappe = Frappe::start(all.clone()).await;
    let server = Server::start(&["--frappe", &frappe.url, "--site", "rt15.localhost"]);
    let token =
        all.iter().find(|case| case.name == "get_user_info_token").and_then(|case| case.header("authorization"));
    let sid = all.iter().find(|case| case.name == "get_user_info_cookie_admin").and_then(|case| case.header("cookie"));
    let (token, sid) = (token.expect("captured"), sid.expect("captured"));

    let page = Page::open(&server, &[("authorization", token), ("cookie", sid)]).await;
    assert_eq!(page.user, "alice@example.com");
    let asked = frappe.asked();
    assert!(asked.len() == 1 && !asked[0].1.contains_key("cookie"), "{asked:?}");

    for cookie in ["other=1", "sid=Guest", "sid="] {
        assert_eq!(Page::open(&server, &[("cookie", cookie)]).await.user, "Guest");
    }
    assert_eq!(frappe.asked().len(), 1);
    let secret = token.rsplit(':').next().expect("a token has two halves");
    assert!(!server.log().contains(secret), "credentials are not logged");
}

#[tokio::test]
async fn a_frappe_that_does_not_answer_is_named_and_the_page_may_come_back() {
    let url = format!("http://127.0.0.1:{}", free_port());
    let server = Server::start(&["--frappe", &url, "--site", "rt15.localhost"]);
    let headers = [("cookie", "sid=0123")];
    let (status, html) = status_of(&server, &headers).await;
    assert_eq!(status, 503, "{html}");
    let mut socket = open(&server, &headers).await.expect("the reason comes on the socket");
    assert_eq!(close_code(&mut socket).await, CloseCode::FrappeUnreachable.number());
    server.wait_for_log("Frappe could not be asked");
    assert!(!server.log().contains("0123"), "sessions are not logged");
}

#[tokio::test]
async fn an_address_in_a_request_is_never_asked() {
    let evil = Frappe::start(Vec::new()).await;
    let frappe = Frappe::start(cases("v15")).await;
    let server = Server::start(&["--frappe", &frappe.url, "--site", "rt15.localhost"]);
    let host = evil.url.trim_start_matches("http://");
    for (name, value) in
        [("x-frappe-site-name", host), ("x-forwarded-host", host), ("forwarded", &format!("host={host}"))]
    {
        let name: &'static str = name;
        let sid = cases("v15")
            .into_iter()
            .find(|case| case.name == "get_user_info_cookie_admin")
            .and_then(|case| case.header("cookie").map(str::to_owned))
            .expect("captured");
        assert_eq!(Page::open(&server, &[("cookie", &sid), (name, value)]).await.user, "Administrator");
    }
    let origin = open(&server, &[("cookie", "sid=x"), ("origin", &evil.url)]).await;
    assert!(origin.is_err(), "a foreign origin is refused");
    assert!(evil.asked().is_empty());
    assert!(frappe.asked().iter().all(|(_, headers)| headers["x-frappe-site-name"] == "rt15.localhost"));
}
