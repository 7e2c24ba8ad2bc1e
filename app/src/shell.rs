//! The document around a page.

use leptos::nonce::use_nonce;
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::components::Router;
use realtime::client::machine::LinkState;
use realtime::host::{PAGE_START_ID, Page};

use crate::components::connection_banner::ConnectionBanner;
use crate::components::demo_banner::DemoBanner;
use crate::components::header::Header;
use crate::components::session_notice::SessionNotice;
use crate::prelude::*;
use crate::problem::{Problem, ProblemPage};
use crate::routes::Pages;
use crate::sign_in::{SignInForm, SignInPage};

/// Where the browser finds the files that a build made. Paths from the root of the site.
#[derive(Debug, Clone)]
pub struct Assets {
    /// The wasm's JavaScript half.
    pub script: String,
    /// The wasm.
    pub wasm: String,
    /// The style sheet.
    pub style: String,
    /// Names the build, so that a page learns that the server has a newer one.
    pub build: String,
    /// Names the build while developing: pages of an older one load themselves again.
    pub dev_build: Option<String>,
}

/// What stands in the place of a page.
#[derive(Debug, Clone)]
pub enum Instead {
    /// What is wrong.
    Problem(Problem),
    /// The form to sign in.
    SignIn(SignInForm),
}

/// The whole document. Rendered on the server only; islands wake up in it.
///
/// With something `instead` of a page nothing in it is live. Otherwise a [`Page`] must be in the context.
#[component]
pub fn Shell(assets: Assets, instead: Option<Instead>) -> impl IntoView {
    provide_meta_context();
    let style = assets.style.clone();
    let (build, dev_build) = (assets.build.clone(), assets.dev_build.clone());
    let icon = format!("data:image/svg+xml,{}", include_str!("icon.svg"));
    let live = instead.is_none();
    view! {
        <!DOCTYPE html>
        <html
            lang="en"
            data-live=live.then(|| LinkState::Connecting.word())
            data-build=live.then_some(build)
            data-dev-build=dev_build
        >
            <head>
                <meta charset="utf-8"/>
                <meta
                    name="viewport"
                    content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content"
                />
                <meta name="color-scheme" content="light dark"/>
                <meta name="theme-color" content="#f8f9f8" media="(prefers-color-scheme: light)"/>
                <meta name="theme-color" content="#0e1111" media="(prefers-color-scheme: dark)"/>
                <link rel="icon" href=icon/>
                <link rel="stylesheet" href=style/>
                {live.then(|| view! { <Wake assets/> })}
                <MetaTags/>
            </head>
            <body>
                <Title formatter=|page| format!("{page} · frappe-live")/>
                <a class="skip button" href="#main">"Skip to content"</a>
                <DemoBanner/>
                <Router>
                    <Header/>
                    <main class="wrap" id="main" tabindex="-1">
                        {match instead {
                            Some(Instead::Problem(problem)) => view! { <ProblemPage problem/> }.into_any(),
                            Some(Instead::SignIn(form)) => view! { <SignInPage form/> }.into_any(),
                            None => view! { <Pages/> }.into_any(),
                        }}
                    </main>
                    {live.then(|| view! { <SessionNotice/><ConnectionBanner/> })}
                </Router>
                {live.then(|| view! { <PageStart/> })}
            </body>
        </html>
    }
}

/// What the document shows, for the browser to begin from. Written last, when all is rendered.
#[component]
fn PageStart() -> impl IntoView {
    let page = use_context::<Page>();
    let json = move || page.as_ref().map(Page::start_json);
    view! { <script id=PAGE_START_ID r#type="application/json" inner_html=json></script> }
}

/// Loads the wasm and wakes the islands, at once rather than when the browser is idle.
#[component]
fn Wake(assets: Assets) -> impl IntoView {
    // Nothing outside the islands is hydrated.
    if let Some(context) = Owner::current_shared_context() {
        context.set_is_hydrating(false);
    }
    let nonce = use_nonce();
    let Assets { script, wasm, .. } = assets;
    let wake = include_str!("wake.js").replace("{script}", &script).replace("{wasm}", &wasm);
    // After the islands are awake, so that they hear of it.
    let wake = [&wake, include_str!("typed_text.js")].concat();
    view! {
        <link rel="modulepreload" href=script nonce=nonce.clone()/>
        <link rel="preload" href=wasm r#as="fetch" r#type="application/wasm" crossorigin="anonymous"/>
        <script r#type="module" nonce=nonce inner_html=wake></script>
    }
}
