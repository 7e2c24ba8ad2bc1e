//! Who looks at a document.

use realtime::signals::ViewerSeen;

use super::person::initials;
use crate::prelude::*;

/// People who are shown one by one; the others are counted.
const SHOWN: usize = 5;

/// Who else looks at a document: by person, not by tab, and who is away for the moment.
///
/// The page that holds it looks at the document, too, as long as it is there.
///
/// ```ignore
/// <Viewers doctype="ToDo".to_owned() name="a1b2c3d4e5".to_owned()/>
/// ```
#[island]
pub fn Viewers(doctype: String, name: String) -> impl IntoView {
    let viewers = use_viewers(&doctype, &name);
    let others = move || {
        let people = viewers.get()?.people.into_iter();
        Some(people.filter(|seen| !seen.is_me).collect::<Vec<_>>())
    };
    view! {
        <div class="viewers" data-testid="viewers">
            <ul role="list" class="faces">
                {move || others().unwrap_or_default().into_iter().take(SHOWN).map(|seen| view! { <Face seen/> }).collect_view()}
            </ul>
            <p role="status">{move || sentence(others().as_deref())}</p>
        </div>
    }
}

#[component]
fn Face(seen: ViewerSeen) -> impl IntoView {
    let away = seen.away.then_some("");
    view! {
        <li data-user=seen.user data-away=away title=seen.full_name.clone()>
            <span class="avatar" aria-hidden="true">{initials(&seen.full_name)}</span>
        </li>
    }
}

/// Says it in words; `None` while it is not known.
fn sentence(others: Option<&[ViewerSeen]>) -> String {
    let Some(others) = others else { return "Looking who else is here…".to_owned() };
    let mut names = others.iter().take(SHOWN).map(|seen| {
        let away = if seen.away { " (away)" } else { "" };
        [seen.full_name.as_str(), away].concat()
    });
    let Some(first) = names.next() else { return "Nobody else is looking at this.".to_owned() };
    let mut sentence = first;
    let (rest, more): (Vec<String>, usize) = (names.collect(), others.len().saturating_sub(SHOWN));
    for (index, name) in rest.iter().enumerate() {
        let is_last = index + 1 == rest.len() && more == 0;
        sentence.push_str(if is_last { " and " } else { ", " });
        sentence.push_str(name);
    }
    if more > 0 {
        sentence.push_str(&[" and ", &more.to_string(), " more"].concat());
    }
    sentence.push_str(if others.len() == 1 { " is looking at this too." } else { " are looking at this too." });
    sentence
}

#[cfg(test)]
mod tests {
    use realtime::signals::ViewerSeen;

    use super::sentence;

    fn seen(names: &[&str], away: &[&str]) -> Vec<ViewerSeen> {
        let seen = |name: &&str| ViewerSeen {
            user: (*name).to_owned(),
            full_name: (*name).to_owned(),
            away: away.contains(name),
            is_me: false,
        };
        names.iter().map(seen).collect()
    }

    #[test]
    fn people_are_named_as_one_would() {
        for (names, away, expected) in [
            (&[][..], &[][..], "Nobody else is looking at this."),
            (&["Jane"], &[], "Jane is looking at this too."),
            (&["Jane"], &["Jane"], "Jane (away) is looking at this too."),
            (&["Jane", "Ravi"], &["Ravi"], "Jane and Ravi (away) are looking at this too."),
            (&["A", "B", "C"], &[], "A, B and C are looking at this too."),
            (&["A", "B", "C", "D", "E", "F", "G", "H"], &[], "A, B, C, D, E and 3 more are looking at this too."),
        ] {
            assert_eq!(sentence(Some(&seen(names, away))), expected);
        }
        assert_eq!(sentence(None), "Looking who else is here…");
    }
}
