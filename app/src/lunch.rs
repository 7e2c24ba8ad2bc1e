//! The lunch vote: what the page and the server's handler agree on.

#[cfg(feature = "ssr")]
pub(crate) mod ballots;
#[cfg(any(test, feature = "hydrate"))]
pub(crate) mod pointers;

use crate::prelude::*;

/// What the page asks: the viewer's vote, a dish's word.
#[cfg(any(feature = "ssr", feature = "hydrate"))]
pub(crate) const VOTE: &str = "vote";
/// What the handler publishes: a [`Tally`].
pub(crate) const LUNCH: &str = "lunch";
/// What pages emit: the word of the dish that somebody points at.
#[cfg(feature = "hydrate")]
pub(crate) const POINTING: &str = "pointing";

/// What there is to eat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "ssr", derive(Deserialize), serde(rename_all = "lowercase"))]
pub(crate) enum Dish {
    Dosa,
    Ramen,
    Tacos,
}

impl Dish {
    /// All of them, as they stand on the page.
    pub(crate) const ALL: [Self; 3] = [Self::Dosa, Self::Ramen, Self::Tacos];

    /// On the wire.
    #[cfg(any(test, feature = "hydrate"))]
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Dosa => "dosa",
            Self::Ramen => "ramen",
            Self::Tacos => "tacos",
        }
    }

    /// For people.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Dosa => "Dosa",
            Self::Ramen => "Ramen",
            Self::Tacos => "Tacos",
        }
    }

    /// For people who have not had it.
    pub(crate) const fn description(self) -> &'static str {
        match self {
            Self::Dosa => "Crisp, with coconut chutney",
            Self::Ramen => "Miso broth, soft egg",
            Self::Tacos => "Corn, beans, lime",
        }
    }

    /// The id of the button that chooses it.
    pub(crate) const fn button(self) -> &'static str {
        match self {
            Self::Dosa => "dish-dosa",
            Self::Ramen => "dish-ramen",
            Self::Tacos => "dish-tacos",
        }
    }

    /// The id of the place that says how many chose it.
    pub(crate) const fn counter(self) -> &'static str {
        match self {
            Self::Dosa => "votes-dosa",
            Self::Ramen => "votes-ramen",
            Self::Tacos => "votes-tacos",
        }
    }

    /// The id of the place that says who points at it.
    pub(crate) const fn pointers(self) -> &'static str {
        match self {
            Self::Dosa => "pointing-dosa",
            Self::Ramen => "pointing-ramen",
            Self::Tacos => "pointing-tacos",
        }
    }
}

/// How many chose each dish.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "ssr", derive(Serialize))]
pub(crate) struct Votes {
    dosa: i64,
    ramen: i64,
    tacos: i64,
}

impl Votes {
    /// How many chose this one.
    pub(crate) const fn of(self, dish: Dish) -> i64 {
        match dish {
            Dish::Dosa => self.dosa,
            Dish::Ramen => self.ramen,
            Dish::Tacos => self.tacos,
        }
    }
}

/// The message of [`LUNCH`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "ssr", derive(Serialize))]
pub(crate) struct Tally {
    pub(crate) votes: Votes,
}
