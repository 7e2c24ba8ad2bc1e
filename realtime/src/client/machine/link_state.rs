//! What a page shows and says of its connection.

/// What a page shows of its connection: `<html data-live="…">`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// The first connection of this page is being made.
    Connecting,
    /// Events arrive.
    Live,
    /// The line broke and is being made again.
    Reconnecting,
    /// The server is there, but does not hear what is published; it is asking for it again.
    SourceLost,
    /// No network, or the server said that coming back will not help.
    Offline,
    /// The server said that the session is over, or not known: sign in again.
    SessionExpired,
}

impl LinkState {
    /// The word in `data-live`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Reconnecting => "reconnecting",
            Self::SourceLost => "reconnecting-to-source",
            Self::Offline => "offline",
            Self::SessionExpired => "session-expired",
        }
    }
}

/// What is said in words of a page's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// As shown, but of a break only when it lasts.
    pub state: LinkState,
    /// Whole seconds to the next try, while a break is spoken of.
    pub seconds_to_next_try: Option<u32>,
    /// The server's pages are of another build than this one.
    pub is_outdated: bool,
}

impl Said {
    /// Of a page that has just been loaded.
    pub const AT_FIRST: Self = Self { state: LinkState::Connecting, seconds_to_next_try: None, is_outdated: false };
}
