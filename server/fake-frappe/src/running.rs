//! A fake that listens.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;

use axum::Router;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tower::ServiceExt;

use crate::controls::Controls;
use crate::http::{CloseConnection, router};
use crate::version::Version;

/// A fake Frappe with one site. It is its [`Controls`], and stops when it is dropped.
#[derive(Debug)]
pub struct FakeFrappe {
    controls: Controls,
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl FakeFrappe {
    /// Starts one on a free port of this machine.
    pub async fn start(version: Version) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self::start_on(version, address).await.expect("the machine has a free port")
    }

    /// Starts one on this address.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start_on(version: Version, address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let controls = Controls::new(version);
        let serving = tokio::spawn(serve(listener, router(controls.clone())));
        Ok(Self { controls, address, serving })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, like `http://127.0.0.1:8000` without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops, and returns when its port is free: connections are cut, as when Frappe crashes.
    pub async fn stop(mut self) {
        self.serving.abort();
        // An error is the abort itself.
        let _ = (&mut self.serving).await;
    }
}

impl Deref for FakeFrappe {
    type Target = Controls;

    fn deref(&self) -> &Controls {
        &self.controls
    }
}

impl Drop for FakeFrappe {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Serves until aborted; the connections end with it.
async fn serve(listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve_connection(stream, router.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// A response that must not be sent.
#[derive(Debug, thiserror::Error)]
#[error("the connection is to be closed without an answer")]
struct Closed;

async fn serve_connection(stream: TcpStream, router: Router) {
    let service = service_fn(|request: Request<Incoming>| {
        let router = router.clone();
        async move {
            let response: Response = match router.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            if response.extensions().get::<CloseConnection>().is_some() { Err(Closed) } else { Ok(response) }
        }
    });
    // An error is a connection that ended early: by the client, or on purpose.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
