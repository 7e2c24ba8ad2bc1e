//! The site's users.

use crate::cookies::Wearer;

/// Who administers every Frappe site.
pub const ADMINISTRATOR: &str = "Administrator";
/// A System User with a `ToDo` of her own.
pub const ALICE: &str = "alice@example.com";
/// A System User with nothing of his own.
pub const BOB: &str = "bob@example.com";
/// A Website User.
pub const CAROL: &str = "carol@example.com";
/// Who has not signed in.
pub const GUEST: &str = "Guest";

/// The user type that sees the desk.
pub(crate) const SYSTEM_USER: &str = "System User";
const WEBSITE_USER: &str = "Website User";

/// Somebody who can sign in.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) name: &'static str,
    pub(crate) password: &'static str,
    pub(crate) full_name: &'static str,
    pub(crate) user_type: String,
    pub(crate) enabled: bool,
    pub(crate) two_factor: bool,
    /// The `Authorization` headers that stand for the person.
    authorizations: &'static [&'static str],
    /// The captured login whose sid is the person's from the start.
    pub(crate) captured_login: &'static str,
}

impl Person {
    pub(crate) fn all() -> [Self; 4] {
        let person = |name, password, full_name, user_type: &str, authorizations, captured_login| Self {
            name,
            password,
            full_name,
            user_type: user_type.to_owned(),
            enabled: true,
            two_factor: false,
            authorizations,
            captured_login,
        };
        [
            person(
                ADMINISTRATOR,
                "admin",
                "Administrator",
                SYSTEM_USER,
                &["token adminkey0000000:adminsecret0000"],
                "login_form",
            ),
            person(
                ALICE,
                "alice-pw-4711",
                "Alice",
                SYSTEM_USER,
                &["token alicekey000000a:alicesecret0000", "Basic YWxpY2VrZXkwMDAwMDBhOmFsaWNlc2VjcmV0MDAwMA=="],
                "login_json",
            ),
            person(BOB, "bob-pw-4711", "Bob", SYSTEM_USER, &[], "login_cmd"),
            person(
                CAROL,
                "carol-pw-4711",
                "Carol",
                WEBSITE_USER,
                &["token carolkey00000c:carolsecret0000"],
                "login_website_user",
            ),
        ]
    }

    /// The `Authorization` header of the person's API key, if there is one.
    pub(crate) fn token(&self) -> Option<&'static str> {
        self.authorizations.first().copied()
    }

    /// Whether these credentials, `token key:secret` or `Basic …`, are the person's. The scheme's case is free.
    pub(crate) fn is_authorized_by(&self, scheme: &str, secret: &str) -> bool {
        self.authorizations.iter().any(|known| {
            known.split_once(' ').is_some_and(|(known_scheme, known_secret)| {
                known_scheme.eq_ignore_ascii_case(scheme) && known_secret == secret
            })
        })
    }

    pub(crate) fn is_system_user(&self) -> bool {
        self.user_type == SYSTEM_USER
    }

    /// What cookies say of the person's session.
    pub(crate) fn wearer<'a>(&'a self, sid: &'a str) -> Wearer<'a> {
        Wearer { sid, user: self.name, full_name: self.full_name, system_user: self.is_system_user() }
    }
}
