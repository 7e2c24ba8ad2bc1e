//! The cookies of an answer, shaped like the captured ones.

use std::time::{Duration, SystemTime};

use url::form_urlencoded;

use crate::captures::Captures;

/// Frappe dates a cookie it clears to the day before.
const DAY: Duration = Duration::from_hours(24);

/// What the cookies say about a session.
pub(crate) struct Wearer<'a> {
    pub(crate) sid: &'a str,
    pub(crate) user: &'a str,
    pub(crate) full_name: &'a str,
    pub(crate) system_user: bool,
}

impl Wearer<'_> {
    pub(crate) const GUEST: Self = Self { sid: "Guest", user: "Guest", full_name: "Guest", system_user: false };

    fn value(&self, cookie: &str) -> Option<String> {
        match cookie {
            "sid" => Some(self.sid.to_owned()),
            "system_user" => Some(if self.system_user { "yes" } else { "no" }.to_owned()),
            "full_name" => Some(quoted(self.full_name)),
            "user_id" => Some(quoted(self.user)),
            _ => None,
        }
    }
}

/// The cookies every answer sets again for the session it served.
pub(crate) fn kept(captures: &Captures, wearer: &Wearer<'_>, now: SystemTime) -> Vec<String> {
    let template = captures.case("get_user_info_cookie_admin").cookies();
    let cookies = template.map(|cookie| {
        let (pair, attributes) = cookie.split_once(';').expect("a captured cookie has attributes");
        let (name, value) = pair.split_once('=').expect("a captured cookie has a name");
        let value = wearer.value(name).unwrap_or_else(|| value.to_owned());
        dated(&format!("{name}={value};{attributes}"), now)
    });
    cookies.collect()
}

/// The cookies that take a session from the browser.
pub(crate) fn cleared(captures: &Captures, now: SystemTime) -> Vec<String> {
    let all = captures.case("get_user_info_invalid_sid").cookies();
    let cleared = all.filter(|cookie| cookie.contains("=; Expires="));
    cleared.map(|cookie| dated(cookie, now)).collect()
}

/// The same cookie, with `Expires` as Frappe would say it now.
fn dated(cookie: &str, now: SystemTime) -> String {
    let age = cookie.split("; ").find_map(|attribute| attribute.strip_prefix("Max-Age=")?.parse().ok());
    let end = age.map_or(now - DAY, |seconds| now + Duration::from_secs(seconds));
    let end = format!("Expires={}", httpdate::fmt_http_date(end));
    let attributes = cookie.split("; ").map(|known| if known.starts_with("Expires=") { &end } else { known });
    attributes.collect::<Vec<_>>().join("; ")
}

fn quoted(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::{Wearer, cleared, kept};
    use crate::captures::Captures;
    use crate::version::Version;

    #[test]
    fn cookies_are_dated_from_now() {
        let captures = Captures::of(Version::V15);
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(48);
        let wearer = Wearer { sid: "s", user: "a@b", full_name: "A B", system_user: true };
        assert_eq!(
            kept(captures, &wearer, now),
            [
                "sid=s; Expires=Sat, 10 Jan 1970 02:00:00 GMT; Max-Age=612000; HttpOnly; Path=/; SameSite=Lax",
                "system_user=yes; Path=/; SameSite=Lax",
                "full_name=A%20B; Path=/; SameSite=Lax",
                "user_id=a%40b; Path=/; SameSite=Lax",
                "user_image=; Path=/; SameSite=Lax",
            ]
        );
        assert_eq!(cleared(captures, now)[2], "sid=; Expires=Fri, 02 Jan 1970 00:00:00 GMT; Path=/");
    }
}
