//! A TCP line through this process, which can be cut, held and forgotten.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

/// What happens to the bytes on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// They pass.
    Pass,
    /// They stand still, and nothing is closed.
    Stall,
    /// Few of them pass at a time.
    Trickle,
    /// Connections end, and new ones are dropped.
    Refuse,
}

#[derive(Debug, Clone, Copy)]
struct State {
    flow: Flow,
    /// Connections that began before a cut are closed.
    cuts: u64,
    /// Connections that began before are held for ever, as by a router that lost its memory.
    losses: u64,
}

/// One line: an address that leads to the first of its targets which answers, each in turn the first.
pub(crate) struct Line {
    address: SocketAddr,
    state: watch::Sender<State>,
    target: Arc<AtomicUsize>,
}

/// Bytes that the kernel keeps of a line, each way.
const THIN: u32 = 32 << 10;
/// Bytes of a trickle, and how long they take: about 16 KB a second.
const TRICKLE: usize = 512;
const TRICKLE_WAIT: Duration = Duration::from_millis(30);

impl Line {
    /// A new line that passes everything. Lines that share `turn` take their targets in turn.
    pub(crate) fn to(targets: Vec<SocketAddr>, turn: Arc<AtomicUsize>) -> Self {
        let socket = socket();
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
        let listener = socket.listen(1024).expect("a port");
        let address = listener.local_addr().expect("bound");
        let (state, seen) = watch::channel(State { flow: Flow::Pass, cuts: 0, losses: 0 });
        let target: Arc<AtomicUsize> = Arc::default();
        let connected = Arc::clone(&target);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let first = turn.fetch_add(1, Ordering::Relaxed);
                let in_turn = (0..targets.len()).map(|index| (first + index) % targets.len());
                let targets = in_turn.map(|index| (index, targets[index])).collect();
                tokio::spawn(connect(stream, targets, Arc::clone(&connected), seen.clone()));
            }
        });
        Self { address, state, target }
    }

    /// Where it begins.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number of the target that the last connection went to.
    pub(crate) fn target(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.target)
    }

    /// From now on.
    pub(crate) fn set(&self, flow: Flow) {
        self.state.send_modify(|state| state.flow = flow);
    }

    /// Closes what is connected. New connections pass.
    pub(crate) fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }

    /// Nothing passes on what is connected any more, and nothing is closed. New connections pass.
    pub(crate) fn lose(&self) {
        self.state.send_modify(|state| state.losses += 1);
    }
}

/// A socket of a thin line: what a page does not read soon fills it, and waits at the server.
pub(crate) fn socket() -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_send_buffer_size(THIN).expect("an option that every socket has");
    socket.set_recv_buffer_size(THIN).expect("an option that every socket has");
    socket
}

async fn connect(
    client: TcpStream,
    targets: Vec<(usize, SocketAddr)>,
    connected: Arc<AtomicUsize>,
    mut state: watch::Receiver<State>,
) {
    let born = *state.borrow_and_update();
    if born.flow == Flow::Refuse {
        return;
    }
    let mut server = None;
    for (number, target) in targets {
        server = socket().connect(target).await.ok();
        if server.is_some() {
            connected.store(number, Ordering::SeqCst);
            break;
        }
    }
    let Some(server) = server else { return };
    for stream in [&client, &server] {
        stream.set_nodelay(true).expect("an option that every stream has");
    }
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let up = carry(from_client, to_server, state.clone(), born);
    let down = carry(from_server, to_client, state.clone(), born);
    tokio::select! {
        _ = async { tokio::join!(up, down) } => {}
        _ = state.wait_for(|state| state.cuts != born.cuts || state.flow == Flow::Refuse) => {}
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<State>, born: State) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let limit = if state.borrow().flow == Flow::Trickle { TRICKLE } else { buffer.len() };
        let count = from.read(&mut buffer[..limit]).await.unwrap_or(0);
        // An end does not pass a line that stands still either.
        let is_passing = |state: &State| state.losses == born.losses && state.flow != Flow::Stall;
        let Ok(flow) = state.wait_for(is_passing).await.map(|state| state.flow) else { return };
        if count == 0 || to.write_all(&buffer[..count]).await.is_err() {
            break;
        }
        if flow == Flow::Trickle {
            sleep(TRICKLE_WAIT).await;
        }
    }
    // The other side may be gone already.
    let _ = to.shutdown().await;
}
