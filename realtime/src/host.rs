//! What a page may ask of the server that renders it, and what it hands to the browser.
//!
//! The server implements [`Host`] and puts a [`Page`] into the context of each request. The hooks read
//! values through it and note each one, so that the document carries what it shows and the position it
//! was read at ([`PageStart`]); in the browser the hooks begin from there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::value::RawValue;

use crate::fields::Fields;
use crate::position::Position;
use crate::room::Room;
use crate::task::TaskTicket;

/// The id of the element that carries the [`PageStart`].
pub const PAGE_START_ID: &str = "frappe-live-start";

/// Frappe's two kinds of user, and nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserType {
    /// May use the desk; is in the site-wide room.
    SystemUser,
    /// May use the website.
    WebsiteUser,
    /// Not signed in.
    Guest,
}

impl UserType {
    /// Frappe's words for it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::SystemUser => "System User",
            Self::WebsiteUser => "Website User",
            Self::Guest => "Guest",
        }
    }
}

/// Who is looking at a page, as Frappe says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// The site.
    pub site: String,
    /// The login id: an email address, `Administrator` or `Guest`.
    pub user: String,
    /// The name to show.
    pub full_name: String,
    /// What kind of user.
    pub user_type: UserType,
}

impl Viewer {
    /// The rooms a session is in without asking (FRAPPE 13 to 16, `realtime/handlers`): its user's,
    /// the website, and the site for System Users.
    #[must_use]
    pub fn automatic_rooms(&self) -> Vec<Room> {
        let mut rooms = vec![Room::user(&self.user), Room::Website];
        if self.user_type == UserType::SystemUser {
            rooms.push(Room::Site);
        }
        rooms
    }
}

/// The newest value of an event, and the position at which it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Where the site was when the value was read.
    pub position: Position,
    /// The message as JSON text; `None` where nothing is known.
    pub message: Option<String>,
}

/// The server, as a page sees it while it is rendered. One per request.
pub trait Host: Send + Sync {
    /// Who is looking.
    fn viewer(&self) -> Viewer;

    /// Where the site's events are now.
    fn position(&self) -> Position;

    /// The newest value of an event in a room; without a message where the viewer may not join the
    /// room, or nothing is known.
    fn latest(&self, room: &Room, event: &str) -> Snapshot;

    /// The people one can be in the demo; empty when Frappe is asked who is looking.
    fn demo_people(&self) -> Vec<Viewer>;

    /// The `Set-Cookie` value that makes the visitor another of the demo's people; `None` where that
    /// is not offered.
    fn sign_in_as(&self, user: &str) -> Option<String>;

    /// The server's word that the viewer was given a task; joins of the task's room carry it.
    fn task_token(&self, task_id: &str) -> String;

    /// Starts a job that publishes its progress to its task's room, and returns the task; `None` where
    /// that is not offered, beside a bench.
    fn start_demo_job(&self) -> Option<String>;
}

/// What the document carries for the browser.
#[derive(Debug, Serialize)]
pub struct PageStart {
    /// Who is looking.
    pub user: String,
    /// Where the site was before anything was rendered.
    pub position: Position,
    /// The values that the document shows.
    pub values: Vec<StartValue>,
    /// The tasks that the page was given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskTicket>,
}

/// One value that the document shows.
#[derive(Debug, Serialize)]
pub struct StartValue {
    /// The room it was published to.
    pub room: Room,
    /// The event's name.
    pub event: String,
    /// Where the site was when it was read.
    pub position: Position,
    /// Frappe's message.
    pub message: Box<RawValue>,
}

impl PageStart {
    /// Reads what a document carries; `None` where it is not what this version writes.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut start = Fields::read(text).ok()?;
        // Loops: collecting into an option weighs 0.4 KB more on the wasm (measured).
        let mut read = Self {
            user: start.text("user"),
            position: start.position("position"),
            values: Vec::new(),
            tasks: Vec::new(),
        };
        for text in start.list("values") {
            let mut value = Fields::of(text)?;
            read.values.push(StartValue {
                room: value.room("room"),
                event: value.text("event"),
                position: value.position("position"),
                message: value.json("message"),
            });
            value.if_complete(())?;
        }
        for text in start.optional("tasks", Fields::list).unwrap_or_default() {
            let mut task = Fields::of(text)?;
            read.tasks.push(TaskTicket { task_id: task.text("task_id"), token: task.text("token") });
            task.if_complete(())?;
        }
        start.if_complete(read)
    }
}

/// A page being rendered: the server behind it, and what it has shown so far.
#[derive(Clone)]
pub struct Page {
    host: Arc<dyn Host>,
    start: Arc<Mutex<PageStart>>,
}

impl Page {
    /// Begins a page.
    #[must_use]
    pub fn new(host: Arc<dyn Host>) -> Self {
        let (user, position) = (host.viewer().user, host.position());
        let start = PageStart { user, position, values: Vec::new(), tasks: Vec::new() };
        Self { host, start: Arc::new(Mutex::new(start)) }
    }

    /// The server behind the page.
    #[must_use]
    pub fn host(&self) -> &dyn Host {
        &*self.host
    }

    /// The newest value of an event as JSON text, noted for the browser.
    #[must_use]
    pub fn latest(&self, room: &Room, event: &str) -> Option<String> {
        let snapshot = self.host.latest(room, event);
        let message = snapshot.message?;
        let raw = RawValue::from_string(message.clone()).ok()?;
        let mut start = self.noted();
        if !start.values.iter().any(|value| value.room == *room && value.event == event) {
            start.values.push(StartValue {
                room: room.clone(),
                event: event.to_owned(),
                position: snapshot.position,
                message: raw,
            });
        }
        Some(message)
    }

    /// Gives the viewer a background task that was started for them, noted for the browser: a page that is
    /// rendered for a running task can join its room too.
    #[must_use]
    pub fn give_task(&self, task_id: &str) -> TaskTicket {
        let ticket = TaskTicket { task_id: task_id.to_owned(), token: self.host.task_token(task_id) };
        let mut start = self.noted();
        start.tasks.retain(|known| known.task_id != ticket.task_id);
        start.tasks.push(ticket.clone());
        ticket
    }

    /// What the document carries, as JSON that is safe inside a `<script>` element.
    #[must_use]
    pub fn start_json(&self) -> String {
        let json = serde_json::to_string(&*self.noted()).expect("a page start holds text, numbers and raw JSON");
        // In JSON a `<` stands inside strings only, where its escape means the same. Unescaped it
        // could end the script element.
        json.replace('<', "\\u003c")
    }

    fn noted(&self) -> MutexGuard<'_, PageStart> {
        self.start.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Host, Page, PageStart, Snapshot, UserType, Viewer};
    use crate::position::Position;
    use crate::room::Room;

    struct OneValue;

    impl Host for OneValue {
        fn viewer(&self) -> Viewer {
            Viewer {
                site: "s".into(),
                user: "jane@example.com".into(),
                full_name: "Jane".into(),
                user_type: UserType::WebsiteUser,
            }
        }

        fn position(&self) -> Position {
            Position::new("e", 4)
        }

        fn latest(&self, _: &Room, event: &str) -> Snapshot {
            let message = (event == "count").then(|| r#"{"html":"</script><b>"}"#.to_owned());
            Snapshot { position: Position::new("e", 5), message }
        }

        fn demo_people(&self) -> Vec<Viewer> {
            Vec::new()
        }

        fn sign_in_as(&self, _: &str) -> Option<String> {
            None
        }

        fn task_token(&self, task_id: &str) -> String {
            format!("<{task_id}> for jane")
        }

        fn start_demo_job(&self) -> Option<String> {
            None
        }
    }

    #[test]
    fn what_is_shown_is_carried_once_and_cannot_end_the_script() {
        let page = Page::new(Arc::new(OneValue));
        let room = Room::user("jane@example.com");
        assert!(page.latest(&room, "count").is_some());
        assert!(page.latest(&room, "count").is_some());
        assert_eq!(page.latest(&room, "nothing"), None);
        let json = page.start_json();
        assert!(!json.contains('<'), "{json}");
        let start = PageStart::read(&json).expect("a page start");
        assert_eq!((start.user.as_str(), start.position.offset, start.values.len()), ("jane@example.com", 4, 1));
        let value: serde_json::Value = serde_json::from_str(start.values[0].message.get()).expect("JSON");
        assert_eq!(value["html"], "</script><b>");
        assert_eq!(start.values[0].position.offset, 5);
    }

    #[test]
    fn a_given_task_is_carried_with_the_servers_word_once() {
        let page = Page::new(Arc::new(OneValue));
        assert!(!page.start_json().contains("tasks"), "a key for pages that have some");
        let ticket = page.give_task("k3f9a");
        assert_eq!((ticket.task_id.as_str(), ticket.token.as_str()), ("k3f9a", "<k3f9a> for jane"));
        assert_eq!(ticket.room(), Room::task("k3f9a"));
        assert_eq!(page.give_task("k3f9a"), ticket);
        let start = PageStart::read(&page.start_json()).expect("a page start");
        assert_eq!(start.tasks, [ticket]);
    }

    #[test]
    fn a_start_with_half_a_task_is_not_ours() {
        let start = |tasks: &str| {
            PageStart::read(&format!(r#"{{"user":"u","position":{{"epoch":"e","offset":1}},"values":[]{tasks}}}"#))
        };
        assert!(start("").is_some_and(|start| start.tasks.is_empty()));
        assert!(start(r#","tasks":[{"task_id":"t","token":"w"}]"#).is_some_and(|start| start.tasks.len() == 1));
        assert!(start(r#","tasks":[{"task_id":"t"}]"#).is_none());
    }

    #[test]
    fn the_site_room_is_for_system_users() {
        let mut viewer = OneValue.viewer();
        assert_eq!(viewer.automatic_rooms(), [Room::user("jane@example.com"), Room::Website]);
        viewer.user_type = UserType::SystemUser;
        assert_eq!(viewer.automatic_rooms().last(), Some(&Room::Site));
    }
}
