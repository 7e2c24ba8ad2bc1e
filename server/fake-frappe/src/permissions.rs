//! Who may read what: as captured, and as tests want it.

use std::collections::HashMap;

use serde::Deserialize;

use crate::asked::Asked;
use crate::people::{ADMINISTRATOR, ALICE, BOB};
use crate::version::Version;

/// The answer to "may this user read this?".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    /// 200, `{"message": true}`.
    Allow,
    /// 403, `PermissionError`.
    Deny,
    /// 404, `DoesNotExistError`.
    Missing,
}

/// What a permission is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Subject {
    pub(crate) doctype: String,
    /// Empty for the doctype itself.
    pub(crate) name: String,
}

/// How a request asks about a permission.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PermissionQuestion {
    About(Subject),
    /// The right method without what it needs.
    ArgumentMissing,
    /// The method of another version of Frappe.
    NoSuchMethod,
}

impl PermissionQuestion {
    /// Understands the called method; `None` if it is about something else.
    pub(crate) fn of(version: Version, asked: &Asked) -> Option<Self> {
        let (in_16, name) = match asked.called_method()? {
            "frappe.realtime.can_subscribe_doc" => (false, asked.argument("docname")),
            "frappe.realtime.can_subscribe_doctype" => (false, Some(String::new())),
            "frappe.realtime.has_permission" => (true, asked.argument("name")),
            _ => return None,
        };
        Some(match (asked.argument("doctype"), name) {
            _ if in_16 != (version == Version::V16) => Self::NoSuchMethod,
            (Some(doctype), Some(name)) => Self::About(Subject { doctype, name }),
            _ => Self::ArgumentMissing,
        })
    }
}

/// Every known permission.
#[derive(Debug, Default)]
pub(crate) struct Permissions {
    captured: HashMap<(String, Subject), Permission>,
    set: HashMap<(String, Subject), Permission>,
}

impl Permissions {
    /// Learns a captured answer. Other statuses than those of [`Permission`] say nothing about permissions.
    pub(crate) fn learn(&mut self, user: &str, subject: Subject, status: u16) {
        let permission = match status {
            200 => Permission::Allow,
            403 => Permission::Deny,
            404 => Permission::Missing,
            _ => return,
        };
        self.captured.insert((user.to_owned(), subject), permission);
    }

    /// Overrules the captures, or with `None` no longer.
    pub(crate) fn set(&mut self, user: &str, subject: Subject, permission: Option<Permission>) {
        let key = (user.to_owned(), subject);
        match permission {
            Some(permission) => self.set.insert(key, permission),
            None => self.set.remove(&key),
        };
    }

    pub(crate) fn of(&self, user: &str, subject: &Subject) -> Permission {
        let key = (user.to_owned(), subject.clone());
        if let Some(set) = self.set.get(&key) {
            return *set;
        }
        if user == ADMINISTRATOR {
            return Permission::Allow;
        }
        if let Some(captured) = self.captured.get(&key) {
            return *captured;
        }
        // Bob was not asked about. He has Alice's roles, but nothing is allocated to him.
        let of_alice = (user == BOB).then(|| self.captured.get(&(ALICE.to_owned(), subject.clone()))).flatten();
        match of_alice {
            Some(Permission::Allow) if self.is_only_hers(subject) => Permission::Deny,
            Some(permission) => *permission,
            None if self.exists(subject) => Permission::Deny,
            None => Permission::Missing,
        }
    }

    /// Alice's `ToDo` is the one document whose captures know her alone.
    fn is_only_hers(&self, subject: &Subject) -> bool {
        self.captured.keys().filter(|(_, known)| known == subject).all(|(user, _)| user == ALICE)
    }

    fn exists(&self, subject: &Subject) -> bool {
        self.captured.iter().any(|((_, known), permission)| known == subject && *permission != Permission::Missing)
    }
}

#[cfg(test)]
mod tests {
    use super::{Permission, Permissions, Subject};
    use crate::people::{ADMINISTRATOR, ALICE, BOB, CAROL};

    fn todo(name: &str) -> Subject {
        Subject { doctype: "ToDo".to_owned(), name: name.to_owned() }
    }

    fn learned() -> Permissions {
        let mut permissions = Permissions::default();
        permissions.learn(ALICE, todo("hers"), 200);
        permissions.learn(ALICE, todo("shared"), 200);
        permissions.learn(CAROL, todo("shared"), 403);
        permissions.learn(ALICE, todo("nosuch"), 404);
        permissions.learn(ADMINISTRATOR, todo("hidden"), 200);
        permissions
    }

    #[test]
    fn what_was_not_captured_is_missing_for_all_but_the_administrator() {
        let permissions = learned();
        assert_eq!(permissions.of(ADMINISTRATOR, &todo("unheard of")), Permission::Allow);
        assert_eq!(permissions.of(ALICE, &todo("unheard of")), Permission::Missing);
        assert_eq!(permissions.of(CAROL, &todo("nosuch")), Permission::Missing);
    }

    #[test]
    fn a_document_that_is_there_is_denied_to_who_was_not_captured() {
        let permissions = learned();
        assert_eq!(permissions.of(CAROL, &todo("hers")), Permission::Deny);
        assert_eq!(permissions.of(BOB, &todo("hidden")), Permission::Deny);
    }

    #[test]
    fn bob_may_what_alice_may_by_her_roles() {
        let permissions = learned();
        assert_eq!(permissions.of(BOB, &todo("shared")), Permission::Allow);
        assert_eq!(permissions.of(BOB, &todo("hers")), Permission::Deny);
        assert_eq!(permissions.of(BOB, &todo("nosuch")), Permission::Missing);
    }

    #[test]
    fn what_is_set_overrules_even_the_administrator_until_cleared() {
        let mut permissions = learned();
        permissions.set(ADMINISTRATOR, todo("hers"), Some(Permission::Deny));
        assert_eq!(permissions.of(ADMINISTRATOR, &todo("hers")), Permission::Deny);
        assert_eq!(permissions.of(ALICE, &todo("hers")), Permission::Allow, "others as before");
        permissions.set(ADMINISTRATOR, todo("hers"), None);
        assert_eq!(permissions.of(ADMINISTRATOR, &todo("hers")), Permission::Allow);
    }
}
