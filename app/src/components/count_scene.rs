//! What stands around the count: its heading, and how to make it change.

use leptos_meta::Title;
use realtime::host::Page;

use crate::prelude::*;

/// The count's surroundings. They are not live, so they stay out of the island.
#[component]
pub(crate) fn CountScene(children: Children) -> impl IntoView {
    let user = use_context::<Page>().map(|page| page.host().viewer().user).unwrap_or_default();
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
