//! What stands around the vote: its heading, and what it is for.

use leptos_meta::Title;

use crate::prelude::*;

/// The vote's surroundings. They are not live, so they stay out of the island.
#[component]
pub(crate) fn TogetherScene(children: Children) -> impl IntoView {
    view! {
        <Title text="Together"/>
        <h1>"Lunch together"</h1>
        <p class="lede">
            "One vote each, and you may change your mind. Everyone here sees the votes, \
             and where the others are pointing."
        </p>
        {children()}
        <noscript>
            <p class="note">"Scripts are off: these are the votes as of this page load. Voting needs scripts."</p>
        </noscript>
        <p class="note">
            "A click asks the server, which counts one vote a person and publishes the tally. \
             Pointing goes from page to page and is kept nowhere."
        </p>
    }
}
