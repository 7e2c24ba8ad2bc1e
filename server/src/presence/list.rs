//! The list that pages see: who looks at a document, by user and not by tab.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use realtime::room::Room;
use serde::Serialize;
use serde_json::value::RawValue;

/// The event that carries the list, as Frappe names it.
pub const DOC_VIEWERS: &str = "doc_viewers";

/// A document of a site.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Document {
    /// The site's name.
    pub site: String,
    /// The doctype; it never holds a `/`.
    pub doctype: String,
    /// The document's name, any text.
    pub name: String,
}

impl Document {
    /// The document whose `open_doc` room this is.
    #[must_use]
    pub fn of_room(site: &str, room: &Room) -> Option<Self> {
        match room {
            Room::OpenDoc { doctype, name } => {
                Some(Self { site: site.to_owned(), doctype: doctype.clone(), name: name.clone() })
            }
            _ => None,
        }
    }

    /// The room of those who are told who looks at it.
    #[must_use]
    pub fn room(&self) -> Room {
        Room::open_doc(&self.doctype, &self.name)
    }
}

/// One page that looks at a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looker {
    /// The login id of its user.
    pub user: String,
    /// The name to show.
    pub name: String,
    /// The page is hidden.
    pub away: bool,
}

/// Who looks at a document: each user once. Sorted by login, so that every server makes the same list of the
/// same pages, and a reconnect moves nobody.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Viewers {
    users: BTreeMap<String, User>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct User {
    name: String,
    away: bool,
}

/// The message of a `doc_viewers` event.
#[derive(Serialize)]
struct Message<'a> {
    doctype: &'a str,
    docname: &'a str,
    users: Vec<&'a str>,
    away: Vec<&'a str>,
    names: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
}

impl Viewers {
    /// The users of these pages, of which some may linger: their connections are gone. A user is away when all of
    /// their pages are; the one that a reload or a reconnect left behind does not count beside the new one.
    pub fn of<'a>(pages: impl Iterator<Item = (&'a Looker, bool)>) -> Self {
        // With whether all of their pages linger.
        let mut users: BTreeMap<String, (User, bool)> = BTreeMap::new();
        for (Looker { user, name, away }, lingers) in pages {
            let Some((known, known_lingers)) = users.get_mut(user) else {
                users.insert(user.clone(), (User { name: name.clone(), away: *away }, lingers));
                continue;
            };
            match (*known_lingers, lingers) {
                (true, false) => (known.away, *known_lingers) = (*away, false),
                (false, true) => {}
                _ => known.away &= away,
            }
            // Of two names of one login the order of the pages must not decide.
            if *name < known.name {
                known.name.clone_from(name);
            }
        }
        Self { users: users.into_iter().map(|(login, (user, _))| (login, user)).collect() }
    }

    /// The message about this document as JSON, and its version: a hash of the rest of it.
    #[must_use]
    pub fn message(&self, document: &Document) -> (Box<RawValue>, String) {
        let away = self.users.iter().filter(|(_, user)| user.away);
        let mut message = Message {
            doctype: &document.doctype,
            docname: &document.name,
            users: self.users.keys().map(String::as_str).collect(),
            away: away.map(|(login, _)| login.as_str()).collect(),
            names: self.users.iter().map(|(login, user)| (login.as_str(), user.name.as_str())).collect(),
            version: None,
        };
        let rest = serde_json::to_string(&message).expect("texts are JSON");
        let version = format!("{:016x}", BuildHasherDefault::<DefaultHasher>::default().hash_one(rest));
        message.version = Some(&version);
        (serde_json::value::to_raw_value(&message).expect("texts are JSON"), version)
    }
}

#[cfg(test)]
mod tests {
    use realtime::room::Room;

    use super::{Document, Looker, Viewers};

    fn looker(user: &str, name: &str, away: bool) -> Looker {
        Looker { user: user.into(), name: name.into(), away }
    }

    #[test]
    fn tabs_are_one_user_who_is_away_when_all_of_them_are() {
        let document = Document::of_room("s", &Room::open_doc("ToDo", "a/b")).expect("a document");
        let pages = [looker("ravi", "Ravi", true), looker("jane", "Jane", true), looker("jane", "Jane", false)];
        let (message, version) = Viewers::of(pages.iter().map(|page| (page, false))).message(&document);
        let rest = r#"{"doctype":"ToDo","docname":"a/b","users":["jane","ravi"],"away":["ravi"],"names":{"jane":"Jane","ravi":"Ravi"}"#;
        assert_eq!(message.get(), format!(r#"{rest},"version":"{version}"}}"#));
        assert_eq!(version.len(), 16);
    }

    #[test]
    fn the_order_of_pages_changes_nothing_and_everything_else_changes_the_version() {
        let document = Document::of_room("s", &Room::open_doc("ToDo", "a")).expect("a document");
        let version = |pages: &[Looker]| Viewers::of(pages.iter().map(|page| (page, false))).message(&document).1;
        let mut pages = vec![looker("jane", "Jane Doe", true), looker("jane", "Jane", true), looker("g", "G", false)];
        let first = version(&pages);
        pages.reverse();
        assert_eq!(version(&pages), first);
        pages.push(looker("jane", "Jane", true));
        assert_eq!(version(&pages), first, "one more tab is nothing new");
        pages.push(looker("jane", "Jane", false));
        assert_ne!(version(&pages), first);
        assert_ne!(version(&pages[..1]), first);
        let other = Document::of_room("s", &Room::open_doc("ToDo", "b")).expect("a document");
        assert_ne!(Viewers::of(pages.iter().map(|page| (page, false))).message(&other).1, version(&pages));
    }

    /// Who reloaded and then hid the page was shown as there for ten seconds more.
    #[test]
    fn a_page_that_was_left_behind_does_not_say_whether_its_user_is_away() {
        let document = Document::of_room("s", &Room::open_doc("ToDo", "a")).expect("a document");
        let jane = |away| looker("jane", "Jane", away);
        let is_away = |pages: &[(Looker, bool)]| {
            let of = |pages: &mut dyn Iterator<Item = &(Looker, bool)>| {
                let viewers = Viewers::of(pages.map(|(looker, lingers)| (looker, *lingers)));
                viewers.message(&document).0.get().contains(r#""away":["jane"]"#)
            };
            let is_away = of(&mut pages.iter());
            assert_eq!(of(&mut pages.iter().rev()), is_away, "in any order");
            is_away
        };
        assert!(is_away(&[(jane(false), true), (jane(true), false)]));
        assert!(!is_away(&[(jane(true), true), (jane(false), false)]));
        assert!(!is_away(&[(jane(true), true), (jane(false), true)]), "nobody has come back yet");
        assert!(is_away(&[(jane(true), true)]));
    }

    #[test]
    fn only_an_open_doc_room_is_a_documents() {
        assert_eq!(Document::of_room("s", &Room::doc("ToDo", "a")), None);
        let room = Room::open_doc("A/B", "c");
        assert_eq!(Document::of_room("s", &room).map(|document| document.room()), Some(room));
    }
}
