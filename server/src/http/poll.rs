//! `POST /live/poll`: what a page without a socket asks (docs/PROTOCOL.md, section 11).

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use realtime::frame::PollRequest;
use tokio::time::Instant;
use tracing::debug;

use super::credentials::Credentials;
use super::entrance::{self, Visit, Visitor};
use super::request_site::site_of;
use super::websocket::Peer;
use super::{App, PATIENCE, answers};
use crate::poll::{self, Poll, PollTimes};
use crate::queue::Queue;
use crate::session::{Session, Standing};

/// The longest a poll waits for something to tell.
const WAIT: Duration = Duration::from_secs(20);
/// What is left of a request's time when a poll is answered at the latest.
const SPARE: Duration = Duration::from_secs(3);
/// Frames that one poll may ask with.
const FRAMES: usize = 200;
/// The longest name of a page, in bytes.
const PAGE_BYTES: usize = 64;

/// Answers a poll.
pub(super) async fn poll(
    State(app): State<App>,
    Extension(Peer(peer)): Extension<Peer>,
    mut request: Request,
) -> Response {
    let began = Instant::now();
    let body = std::mem::replace(request.body_mut(), Body::empty());
    let body = match Bytes::from_request(Request::new(body), &()).await {
        Ok(body) => body,
        Err(rejection) => return rejection.into_response(),
    };
    let (asked, standing) = match read(&body, app.inner.limits.session.rooms) {
        Ok(read) => read,
        Err(sentence) => return (StatusCode::BAD_REQUEST, sentence + "\n").into_response(),
    };
    let headers = request.headers();
    let site = site_of(&app.inner.engine, app.inner.proxy, headers);
    let address = app.inner.proxy.client_address(headers, peer.ip());
    let name = site.as_ref().map(|site| site.name()).unwrap_or_default();
    let credentials = Credentials::of(&app, name, headers);
    let queue = Arc::new(Queue::to_take(app.inner.limits.queue));
    let Visitor { site, caller, stay } = match entrance::enter(&app, Visit { site, address, credentials }, &queue).await
    {
        Ok(visitor) => visitor,
        Err(code) => {
            queue.close(code);
            return answer(&queue.take());
        }
    };
    let connection = app.inner.engine.new_connection();
    debug!(site = site.name(), user = caller.viewer.user, page = ?asked.page, %connection, %address, "Polled.");
    let paces = app.inner.poll_paces.of(&caller.viewer, address);
    let session = Session::silent(Arc::clone(&app.inner.session), site, caller, connection, Arc::clone(&queue), paces);
    let session = session.of_page(&asked.page);
    let times = PollTimes {
        wait_until: Instant::now() + WAIT.min(app.inner.limits.connection.heartbeat * 4 / 5),
        end_at: began + PATIENCE - SPARE,
    };
    let frame_bytes = app.inner.limits.connection.frame_bytes;
    let poll = Poll { session, queue, stopping: app.inner.stopping.clone(), frame_bytes };
    let texts = poll::run(poll, asked, standing, times).await;
    drop(stay);
    answer(&texts)
}

/// Understands a body.
fn read(body: &[u8], rooms: usize) -> Result<(PollRequest, Vec<Standing>), String> {
    let text = std::str::from_utf8(body).map_err(|_| "The body is not UTF-8.".to_owned())?;
    let asked = PollRequest::parse(text)?;
    if asked.page.is_empty() || asked.page.len() > PAGE_BYTES {
        return Err(format!("The key \"page\" must be a text of 1 to {PAGE_BYTES} bytes."));
    }
    if asked.standing.len() > rooms {
        return Err(format!("A page is in at most {rooms} rooms; \"standing\" holds {}.", asked.standing.len()));
    }
    if asked.frames.len() > FRAMES {
        return Err(format!("A poll asks with at most {FRAMES} frames; \"frames\" holds {}.", asked.frames.len()));
    }
    let standing = asked.standing.iter().map(|frame| Standing::read(frame));
    let standing = standing.collect::<Result<_, _>>();
    let standing = standing.map_err(|reason| format!("A frame in \"standing\" was not understood: {reason}"))?;
    Ok((asked, standing))
}

/// The frames as a JSON array.
fn answer(texts: &[Bytes]) -> Response {
    let mut body = Vec::with_capacity(2 + texts.iter().map(|text| text.len() + 1).sum::<usize>());
    body.push(b'[');
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(text);
    }
    body.push(b']');
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, body).into_response()
}

/// A link must take no events away.
pub(super) async fn only_posted() -> Response {
    answers::only("POST", "Polling is a POST with a JSON body: docs/PROTOCOL.md, section 11.\n")
}

#[cfg(test)]
mod tests {
    use realtime::frame::{ClientFrame, PollRequest, read_poll_answer};
    use realtime::room::Room;

    use super::{FRAMES, answer, read};

    fn asked(standing: usize, frames: usize) -> PollRequest {
        let join = ClientFrame::Join { reference: 1, room: Room::Website, since: None, latest: vec![], token: None };
        let (standing, frames) = (vec![join.encode(); standing], vec![join.encode(); frames]);
        PollRequest { page: "p".to_owned(), standing, frames, ..PollRequest::default() }
    }

    #[test]
    fn a_bad_body_is_said_to_be_one() {
        let refusal = |request: &PollRequest| read(request.encode().as_bytes(), 3).err();
        assert_eq!(refusal(&asked(3, FRAMES)), None);
        for (request, word) in [
            (asked(4, 0), "at most 3 rooms"),
            (asked(0, FRAMES + 1), "at most 200 frames"),
            (PollRequest { page: String::new(), ..asked(0, 0) }, "page"),
            (PollRequest { page: "x".repeat(65), ..asked(0, 0) }, "page"),
            (PollRequest { standing: vec![r#"{"type":"ping"}"#.to_owned()], ..asked(0, 0) }, "Only join and open"),
            (PollRequest { standing: vec!["7".to_owned()], ..asked(0, 0) }, "not understood"),
        ] {
            let refusal = refusal(&request).unwrap_or_default();
            assert!(refusal.contains(word), "{refusal:?} {word}");
        }
        for bytes in [&b"\xff"[..], b"", b"[]", b"{}"] {
            assert!(read(bytes, 3).is_err());
        }
    }

    #[tokio::test]
    async fn the_answer_is_a_list_that_nobody_keeps() {
        for (texts, expected) in
            [(vec![], vec![]), (vec!["{}".into()], vec!["{}"]), (vec!["1".into(), "2".into()], vec!["1", "2"])]
        {
            let response = answer(&texts);
            assert_eq!(response.headers()["cache-control"], "no-store");
            let body = axum::body::to_bytes(response.into_body(), 100).await.expect("a body");
            assert_eq!(read_poll_answer(std::str::from_utf8(&body).expect("text")), Some(expected));
        }
    }
}
