//! Pages that come back to more than their queue holds.

use std::collections::HashMap;

use futures_util::SinkExt;
use realtime::frame::{ClientFrame, ServerFrame};
use realtime::room::Room;
use tokio_tungstenite::tungstenite::Message;

use super::{connect, engine, frame, limits, me, publish};
use crate::queue::QueueLimits;

/// A replay that was larger than the queue was a gap: whoever was closed as slow never got what was missed.
#[tokio::test]
async fn replays_that_are_larger_than_the_queue_come_in_parts_and_whole() {
    let engine = engine();
    let start = engine.default_site().position();
    for count in 0..10_000 {
        publish(&engine, "user:jane@example.com", count);
        publish(&engine, "website", count);
    }
    let mut connected = connect(&engine, limits(), QueueLimits { frames: 100, bytes: 1 << 20 }).await;
    frame(&mut connected.page).await;
    for (reference, room) in [(1, me()), (2, Room::Website)] {
        let frame = ClientFrame::Join { reference, room, since: Some(start.clone()), latest: vec![], token: None };
        connected.page.feed(Message::text(frame.encode())).await.expect("open");
    }
    connected.page.feed(Message::text(ClientFrame::Ping { reference: Some(3) }.encode())).await.expect("open");
    connected.page.flush().await.expect("open");
    let mut last = HashMap::new();
    let (mut answers, mut events) = (0, 0);
    while events < 20_002 {
        if events == 20_000 {
            publish(&engine, "user:jane@example.com", 10_000);
            publish(&engine, "website", 10_000);
        }
        match frame(&mut connected.page).await {
            ServerFrame::Joined { recovered, .. } => {
                assert!(recovered);
                answers += 1;
            }
            ServerFrame::Event { room, offset: Some(offset), .. } => {
                let before = last.insert(room, offset).unwrap_or(0);
                assert!(offset > before && offset <= before + 2, "{offset} after {before}");
                events += 1;
            }
            // What has not been sent is not promised.
            ServerFrame::Ok { position, .. } => {
                let rooms = [me(), Room::Website].map(|room| last.get(&room).copied().unwrap_or(0));
                assert!(rooms.iter().all(|reached| position.offset <= reached + 1), "{position:?} {rooms:?}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((answers, events), (2, 20_002));
}
