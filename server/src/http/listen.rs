//! Accepting connections, within limits that slow or endless clients meet.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::sleep;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;
use tracing::{debug, warn};

use super::websocket::Peer;
use crate::stopping::Stopping;

/// How long a request's headers may take to arrive; an idle kept-alive connection may wait as long.
const HEADER_PATIENCE: Duration = Duration::from_secs(15);
/// The bytes of a request's line and headers.
const HEADER_BYTES: usize = 32 << 10;
/// Headers in a request.
const HEADERS: usize = 100;
/// A pause when the process has no file descriptor left.
const BREATH: Duration = Duration::from_millis(100);

/// Connections that may wait to be accepted. All pages of a restarted server come back within a second, and one that
/// finds the queue full tries again after one second, then two, then four. The kernel has a bound of its own (Linux:
/// `net.core.somaxconn`, 4096).
const BACKLOG: u32 = 65_535;

/// Takes an address to listen on.
///
/// # Errors
/// What the operating system says to it.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restarted server takes its address while old connections to it are not forgotten yet.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until the server stops, then lets running requests finish.
pub async fn serve(listener: TcpListener, router: Router, tasks: TaskTracker, mut stopping: Stopping) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.stopped() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                tasks.spawn(serve_connection(stream, Peer(peer), router.clone(), stopping.clone()));
            }
            // One connection that went away while it was accepted is nobody's problem.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                warn!("A connection could not be accepted ({error}); is the limit of open files too low?");
                sleep(BREATH).await;
            }
        }
    }
}

async fn serve_connection(stream: TcpStream, peer: Peer, router: Router, mut stopping: Stopping) {
    // Frames are small and must not wait for one another.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(peer = %peer.0, "A connection was gone before it was served: {error}.");
        return;
    }
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_PATIENCE)
        .max_headers(HEADERS)
        .max_buf_size(HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopping.stopped() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(peer = %peer.0, "A connection ended early: {error}.");
    }
}
