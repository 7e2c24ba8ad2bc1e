//! From HTTP to the site's answers and back.

use std::time::SystemTime;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, Request, StatusCode, header};

use crate::answer::Answer;
use crate::asked::Asked;
use crate::control_routes;
use crate::controls::Controls;
use crate::trouble::{Trouble, failure};

/// More than any request of Frappe's pages in a test.
const LARGEST_BODY: usize = 1 << 20;

/// Marks a response that must not be sent: the connection closes instead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CloseConnection;

/// The control endpoints, and Frappe everywhere else.
pub(crate) fn router(controls: Controls) -> Router {
    Router::new().nest("/fake", control_routes::router()).fallback(answer).with_state(controls)
}

/// A request that was counted in, and is counted out wherever its answer ends.
struct InFlight(Controls);

impl InFlight {
    fn arrive(controls: &Controls, asked: Asked) -> Self {
        controls.state().record.arrive(asked);
        Self(controls.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.state().record.leave();
    }
}

async fn answer(State(controls): State<Controls>, request: Request<Body>) -> Response {
    let Some(asked) = read(request).await else {
        return respond(failure(413));
    };
    let _in_flight = InFlight::arrive(&controls, asked.clone());
    let (delay, trouble) = {
        let troubles = &controls.state().troubles;
        (troubles.delay, troubles.of(&asked.path))
    };
    let response = match trouble {
        None => respond(decide(&controls, &asked).await),
        Some(Trouble::Fail(status)) => respond(failure(status)),
        Some(Trouble::Hang) => std::future::pending().await,
        Some(Trouble::Close) => {
            let mut response = Response::default();
            response.extensions_mut().insert(CloseConnection);
            response
        }
    };
    tokio::time::sleep(delay).await;
    response
}

async fn decide(controls: &Controls, asked: &Asked) -> Answer {
    match controls.make_secret_for(asked).await {
        Ok(()) => controls.state().site.answer(asked, SystemTime::now()),
        Err(error) => {
            eprintln!("fake-frappe: the secret could not be written to Redis ({error})");
            failure(500)
        }
    }
}

/// `None` when the body is too long or does not arrive.
async fn read(request: Request<Body>) -> Option<Asked> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, LARGEST_BODY).await.ok()?;
    let texts = head.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    Some(Asked {
        method: head.method.to_string(),
        path: head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        headers: Asked::headers(texts),
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

fn respond(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    // A status that is none is a test's mistake; it sees this one.
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    let values = [(header::CONTENT_TYPE, answer.content_type)].into_iter();
    for (name, value) in values.chain(answer.cookies.into_iter().map(|cookie| (header::SET_COOKIE, cookie))) {
        headers.append(name, HeaderValue::try_from(value).expect("captured headers and quoted cookies are headers"));
    }
    response
}
