//! What one connection asks, and what it is answered. Knows no socket: frames come in as text, answers
//! go to the queue.

use std::num::NonZeroU32;
use std::sync::Arc;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use realtime::close::CloseCode;
use realtime::frame::{ClientFrame, Denial, FrameError, ServerFrame};
use realtime::host::Viewer;
use tracing::debug;

use crate::authz;
use crate::engine::{Join, SiteEngine};
use crate::hub::ConnectionId;
use crate::queue::Queue;
use crate::websocket;

/// What one connection may do.
#[derive(Debug, Clone, Copy)]
pub struct SessionLimits {
    /// Rooms it may be in at once.
    pub rooms: usize,
    /// Joins in a second.
    pub joins_per_second: NonZeroU32,
    /// Frames that cannot be understood before the connection ends.
    pub errors: u32,
}

/// One connection of one user to one site.
pub struct Session {
    site: Arc<SiteEngine>,
    viewer: Viewer,
    connection: ConnectionId,
    queue: Arc<Queue>,
    limits: SessionLimits,
    joins: DefaultDirectRateLimiter,
    errors: u32,
}

impl Session {
    /// Begins a session: it is in its automatic rooms, and `hello` is pushed.
    #[must_use]
    pub fn begin(
        site: Arc<SiteEngine>,
        viewer: Viewer,
        connection: ConnectionId,
        queue: Arc<Queue>,
        limits: SessionLimits,
        heartbeat: u32,
        build: &str,
    ) -> Self {
        let rooms = viewer.automatic_rooms();
        let grants = rooms.iter().filter_map(|room| authz::grant(&viewer, room.clone()).ok()).collect();
        site.enter(grants, connection, &queue, |position| ServerFrame::Hello {
            connection: connection.to_string(),
            epoch: position.epoch,
            user: viewer.user.clone(),
            heartbeat,
            rooms,
            build: build.to_owned(),
        });
        let joins = RateLimiter::direct(Quota::per_second(limits.joins_per_second));
        Self { site, viewer, connection, queue, limits, joins, errors: 0 }
    }

    /// Answers a frame. `Some` ends the connection.
    pub fn receive(&mut self, text: &str) -> Option<CloseCode> {
        match ClientFrame::parse(text) {
            Ok(ClientFrame::Join { reference, room, since, latest }) => {
                let (count, is_inside) = self.site.rooms_of(self.connection, &room);
                let answer = if self.joins.check().is_err() {
                    Err(Denial::TooFast)
                } else if !is_inside && count >= self.limits.rooms {
                    Err(Denial::TooManyRooms)
                } else {
                    authz::grant(&self.viewer, room.clone())
                };
                match answer {
                    Ok(grant) => {
                        let join = Join { reference, grant, since: since.as_ref(), latest: &latest };
                        self.site.join(join, self.connection, &self.queue);
                    }
                    Err(denial) => {
                        debug!(
                            site = self.viewer.site,
                            user = self.viewer.user,
                            %room,
                            connection = %self.connection,
                            "Refused a join: {}",
                            denial.sentence()
                        );
                        self.say(&ServerFrame::Denied { reference, room, denial });
                    }
                }
            }
            Ok(ClientFrame::Leave { reference, room }) => {
                self.site.leave(reference, &room, self.connection, &self.queue);
            }
            Ok(ClientFrame::Ping { reference }) => self.site.pong(reference, &self.queue),
            Err(FrameError { reference, code, reason }) => {
                self.errors += 1;
                if self.errors > self.limits.errors {
                    return Some(CloseCode::TooManyErrors);
                }
                self.say(&ServerFrame::Error { reference, code: code.to_owned(), reason });
            }
        }
        None
    }

    fn say(&self, frame: &ServerFrame) {
        let _ = self.queue.push(websocket::text(&frame.encode()));
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.site.disconnect(self.connection);
    }
}
