//! Rules of the configuration for rooms that an app named itself.

use std::fmt;
use std::str::FromStr;

use realtime::host::{UserType, Viewer};
use realtime::room::Room;

/// The user's login id, in a name.
const USER: &str = "{user}";

/// Lets some users into the custom rooms whose names fit: `board:*=system-users`.
///
/// In the name `*` stands for any text, also none, and `{user}` for the user's login id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomRule {
    name: String,
    who: Who,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Everyone,
    Users,
    SystemUsers,
}

/// Why a text is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoomRuleError {
    /// It does not look like one.
    #[error(
        "{0:?} is no rule; give NAME=WHO, like board:*=system-users, with WHO one of everyone, users, system-users"
    )]
    Unreadable(String),
    /// Who may join such a room is not for a rule to say.
    #[error(
        "{0:?} would never let anybody in: it names rooms that Frappe knows, and who may join those is settled without \
         rules; leave it out, or name a room of your own, like board:*"
    )]
    OfFrappe(String),
    /// Most likely `{user}` was meant.
    #[error(
        "{0:?} holds a brace that belongs to no {USER}, the only word that braces may hold; write {USER} or no brace"
    )]
    Brace(String),
}

impl FromStr for RoomRule {
    type Err = RoomRuleError;

    fn from_str(text: &str) -> Result<Self, RoomRuleError> {
        let refuse = || RoomRuleError::Unreadable(text.to_owned());
        let (name, who) = text.rsplit_once('=').ok_or_else(refuse)?;
        let who = match who.trim() {
            "everyone" => Who::Everyone,
            "users" => Who::Users,
            "system-users" => Who::SystemUsers,
            _ => return Err(refuse()),
        };
        let name = name.trim();
        if name.is_empty() {
            return Err(refuse());
        }
        if name.replace(USER, "").contains(['{', '}']) {
            return Err(RoomRuleError::Brace(text.to_owned()));
        }
        // Whatever a `*` after its kind stands for, the room is Frappe's, or a name that looks like one of its rooms.
        let has_frappes_kind = name.split_once(':').is_some_and(|(kind, _)| Room::is_kind(kind));
        if has_frappes_kind || Room::parse(name).is_known_to_frappe() {
            return Err(RoomRuleError::OfFrappe(text.to_owned()));
        }
        Ok(Self { name: name.to_owned(), who })
    }
}

impl fmt::Display for RoomRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = match self.who {
            Who::Everyone => "everyone",
            Who::Users => "users",
            Who::SystemUsers => "system-users",
        };
        write!(formatter, "{}={who}", self.name)
    }
}

impl RoomRule {
    /// Whether it lets `viewer` into the custom room of this name.
    #[must_use]
    pub fn lets_in(&self, viewer: &Viewer, room: &str) -> bool {
        let is_one_of_them = match self.who {
            Who::Everyone => true,
            Who::Users => viewer.user_type != UserType::Guest,
            Who::SystemUsers => viewer.user_type == UserType::SystemUser,
        };
        is_one_of_them && fits(&self.name.split(USER).collect::<Vec<_>>().join(&escape(&viewer.user)), room)
    }
}

/// A login id stands for itself, whatever characters it holds.
fn escape(user: &str) -> String {
    user.replace('*', "\0")
}

/// Whether `text` is the pattern with something in the place of each `*`.
fn fits(pattern: &str, text: &str) -> bool {
    let parts: Vec<String> = pattern.split('*').map(|part| part.replace('\0', "*")).collect();
    let [first, middle @ .., last] = &parts[..] else { return parts.first().is_some_and(|only| only == text) };
    let Some(mut rest) = text.strip_prefix(first.as_str()).and_then(|rest| rest.strip_suffix(last.as_str())) else {
        return false;
    };
    for part in middle {
        let Some((_, after)) = rest.split_once(part.as_str()) else { return false };
        rest = after;
    }
    true
}

#[cfg(test)]
mod tests {
    use realtime::host::{UserType, Viewer};

    use super::RoomRule;

    fn viewer(user: &str, user_type: UserType) -> Viewer {
        Viewer { site: "s".into(), user: user.into(), full_name: user.into(), user_type }
    }

    fn lets_in(rule: &str, user: &str, user_type: UserType, room: &str) -> bool {
        rule.parse::<RoomRule>().expect("a rule").lets_in(&viewer(user, user_type), room)
    }

    #[test]
    fn names_fit_as_a_whole() {
        for (rule, room, fits) in [
            ("board=everyone", "board", true),
            ("board=everyone", "boards", false),
            ("board:*=everyone", "board:7", true),
            ("board:*=everyone", "board:", true),
            ("board:*=everyone", "my board:7", false),
            ("*=everyone", "", true),
            ("a*b*c=everyone", "a-b-b-c", true),
            ("a*b*c=everyone", "a-c", false),
            ("ab*bc=everyone", "abc", false),
            ("x=y=everyone", "x=y", true),
            ("raum ü=everyone", "raum ü", true),
        ] {
            assert_eq!(lets_in(rule, "jane", UserType::Guest, room), fits, "{rule} {room}");
        }
    }

    #[test]
    fn kinds_of_users_are_told_apart() {
        for (who, guest, website, system) in
            [("everyone", true, true, true), ("users", false, true, true), ("system-users", false, false, true)]
        {
            let rule = format!("board={who}");
            let of = |user_type| lets_in(&rule, "jane", user_type, "board");
            let all = (of(UserType::Guest), of(UserType::WebsiteUser), of(UserType::SystemUser));
            assert_eq!(all, (guest, website, system), "{who}");
        }
    }

    #[test]
    fn a_room_may_belong_to_one_user() {
        let is_in = |user, room| lets_in("inbox:{user}:*=users", user, UserType::WebsiteUser, room);
        assert!(is_in("jane@example.com", "inbox:jane@example.com:1"));
        assert!(!is_in("jane@example.com", "inbox:ravi@example.com:1"));
        assert!(!is_in("*", "inbox:ravi@example.com:1"), "a login id is no pattern");
        assert!(is_in("*", "inbox:*:1"));
    }

    #[test]
    fn rules_that_never_let_anybody_in_were_taken() {
        for name in [
            "all",
            "website",
            " all ",
            "user:*",
            "user:{user}",
            "doc:*",
            "doc:ToDo/*",
            "doc:",
            "open_doc:ToDo/1",
            "doctype:ToDo",
            "task_progress:*",
        ] {
            let error = format!("{name}=users").parse::<RoomRule>().expect_err(name);
            assert!(error.to_string().contains("rooms that Frappe knows"), "{error}");
        }
        for name in ["inbox:{User}", "inbox:{user", "inbox:user}", "inbox:{}", "{{user}}", "inbox:{user}:{id}"] {
            let error = format!("{name}=users").parse::<RoomRule>().expect_err(name);
            assert!(error.to_string().contains("write {user} or no brace"), "{error}");
        }
        for name in ["all:*", "*", "docs:*", "*:1", "inbox:{user}", "{user}{user}", "users:*", "website-news"] {
            assert!(format!("{name}=users").parse::<RoomRule>().is_ok(), "{name}");
        }
    }

    #[test]
    fn what_is_no_rule_is_refused_and_a_rule_is_shown_as_it_was_given() {
        for text in ["", "board", "=everyone", "board=", "board=all", "board=Everyone"] {
            assert!(text.parse::<RoomRule>().expect_err(text).to_string().contains("like board:*=system-users"));
        }
        assert_eq!("board:* = users".parse::<RoomRule>().expect("a rule").to_string(), "board:*=users");
    }
}
