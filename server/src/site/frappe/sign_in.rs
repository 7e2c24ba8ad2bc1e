//! Signing in and out: `/api/method/login` and `/api/method/logout`.

use std::net::IpAddr;

use cookie::Cookie;
use http::HeaderMap;
use http::header::SET_COOKIE;
use realtime::host::UserType;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::GUEST;
use super::ask::{Asking, Reply};
use super::identity::identify;
use super::secret::SocketSecret;
use crate::site::signing::browser_cookie;
use crate::site::{AskError, Credential, SignIn, SignInError, SignedIn};

/// The cookie that is the session.
pub(super) const SESSION: &str = "sid";
/// What Frappe's own pages read beside it.
const ABOUT_THE_USER: [&str; 5] = ["system_user", "full_name", "user_id", "user_image", "user_lang"];
/// Frappe's words that are shown at most, in characters.
const SENTENCE_CHARACTERS: usize = 300;
/// Frappe believes the first address in it, when it counts wrong tries and restricts addresses.
const FORWARDED_FOR: &str = "X-Forwarded-For";

/// Begins a session.
pub(super) async fn sign_in(asking: &Asking, site: &str, who: SignIn<'_>) -> Result<SignedIn, SignInError> {
    let form = [("usr", who.user), ("pwd", who.password)];
    let question = asking.method(Method::POST, site, "login", &Credential::Nobody);
    understand(site, &asking.ask(site, for_visitor(question, who.address).form(&form)).await?)
}

/// Says where the visitor is.
pub(super) fn for_visitor(question: RequestBuilder, address: Option<IpAddr>) -> RequestBuilder {
    match address {
        Some(address) => question.header(FORWARDED_FOR, address.to_string()),
        None => question,
    }
}

/// Ends a session.
pub(super) async fn sign_out(
    asking: &Asking,
    secret: &SocketSecret,
    site: &str,
    credential: &Credential,
    address: Option<IpAddr>,
) -> Result<(), AskError> {
    let Credential::Session(_) = credential else { return Ok(()) };
    let logout = async |method| {
        let question = asking.method(method, site, "logout", credential);
        asking.ask(site, for_visitor(question, address)).await
    };
    let mut reply = logout(Method::POST).await?;
    if reply.status == StatusCode::BAD_REQUEST && Body::of(&reply).exc_type == "CSRFTokenError" {
        // The session has visited the desk: changes need its token, which only the desk's page holds. A GET
        // needs none (captures `logout_get`).
        reply = logout(Method::GET).await?;
    }
    match reply.status {
        StatusCode::OK => Ok(()),
        // Of a session that is over already, or a refusal that leaves it alive.
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            match identify(asking, secret, site, credential, address).await {
                Ok(viewer) if viewer.user_type != UserType::Guest => Err(unexpected(status)),
                Err(error) if !error.is_frappes_word() => Err(error),
                Ok(_) | Err(_) => Ok(()),
            }
        }
        StatusCode::NOT_FOUND => Err(AskError::UnknownSite { site: site.to_owned() }),
        status => Err(unexpected(status)),
    }
}

fn unexpected(status: StatusCode) -> AskError {
    AskError::Unexpected { status: status.as_u16(), hint: " to a sign-out" }
}

/// Cookies that take the session from a browser, as Frappe does.
pub(super) fn cookies_of_nobody() -> Vec<Cookie<'static>> {
    let names = [SESSION].into_iter().chain(ABOUT_THE_USER);
    let removals = names.map(|name| {
        let mut cookie = browser_cookie(name, "", "/");
        cookie.set_http_only(name == SESSION);
        cookie.make_removal();
        cookie
    });
    removals.collect()
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Body {
    message: Value,
    exc_type: String,
    /// JSON in JSON: a list of texts that each hold an object.
    #[serde(rename = "_server_messages")]
    server_messages: String,
    verification: Value,
    tmp_id: Value,
}

impl Body {
    fn of(reply: &Reply) -> Self {
        serde_json::from_slice(&reply.body).unwrap_or_default()
    }

    /// What Frappe says to a person.
    fn sentence(&self) -> Option<String> {
        let shown: Vec<String> = serde_json::from_str(&self.server_messages).unwrap_or_default();
        let shown = shown.iter().find_map(|text| {
            let shown: Value = serde_json::from_str(text).ok()?;
            Some(plain(shown["message"].as_str()?))
        });
        shown.or_else(|| self.message.as_str().map(plain)).filter(|sentence| !sentence.is_empty())
    }
}

fn understand(site: &str, reply: &Reply) -> Result<SignedIn, SignInError> {
    let body = Body::of(reply);
    let message = body.message.as_str().unwrap_or_default();
    match reply.status {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED if message == "Invalid login credentials" => return Err(SignInError::WrongPassword),
        StatusCode::UNAUTHORIZED if message.contains("disabled") => return Err(SignInError::Disabled),
        StatusCode::TOO_MANY_REQUESTS => return Err(SignInError::TooManyTries),
        // "Your account has been locked and will resume after …".
        _ if body.exc_type == "SecurityException" => return Err(SignInError::TooManyTries),
        StatusCode::NOT_FOUND => return Err(AskError::UnknownSite { site: site.to_owned() }.into()),
        status if status.is_client_error() => {
            return Err(body
                .sentence()
                .map_or(SignInError::WrongPassword, |sentence| SignInError::Refused { sentence }));
        }
        status => return Err(AskError::Unexpected { status: status.as_u16(), hint: " to a sign-in" }.into()),
    }
    if !body.verification.is_null() || !body.tmp_id.is_null() {
        return Err(SignInError::TwoFactor);
    }
    let cookies = session_cookies(&reply.headers);
    if cookies.iter().any(|cookie| cookie.name() == SESSION) {
        return Ok(SignedIn { cookies });
    }
    // What Frappe says to a System User and to others when it has signed them in.
    if matches!(message, "Logged In" | "No App") {
        return Err(SignInError::NoSession);
    }
    // "Password Reset": the password has to be changed before it is good for a session.
    let said = body.sentence().map(|said| format!("Your site says: {said}. Sign in on its own page."));
    let nothing = AskError::Unexpected { status: 200, hint: " and no session; is --frappe the address of a bench?" };
    Err(said.map_or(SignInError::Ask(nothing), |sentence| SignInError::Refused { sentence }))
}

/// The session's cookies among those that Frappe sets, written anew: nothing else of an answer may set
/// anything at the visitor's.
fn session_cookies(headers: &HeaderMap) -> Vec<Cookie<'static>> {
    let set = headers.get_all(SET_COOKIE).iter().filter_map(|value| Cookie::parse(value.to_str().ok()?).ok());
    let wanted = set.filter(|cookie| match cookie.name() {
        SESSION => !cookie.value().is_empty() && cookie.value() != GUEST,
        name => ABOUT_THE_USER.contains(&name),
    });
    let rewritten = wanted.map(|given| {
        let mut cookie = browser_cookie(given.name(), given.value(), "/");
        cookie.set_http_only(given.name() == SESSION);
        cookie.set_max_age(given.max_age());
        cookie
    });
    rewritten.collect()
}

/// Text without its markup, and not more of it than a page has room for.
fn plain(markup: &str) -> String {
    let mut text = String::new();
    let mut in_tag = false;
    for character in markup.chars() {
        match character {
            '<' => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                text.push(' ');
            }
            _ if in_tag => {}
            _ => text.push(character),
        }
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(SENTENCE_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use http::header::SET_COOKIE;
    use http::{HeaderMap, HeaderValue};
    use reqwest::StatusCode;

    use super::super::ask::Reply;
    use super::{cookies_of_nobody, plain, session_cookies, understand};
    use crate::site::{AskError, SignInError};

    fn headers(cookies: &[&'static str]) -> HeaderMap {
        cookies.iter().map(|cookie| (SET_COOKIE, HeaderValue::from_static(cookie))).collect()
    }

    fn refusal(status: u16, body: &str) -> SignInError {
        let status = StatusCode::from_u16(status).expect("a status");
        let reply = Reply { status, headers: HeaderMap::new(), body: body.into() };
        understand("s", &reply).err().expect("no session began")
    }

    #[test]
    fn each_refusal_has_its_words() {
        let wrong = r#"{"message": "Invalid login credentials", "exc_type": "AuthenticationError"}"#;
        assert_eq!(refusal(401, wrong), SignInError::WrongPassword);
        assert_eq!(refusal(401, "{}"), SignInError::WrongPassword);
        assert_eq!(refusal(401, r#"{"message": "User disabled or missing"}"#), SignInError::Disabled);
        let two_factor = r#"{"verification": {"method": "OTP App", "setup": true}, "tmp_id": "7b1c"}"#;
        assert_eq!(refusal(200, two_factor), SignInError::TwoFactor);
        assert_eq!(refusal(429, "<html>"), SignInError::TooManyTries);
        let locked = r#"{"exc_type": "SecurityException", "_server_messages": "[\"{}\"]"}"#;
        assert_eq!(refusal(417, locked), SignInError::TooManyTries);
        for status in [500, 502, 503, 302] {
            assert!(matches!(refusal(status, "{}"), SignInError::Ask(AskError::Unexpected { .. })), "{status}");
        }
        assert!(matches!(refusal(404, "{}"), SignInError::Ask(AskError::UnknownSite { .. })));
        assert!(matches!(refusal(200, "<html>"), SignInError::Ask(AskError::Unexpected { .. })), "not a bench");
    }

    /// The visitor read "Your site says: Logged In. Sign in on its own page."
    #[test]
    fn a_login_without_a_session_was_a_riddle() {
        for message in ["Logged In", "No App"] {
            let refusal = refusal(200, &format!(r#"{{"message": "{message}", "home_page": "/app"}}"#));
            assert_eq!((&refusal, refusal.status()), (&SignInError::NoSession, 503));
            assert!(refusal.to_string().contains("began no session"), "{refusal}");
        }
    }

    #[test]
    fn frappes_own_words_are_text_and_bounded() {
        let shown = r#"{"_server_messages": "[\"{\\\"message\\\": \\\"Access <b>not</b> allowed\\\"}\"]"}"#;
        assert_eq!(refusal(403, shown), SignInError::Refused { sentence: "Access not allowed".into() });
        let reset = refusal(200, r#"{"message": "Password Reset", "redirect_to": "/update-password?key=1"}"#);
        assert!(reset.to_string().contains("Password Reset"), "{reset}");
        assert_eq!(plain("<script>alert(1)</script>\n<p title=\"a\">1 > 0</p>"), "alert(1) 1 > 0");
        assert_eq!(plain(&"ü".repeat(1000)).chars().count(), 300);
    }

    #[test]
    fn only_the_sessions_cookies_are_passed_on_and_no_domain() {
        let cookies = session_cookies(&headers(&[
            "sid=9c27; Expires=Thu, 26 Nov 2026 21:10:14 GMT; Max-Age=216000; HttpOnly; Path=/; Domain=.example.com",
            "user_id=alice%40example.com; Path=/; SameSite=None",
            "tracking=1; Path=/",
            "frappe_live_session=forged; Path=/live/",
        ]));
        let written: Vec<String> = cookies.iter().map(ToString::to_string).collect();
        assert_eq!(
            written,
            [
                "sid=9c27; HttpOnly; SameSite=Lax; Path=/; Max-Age=216000",
                "user_id=alice%40example.com; SameSite=Lax; Path=/",
            ]
        );
        let guests = session_cookies(&headers(&["sid=Guest; Path=/", "sid=; Path=/"]));
        assert!(guests.is_empty(), "no session");
    }

    #[test]
    fn signing_out_takes_every_cookie_of_the_session() {
        let cookies = cookies_of_nobody();
        assert_eq!(cookies.len(), 6);
        for cookie in cookies {
            let text = cookie.to_string();
            assert!(text.contains("=; ") && text.contains("Max-Age=0") && text.contains("Path=/;"), "{text}");
        }
    }
}
