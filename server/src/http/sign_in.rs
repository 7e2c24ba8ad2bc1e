//! Signing in, with a plain form.

use std::net::IpAddr;
use std::num::NonZeroU32;

use app::sign_in::SignInForm;
use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use tracing::{info, warn};
use url::form_urlencoded;

use super::own_path::{HOME, own_path};
use super::request_site::RequestSite;
use super::throttle::{Throttle, TooOften};
use super::websocket::Peer;
use super::{App, RequestScheme, answers, cookies, pages};
use crate::site::{SignIn, SignInError, SignedIn};

/// The path of the page.
pub(super) const PATH: &str = "/live/login";
/// The largest form.
const FORM_BYTES: usize = 16 << 10;
/// Tries for one user in a minute, wherever they come from.
const TRIES_A_USER: NonZeroU32 = NonZeroU32::new(10).expect("not zero");
/// Tries from one address in a minute: a whole office may share one.
const TRIES_AN_ADDRESS: NonZeroU32 = NonZeroU32::new(30).expect("not zero");
/// Tries on one site in a minute from wherever nobody knows: a whole site may be behind a proxy that is not trusted.
const TRIES_FROM_UNKNOWN_ADDRESSES: NonZeroU32 = NonZeroU32::new(120).expect("not zero");

/// Counts tries to sign in: this must be no faster a way to guess passwords than Frappe's own.
pub(super) struct Tries {
    of_users: Throttle,
    of_addresses: Throttle,
    from_unknown_addresses: Throttle,
}

impl Tries {
    pub(super) fn new() -> Self {
        Self {
            of_users: Throttle::a_minute(TRIES_A_USER),
            of_addresses: Throttle::a_minute(TRIES_AN_ADDRESS),
            from_unknown_addresses: Throttle::a_minute(TRIES_FROM_UNKNOWN_ADDRESSES),
        }
    }

    /// Where the address is not known, everybody may seem to be there: such tries are counted together.
    fn check(&self, site: &str, user: &str, address: Option<IpAddr>) -> Result<(), TooOften> {
        let of_user = || self.of_users.check((site, user.to_lowercase()));
        match address {
            Some(address) => self.of_addresses.check(network_of(address)).and_then(|()| of_user()),
            // The user first: who guesses one password only must not use up what all others share.
            None => of_user().and_then(|()| self.from_unknown_addresses.check(site)),
        }
    }
}

/// Whoever has one IPv6 address has 2^64 of them.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
    }
}

/// Shows the form.
pub(super) async fn page(
    State(app): State<App>,
    Extension(RequestSite(site)): Extension<RequestSite>,
    request: Request,
) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let Given { redirect_to, .. } = Given::read(query.as_bytes());
    let form = form(&app, site.name(), String::new(), redirect_to);
    pages::sign_in(&app, form, StatusCode::OK, request).await
}

/// Signs in and goes where the visitor came from, or shows the form again.
pub(super) async fn sign_in(
    State(app): State<App>,
    Extension(RequestSite(site)): Extension<RequestSite>,
    Extension(scheme): Extension<RequestScheme>,
    Extension(Peer(peer)): Extension<Peer>,
    request: Request,
) -> Response {
    let address = app.inner.proxy.visitor_address(request.headers(), peer.ip());
    let (parts, body) = request.into_parts();
    let given = match read(&parts.headers, body).await {
        Ok(given) => given,
        Err(refusal) => return refusal.into_response(),
    };
    let request = Request::from_parts(parts, Body::empty());
    let Given { user, password, redirect_to } = given;
    let form = form(&app, site.name(), user.clone(), redirect_to);
    if user.is_empty() || password.is_empty() {
        let form = SignInForm { problem: Some("Give both your user name and your password.".to_owned()), ..form };
        return pages::sign_in(&app, form, StatusCode::BAD_REQUEST, request).await;
    }
    let who = SignIn { user: &user, password: &password, address };
    let outcome = match app.inner.tries.check(site.name(), &user, address) {
        Ok(()) => app.inner.authority.site().sign_in(site.name(), who).await,
        Err(TooOften) => Err(SignInError::TooManyTries),
    };
    match outcome {
        Ok(SignedIn { cookies }) => {
            info!(site = site.name(), user, "Signed in.");
            let mut response = answers::go_to(&form.redirect_to);
            cookies::set(response.headers_mut(), cookies, scheme);
            response
        }
        Err(error) => {
            match &error {
                SignInError::Ask(problem) => warn!(site = site.name(), "Nobody can sign in: {problem}."),
                // People type passwords where their names belong: who it was is not logged.
                refusal => info!(
                    site = site.name(),
                    address = address.map(tracing::field::display),
                    "Refused a sign-in: {refusal}"
                ),
            }
            let needs_own_page = matches!(error, SignInError::TwoFactor | SignInError::NoSession);
            let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::UNAUTHORIZED);
            let form = SignInForm { problem: Some(error.to_string()), needs_own_page, ..form };
            pages::sign_in(&app, form, status, request).await
        }
    }
}

pub(super) fn form(app: &App, site: &str, user: String, redirect_to: String) -> SignInForm {
    let is_demo = !app.inner.authority.site().demo_people(site).is_empty();
    SignInForm { user, redirect_to, problem: None, needs_own_page: false, is_demo }
}

/// What a form says.
struct Given {
    user: String,
    password: String,
    redirect_to: String,
}

impl Given {
    fn read(form: &[u8]) -> Self {
        let (mut user, mut password, mut redirect_to) = (String::new(), String::new(), None);
        for (key, value) in form_urlencoded::parse(form) {
            match &*key {
                "usr" => value.trim().clone_into(&mut user),
                "pwd" => password = value.into_owned(),
                "redirect-to" => redirect_to = own_path(&value),
                _ => {}
            }
        }
        Self { user, password, redirect_to: redirect_to.unwrap_or_else(|| HOME.to_owned()) }
    }
}

/// Why a request is no form that can be read.
type FormRefusal = (StatusCode, &'static str);

const NO_FORM: FormRefusal = (
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    "This is no form; send the one of /live/login, as application/x-www-form-urlencoded.\n",
);
const TOO_LARGE: FormRefusal =
    (StatusCode::PAYLOAD_TOO_LARGE, "The form is larger than 16 KiB; send the one of /live/login and nothing else.\n");

async fn read(headers: &HeaderMap, body: Body) -> Result<Given, FormRefusal> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(NO_FORM);
    }
    let form = to_bytes(body, FORM_BYTES).await.map_err(|_| TOO_LARGE)?;
    Ok(Given::read(&form))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{Given, Tries, network_of};

    #[test]
    fn a_form_keeps_the_password_as_it_is_and_leads_nowhere_else() {
        let given = Given::read(b"usr=+jane%40example.com+&pwd=+p%26w+&redirect-to=%2Flive%2Fcount&other=1");
        assert_eq!((given.user.as_str(), given.password.as_str()), ("jane@example.com", " p&w "));
        assert_eq!(given.redirect_to, "/live/count");
        assert_eq!(Given::read(b"redirect-to=%2F%2Fevil.example").redirect_to, "/live/");
        assert_eq!(Given::read(b"").redirect_to, "/live/");
        assert_eq!(Given::read(b"redirect-to=%2Flive%2Fcount%3F%2563ode%3Dk3").redirect_to, "/live/count");
    }

    #[test]
    fn guessing_is_slow_from_one_address_and_for_one_user() {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let tries = Tries::new();
        let check = |site: &str, user: &str, from: &str| tries.check(site, user, Some(address(from))).is_ok();
        let of_jane = (0..11).map(|host| check("s", "Jane", &format!("192.0.2.{host}")));
        assert_eq!(of_jane.filter(|allowed| *allowed).count(), 10);
        assert!(!check("s", "jane", "198.51.100.1"), "capitals make no other user");
        assert!(check("other", "jane", "198.51.100.1"));

        let from_one = (0..31).map(|user| check("s", &user.to_string(), "203.0.113.1"));
        assert_eq!(from_one.filter(|allowed| *allowed).count(), 30);
        let from_nowhere = (0..31).map(|user| tries.check("s", &format!("other-{user}"), None).is_ok());
        assert!(from_nowhere.into_iter().all(|allowed| allowed), "one who guesses locks out nobody else");
        assert_eq!(network_of(address("2001:db8::1")), network_of(address("2001:db8::2")));
        assert_ne!(network_of(address("2001:db8::1")), network_of(address("2001:db8:0:1::1")));
    }

    /// One client of this machine tried 247 users in three seconds.
    #[test]
    fn many_users_tried_from_unknown_addresses_were_no_tries_of_anybody() {
        let tries = Tries::new();
        let of_one_user = (0..200).map(|_| tries.check("s", "jane", None).is_ok());
        assert_eq!(of_one_user.filter(|allowed| *allowed).count(), 10);
        let of_many = (0..200).map(|user| tries.check("s", &user.to_string(), None).is_ok());
        assert_eq!(of_many.filter(|allowed| *allowed).count(), 110, "120 with those of jane");
        assert_eq!(tries.check("other", "ravi", None), Ok(()), "each site has its own");
        let known = "203.0.113.9".parse().expect("an address");
        assert_eq!(tries.check("s", "ravi", Some(known)), Ok(()), "who is known goes on");
    }
}
