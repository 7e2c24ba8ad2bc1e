//! Who votes for what. In memory: lunch is over by tomorrow.

use std::collections::HashMap;

use realtime::handlers::Refused;
use realtime::host::{UserType, Viewer};

use super::{Dish, Tally, Votes};

/// How many may vote on a site: what is kept has an end.
const MOST_VOTERS: usize = 10_000;

/// Everybody's present choice, by site and user.
#[derive(Debug, Default)]
pub(crate) struct Ballots {
    sites: HashMap<String, HashMap<String, Dish>>,
}

impl Ballots {
    /// Counts a vote in the place of an earlier one of the same user. Gives the new tally, and what to say.
    pub(crate) fn cast(&mut self, voter: &Viewer, dish: Dish) -> Result<(Tally, String), Refused> {
        if voter.user_type == UserType::Guest {
            return Err(Refused::because("Sign in to vote: each person has one vote."));
        }
        let choices = self.sites.entry(voter.site.clone()).or_default();
        if choices.len() >= MOST_VOTERS && !choices.contains_key(&voter.user) {
            return Err(Refused::because("So many have voted that no more votes can be counted."));
        }
        let earlier = choices.insert(voter.user.clone(), dish);
        let name = voter.full_name.split_whitespace().next().unwrap_or(&voter.user);
        let sentence = match earlier {
            None => format!("Thanks, {name}: {} it is.", dish.name()),
            Some(earlier) if earlier == dish => format!("{name} stays with {}.", dish.name()),
            Some(earlier) => format!("{name} changed from {} to {}.", earlier.name(), dish.name()),
        };
        Ok((tally(choices), sentence))
    }
}

fn tally(choices: &HashMap<String, Dish>) -> Tally {
    let mut votes = Votes::default();
    for dish in choices.values() {
        *match dish {
            Dish::Dosa => &mut votes.dosa,
            Dish::Ramen => &mut votes.ramen,
            Dish::Tacos => &mut votes.tacos,
        } += 1;
    }
    Tally { votes }
}

#[cfg(test)]
mod tests {
    use realtime::host::{UserType, Viewer};

    use super::{Ballots, Dish, MOST_VOTERS};

    fn voter(site: &str, user: &str, full_name: &str) -> Viewer {
        Viewer { site: site.into(), user: user.into(), full_name: full_name.into(), user_type: UserType::WebsiteUser }
    }

    fn cast(ballots: &mut Ballots, voter: &Viewer, dish: Dish) -> ([i64; 3], String) {
        let (tally, sentence) = ballots.cast(voter, dish).expect("counted");
        (Dish::ALL.map(|dish| tally.votes.of(dish)), sentence)
    }

    #[test]
    fn each_person_has_one_vote_and_may_change_it() {
        let mut ballots = Ballots::default();
        let (jane, ravi) = (voter("s", "jane@example.com", "Jane Doe"), voter("s", "ravi@example.com", ""));
        for (voter, dish, votes, sentence) in [
            (&jane, Dish::Dosa, [1, 0, 0], "Thanks, Jane: Dosa it is."),
            (&ravi, Dish::Tacos, [1, 0, 1], "Thanks, ravi@example.com: Tacos it is."),
            (&jane, Dish::Ramen, [0, 1, 1], "Jane changed from Dosa to Ramen."),
            (&jane, Dish::Ramen, [0, 1, 1], "Jane stays with Ramen."),
        ] {
            assert_eq!(cast(&mut ballots, voter, dish), (votes, sentence.to_owned()));
        }
    }

    #[test]
    fn sites_vote_apart() {
        let mut ballots = Ballots::default();
        cast(&mut ballots, &voter("one", "jane@example.com", "Jane"), Dish::Dosa);
        let (votes, _) = cast(&mut ballots, &voter("two", "jane@example.com", "Jane"), Dish::Ramen);
        assert_eq!(votes, [0, 1, 0]);
    }

    #[test]
    fn who_is_not_signed_in_has_no_vote() {
        let guest = Viewer { user_type: UserType::Guest, ..voter("s", "Guest", "Guest") };
        let refused = Ballots::default().cast(&guest, Dish::Dosa).expect_err("refused");
        assert_eq!(refused.to_string(), "Sign in to vote: each person has one vote.");
    }

    #[test]
    fn a_full_box_takes_no_new_voters_and_old_ones_may_still_change() {
        let mut ballots = Ballots::default();
        for number in 0..MOST_VOTERS {
            cast(&mut ballots, &voter("s", &number.to_string(), ""), Dish::Dosa);
        }
        assert!(ballots.cast(&voter("s", "one more", ""), Dish::Dosa).is_err());
        let (votes, _) = cast(&mut ballots, &voter("s", "0", ""), Dish::Tacos);
        assert_eq!(votes.iter().sum::<i64>(), i64::try_from(MOST_VOTERS).expect("a small number"));
    }
}
