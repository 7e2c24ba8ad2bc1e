//! Who else points at which dish.

use super::Dish;

/// A page that everyone may open shows no crowd.
const MOST: usize = 12;

/// Those of whom something was heard lately. Pure.
#[derive(Debug, Default)]
pub(crate) struct Pointers {
    known: Vec<Pointer>,
    /// Counts what was heard.
    news: u32,
}

#[derive(Debug)]
struct Pointer {
    user: String,
    dish: String,
    news: u32,
}

impl Pointers {
    /// A user points at a dish, and no longer at another. Gives this news its number.
    pub(crate) fn hear(&mut self, user: String, dish: String) -> u32 {
        self.news += 1;
        self.known.retain(|known| known.user != user);
        if self.known.len() < MOST {
            self.known.push(Pointer { user, dish, news: self.news });
        }
        self.news
    }

    /// The news of this number is old: who has said nothing since points nowhere.
    pub(crate) fn forget(&mut self, news: u32) {
        self.known.retain(|known| known.news != news);
    }

    /// The initials of those who point at a dish.
    pub(crate) fn letters_at(&self, dish: Dish) -> String {
        let mut letters = String::new();
        for pointer in &self.known {
            if pointer.dish == dish.word() {
                if !letters.is_empty() {
                    letters.push(' ');
                }
                push_initials(&pointer.user, &mut letters);
            }
        }
        letters
    }
}

/// Of a login id, which is the server's word; a name would be the sender's. The style sheet makes capitals of
/// them: Unicode's tables are large.
fn push_initials(user: &str, letters: &mut String) {
    let mut begins = true;
    for letter in user.chars() {
        match letter {
            '@' => break,
            '.' | '_' | '-' | ' ' => begins = true,
            _ if begins => {
                letters.push(letter);
                begins = false;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Dish, MOST, Pointers};

    fn hear(pointers: &mut Pointers, user: &str, dish: &str) -> u32 {
        pointers.hear(user.to_owned(), dish.to_owned())
    }

    fn letters(pointers: &Pointers) -> [String; 3] {
        Dish::ALL.map(|dish| pointers.letters_at(dish))
    }

    #[test]
    fn the_newest_word_of_a_user_counts() {
        let mut pointers = Pointers::default();
        hear(&mut pointers, "jane@example.com", "dosa");
        hear(&mut pointers, "ravi@example.com", "dosa");
        assert_eq!(letters(&pointers), ["j r", "", ""]);
        hear(&mut pointers, "jane@example.com", "tacos");
        assert_eq!(letters(&pointers), ["r", "", "j"]);
        hear(&mut pointers, "ravi@example.com", "a pizza");
        assert_eq!(letters(&pointers), ["", "", "j"]);
    }

    #[test]
    fn old_news_is_forgotten_and_newer_news_stays() {
        let mut pointers = Pointers::default();
        let old = hear(&mut pointers, "jane@example.com", "dosa");
        let new = hear(&mut pointers, "jane@example.com", "dosa");
        pointers.forget(old);
        assert_eq!(letters(&pointers), ["j", "", ""]);
        pointers.forget(new);
        assert_eq!(letters(&pointers), ["", "", ""]);
    }

    #[test]
    fn a_crowd_is_not_shown() {
        let mut pointers = Pointers::default();
        for number in 0..1_000 {
            hear(&mut pointers, &number.to_string(), "dosa");
        }
        assert_eq!(pointers.known.len(), MOST);
        hear(&mut pointers, "0", "ramen");
        assert_eq!(pointers.letters_at(Dish::Ramen), "0");
    }

    #[test]
    fn initials_are_of_the_name_before_the_at_sign() {
        for (user, initials) in [
            ("Administrator", "A"),
            ("jane@example.com", "j"),
            ("jane.van-doe@exa.mple.com", "jvd"),
            ("小龙@example.com", "小"),
            ("@", ""),
        ] {
            let mut pointers = Pointers::default();
            hear(&mut pointers, user, "dosa");
            assert_eq!(pointers.letters_at(Dish::Dosa), initials, "{user}");
        }
    }
}
