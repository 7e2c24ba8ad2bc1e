//! Which open connections belong to which session, so that they end with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use realtime::close::CloseCode;

use crate::queue::Queue;
use crate::site::Credential;

type SessionKey = (Arc<str>, Credential);

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
    pub(super) fn enter(self: &Arc<Self>, site: &str, credential: &Credential, queue: &Arc<Queue>) -> Entered {
        let (session, queue) = ((site.into(), credential.clone()), Arc::downgrade(queue));
        self.lock().entry(SessionKey::clone(&session)).or_default().push(queue.clone());
        Entered { sessions: Arc::clone(self), session, queue }
    }

    /// Ends every open connection of a session, and returns how many there were.
    pub(super) fn end(&self, site: &str, credential: &Credential) -> usize {
        let queues = self.lock().remove(&(site.into(), credential.clone())).unwrap_or_default();
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

    use super::OpenSessions;
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

    #[test]
    fn a_session_ends_with_its_own_connections_only() {
        let sessions = Arc::new(OpenSessions::default());
        let (jane, ravi) = (Credential::Session("j".into()), Credential::Session("r".into()));
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
        let jane = Credential::Session("j".into());
        let (first, second) = (queue(), queue());
        let entered = sessions.enter("a", &jane, &first);
        let _stays = sessions.enter("a", &jane, &second);
        drop(entered);
        assert_eq!(sessions.end("a", &jane), 1);
        assert!(sessions.lock().is_empty());
    }
}
