//! The answer to an unknown path.

use crate::components::trouble::Trouble;
use crate::prelude::*;

/// Nothing is here.
#[component]
pub fn NotFoundPage() -> impl IntoView {
    let sentence = "The address is wrong, or the page has moved. Check it, or start from the home page.".to_owned();
    view! { <Trouble status=404 name="Page not found" title="There is no page here" sentence remedy=None has_home=true/> }
}
