//! One document: so far who looks at it.

use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

use crate::components::viewers::Viewers;
use crate::prelude::*;

/// The document that the path names.
#[component]
pub fn DocumentPage() -> impl IntoView {
    let params = use_params_map().get_untracked();
    let [doctype, name] = ["doctype", "name"].map(|key| params.get(key).unwrap_or_default());
    view! {
        <Title text=format!("{name} · {doctype}")/>
        <p class="kicker">{doctype.clone()}</p>
        <h1 class="document-name">{name.clone()}</h1>
        <Viewers doctype name/>
        <noscript>
            <p class="note">"Scripts are off: who else looks at this document cannot be shown."</p>
        </noscript>
        <p class="note">
            "Whoever has this document open is named above: each person once, however many tabs they have, \
             and as away while all of them are hidden."
        </p>
    }
}
