//! Which open connections belong to which session, so that they end with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use realtime::close::CloseCode;

use crate::queue::Queue;
use crate::site::Credential;

/// What open connections have in common, and end with.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum SessionId {
    /// A credential, wherever it is shown.
    Of(Credential),
    /// An app's cookie that holds an `Authorization` header. Others who show that header have nothing to do with it.
    App(Arc<str>),
}

/// A session of a site.
type SessionKey = (Arc<str>, SessionId);

/// The open connections of each session.
#[derive(Default)]
pub(super) struct OpenSessions {
    connections: Mutex<HashMap<SessionKey, Vec<Weak<Queue>>>>,
}

/// A connection's entry, which ends when this is dropped.
pub(super) struct Entered {
    sessions: Arc<OpenSessions>,
    session: SessionKey,
    queue: Weak<Queue>,
}

impl OpenSessions {
    /// Notes a connection. Before Frappe is asked about it: a sign-out meanwhile must find it.
    pub(super) fn enter(self: &Arc<Self>, site: &str, session: &SessionId, queue: &Arc<Queue>) -> Entered {
        let (session, queue) = ((site.into(), session.clone()), Arc::downgrade(queue));
        self.lock().entry(SessionKey::clone(&session)).or_default().push(queue.clone());
        Entered { sessions: Arc::clone(self), session, queue }
    }

    /// Ends every open connection of a session, and returns how many there were.
    pub(super) fn end(&self, site: &str, session: &SessionId) -> usize {
        let queues = self.lock().remove(&(site.into(), session.clone())).unwrap_or_default();
        let open = queues.iter().filter_map(Weak::upgrade);
        open.map(|queue| queue.close(CloseCode::SessionExpired)).count()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionKey, Vec<Weak<Queue>>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut connections = self.sessions.lock();
        let Some(queues) = connections.get_mut(&self.session) else { return };
        queues.retain(|queue| !queue.ptr_eq(&self.queue));
        if queues.is_empty() {
            connections.remove(&self.session);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, IoSlice};
    use std::sync::Arc;

    use realtime::close::CloseCode;

    use super::{OpenSessions, SessionId};
    use crate::queue::{Queue, QueueLimits, QueueState, Wire};
    use crate::site::Credential;

    struct Everything;

    impl Wire for Everything {
        fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
            Ok(parts.iter().map(|part| part.len()).sum())
        }
    }

    fn queue() -> Arc<Queue> {
        Arc::new(Queue::new(Arc::new(Everything), QueueLimits { frames: 8, bytes: 1024 }))
    }

    fn session(sid: &str) -> SessionId {
        SessionId::Of(Credential::Session(sid.into()))
    }

    #[test]
    fn a_session_ends_with_its_own_connections_only() {
        let sessions = Arc::new(OpenSessions::default());
        let (jane, ravi) = (session("j"), session("r"));
        let queues = [queue(), queue(), queue(), queue()];
        let [first, second, elsewhere, other] = &queues;
        let _entered = [
            sessions.enter("a", &jane, first),
            sessions.enter("a", &jane, second),
            sessions.enter("b", &jane, elsewhere),
            sessions.enter("a", &ravi, other),
        ];
        assert_eq!(sessions.end("a", &jane), 2);
        let states = queues.each_ref().map(|queue| queue.state());
        let ended = QueueState::Closed(CloseCode::SessionExpired);
        assert_eq!(states, [ended, ended, QueueState::Empty, QueueState::Empty]);
    }

    #[test]
    fn a_connection_that_has_ended_is_forgotten() {
        let sessions = Arc::new(OpenSessions::default());
        let jane = session("j");
        let (first, second) = (queue(), queue());
        let entered = sessions.enter("a", &jane, &first);
        let _stays = sessions.enter("a", &jane, &second);
        drop(entered);
        assert_eq!(sessions.end("a", &jane), 1);
        assert!(sessions.lock().is_empty());
    }
}
