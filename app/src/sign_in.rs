//! The page to sign in on: a plain form, which needs no script.

use leptos_meta::Title;
use leptos_router::location::Url;

use crate::code::without_code;
use crate::prelude::*;

/// Where one signs in.
pub(crate) const SIGN_IN: &str = "/live/login";
/// Where one signs out, with a POST.
pub(crate) const SIGN_OUT: &str = "/live/logout";

/// What the form shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInForm {
    /// The user's name, as it was given. A password is never shown again.
    pub user: String,
    /// Where one goes afterwards: a path of this host.
    pub redirect_to: String,
    /// Why one is not signed in.
    pub problem: Option<String>,
    /// Only the site's own page can help.
    pub needs_own_page: bool,
    /// The demo's people sign in.
    pub is_demo: bool,
}

/// Where one signs in and comes back to `page`.
pub(crate) fn sign_in_path(page: &Url) -> String {
    let back = without_code(&format!("{}?{}", page.path(), page.search()));
    format!("{SIGN_IN}?redirect-to={}", Url::escape(&back))
}

/// The form in the place of a page.
#[component]
pub(crate) fn SignInPage(form: SignInForm) -> impl IntoView {
    let SignInForm { user, redirect_to, problem, needs_own_page, is_demo } = form;
    let has_user = !user.is_empty();
    let (described, invalid) = match problem {
        Some(_) => (Some("login-problem"), Some("true")),
        None => (None, None),
    };
    // The site's own page stands on the same host, outside of `/live/`.
    let own_page = needs_own_page.then(|| format!("/login?redirect-to={}", Url::escape(&redirect_to)));
    view! {
        <Title text="Sign in"/>
        <section class="login" aria-labelledby="login-title">
            <h1 id="login-title">"Sign in"</h1>
            {is_demo.then(|| view! {
                <p class="note">
                    "The demo’s people, like "<code>"jane@example.com"</code>", sign in with the password "
                    <code>"demo"</code>"."
                </p>
            })}
            {problem.map(|problem| view! {
                <div class="problem" role="alert" id="login-problem" data-testid="login-problem">
                    <p>{problem}</p>
                    {own_page.map(|path| view! { <p><a href=path>"Sign in on your site"</a></p> })}
                </div>
            })}
            <form method="post" action=SIGN_IN data-testid="login-form">
                <input type="hidden" name="redirect-to" value=redirect_to/>
                <label for="login-user">"User name or email"</label>
                <input
                    id="login-user" name="usr" type="text" value=user required=true autofocus=!has_user
                    autocomplete="username" autocapitalize="none" spellcheck="false"
                    aria-describedby=described aria-invalid=invalid data-testid="login-user"
                />
                <label for="login-password">"Password"</label>
                <input
                    id="login-password" name="pwd" type="password" required=true autofocus=has_user
                    autocomplete="current-password"
                    aria-describedby=described aria-invalid=invalid data-testid="login-password"
                />
                <button class="button main" type="submit" data-testid="login-submit">"Sign in"</button>
            </form>
        </section>
    }
}
