//! Frappe, asked over HTTP at its configured address.
//!
//! [`ask`] is how: in turn, within a time, never at an address that a request named. [`identity`] and
//! [`permission`] are the two questions, [`sign_in`] begins and ends sessions; [`secret`] is what Frappe 16 wants to hear before it answers.

mod ask;
mod identity;
mod permission;
mod secret;
mod sign_in;

use std::net::IpAddr;

use cookie::Cookie;
use futures_util::future::BoxFuture;
use realtime::frame::Denial;
use realtime::host::Viewer;
use tokio::time::timeout;
use url::Url;

pub use self::ask::AskLimits;
use self::ask::Asking;
use self::secret::SocketSecret;
use super::{AskError, Caller, Credential, SignIn, SignInError, SignedIn, Site, Subject};
use crate::redis_address::RedisAddress;

/// The user that everybody is who is not signed in, and the `sid` of their session.
const GUEST: &str = "Guest";

/// A bench's web server.
#[derive(Debug)]
pub struct FrappeSite {
    asking: Asking,
    secret: SocketSecret,
}

impl FrappeSite {
    /// Asks the bench at `address` about these sites, whatever a request's headers say. Frappe 16's socket
    /// secret is looked for on the bench's Redis servers.
    #[must_use]
    pub fn new(address: Url, sites: &[String], redis: &[RedisAddress], limits: AskLimits) -> Self {
        Self { asking: Asking::new(address, sites, limits), secret: SocketSecret::new(redis.to_vec()) }
    }
}

impl Site for FrappeSite {
    fn session_cookie(&self) -> &'static str {
        sign_in::SESSION
    }

    fn identify<'a>(&'a self, site: &'a str, credential: &'a Credential) -> BoxFuture<'a, Result<Viewer, AskError>> {
        Box::pin(async move {
            // The secret, and asking twice, take no page longer than it waits.
            let patience = self.asking.patience() * 3 / 2;
            let identified =
                timeout(patience, identity::identify(&self.asking, &self.secret, site, credential, None)).await;
            identified.unwrap_or_else(|_| {
                Err(AskError::Unreachable { problem: format!("no answer within {} seconds", patience.as_secs()) })
            })
        })
    }

    fn may_read<'a>(
        &'a self,
        caller: &'a Caller,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Result<(), Denial>, AskError>> {
        Box::pin(permission::may_read(&self.asking, caller, subject))
    }

    fn demo_people(&self, _site: &str) -> Vec<Viewer> {
        Vec::new()
    }

    fn sign_in_as(&self, _site: &str, _user: &str) -> Option<Cookie<'static>> {
        None
    }

    fn sign_in<'a>(&'a self, site: &'a str, who: SignIn<'a>) -> BoxFuture<'a, Result<SignedIn, SignInError>> {
        Box::pin(sign_in::sign_in(&self.asking, site, who))
    }

    fn is_of_guests(&self, credential: &Credential) -> bool {
        identity::is_of_guests(credential)
    }

    fn sign_out<'a>(
        &'a self,
        site: &'a str,
        credential: &'a Credential,
        address: Option<IpAddr>,
    ) -> BoxFuture<'a, Result<(), AskError>> {
        Box::pin(sign_in::sign_out(&self.asking, &self.secret, site, credential, address))
    }

    fn cookies_of_nobody(&self) -> Vec<Cookie<'static>> {
        sign_in::cookies_of_nobody()
    }
}
