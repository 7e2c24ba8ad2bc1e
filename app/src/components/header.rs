//! The top of every page: where one is, how the connection is, who one is.

use leptos_router::hooks::use_url;
use realtime::host::{Page, UserType, Viewer};

use super::connection_status::ConnectionStatus;
use super::person::{initials, kind_of_user};
use crate::prelude::*;
use crate::sign_in::{SIGN_OUT, sign_in_path};

/// The path of the front page.
pub(crate) const HOME: &str = "/live/";

/// The way to every page that the header names.
const PLACES: [(&str, &str); 3] = [(HOME, "Home"), ("/live/count", "Count"), ("/live/together", "Together")];

/// The header. Where nobody is known, as with a problem, there is nowhere to go and no connection.
#[component]
pub(crate) fn Header() -> impl IntoView {
    let viewer = use_context::<Page>().map(|page| page.host().viewer());
    let sign_in_or_out = viewer.as_ref().map(|viewer| view! { <SignInOrOut user_type=viewer.user_type/> });
    let here = use_url().get_untracked();
    let places = PLACES.map(|(path, name)| {
        let current = is_same_place(path, here.path()).then_some("page");
        view! { <li><a href=path aria-current=current>{name}</a></li> }
    });
    view! {
        <header class="header wrap">
            <a class="brand" href=HOME><Mark/>"frappe-live"</a>
            {viewer.map(|viewer| view! {
                <nav class="nav" aria-label="Pages"><ul role="list">{places.collect_view()}</ul></nav>
                <ConnectionStatus/>
                <noscript><span class="status static">"Static page"</span></noscript>
                <Who viewer/>
                {sign_in_or_out}
            })}
        </header>
    }
}

/// Things that happened, up to now.
#[component]
fn Mark() -> impl IntoView {
    view! {
        <svg class="mark" viewBox="0 0 28 16" aria-hidden="true" focusable="false">
            <circle cx="2.5" cy="8" r="2"/>
            <circle cx="10" cy="8" r="3"/>
            <circle cx="21.5" cy="8" r="5"/>
        </svg>
    }
}

#[component]
fn Who(viewer: Viewer) -> impl IntoView {
    view! {
        <div class="who" data-testid="who">
            <span class="avatar" aria-hidden="true">{initials(&viewer.full_name)}</span>
            <span class="who-name">{viewer.full_name}" "<span>{kind_of_user(viewer.user_type)}</span></span>
        </div>
    }
}

/// A plain form to sign out, since a link must sign nobody out; for guests the way to sign in.
#[component]
fn SignInOrOut(user_type: UserType) -> impl IntoView {
    match user_type {
        UserType::Guest => {
            let path = sign_in_path(&use_url().get_untracked());
            view! { <p class="sign"><a class="button" href=path data-testid="sign-in">"Sign in"</a></p> }.into_any()
        }
        UserType::SystemUser | UserType::WebsiteUser => view! {
            <form class="sign" method="post" action=SIGN_OUT>
                <button type="submit" data-testid="sign-out">"Sign out"</button>
            </form>
        }
        .into_any(),
    }
}

/// Whether two paths are the same but for a slash at the end.
fn is_same_place(path: &str, other: &str) -> bool {
    path.trim_end_matches('/') == other.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::{HOME, is_same_place};

    #[test]
    fn a_slash_at_the_end_makes_no_other_place() {
        for path in ["/live", "/live/"] {
            assert!(is_same_place(HOME, path), "{path}");
        }
        for path in ["/live/count", "/", "/lively"] {
            assert!(!is_same_place(HOME, path), "{path}");
        }
    }
}
