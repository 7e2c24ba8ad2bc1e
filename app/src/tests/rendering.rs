//! A server of no substance: a fake host, and documents rendered as the real server renders them.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::response::IntoResponse as _;
use http::header::{ACCEPT, CONTENT_TYPE, LOCATION, REFERER, SET_COOKIE};
use http::{Request, Response};
use leptos_axum::{generate_route_list, handle_server_fns_with_context, render_app_async_with_context};
use realtime::host::{Host, Page, Snapshot, UserType, Viewer};
use realtime::position::Position;

use crate::prelude::*;
use crate::problem::Problem;
use crate::shell::{Assets, Instead, Shell};

/// A site where one person looks and one value is known.
#[derive(Clone)]
pub(super) struct FakeHost {
    pub(super) viewer: Viewer,
    pub(super) people: Vec<Viewer>,
    /// The message of every event in the viewer's own room.
    pub(super) message: Option<&'static str>,
    /// The message of every event in the website's room.
    pub(super) website: Option<&'static str>,
}

impl FakeHost {
    /// The demo, seen by one of its people, where the count is 42.
    pub(super) fn demo(user: &str) -> Self {
        let people = demo_people();
        let viewer = people.iter().find(|person| person.user == user).expect("one of the demo's people").clone();
        Self { viewer, people, message: Some(r#"{"count":42}"#), website: None }
    }
}

impl Host for FakeHost {
    fn viewer(&self) -> Viewer {
        self.viewer.clone()
    }

    fn position(&self) -> Position {
        Position::new("epoch", 7)
    }

    fn latest(&self, room: &Room, _: &str) -> Snapshot {
        let message = match room {
            Room::User(user) if *user == self.viewer.user => self.message,
            Room::Website => self.website,
            _ => None,
        };
        let message = message.map(ToOwned::to_owned);
        Snapshot { position: Position::new("epoch", 8), message }
    }

    fn demo_people(&self) -> Vec<Viewer> {
        self.people.clone()
    }

    fn sign_in_as(&self, user: &str) -> Option<String> {
        self.people.iter().any(|person| person.user == user).then(|| format!("sid=demo-{user}; Path=/; HttpOnly"))
    }

    fn task_token(&self, task_id: &str) -> String {
        format!("{task_id} is {}’s", self.viewer.user)
    }

    fn start_demo_job(&self) -> Option<String> {
        (!self.people.is_empty()).then(|| "job-1".to_owned())
    }
}

fn demo_people() -> Vec<Viewer> {
    use UserType::{Guest, SystemUser, WebsiteUser};
    vec![
        person("Administrator", "Administrator", SystemUser),
        person("jane@example.com", "Jane Doe", SystemUser),
        person("ravi@example.com", "Ravi Kumar", SystemUser),
        person("mia@example.com", "Mia Customer", WebsiteUser),
        person("Guest", "Guest", Guest),
    ]
}

/// Someone on the site.
pub(super) fn person(user: &str, full_name: &str, user_type: UserType) -> Viewer {
    Viewer { site: "site1.localhost".into(), user: user.into(), full_name: full_name.into(), user_type }
}

/// An answer, whole.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) location: Option<String>,
    pub(super) cookie: Option<String>,
    pub(super) body: String,
}

impl Answer {
    async fn of(response: Response<Body>) -> Self {
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
        let (status, location, cookie) = (response.status().as_u16(), header(LOCATION), header(SET_COOKIE));
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("the body ends");
        Self { status, location, cookie, body: String::from_utf8(body.into()).expect("the body is text") }
    }
}

/// The document at a path.
pub(super) async fn get(path: &str, host: FakeHost) -> Answer {
    let provide_page = move || provide_context(Page::new(Arc::new(host.clone())));
    render(path, provide_page, None).await
}

/// The document where there is a problem.
pub(super) async fn get_problem(path: &str, problem: Problem) -> Answer {
    get_instead(path, Instead::Problem(problem)).await
}

/// The document with something in the place of a page.
pub(super) async fn get_instead(path: &str, instead: Instead) -> Answer {
    render(path, || {}, Some(instead)).await
}

async fn render(path: &str, provide: impl Fn() + Clone + Send + Sync + 'static, instead: Option<Instead>) -> Answer {
    // It also gives Leptos its executor, as the real server does when it starts.
    let _ = generate_route_list(|| ());
    let shell = move || view! { <Shell assets=assets() instead=instead.clone()/> };
    let request = Request::get(path).header(ACCEPT, "text/html").body(Body::empty()).expect("a request");
    Answer::of(render_app_async_with_context(provide, shell)(request).await).await
}

/// What a plain form is answered, sent from `page`.
pub(super) async fn post_form(path: &str, form: &'static str, page: Option<&str>, host: FakeHost) -> Answer {
    let mut request = Request::post(path)
        .header(ACCEPT, "text/html,*/*;q=0.8")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    if let Some(page) = page {
        request = request.header(REFERER, page);
    }
    let request = request.body(Body::from(form)).expect("a request");
    let provide_page = move || provide_context(Page::new(Arc::new(host.clone())));
    Answer::of(handle_server_fns_with_context(provide_page, request).await.into_response()).await
}

fn assets() -> Assets {
    Assets {
        script: "/live/pkg/frappe-live.js".into(),
        wasm: "/live/pkg/frappe-live.wasm".into(),
        style: "/live/pkg/frappe-live.css".into(),
        build: "a-b-c".into(),
        dev_build: None,
    }
}
