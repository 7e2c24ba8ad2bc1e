//! What a machine is told, and what it says is to be done.

use super::{LinkState, Transport};
use crate::close::CloseCode;

/// What happened. Times are milliseconds of any steady clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Something on the page wants to be live.
    Start,
    /// `hello` came; silence is broken after this many milliseconds.
    Hello {
        /// Milliseconds between heartbeats.
        heartbeat: u64,
        /// The server's pages are of another build than this one.
        is_outdated: bool,
    },
    /// Every join has been answered.
    Settled,
    /// A join was neither granted nor refused: the server could not ask, or was asked too fast.
    JoinFailed,
    /// Any frame came, or an answer without one.
    Heard,
    /// A poll has ended, and there is nothing to say.
    Rested,
    /// The server says whether it hears what is published.
    Source(bool),
    /// The server says good-bye; the close follows.
    Bye {
        /// Why.
        code: CloseCode,
        /// Milliseconds after which to come back, where it says so.
        after: Option<u64>,
    },
    /// The link is closed, with its WebSocket close code.
    Closed(u16),
    /// The time that [`Machine::wake_at`] named has come.
    Wake,
    /// The page is seen again: shown, restored, or woken by a native app.
    Seen,
    /// The network is back.
    NetworkBack,
    /// The page is hidden: tries that would drain a phone stop.
    Hidden,
    /// The network is gone.
    NetworkLost,
    /// The page goes away, perhaps into the back/forward cache.
    PageHide,
    /// The person at the page wants it tried now, whatever the browser says.
    TryNow,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Open a new link. Nothing of an earlier one may be reported any more.
    Open(Transport),
    /// Close the link. Nothing of it may be reported any more.
    Close,
    /// Send a ping.
    Ping,
    /// Ask again for the rooms whose joins failed.
    AskAgain,
    /// Show this state at once.
    Show(LinkState),
}
