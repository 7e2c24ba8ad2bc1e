//! Who looks at a document.

#[cfg(feature = "hydrate")]
mod hands;

#[cfg(any(test, feature = "hydrate"))]
use realtime::signals::ViewerSeen;

use crate::prelude::*;

/// People who are shown one by one; the others are counted.
#[cfg(any(test, feature = "hydrate"))]
const SHOWN: usize = 5;

/// Who else looks at a document: by person, not by tab, and who is away for the moment. One a page.
///
/// The page that holds it looks at the document, too, as long as it is there.
///
/// ```ignore
/// <Viewers doctype="ToDo".to_owned() name="a1b2c3d4e5".to_owned()/>
/// ```
#[cfg(feature = "ssr")]
#[component]
pub fn Viewers(doctype: String, name: String) -> impl IntoView {
    view! {
        <div class="viewers" data-testid=VIEWERS data-doctype=doctype data-name=name>
            <ul role="list" class="faces" data-testid=FACES></ul>
            <p role="status" data-testid=NAMES>"Looking who else is here…"</p>
        </div>
        <ViewersHands/>
    }
}

/// Moves them. Without props, which weigh 4 KB in brotli (measured): the element beside it says which document.
#[island]
pub fn ViewersHands() -> impl IntoView {
    #[cfg(feature = "hydrate")]
    hands::follow();
}

const VIEWERS: &str = "viewers";
const FACES: &str = "viewers-faces";
const NAMES: &str = "viewers-names";

/// Says it in words.
#[cfg(any(test, feature = "hydrate"))]
fn sentence(others: &[ViewerSeen]) -> String {
    let mut sentence = String::new();
    let (shown, more) = (others.len().min(SHOWN), others.len().saturating_sub(SHOWN));
    for (index, seen) in others[..shown].iter().enumerate() {
        let is_last = index + 1 == shown && more == 0;
        sentence.push_str(if index == 0 {
            ""
        } else if is_last {
            " and "
        } else {
            ", "
        });
        sentence.push_str(&seen.full_name);
        sentence.push_str(if seen.away { " (away)" } else { "" });
    }
    if more > 0 {
        sentence.push_str(&[" and ", &more.to_string(), " more"].concat());
    }
    sentence.push_str(match others.len() {
        0 => "Nobody else is looking at this.",
        1 => " is looking at this too.",
        _ => " are looking at this too.",
    });
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
            assert_eq!(sentence(&seen(names, away)), expected);
        }
    }
}
