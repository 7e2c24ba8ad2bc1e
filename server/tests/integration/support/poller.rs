//! A page without a socket: it asks with `POST /live/poll`, and remembers how far it has read.

use std::collections::BTreeMap;

use realtime::frame::{ClientFrame, PollRequest, ServerFrame, read_poll_answer};
use realtime::position::Position;
use realtime::room::Room;
use reqwest::{Client, RequestBuilder};

use super::server::Server;

#[derive(Clone)]
pub(crate) struct Poller {
    client: Client,
    url: String,
    headers: Vec<(String, String)>,
    has_begun: bool,
    epoch: String,
    /// The rooms it is in, and how far it has read there.
    pub(crate) inside: BTreeMap<Room, Position>,
}

/// A request to poll, with these headers.
pub(crate) fn request(server: &Server, headers: &[(&str, &str)]) -> RequestBuilder {
    let client = Client::builder().no_proxy().build().expect("a client");
    headers.iter().fold(client.post(server.url("/live/poll")), |request, (name, value)| request.header(*name, *value))
}

impl Poller {
    pub(crate) fn new(server: &Server, headers: &[(&str, &str)]) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let client = Client::builder().no_proxy().build().expect("a client");
        let (url, inside) = (server.url("/live/poll"), BTreeMap::new());
        Self { client, url, headers, has_begun: false, epoch: String::new(), inside }
    }

    /// Goes on at another server.
    pub(crate) fn hop(&mut self, server: &Server) {
        self.url = server.url("/live/poll");
    }

    /// Begins, and joins these rooms. Returns the user that `hello` names.
    pub(crate) async fn begin(&mut self, rooms: &[Room]) -> String {
        let frames = self.poll(&[]).await;
        let Some(ServerFrame::Hello { user, .. }) = frames.first() else { panic!("{frames:?}") };
        for room in rooms {
            let frames = self.poll(&[join(room)]).await;
            assert!(matches!(frames.first(), Some(ServerFrame::Joined { recovered: false, .. })), "{frames:?}");
        }
        user.clone()
    }

    /// Polls once, and returns the answer.
    pub(crate) async fn poll(&mut self, asks: &[ClientFrame]) -> Vec<ServerFrame> {
        self.try_poll(asks).await.expect("the server answers")
    }

    /// The same, where nobody may be there to answer.
    pub(crate) async fn try_poll(&mut self, asks: &[ClientFrame]) -> reqwest::Result<Vec<ServerFrame>> {
        let mut asked = PollRequest { page: "p".to_owned(), begins: !self.has_begun, ..PollRequest::default() };
        for (room, since) in &self.inside {
            let (room, since) = (room.clone(), Some(since.clone()));
            asked.stand(&ClientFrame::Join { reference: 0, room, since, latest: Vec::new(), token: None });
        }
        asked.frames = asks.iter().map(ClientFrame::encode).collect();
        let request = self.client.post(&self.url).body(asked.encode());
        let request = self.headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        let answer = request.send().await?;
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["cache-control"]),
            (200, &"no-store".parse().expect(""))
        );
        assert_eq!(answer.headers()["content-type"], "application/json");
        let body = answer.text().await?;
        let texts = read_poll_answer(&body).unwrap_or_else(|| panic!("no answer: {body}"));
        let frames: Vec<ServerFrame> = texts.iter().map(|text| ServerFrame::parse(text).expect("a frame")).collect();
        for frame in &frames {
            self.read(frame);
        }
        Ok(frames)
    }

    fn read(&mut self, frame: &ServerFrame) {
        match frame {
            ServerFrame::Hello { epoch, .. } => (self.epoch, self.has_begun) = (epoch.clone(), true),
            ServerFrame::Joined { room, position, .. } | ServerFrame::Gap { room, position } => {
                self.epoch.clone_from(&position.epoch);
                self.inside.insert(room.clone(), position.clone());
            }
            ServerFrame::Event { room, offset: Some(offset), .. } => {
                let position = Position::new(self.epoch.clone(), *offset);
                if let Some(known) = self.inside.get_mut(room) {
                    advance(known, &position);
                }
            }
            ServerFrame::Ok { position, .. } | ServerFrame::Bye { position: Some(position), .. } => {
                self.inside.values_mut().for_each(|known| advance(known, position));
            }
            ServerFrame::Denied { room, .. } => drop(self.inside.remove(room)),
            _ => {}
        }
    }
}

fn advance(known: &mut Position, position: &Position) {
    if known.epoch != position.epoch || known.offset < position.offset {
        known.clone_from(position);
    }
}

pub(crate) fn join(room: &Room) -> ClientFrame {
    ClientFrame::Join { reference: 7, room: room.clone(), since: None, latest: Vec::new(), token: None }
}

/// The offsets of the events among frames.
pub(crate) fn offsets(frames: &[ServerFrame]) -> Vec<u64> {
    let offset = |frame: &ServerFrame| match frame {
        ServerFrame::Event { offset, .. } => *offset,
        _ => None,
    };
    frames.iter().filter_map(offset).collect()
}

/// The word of the `bye` that an answer consists of.
pub(crate) fn only_bye(frames: &[ServerFrame]) -> &'static str {
    match frames {
        [ServerFrame::Bye { code, .. }] => code.word(),
        other => panic!("no bye: {other:?}"),
    }
}
