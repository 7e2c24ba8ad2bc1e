//! Handlers: what the server does when a page asks it something with [`ask`](crate::signals::ask).
//!
//! ```
//! use realtime::handlers::{Context, Handlers, Refused};
//!
//! let handlers = Handlers::new().on("add", |context: Context, (a, b): (i64, i64)| async move {
//!     let sum = a.checked_add(b).ok_or_else(|| Refused::because("The sum is too large."))?;
//!     Ok(format!("{}, that makes {sum}.", context.viewer().full_name))
//! });
//! ```

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};

use crate::host::Viewer;
use crate::room::Room;

/// A future that can be kept beside others.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

type Handled = BoxFuture<'static, Result<Box<RawValue>, HandlerError>>;
type Handler = Box<dyn Fn(Context, &RawValue) -> Handled + Send + Sync>;

/// Publishes events as Frappe's Python would. The server is one.
pub trait Publisher: Send + Sync {
    /// Publishes a message, which is JSON text, to those in a site's room.
    fn publish(&self, site: &str, room: &Room, event: &str, message: &str);
}

/// What a handler knows of the one who asks, and what it may do.
#[derive(Clone)]
pub struct Context {
    viewer: Viewer,
    publisher: Arc<dyn Publisher>,
}

impl Context {
    /// For one question of a viewer.
    #[must_use]
    pub fn new(viewer: Viewer, publisher: Arc<dyn Publisher>) -> Self {
        Self { viewer, publisher }
    }

    /// Who asks, as Frappe says.
    #[must_use]
    pub const fn viewer(&self) -> &Viewer {
        &self.viewer
    }

    /// Publishes an event to those in a room of the viewer's site.
    ///
    /// # Panics
    /// A message that JSON cannot hold, such as a map whose keys are no texts.
    pub fn publish(&self, room: &Room, event: &str, message: &impl Serialize) {
        let message = serde_json::to_string(message).expect("what is published can be written as JSON");
        self.publisher.publish(&self.viewer.site, room, event, &message);
    }
}

/// Why a handler did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(String);

impl Refused {
    /// Refuses, with a sentence for the one who asked.
    #[must_use]
    pub fn because(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandlerError {
    /// The message is not what the handler takes.
    BadMessage(String),
    /// The handler refused.
    Refused(Refused),
}

impl fmt::Display for HandlerError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadMessage(why) => write!(formatter, "The message is not what the handler takes: {why}."),
            Self::Refused(refused) => refused.fmt(formatter),
        }
    }
}

impl std::error::Error for HandlerError {}

/// Handlers by the events that they answer.
#[derive(Default)]
pub struct Handlers {
    by_event: HashMap<String, Handler>,
}

impl Handlers {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a handler for an event.
    ///
    /// # Panics
    /// An event that has a handler already: one of the two would never be asked.
    #[must_use]
    pub fn on<M, A, F>(mut self, event: &str, handler: impl Fn(Context, M) -> F + Send + Sync + 'static) -> Self
    where
        M: DeserializeOwned,
        A: Serialize,
        F: Future<Output = Result<A, Refused>> + Send + 'static,
    {
        let boxed = move |context: Context, message: &RawValue| -> Handled {
            let answer = serde_json::from_str(message.get()).map(|message| handler(context, message));
            Box::pin(async move {
                let answer = answer.map_err(|error| HandlerError::BadMessage(error.to_string()))?;
                let answer = answer.await.map_err(HandlerError::Refused)?;
                to_raw_value(&answer).map_err(|error| {
                    HandlerError::Refused(Refused(format!("The handler’s answer cannot be written as JSON: {error}.")))
                })
            })
        };
        let earlier = self.by_event.insert(event.to_owned(), Box::new(boxed));
        assert!(earlier.is_none(), "The event \"{event}\" has two handlers: remove one, or name it differently.");
        self
    }

    /// Asks the handler of an event; `None` where there is none.
    #[must_use]
    pub fn handle(
        &self,
        event: &str,
        context: Context,
        message: &RawValue,
    ) -> Option<BoxFuture<'static, Result<Box<RawValue>, HandlerError>>> {
        self.by_event.get(event).map(|handler| handler(context, message))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::{Arc, Mutex};
    use std::task::{Context as TaskContext, Poll, Waker};

    use serde_json::value::RawValue;

    use super::{BoxFuture, Context, HandlerError, Handlers, Publisher, Refused};
    use crate::host::{UserType, Viewer};
    use crate::room::Room;

    #[derive(Default)]
    struct Recorder(Mutex<Vec<String>>);

    impl Publisher for Recorder {
        fn publish(&self, site: &str, room: &Room, event: &str, message: &str) {
            self.0.lock().unwrap().push(format!("{site} {room} {event} {message}"));
        }
    }

    fn context(publisher: &Arc<Recorder>) -> Context {
        let viewer = Viewer {
            site: "s".into(),
            user: "jane@example.com".into(),
            full_name: "Jane Doe".into(),
            user_type: UserType::SystemUser,
        };
        Context::new(viewer, Arc::clone(publisher) as Arc<dyn Publisher>)
    }

    /// The outcome of a future that never waits.
    fn outcome<T>(mut future: BoxFuture<'_, T>) -> T {
        match future.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("a handler of these tests waits for nothing"),
        }
    }

    fn ask(handlers: &Handlers, event: &str, message: &str) -> Option<Result<String, HandlerError>> {
        let message = RawValue::from_string(message.to_owned()).unwrap();
        let answer = handlers.handle(event, context(&Arc::default()), &message)?;
        Some(outcome(answer).map(|answer| answer.get().to_owned()))
    }

    fn two() -> Handlers {
        Handlers::new().on("double", |_, number: u32| async move { Ok(number * 2) }).on(
            "greet",
            |context: Context, (): ()| async move {
                Err::<(), _>(Refused::because(format!("Not now, {}.", context.viewer().full_name)))
            },
        )
    }

    #[test]
    fn a_question_is_answered_by_the_handler_of_its_event() {
        assert_eq!(ask(&two(), "double", "21"), Some(Ok("42".to_owned())));
        assert_eq!(ask(&two(), "triple", "21"), None);
    }

    #[test]
    fn a_message_of_another_kind_never_reaches_the_handler() {
        let Some(Err(HandlerError::BadMessage(why))) = ask(&two(), "double", "\"x\"") else { panic!("understood") };
        assert!(why.contains("expected u32"), "{why}");
    }

    #[test]
    fn a_refusal_is_the_handlers_own_sentence() {
        let Some(Err(error)) = ask(&two(), "greet", "null") else { panic!("not refused") };
        assert_eq!(error, HandlerError::Refused(Refused::because("Not now, Jane Doe.")));
        assert_eq!(error.to_string(), "Not now, Jane Doe.");
    }

    #[test]
    fn an_answer_that_is_no_json_is_refused() {
        let handlers = Handlers::new().on("map", |_, (): ()| async { Ok(HashMap::from([((1, 2), 3)])) });
        let Some(Err(error)) = ask(&handlers, "map", "null") else { panic!("answered") };
        assert!(error.to_string().contains("cannot be written as JSON"), "{error}");
    }

    #[test]
    fn what_a_handler_publishes_is_for_the_viewers_site() {
        let recorder = Arc::new(Recorder::default());
        context(&recorder).publish(&Room::Website, "lunch", &HashMap::from([("votes", 1)]));
        assert_eq!(*recorder.0.lock().unwrap(), [r#"s website lunch {"votes":1}"#]);
    }

    #[test]
    #[should_panic(expected = "The event \"double\" has two handlers")]
    fn two_handlers_of_one_event_are_refused_at_the_start() {
        let _ = two().on("double", |_, number: u32| async move { Ok(number) });
    }
}
