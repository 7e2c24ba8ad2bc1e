//! Says on an open page that its session is over.

use leptos_router::hooks::use_url;

use crate::prelude::*;
use crate::sign_in::sign_in_path;

/// The notice. The style sheet shows it when the connection ended for that.
#[component]
pub(crate) fn SessionNotice() -> impl IntoView {
    let path = sign_in_path(&use_url().get_untracked());
    view! {
        <div class="notice" role="status" data-testid="session-expired">
            <p>
                <strong>"Your session has expired"</strong>
                ", or you are signed in as somebody else now. What you see is no longer updated."
            </p>
            <p class="actions">
                <a class="button main" href=path>"Sign in again"</a>
                <a class="button" href="">"Reload"</a>
            </p>
        </div>
    }
}
