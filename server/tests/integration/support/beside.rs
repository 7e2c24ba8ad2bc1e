//! The server beside a fake Frappe of a version, and its callers.

use fake_frappe::{ALICE, CAROL, FakeFrappe, Version};
use realtime::frame::{ClientFrame, ServerFrame};
use realtime::room::Room;

use super::page::{Page, close_code, open};
use super::redis::Redis;
use super::server::Server;

/// A server, the Frappe it asks, and the Redis that this Frappe publishes on.
pub(crate) struct Beside {
    pub(crate) frappe: FakeFrappe,
    pub(crate) redis: Redis,
    pub(crate) server: Server,
}

/// Who connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// With the session of this user.
    Session(&'static str),
    /// With the token of this user.
    Token(&'static str),
    /// With nothing.
    Guest,
    /// With a session that Frappe does not know, or no longer.
    Expired,
    /// With a token that Frappe does not know.
    BadToken,
}

pub(crate) const SYSTEM_USER: Who = Who::Session(ALICE);
pub(crate) const WEBSITE_USER: Who = Who::Session(CAROL);
const UNKNOWN_SID: &str = "deadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeef";
const UNKNOWN_TOKEN: &str = "token nokey000000000:nosecret000000";

impl Beside {
    /// Starts all three, the server with these arguments besides and a log of everything.
    pub(crate) async fn start(version: Version, args: &[&str]) -> Self {
        let frappe = FakeFrappe::start(version).await;
        let redis = Redis::start();
        frappe.keep_secret_in(&redis.url()).expect("the fake takes the address");
        let (url, redis_url) = (frappe.url(), redis.url());
        let usual = ["--frappe", &url, "--redis", &redis_url, "--site", frappe.site(), "--log-level", "trace"];
        let server = Server::start(&[&usual[..], args].concat());
        redis.wait_for_subscribers(1);
        Self { frappe, redis, server }
    }

    /// The header that says who it is.
    pub(crate) fn header_of(&self, who: Who) -> Option<(&'static str, String)> {
        match who {
            Who::Session(user) => Some(("cookie", format!("sid={}; full_name=x", self.frappe.sid_of(user)))),
            Who::Token(user) => Some(("authorization", self.frappe.token_of(user).expect("a token").to_owned())),
            Who::Guest => None,
            Who::Expired => Some(("cookie", format!("sid={UNKNOWN_SID}"))),
            Who::BadToken => Some(("authorization", UNKNOWN_TOKEN.to_owned())),
        }
    }

    /// Connects; the code of the close where that is the answer.
    pub(crate) async fn connect(&self, who: Who) -> Result<Page, u16> {
        let header = self.header_of(who);
        let headers: Vec<(&'static str, &str)> = header.iter().map(|(name, value)| (*name, value.as_str())).collect();
        if matches!(who, Who::Expired | Who::BadToken) {
            let mut socket = open(&self.server, &headers).await.expect("the reason comes on the socket");
            return Err(close_code(&mut socket).await);
        }
        Ok(Page::open(&self.server, &headers).await)
    }

    /// Publishes as this version of Frappe does.
    pub(crate) fn publish(&self, room: &str, event: &str) {
        let site = self.frappe.site();
        let payload = match self.frappe.version() {
            Version::V14 => serde_json::json!({"event": event, "message": {}, "room": format!("{site}:{room}")}),
            Version::V15 | Version::V16 => {
                serde_json::json!({"event": event, "message": {}, "namespace": site, "room": room})
            }
        };
        self.redis.publish(payload.to_string());
    }

    /// Fails if the log holds anything that lets its reader be somebody else.
    pub(crate) fn assert_the_log_holds_no_secrets(&self) {
        let log = self.server.log();
        let sids = [fake_frappe::ADMINISTRATOR, ALICE, fake_frappe::BOB, CAROL].map(|user| self.frappe.sid_of(user));
        let tokens =
            [fake_frappe::ADMINISTRATOR, ALICE, CAROL].into_iter().filter_map(|user| self.frappe.token_of(user));
        let tokens = tokens.filter_map(|token| token.split([' ', ':']).next_back().map(str::to_owned));
        let unknown = [UNKNOWN_SID.to_owned(), "nosecret000000".to_owned()];
        for secret in sids.into_iter().chain(tokens).chain(self.frappe.secret()).chain(unknown) {
            assert!(!log.contains(&secret), "the log holds {secret}");
        }
    }
}

/// Whatever a test did, nothing that opens a door was logged.
impl Drop for Beside {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.assert_the_log_holds_no_secrets();
        }
    }
}

/// What a join is answered, in short: `joined`, `denied not_yours`, `error could_not_ask`.
pub(crate) async fn join(page: &mut Page, room: &str) -> String {
    let frame = ClientFrame::Join { reference: 7, room: Room::parse(room), since: None, latest: vec![], token: None };
    page.say(&frame).await;
    loop {
        match page.frame().await {
            ServerFrame::Joined { reference: 7, .. } => return "joined".to_owned(),
            ServerFrame::Denied { reference: Some(7), denial, .. } => return format!("denied {}", denial.word()),
            ServerFrame::Error { reference: Some(7), code, remedy, .. } => {
                assert!(remedy.is_some(), "{code} says what to do");
                return format!("error {code}");
            }
            ServerFrame::Event { .. } => {}
            other => panic!("no answer to a join: {other:?}"),
        }
    }
}
