//! How people are shown.

#[cfg(feature = "ssr")]
use realtime::host::UserType;

/// Frappe's kind of user, said to that user.
#[cfg(feature = "ssr")]
pub(crate) const fn kind_of_user(kind: UserType) -> &'static str {
    match kind {
        UserType::Guest => "Not signed in",
        UserType::SystemUser | UserType::WebsiteUser => kind.label(),
    }
}

/// The first letters of the first and the last of someone's names. The style sheet makes them capitals: Unicode's
/// tables for it weigh 5 KB (measured).
pub(crate) fn initials(full_name: &str) -> String {
    let mut names = full_name.split(' ').filter(|name| !name.is_empty());
    let first = names.next();
    let letters = first.into_iter().chain(names.next_back()).filter_map(|name| name.chars().next());
    letters.collect()
}

#[cfg(test)]
mod tests {
    use super::initials;

    #[test]
    fn initials_are_of_the_first_and_the_last_name() {
        for (name, letters) in
            [("Administrator", "A"), ("Jane Doe", "JD"), ("ana maría de la ó", "aó"), ("李 小龙", "李小"), ("", "")]
        {
            assert_eq!(initials(name), letters, "{name}");
        }
    }
}
