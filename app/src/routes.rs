//! Every page with its path.

use leptos_router::components::{Route, Routes};
use leptos_router::path;

use crate::components::count_scene::CountScene;
use crate::components::together_scene::TogetherScene;
use crate::pages::count::CountPage;
use crate::pages::document::DocumentPage;
use crate::pages::home::HomePage;
use crate::pages::not_found::NotFoundPage;
use crate::pages::together::Lunch;
use crate::prelude::*;

/// The pages. A slash at the end of a path makes no difference.
#[component]
pub fn Pages() -> impl IntoView {
    view! {
        <Routes fallback=NotFoundPage>
            <Route path=path!("/live") view=HomePage/>
            <Route path=path!("/live/count") view=|| view! { <CountScene><CountPage/></CountScene> }/>
            <Route path=path!("/live/together") view=|| view! { <TogetherScene><Lunch/></TogetherScene> }/>
            <Route path=path!("/live/doc/:doctype/*name") view=DocumentPage/>
        </Routes>
    }
}
