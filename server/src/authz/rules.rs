//! Rules of the configuration for rooms that an app named itself.

use std::fmt;
use std::str::FromStr;

use realtime::host::{UserType, Viewer};

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
#[error("{0:?} is no rule; give NAME=WHO, like board:*=system-users, with WHO one of everyone, users, system-users")]
pub struct RoomRuleError(String);

impl FromStr for RoomRule {
    type Err = RoomRuleError;

    fn from_str(text: &str) -> Result<Self, RoomRuleError> {
        let refuse = || RoomRuleError(text.to_owned());
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
        is_one_of_them && fits(&self.name.split("{user}").collect::<Vec<_>>().join(&escape(&viewer.user)), room)
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
    fn what_is_no_rule_is_refused_and_a_rule_is_shown_as_it_was_given() {
        for text in ["", "board", "=everyone", "board=", "board=all", "board=Everyone"] {
            assert!(text.parse::<RoomRule>().expect_err(text).to_string().contains("like board:*=system-users"));
        }
        assert_eq!("board:* = users".parse::<RoomRule>().expect("a rule").to_string(), "board:*=users");
    }
}
