//! The site: what it knows, and what it answers. No port, no clock, no waiting.

use std::time::SystemTime;

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::asked::Asked;
use crate::caller::{Caller, Unauthorized};
use crate::captures::Captures;
use crate::cookies::{self, Wearer};
use crate::people::{GUEST, Person};
use crate::permissions::{Permission, PermissionQuestion, Permissions, Subject};
use crate::random;
use crate::recorded::Recorded;
use crate::sessions::Sessions;
use crate::version::Version;

/// The method that says who somebody is.
const GET_USER_INFO: &str = "frappe.realtime.get_user_info";

/// A site of Frappe.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) version: Version,
    pub(crate) captures: &'static Captures,
    pub(crate) people: [Person; 4],
    pub(crate) sessions: Sessions,
    pub(crate) permissions: Permissions,
    recorded: Recorded,
    pub(crate) secret_required: bool,
    /// Made when it is first needed, as Frappe does.
    pub(crate) secret: Option<String>,
}

impl Site {
    /// The site as it was captured.
    pub(crate) fn new(version: Version) -> Self {
        let captures = Captures::of(version);
        let people = Person::all();
        let sessions = Sessions::captured(captures, &people);
        let mut permissions = Permissions::default();
        for case in captures.cases() {
            if let (Some(PermissionQuestion::About(subject)), Ok(caller)) =
                (PermissionQuestion::of(version, &case.asked), Caller::of(&case.asked, &sessions, &people))
            {
                permissions.learn(caller.user, subject, case.status);
            }
        }
        let recorded = Recorded::new(captures, &sessions, &people);
        Self { version, captures, people, sessions, permissions, recorded, secret_required: false, secret: None }
    }

    pub(crate) fn person(&mut self, name: &str) -> Option<&mut Person> {
        self.people.iter_mut().find(|person| person.name == name)
    }

    /// What a captured permission case was about.
    pub(crate) fn captured_subject(&self, case: &str) -> Subject {
        match PermissionQuestion::of(self.version, &self.captures.case(case).asked) {
            Some(PermissionQuestion::About(subject)) => subject,
            other => panic!("{case} asks about no document: {other:?}"),
        }
    }

    /// Makes the secret if this request is the first to need it. Says the new one.
    pub(crate) fn make_secret_for(&mut self, asked: &Asked) -> Option<&str> {
        let needed = self.secret_required && self.secret.is_none() && asked.called_method() == Some(GET_USER_INFO);
        needed.then(|| self.make_secret())
    }

    /// Makes another secret; the one before no longer counts.
    pub(crate) fn make_secret(&mut self) -> &str {
        self.secret.insert(random::hex(32))
    }

    /// Answers a request.
    pub(crate) fn answer(&mut self, asked: &Asked, now: SystemTime) -> Answer {
        if asked.site() != self.version.site() {
            return self.no_such_site(asked.site());
        }
        if Self::is_login(asked) {
            return self.log_in(asked, now);
        }
        let caller = match Caller::of(asked, &self.sessions, &self.people) {
            Ok(caller) => caller,
            Err(unauthorized) => return self.refuse(&unauthorized, now),
        };
        let answer = if self.lacks_csrf_token(asked, &caller) {
            Answer::captured(self.captures.case("doc_put_wrong_csrf"))
        } else {
            self.answer_caller(asked, &caller, now)
        };
        let answer = if answer.cookies.is_empty() { self.with_cookies(answer, &caller, now) } else { answer };
        if caller.expired { with_session_expired(answer) } else { answer }
    }

    fn answer_caller(&mut self, asked: &Asked, caller: &Caller, now: SystemTime) -> Answer {
        if let Some(question) = PermissionQuestion::of(self.version, asked) {
            return self.answer_permission(&question, caller);
        }
        match asked.called_method() {
            Some(GET_USER_INFO) => self.user_info(asked, caller),
            Some("logout") => self.log_out(caller, now),
            Some("ping") => Answer::captured(self.captures.case("ping")),
            Some("frappe.auth.get_logged_user") if caller.user != GUEST => {
                Answer::json(200, &json!({"message": caller.user}))
            }
            None if asked.method == "GET" && asked.route() == "/app" && caller.sid.is_some() => self.desk(caller),
            _ => self.captured_answer(asked, caller),
        }
    }

    fn user_info(&self, asked: &Asked, caller: &Caller) -> Answer {
        let secret = self.secret.as_deref();
        if self.secret_required && (secret.is_none() || asked.header("x-frappe-socket-secret") != secret) {
            return Answer::json(200, &json!({"message": {}}));
        }
        // Frappe reads the type from the session: a token has none, and Guest's says nothing.
        let person = self.people.iter().find(|person| caller.sid.is_some() && person.name == caller.user);
        let user_type = person.map(|person| person.user_type.as_str());
        Answer::captured(self.captures.case("get_user_info_no_cookie")).with(|fields| {
            let message = &mut fields["message"];
            message["user"] = json!(caller.user);
            message["user_type"] = json!(user_type);
        })
    }

    fn answer_permission(&self, question: &PermissionQuestion, caller: &Caller) -> Answer {
        let case = match question {
            PermissionQuestion::About(subject) => match self.permissions.of(caller.user, subject) {
                Permission::Allow => "perm_doc_todo_admin",
                Permission::Deny => "perm_doc_todo_alice",
                Permission::Missing => "perm_doc_missing_alice",
            },
            PermissionQuestion::ArgumentMissing => "perm_doctype_no_args_admin",
            PermissionQuestion::NoSuchMethod => "method_unknown",
        };
        Answer::captured(self.captures.case(case))
    }

    /// The page that gives a session its CSRF token. The captured one was cut before its scripts.
    fn desk(&mut self, caller: &Caller) -> Answer {
        let mut answer = Answer::captured(self.captures.case("desk_page_for_csrf"));
        let sid = caller.sid.as_deref().unwrap_or_default();
        if let Some(token) = self.sessions.visit_desk(self.captures, sid) {
            answer.body.extend(["\n<script>frappe.csrf_token = \"", token, "\";</script>\n"]);
        }
        answer
    }

    /// Only a session that has visited the desk has a token to miss.
    fn lacks_csrf_token(&self, asked: &Asked, caller: &Caller) -> bool {
        let token = caller.sid.as_deref().and_then(|sid| self.sessions.csrf_token(sid));
        asked.is_unsafe() && token.is_some() && asked.header("x-frappe-csrf-token") != token
    }

    fn captured_answer(&self, asked: &Asked, caller: &Caller) -> Answer {
        let case = self.recorded.find(asked, caller);
        let nothing = || Answer::json(404, &json!({"exc_type": "DoesNotExistError"}));
        case.map_or_else(nothing, Answer::captured)
    }

    fn no_such_site(&self, name: &str) -> Answer {
        let case = self.captures.case("get_user_info_unknown_host");
        let mut answer = Answer::captured(case);
        answer.body = answer.body.replace(case.asked.site(), name);
        answer
    }

    fn refuse(&self, unauthorized: &Unauthorized, now: SystemTime) -> Answer {
        let mut answer = Answer::captured(self.captures.case("get_user_info_token_malformed"));
        answer.cookies = cookies::kept(self.captures, &Wearer::GUEST, now);
        answer.cookies.extend(cookies::cleared(self.captures, now));
        if unauthorized.expired { with_session_expired(answer) } else { answer }
    }

    fn with_cookies(&self, mut answer: Answer, caller: &Caller, now: SystemTime) -> Answer {
        answer.cookies = self.cookies_kept(caller, now);
        if caller.expired {
            answer.cookies.extend(cookies::cleared(self.captures, now));
        }
        answer
    }

    /// A token's cookies are Guest's: it has no session.
    pub(crate) fn cookies_kept(&self, caller: &Caller, now: SystemTime) -> Vec<String> {
        let person = self.people.iter().find(|person| person.name == caller.user);
        let wearer = person.zip(caller.sid.as_deref()).map(|(person, sid)| person.wearer(sid));
        cookies::kept(self.captures, &wearer.unwrap_or(Wearer::GUEST), now)
    }
}

fn with_session_expired(answer: Answer) -> Answer {
    answer.with(|fields| drop(fields.insert("session_expired".to_owned(), Value::from(1))))
}
