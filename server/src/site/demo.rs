//! The demo's embedded site: five people, and who you are is a choice.

use std::net::IpAddr;

use cookie::Cookie;
use futures_util::future::{BoxFuture, ready};
use realtime::frame::Denial;
use realtime::host::{UserType, Viewer};

use super::signing::secret_cookie;
use super::{AskError, Caller, Credential, SignIn, SignInError, SignedIn, Site, Subject};

/// Its own cookie, not `sid`: cookies do not keep ports apart, and a bench on the same machine must not
/// be signed out by a demo.
const COOKIE: &str = "frappe_live_demo_user";

const GUEST: &str = "Guest";

/// The login, name and kind of the demo's people; the first is who a first visit is.
const PEOPLE: [(&str, &str, UserType); 5] = [
    ("Administrator", "Administrator", UserType::SystemUser),
    ("jane@example.com", "Jane Doe", UserType::SystemUser),
    ("ravi@example.com", "Ravi Kumar", UserType::SystemUser),
    ("mia@example.com", "Mia Customer", UserType::WebsiteUser),
    (GUEST, "Guest", UserType::Guest),
];

/// Everybody's password, and the secret of everybody's token: `Authorization: token jane@example.com:demo`.
const PASSWORD: &str = "demo";

/// The doctype whose documents every signed-in user may read; others are for System Users.
const FOR_EVERY_USER: &str = "Note";

/// The embedded site.
#[derive(Debug, Default)]
pub struct DemoSite;

fn person(site: &str, (user, full_name, user_type): (&str, &str, UserType)) -> Viewer {
    Viewer { site: site.to_owned(), user: user.to_owned(), full_name: full_name.to_owned(), user_type }
}

fn session_of(user: &str) -> Cookie<'static> {
    secret_cookie(COOKIE, user, "/live/")
}

fn find(user: &str) -> Option<(&'static str, &'static str, UserType)> {
    PEOPLE.into_iter().find(|(known, ..)| *known == user)
}

impl Site for DemoSite {
    fn session_cookie(&self) -> &'static str {
        COOKIE
    }

    fn identify<'a>(&'a self, site: &'a str, credential: &'a Credential) -> BoxFuture<'a, Result<Viewer, AskError>> {
        let known = match credential {
            Credential::Nobody => Some(PEOPLE[0]),
            // A cookie of another version of the demo is as good as none.
            Credential::Session(user) => Some(find(user).unwrap_or(PEOPLE[0])),
            Credential::Authorization(text) => {
                let token = text.strip_prefix("token ").and_then(|token| token.split_once(':'));
                token.filter(|(_, secret)| *secret == PASSWORD).and_then(|(user, _)| find(user))
            }
        };
        let viewer = known.map(|known| person(site, known)).ok_or(AskError::Unauthorized);
        Box::pin(ready(viewer))
    }

    fn may_read<'a>(
        &'a self,
        caller: &'a Caller,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Result<(), Denial>, AskError>> {
        let allowed = match caller.viewer.user_type {
            UserType::SystemUser => true,
            UserType::WebsiteUser => subject.doctype == FOR_EVERY_USER,
            UserType::Guest => false,
        };
        Box::pin(ready(Ok(if allowed { Ok(()) } else { Err(Denial::NotPermitted) })))
    }

    fn demo_people(&self, site: &str) -> Vec<Viewer> {
        PEOPLE.into_iter().map(|known| person(site, known)).collect()
    }

    fn sign_in_as(&self, _site: &str, user: &str) -> Option<Cookie<'static>> {
        let (user, ..) = find(user)?;
        Some(session_of(user))
    }

    fn sign_in<'a>(&'a self, _site: &'a str, who: SignIn<'a>) -> BoxFuture<'a, Result<SignedIn, SignInError>> {
        let known = find(who.user).filter(|(.., user_type)| *user_type != UserType::Guest);
        let known = known.filter(|_| who.password == PASSWORD).ok_or(SignInError::WrongPassword);
        Box::pin(ready(known.map(|(user, ..)| SignedIn { cookies: vec![session_of(user)] })))
    }

    fn is_of_guests(&self, credential: &Credential) -> bool {
        matches!(credential, Credential::Session(user) if **user == *GUEST)
    }

    fn sign_out<'a>(
        &'a self,
        _site: &'a str,
        _credential: &'a Credential,
        _address: Option<IpAddr>,
    ) -> BoxFuture<'a, Result<(), AskError>> {
        Box::pin(ready(Ok(())))
    }

    /// Without a cookie one would be Administrator again.
    fn cookies_of_nobody(&self) -> Vec<Cookie<'static>> {
        vec![session_of(GUEST)]
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};
    use realtime::frame::Denial;
    use realtime::host::UserType;

    use super::{COOKIE, DemoSite, Site};
    use crate::site::{AskError, Caller, Credential, SignIn, SignInError, Subject};

    #[tokio::test]
    async fn a_first_visit_is_administrator_and_a_choice_is_kept() {
        let site = DemoSite;
        let first = site.identify("s", &Credential::Nobody).await.expect("always somebody");
        assert_eq!((first.user.as_str(), first.user_type), ("Administrator", UserType::SystemUser));
        assert_eq!(site.demo_people("s").len(), 5);
        for person in site.demo_people("s") {
            let cookie = site.sign_in_as("s", &person.user).expect("one of the people");
            let mut headers = HeaderMap::new();
            let pair = cookie.stripped().to_string();
            headers.insert(header::COOKIE, HeaderValue::from_str(&pair).expect("a header"));
            assert_eq!(
                site.identify("s", &Credential::session(&headers, COOKIE).expect("a session")).await,
                Ok(person)
            );
        }
        assert_eq!(site.sign_in_as("s", "root; Domain=evil"), None);
    }

    #[tokio::test]
    async fn everybody_but_guest_signs_in_with_the_demos_password() {
        let sign_in = async |user, password| {
            let who = SignIn { user, password, address: None };
            let signed_in = DemoSite.sign_in("s", who).await;
            signed_in.map(|signed_in| signed_in.cookies.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        let cookies = sign_in("mia@example.com", "demo").await.expect("one of them");
        assert_eq!(cookies, [format!("{COOKIE}=mia@example.com; HttpOnly; SameSite=Lax; Path=/live/")]);
        for (user, password) in [("mia@example.com", "Demo"), ("Guest", "demo"), ("root", "demo"), ("", "")] {
            assert_eq!(sign_in(user, password).await, Err(SignInError::WrongPassword), "{user} {password}");
        }
        assert_eq!(DemoSite.cookies_of_nobody()[0].value(), "Guest");
    }

    #[tokio::test]
    async fn a_token_is_one_of_the_people_or_refused() {
        let identify = async |text: &str| DemoSite.identify("s", &Credential::Authorization(text.into())).await;
        assert_eq!(identify("token jane@example.com:demo").await.expect("one of them").user, "jane@example.com");
        for wrong in ["token jane@example.com:wrong", "token root:demo", "Bearer jane@example.com:demo", "x"] {
            assert_eq!(identify(wrong).await, Err(AskError::Unauthorized), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_note_is_for_every_user_and_nothing_is_for_guests() {
        let site = DemoSite;
        for person in site.demo_people("s") {
            let expected = |doctype: &str| match person.user_type {
                UserType::SystemUser => Ok(()),
                UserType::WebsiteUser if doctype == "Note" => Ok(()),
                UserType::WebsiteUser | UserType::Guest => Err(Denial::NotPermitted),
            };
            let caller = Caller { viewer: person.clone(), credential: Credential::Nobody };
            for doctype in ["Note", "ToDo"] {
                let subject = Subject { doctype: doctype.into(), name: Some("x".into()) };
                assert_eq!(site.may_read(&caller, &subject).await, Ok(expected(doctype)), "{person:?} {doctype}");
            }
        }
    }
}
