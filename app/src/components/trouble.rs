//! A page that says why there is no other.

use http::StatusCode;
use leptos_axum::ResponseOptions;
use leptos_meta::Title;

use super::header::HOME;
use crate::prelude::*;

/// Says what is wrong and where to go, and makes the response carry `status`.
#[component]
pub(crate) fn Trouble(
    status: u16,
    /// For the browser's tab.
    name: &'static str,
    title: &'static str,
    sentence: String,
    /// Where to go and what that is called, before the front page is offered. An empty path is the
    /// page itself.
    remedy: Option<(String, &'static str)>,
    /// Whether there is a front page to offer.
    has_home: bool,
) -> impl IntoView {
    if let (Some(response), Ok(status)) = (use_context::<ResponseOptions>(), StatusCode::from_u16(status)) {
        response.set_status(status);
    }
    let home_class = if remedy.is_some() { "button" } else { "button main" };
    let home = has_home.then(|| view! { <a class=home_class href=HOME>"Home"</a> });
    let remedy = remedy.map(|(path, what)| view! { <a class="button main" href=path>{what}</a> });
    view! {
        <Title text=name/>
        <section class="trouble">
            <p class="code">{status}</p>
            <h1>{title}</h1>
            <p class="lede">{sentence}</p>
            <p class="actions">{remedy}{home}</p>
        </section>
    }
}
