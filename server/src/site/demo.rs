//! The demo's embedded site: five people, and who you are is a choice.

use futures_util::future::{BoxFuture, ready};
use realtime::host::{UserType, Viewer};

use super::{Credentials, IdentifyError, Site};

/// Its own cookie, not `sid`: cookies do not keep ports apart, and a bench on the same machine must not
/// be signed out by a demo.
const COOKIE: &str = "frappe_live_demo_user";

/// The login, name and kind of the demo's people; the first is who a first visit is.
const PEOPLE: [(&str, &str, UserType); 5] = [
    ("Administrator", "Administrator", UserType::SystemUser),
    ("jane@example.com", "Jane Doe", UserType::SystemUser),
    ("ravi@example.com", "Ravi Kumar", UserType::SystemUser),
    ("mia@example.com", "Mia Customer", UserType::WebsiteUser),
    ("Guest", "Guest", UserType::Guest),
];

/// The embedded site.
#[derive(Debug, Default)]
pub struct DemoSite;

fn person(site: &str, (user, full_name, user_type): (&str, &str, UserType)) -> Viewer {
    Viewer { site: site.to_owned(), user: user.to_owned(), full_name: full_name.to_owned(), user_type }
}

impl Site for DemoSite {
    fn identify<'a>(
        &'a self,
        site: &'a str,
        credentials: &'a Credentials,
    ) -> BoxFuture<'a, Result<Viewer, IdentifyError>> {
        let chosen = credentials.cookie(COOKIE);
        let known = PEOPLE.into_iter().find(|(user, ..)| chosen == Some(*user));
        Box::pin(ready(Ok(person(site, known.unwrap_or(PEOPLE[0])))))
    }

    fn demo_people(&self, site: &str) -> Vec<Viewer> {
        PEOPLE.into_iter().map(|known| person(site, known)).collect()
    }

    fn sign_in_as(&self, _site: &str, user: &str) -> Option<String> {
        let (user, ..) = PEOPLE.into_iter().find(|(known, ..)| *known == user)?;
        Some(format!("{COOKIE}={user}; Path=/live/; HttpOnly; SameSite=Lax"))
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};
    use realtime::host::UserType;

    use super::{DemoSite, Site};
    use crate::site::Credentials;

    #[tokio::test]
    async fn a_first_visit_is_administrator_and_a_choice_is_kept() {
        let site = DemoSite;
        let first = site.identify("s", &Credentials::default()).await.expect("always somebody");
        assert_eq!((first.user.as_str(), first.user_type), ("Administrator", UserType::SystemUser));
        assert_eq!(site.demo_people("s").len(), 5);
        for person in site.demo_people("s") {
            let cookie = site.sign_in_as("s", &person.user).expect("one of the people");
            let mut headers = HeaderMap::new();
            let pair = cookie.split(';').next().expect("a pair");
            headers.insert(header::COOKIE, HeaderValue::from_str(pair).expect("a header"));
            assert_eq!(site.identify("s", &Credentials::of(&headers)).await, Ok(person));
        }
        assert_eq!(site.sign_in_as("s", "root; Domain=evil"), None);
    }
}
