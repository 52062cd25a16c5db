//! The listening socket: hyper connections, bounded bodies, and answers that are cut on purpose.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use futures::{StreamExt, stream};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::App;
use super::reply::{Reply, Sent};
use super::request::Request;

/// The largest request body.
const BODY_BYTES: usize = 32 * 1024 * 1024;

/// How long the first half of a truncated body is given to leave.
const FLUSH: Duration = Duration::from_millis(20);

/// A server that runs until it is dropped or stopped.
#[derive(Debug)]
pub(crate) struct Server {
    task: JoinHandle<Infallible>,
}

/// A reply that is a closed connection.
#[derive(Debug)]
struct CutOnPurpose;

impl fmt::Display for CutOnPurpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is cut on purpose")
    }
}

impl std::error::Error for CutOnPurpose {}

impl Server {
    /// Serves a site on a socket that is already bound.
    pub(crate) fn start(listener: TcpListener, app: Arc<App>) -> Self {
        Self { task: tokio::spawn(accept(listener, app)) }
    }

    pub(crate) fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Binds a socket.
pub(crate) async fn bind(addr: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(addr).await?;
    let addr = listener.local_addr()?;
    Ok((listener, addr))
}

async fn accept(listener: TcpListener, app: Arc<App>) -> Infallible {
    // Dropped with this task, and every connection with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, Arc::clone(&app)));
                }
                Err(error) => tracing::warn!(%error, "cannot accept a connection"),
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, app: Arc<App>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot send small answers at once");
    }
    let service = service_fn(move |request| respond(Arc::clone(&app), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn respond(
    app: Arc<App>,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Body>, CutOnPurpose> {
    let (head, body) = request.into_parts();
    let body = to_bytes(Body::new(body), BODY_BYTES).await.map_err(|_| CutOnPurpose)?;
    let request = Request::new(head.method, &head.uri, head.headers, body);
    match app.answer(request).await {
        Reply::Cut => Err(CutOnPurpose),
        Reply::Full { status, headers, body, sent } => {
            let mut response = hyper::Response::builder()
                .status(status)
                .header("Content-Length", body.len().to_string());
            for (name, value) in headers {
                response = response.header(name, value);
            }
            let body = match sent {
                Sent::Whole => Body::from(body),
                Sent::Half => half(&body),
            };
            response.body(body).map_err(|_| CutOnPurpose)
        }
    }
}

/// The first half of a body, and then an error that closes the connection.
fn half(body: &Bytes) -> Body {
    let part = body.slice(..body.len() / 2);
    let rest = stream::once(async {
        // Without a pause the part would still be in the buffer when the connection closes.
        tokio::time::sleep(FLUSH).await;
        Err(CutOnPurpose)
    });
    Body::from_stream(stream::iter([Ok(part)]).chain(rest))
}
