//! Who looks at a document.

use leptos::prelude::*;

#[cfg(feature = "hydrate")]
use super::browser;
#[cfg(any(test, feature = "hydrate"))]
use crate::fields::Fields;

/// Who looks at a document now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Viewers {
    /// Each user once, whatever the number of their tabs, in the server's order. Oneself is one of them.
    pub people: Vec<ViewerSeen>,
}

/// Somebody who looks at a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewerSeen {
    /// The login id: an email address, `Administrator` or `Guest`.
    pub user: String,
    /// The name to show.
    pub full_name: String,
    /// All of their pages that show the document are hidden.
    pub away: bool,
    /// The user of this page.
    pub is_me: bool,
}

/// The event that tells them (PROTOCOL section 7).
#[cfg(feature = "hydrate")]
pub(super) const DOC_VIEWERS: &str = "doc_viewers";

#[cfg(any(test, feature = "hydrate"))]
impl Viewers {
    /// Reads the event's message for the page of the user `me`; `None` where it is not what this version knows.
    pub(super) fn read(message: &str, me: &str) -> Option<Self> {
        let mut fields = Fields::read(message).ok()?;
        let away = fields.texts("away");
        let names = fields.raw("names").and_then(Fields::of).unwrap_or_default();
        let mut people = Vec::new();
        for user in fields.texts("users") {
            let full_name = names.text_of(&user).unwrap_or_else(|| user.clone());
            people.push(ViewerSeen { full_name, away: away.contains(&user), is_me: user == me, user });
        }
        fields.if_complete(Self { people })
    }
}

/// Who looks at a document, kept current; and says that this page's user does, as long as the component lives.
///
/// ```ignore
/// let viewers = use_viewers("ToDo", &name);
/// let others = move || viewers.get().into_iter().flat_map(|viewers| viewers.people).filter(|person| !person.is_me);
/// view! { <ul>{move || others().map(|person| view! { <li class:away=person.away>{person.full_name}</li> }).collect_view()}</ul> }
/// ```
///
/// The server must let the user read the document. It is `None` until something is known, and on the server.
/// While the page is hidden its user is told to the others as away.
#[cfg_attr(not(feature = "hydrate"), expect(unused_variables, reason = "only a browser looks"))]
#[must_use]
pub fn use_viewers(doctype: &str, name: &str) -> ReadSignal<Option<Viewers>> {
    #[cfg(feature = "hydrate")]
    return browser::viewers(doctype, name);
    #[cfg(not(feature = "hydrate"))]
    RwSignal::new(None).read_only()
}

#[cfg(test)]
mod tests {
    use super::{ViewerSeen, Viewers};

    #[test]
    fn people_have_their_names_and_know_themselves() {
        let message = r#"{"doctype":"ToDo","docname":"a1","users":["jane@example.com","Administrator","x@example.com"],
            "away":["x@example.com"],"names":{"jane@example.com":"Jane \u00c4 Doe","Administrator":"Administrator"},
            "version":"9d"}"#;
        let seen = |user: &str, full_name: &str, away, is_me| ViewerSeen {
            user: user.to_owned(),
            full_name: full_name.to_owned(),
            away,
            is_me,
        };
        let people = vec![
            seen("jane@example.com", "Jane Ä Doe", false, true),
            seen("Administrator", "Administrator", false, false),
            seen("x@example.com", "x@example.com", true, false),
        ];
        assert_eq!(Viewers::read(message, "jane@example.com"), Some(Viewers { people }));
    }

    #[test]
    fn what_is_no_list_of_viewers_is_none() {
        for message in ["", "[]", "{}", r#"{"users":["a"]}"#, r#"{"users":[1],"away":[]}"#] {
            assert_eq!(Viewers::read(message, "a"), None, "{message}");
        }
        assert_eq!(Viewers::read(r#"{"users":[],"away":[]}"#, "a"), Some(Viewers::default()));
    }
}
