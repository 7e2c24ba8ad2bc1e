//! Which Frappe to be.

use std::fmt;
use std::str::FromStr;

/// A version of Frappe whose answers were captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Frappe 14.
    V14,
    /// Frappe 15.
    V15,
    /// Frappe 16.
    V16,
}

/// A text that names none of the versions.
#[derive(Debug, thiserror::Error)]
#[error("there are captures of Frappe 14, 15 and 16 only")]
pub struct UnknownVersion;

impl Version {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::V14, Self::V15, Self::V16];

    /// The name of its one site.
    pub fn site(self) -> &'static str {
        match self {
            Self::V14 => "rt14.localhost",
            Self::V15 => "rt15.localhost",
            Self::V16 => "rt16.localhost",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::V14 => "14",
            Self::V15 => "15",
            Self::V16 => "16",
        })
    }
}

impl FromStr for Version {
    type Err = UnknownVersion;

    fn from_str(text: &str) -> Result<Self, UnknownVersion> {
        Self::ALL.into_iter().find(|version| version.to_string() == text).ok_or(UnknownVersion)
    }
}
