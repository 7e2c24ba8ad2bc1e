//! Why a connection ends: one table for server, page and documentation.

/// Why the server closes a connection, as a WebSocket close code (RFC 6455 section 7.4).
///
/// 4000 to 4099: come back, the position still counts. 4100 to 4199: coming back will not help until
/// something changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseCode {
    /// The page said good-bye.
    Normal,
    /// The bytes were not a WebSocket.
    ProtocolError,
    /// A binary frame came; the protocol is text.
    NotText,
    /// A frame was over the limit.
    FrameTooLarge,
    /// The page did not read fast enough and its queue is full.
    Slow,
    /// The server is stopping or restarting.
    Restart,
    /// Nothing was heard from the page for two heartbeats.
    Idle,
    /// Frappe could not be asked who this session is.
    FrappeUnreachable,
    /// Too many connections of this user or address are open.
    TooManyConnections,
    /// Too many frames that the server could not understand.
    TooManyErrors,
    /// The session has expired or was signed out.
    SessionExpired,
    /// Frappe refused the credentials.
    Unauthorized,
    /// This server, or Frappe behind it, does not know the site.
    UnknownSite,
}

impl CloseCode {
    /// Every code, in the order of the documentation's table.
    pub const ALL: [Self; 13] = [
        Self::Normal,
        Self::ProtocolError,
        Self::NotText,
        Self::FrameTooLarge,
        Self::Slow,
        Self::Restart,
        Self::Idle,
        Self::FrappeUnreachable,
        Self::TooManyConnections,
        Self::TooManyErrors,
        Self::SessionExpired,
        Self::Unauthorized,
        Self::UnknownSite,
    ];

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::ProtocolError => 1002,
            Self::NotText => 1003,
            Self::FrameTooLarge => 1009,
            Self::Slow => 4000,
            Self::Restart => 4001,
            Self::Idle => 4002,
            Self::FrappeUnreachable => 4003,
            Self::TooManyConnections => 4004,
            Self::TooManyErrors => 4005,
            Self::SessionExpired => 4100,
            Self::Unauthorized => 4101,
            Self::UnknownSite => 4102,
        }
    }

    /// The word in `bye` frames and logs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::ProtocolError => "protocol_error",
            Self::NotText => "not_text",
            Self::FrameTooLarge => "frame_too_large",
            Self::Slow => "slow",
            Self::Restart => "restart",
            Self::Idle => "idle",
            Self::FrappeUnreachable => "frappe_unreachable",
            Self::TooManyConnections => "too_many_connections",
            Self::TooManyErrors => "too_many_errors",
            Self::SessionExpired => "session_expired",
            Self::Unauthorized => "unauthorized",
            Self::UnknownSite => "unknown_site",
        }
    }

    /// What happened and what to do, for people.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Normal => "The connection was closed on request.",
            Self::ProtocolError => "The bytes received are not a WebSocket frame.",
            Self::NotText => "Binary frames are not part of this protocol; send JSON text.",
            Self::FrameTooLarge => "The frame is over the size limit; send less in one frame.",
            Self::Slow => "The page reads more slowly than events arrive; reconnect with the last position.",
            Self::Restart => "The server is restarting; reconnect with the last position.",
            Self::Idle => "Nothing was heard for two heartbeats; reconnect with the last position.",
            Self::FrappeUnreachable => "Frappe could not be asked who you are; reconnecting will try again.",
            Self::TooManyConnections => "Too many connections are open; close other tabs.",
            Self::TooManyErrors => "Too many frames could not be understood.",
            Self::SessionExpired => "The session has expired; sign in again.",
            Self::Unauthorized => "Frappe refused the credentials; sign in again.",
            Self::UnknownSite => "This site is not known here; check the address, --site and --frappe.",
        }
    }

    /// Whether a page that was closed with this code should connect again by itself.
    #[must_use]
    pub const fn should_reconnect(self) -> bool {
        match self {
            Self::Slow
            | Self::Restart
            | Self::Idle
            | Self::FrappeUnreachable
            | Self::TooManyConnections
            | Self::TooManyErrors
            | Self::ProtocolError
            | Self::FrameTooLarge => true,
            Self::Normal | Self::NotText | Self::SessionExpired | Self::Unauthorized | Self::UnknownSite => false,
        }
    }

    /// Whether a page of this version comes back after a code that a newer server made: the ranges of the
    /// table decide.
    #[must_use]
    pub const fn unknown_comes_back(number: u16) -> bool {
        !matches!(number, 4100..=4199)
    }

    /// The code with this number, if the table has it.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.number() == number)
    }

    /// The code with this word, if the table has it.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::CloseCode;

    #[test]
    fn numbers_and_words_are_unique_and_lead_back() {
        let numbers: HashSet<u16> = CloseCode::ALL.iter().map(|code| code.number()).collect();
        assert_eq!(numbers.len(), CloseCode::ALL.len());
        for code in CloseCode::ALL {
            assert_eq!(CloseCode::from_number(code.number()), Some(code));
            assert_eq!(CloseCode::from_word(code.word()), Some(code));
        }
        assert_eq!(CloseCode::from_number(1006), None);
    }

    #[test]
    fn own_codes_below_4100_come_back_and_the_rest_do_not() {
        for code in CloseCode::ALL.into_iter().filter(|code| code.number() >= 4000) {
            assert_eq!(code.should_reconnect(), CloseCode::unknown_comes_back(code.number()), "{code:?}");
        }
    }
}
