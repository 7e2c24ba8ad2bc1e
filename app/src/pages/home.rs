//! The front page: what is here.

use leptos_meta::Title;
use realtime::host::Page;

use crate::components::person::kind_of_user;
use crate::prelude::*;

/// What is here, how the connection is, who is looking.
#[component]
pub fn HomePage() -> impl IntoView {
    view! {
        <Title text="Home"/>
        <h1>"Pages that stay current"</h1>
        <p class="lede">
            "frappe-live renders a page with the current value already in it, \
             and keeps that value current while your Frappe site publishes."
        </p>
        <div class="front">
            <div>
                <section aria-labelledby="pages">
                    <h2 id="pages">"Pages"</h2>
                    <article class="panel card">
                        <h3><a href="/live/count">"Count"</a></h3>
                        <p>"The article’s counter, live."</p>
                    </article>
                    <article class="panel card">
                        <h3><a href="/live/together">"Together"</a></h3>
                        <p>"A vote for lunch: pages that ask the server, and see each other."</p>
                    </article>
                    <article class="panel card">
                        <h3><a href="/live/doc/Note/Welcome">"Document"</a></h3>
                        <p>"Who else has the same document open."</p>
                    </article>
                </section>
                <HowItWorks/>
            </div>
            <div class="side">
                <Connection/>
                <You/>
            </div>
        </div>
    }
}

#[component]
fn HowItWorks() -> impl IntoView {
    view! {
        <section class="how" aria-labelledby="how">
            <h2 id="how">"How it works"</h2>
            <ol role="list">
                <li>
                    <h3>"Your site publishes"</h3>
                    <p>"Python calls "<code>"publish_realtime"</code>", as it does today."</p>
                </li>
                <li>
                    <h3>"frappe-live carries"</h3>
                    <p>"It asks Frappe who may read, numbers each event, and sends them in that order."</p>
                </li>
                <li>
                    <h3>"Your page changes"</h3>
                    <p>"In place, without a reload, from the value it was born with."</p>
                </li>
            </ol>
        </section>
    }
}

/// A sentence for each state of the connection, of which the style sheet shows one.
#[component]
fn Connection() -> impl IntoView {
    view! {
        <section class="panel" aria-labelledby="connection">
            <h2 id="connection">"Connection"</h2>
            <div class="states">
                <p class="connecting"><strong>"Connecting."</strong>" The values here are already current."</p>
                <p class="live"><strong>"Live."</strong>" What your site publishes appears here at once."</p>
                <p class="reconnecting">
                    <strong>"Reconnecting."</strong>" It returns by itself and asks for what it missed."
                </p>
                <p class="reconnecting-to-source">
                    <strong>"Reconnecting."</strong>" The server waits for your site’s events to come back."
                </p>
                <p class="offline"><strong>"Offline."</strong>" You see the last values that arrived."</p>
                <p class="session-expired"><strong>"Session expired."</strong>" Sign in again to see what is new."</p>
                <noscript>
                    <p><strong>"Static."</strong>" Scripts are off, so each page shows the values as of its load."</p>
                </noscript>
            </div>
        </section>
    }
}

/// Who Frappe says is looking, and the rooms that person is in without asking.
#[component]
fn You() -> impl IntoView {
    let viewer = use_context::<Page>().map(|page| page.host().viewer());
    viewer.map(|viewer| {
        let rooms = viewer.automatic_rooms().iter().map(ToString::to_string).collect::<Vec<_>>();
        view! {
            <section class="panel" aria-labelledby="you">
                <h2 id="you">"You"</h2>
                <dl>
                    <dt>"User"</dt>
                    <dd>{viewer.user}</dd>
                    <dt>"Type"</dt>
                    <dd>{kind_of_user(viewer.user_type)}</dd>
                    <dt>"Site"</dt>
                    <dd>{viewer.site}</dd>
                    <dt>"Rooms"</dt>
                    <dd>{rooms.into_iter().map(|room| view! { <code>{room}</code> }).collect_view()}</dd>
                </dl>
            </section>
        }
    })
}
