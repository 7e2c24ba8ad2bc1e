//! Signing in and out.

use std::time::SystemTime;

use serde_json::json;

use crate::answer::Answer;
use crate::asked::Asked;
use crate::caller::Caller;
use crate::cookies::{self, Wearer};
use crate::random;
use crate::site::Site;
use crate::version::Version;

impl Site {
    /// Whether a request is a login: by its path, or by the `cmd` of older clients.
    pub(crate) fn is_login(asked: &Asked) -> bool {
        asked.method == "POST"
            && (asked.called_method() == Some("login")
                || (asked.route() == "/" && asked.argument("cmd").as_deref() == Some("login")))
    }

    /// Begins a session. A refused login sets no cookies.
    pub(crate) fn log_in(&mut self, asked: &Asked, now: SystemTime) -> Answer {
        let given = |name| asked.argument(name).filter(|text| !text.is_empty());
        let (Some(user), Some(password)) = (given("usr"), given("pwd")) else {
            return self.refuse_login("login_bad_password", "Incomplete login details");
        };
        let Some(person) = self.people.iter().find(|person| person.name == user) else {
            return self.refuse_login("login_unknown_user", "Invalid login credentials");
        };
        if person.password != password {
            return self.refuse_login("login_bad_password", "Invalid login credentials");
        }
        if !person.enabled {
            return self.refuse_login("login_bad_password", "User disabled or missing");
        }
        if person.two_factor {
            let verification = json!({"method": "OTP App", "setup": true});
            return Answer::json(200, &json!({"verification": verification, "tmp_id": random::hex(8)}));
        }
        let sid = self.sessions.begin(person.name);
        let case = if person.is_system_user() { "login_form" } else { "login_website_user" };
        let mut answer = Answer::captured(self.captures.case(case))
            .with(|fields| drop(fields.insert("full_name".to_owned(), json!(person.full_name))));
        answer.cookies = cookies::kept(self.captures, &person.wearer(&sid), now);
        answer
    }

    fn refuse_login(&self, case: &str, message: &str) -> Answer {
        Answer::captured(self.captures.case(case))
            .with(|fields| drop(fields.insert("message".to_owned(), json!(message))))
    }

    /// Ends the caller's session, if there is one.
    pub(crate) fn log_out(&mut self, caller: &Caller, now: SystemTime) -> Answer {
        let mut answer = Answer::captured(self.captures.case("logout"));
        // Frappe 14 sets the session's cookies once more before it clears them.
        answer.cookies = match self.version {
            Version::V14 => self.cookies_kept(caller, now),
            Version::V15 | Version::V16 => cookies::kept(self.captures, &Wearer::GUEST, now),
        };
        answer.cookies.extend(cookies::cleared(self.captures, now));
        if let Some(sid) = &caller.sid {
            self.sessions.end(sid);
        }
        answer
    }
}
