//! What stands around the count: its heading, and how to make it change.

use leptos_meta::Title;
use realtime::host::Page;

use crate::prelude::*;

/// Whom the demo's loop publishes to, as the article does.
const DEMO_COUNTS_FOR: &str = "Administrator";

/// The count's surroundings. They are not live, so they stay out of the island.
#[component]
pub(crate) fn CountScene(children: Children) -> impl IntoView {
    let page = use_context::<Page>();
    let is_demo = page.as_ref().is_some_and(|page| !page.host().demo_people().is_empty());
    let user = page.map(|page| page.host().viewer().user).unwrap_or_default();
    let counts_for_another = is_demo && user != DEMO_COUNTS_FOR;
    view! {
        <Title text="Count"/>
        <h1 class="name">"The article’s counter"</h1>
        {children()}
        <noscript>
            <p class="note">"Scripts are off: this is the value as of this page load. Reload for a newer one."</p>
        </noscript>
        <p class="note">
            "The value comes with the page. While the page is live, \
             each new one follows the moment Python publishes it."
        </p>
        {counts_for_another.then(|| view! {
            <p class="note">"The demo counts for "{DEMO_COUNTS_FOR}": view as them above, or publish to yourself."</p>
        })}
        <figure class="snippet">
            <figcaption>"Python, on your site"</figcaption>
            <pre><code>{python_that_counts_for(&user)}</code></pre>
        </figure>
    }
}

fn python_that_counts_for(user: &str) -> String {
    format!(
        r#"frappe.publish_realtime(
    event="count",
    user="{user}",
    message={{"count": i}},
)"#
    )
}
