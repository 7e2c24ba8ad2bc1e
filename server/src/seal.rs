//! Texts that only this server can have written: encrypted, with what they are for and until when.
//!
//! AES-256-GCM and key derivation are the `cookie` crate's, whose private jar binds a value to its name;
//! here the name is the purpose, so that a task's token is no session.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cookie::{Cookie, CookieJar, Key};

/// A text that nobody can guess: 128 random bits.
#[must_use]
pub fn random_text() -> String {
    let key = Key::generate();
    let bits = key.signing().first_chunk().expect("a key has 32 bytes");
    format!("{:032x}", u128::from_be_bytes(*bits))
}

/// The fewest characters, and so bytes, of a secret that keys are made of.
pub const LEAST_SECRET_CHARACTERS: usize = 32;

/// Seals texts with the first of its keys and opens what any of them sealed, so that keys can be changed
/// while texts are about.
pub struct Sealer {
    keys: Vec<Key>,
}

impl Sealer {
    /// Keys made of these secrets, each of at least [`LEAST_SECRET_CHARACTERS`]. Without any the key is a random
    /// one, which ends with the process.
    #[must_use]
    pub fn new(secrets: &[String]) -> Self {
        let keys: Vec<Key> = secrets.iter().map(|secret| Key::derive_from(secret.as_bytes())).collect();
        Self { keys: if keys.is_empty() { vec![Key::generate()] } else { keys } }
    }

    /// Seals a text for a purpose, for so long from now.
    #[must_use]
    pub fn seal(&self, purpose: &str, text: &str, lifetime: Duration) -> String {
        let ends = seconds_since_1970(SystemTime::now() + lifetime);
        let mut jar = CookieJar::new();
        jar.private_mut(&self.keys[0]).add(Cookie::new(purpose.to_owned(), format!("{ends} {text}")));
        jar.get(purpose).expect("it was just added").value().to_owned()
    }

    /// The text, if this server sealed it for this purpose and its time is not over.
    #[must_use]
    pub fn open(&self, purpose: &str, sealed: &str) -> Option<String> {
        self.open_at(SystemTime::now(), purpose, sealed)
    }

    fn open_at(&self, now: SystemTime, purpose: &str, sealed: &str) -> Option<String> {
        let jar = CookieJar::new();
        let opened = self.keys.iter().find_map(|key| {
            let cookie = Cookie::new(purpose.to_owned(), sealed.to_owned());
            jar.private(key).decrypt(cookie)
        })?;
        let (ends, text) = opened.value().split_once(' ')?;
        let is_over = ends.parse::<u64>().ok()? < seconds_since_1970(now);
        (!is_over).then(|| text.to_owned())
    }
}

fn seconds_since_1970(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::Sealer;

    const HOUR: Duration = Duration::from_hours(1);

    fn secret(letter: char) -> String {
        letter.to_string().repeat(32)
    }

    #[test]
    fn what_is_sealed_is_opened_for_its_purpose_only() {
        let sealer = Sealer::new(&[secret('a')]);
        let token = sealer.seal("task", "site1 jane k3f9a", HOUR);
        assert!(!token.contains("jane"));
        assert_eq!(sealer.open("task", &token).as_deref(), Some("site1 jane k3f9a"));
        assert_eq!(sealer.open("session", &token), None);
        assert_ne!(sealer.seal("task", "x", HOUR), sealer.seal("task", "x", HOUR));
        for forged in ["", "x", &token[1..], &token.replacen(char::is_alphanumeric, "-", 1)] {
            assert_eq!(sealer.open("task", forged), None, "{forged}");
        }
    }

    #[test]
    fn an_older_key_opens_and_a_foreign_one_does_not() {
        let old = Sealer::new(&[secret('a')]).seal("task", "text", HOUR);
        let both = Sealer::new(&[secret('b'), secret('a')]);
        assert_eq!(both.open("task", &old).as_deref(), Some("text"));
        let new = both.seal("task", "text", HOUR);
        assert_eq!(Sealer::new(&[secret('a')]).open("task", &new), None);
        assert_eq!(Sealer::new(&[]).open("task", &new), None);
    }

    #[test]
    fn it_ends() {
        let sealer = Sealer::new(&[]);
        let token = sealer.seal("task", "text", HOUR);
        let after = |time| sealer.open_at(SystemTime::now() + time, "task", &token);
        assert_eq!(after(HOUR / 2).as_deref(), Some("text"));
        assert_eq!(after(HOUR + Duration::from_mins(1)), None);
    }
}
