//! Says that this is the demo, and lets one look as another of its people.

use leptos::server_fn::ServerFn;
use realtime::host::{Page, UserType, Viewer};

use super::person::kind_of_user;
use crate::prelude::*;
use crate::sign_in_as::SignInAs;

/// The banner, where there is a demo. A plain form: it works without scripts.
#[component]
pub(crate) fn DemoBanner() -> impl IntoView {
    let page = use_context::<Page>();
    let people = page.as_ref().map(|page| page.host().demo_people()).unwrap_or_default();
    let me = page.map(|page| page.host().viewer().user).unwrap_or_default();
    (!people.is_empty()).then(|| {
        let kinds = [UserType::SystemUser, UserType::WebsiteUser, UserType::Guest];
        let groups = kinds.map(|kind| view! { <People people=of_kind(kind, &people) kind me=me.clone()/> });
        view! {
            <aside class="banner" aria-label="Demo" data-testid="demo-banner">
                <div class="wrap">
                    <p>"This is the demo: a built-in site and its people, without Frappe."</p>
                    <form method="post" action=SignInAs::url() data-testid="demo-users">
                        <label for="demo-user">"View as"</label>
                        <select id="demo-user" name="user" autocomplete="off">{groups.collect_view()}</select>
                        <button type="submit">"Switch"</button>
                    </form>
                </div>
            </aside>
        }
    })
}

#[component]
fn People(people: Vec<Viewer>, kind: UserType, me: String) -> impl IntoView {
    let options = people.into_iter().map(move |person| {
        let selected = person.user == me;
        view! { <option value=person.user selected=selected>{person.full_name}</option> }
    });
    view! { <optgroup label=kind_of_user(kind)>{options.collect_view()}</optgroup> }
}

fn of_kind(kind: UserType, people: &[Viewer]) -> Vec<Viewer> {
    people.iter().filter(|person| person.user_type == kind).cloned().collect()
}
