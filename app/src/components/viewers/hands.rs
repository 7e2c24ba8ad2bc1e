//! Shows the viewers, by hand.

use realtime::signals::ViewerSeen;

use super::{FACES, NAMES, SHOWN, VIEWERS, sentence};
use crate::components::person::initials;
use crate::hands::{always, find, write};
use crate::prelude::*;

/// Follows them as long as the island lives.
pub(super) fn follow() {
    let Some(element) = find(VIEWERS) else { return };
    let [doctype, name] = ["data-doctype", "data-name"].map(|key| element.get_attribute(key).unwrap_or_default());
    let viewers = use_viewers(&doctype, &name);
    always(move || {
        let Some(viewers) = viewers.get() else { return };
        let others: Vec<ViewerSeen> = viewers.people.into_iter().filter(|seen| !seen.is_me).collect();
        write(NAMES, &sentence(&others));
        show_faces(&others);
    });
}

fn show_faces(others: &[ViewerSeen]) {
    let Some(faces) = find(FACES) else { return };
    faces.set_text_content(None);
    for seen in others.iter().take(SHOWN) {
        let (Ok(place), Ok(face)) = (document().create_element("li"), document().create_element("span")) else {
            return;
        };
        face.set_text_content(Some(&initials(&seen.full_name)));
        let away = if seen.away { "true" } else { "false" };
        for (element, name, value) in [
            (&place, "title", seen.full_name.as_str()),
            (&place, "data-user", &seen.user),
            (&place, "data-away", away),
            (&face, "class", "avatar"),
            (&face, "aria-hidden", "true"),
        ] {
            // Only a name with a space in it is refused.
            let _ = element.set_attribute(name, value);
        }
        // Only a place inside itself is refused.
        let _ = place.append_child(&face).and_then(|_| faces.append_child(&place));
    }
}
