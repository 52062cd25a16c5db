//! The accept loop of the whole program: bounded connections, bounded headers, a graceful end.
//!
//! A connection that does not bring a request's header in time is closed. When asked to stop,
//! nothing more is accepted, requests in hand are answered, and what takes longer than the bound is
//! cut: an answer that was not sent is no acknowledgement, so Jira sends it again.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tracing::{debug, error, warn};

use crate::limit::Limits;
use crate::linger::Lingering;

/// The most that is buffered of a connection's input; a longer header is answered 431.
const HEADER_BYTES: usize = 64 * 1024;

/// How long to leave accepting alone after it failed for want of files or memory: it would fail
/// again at once, and only connections that end can help.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// Serves `router` until `stop` is ready and the requests in hand are answered or cut.
pub async fn listen(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
    let (stopping, stopped) = watch::channel(());
    let mut open = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, place) = tokio::select! {
            () = &mut stop => break,
            Some(ended) = open.join_next() => {
                note(ended);
                continue;
            }
            Some(next) = accept(&listener, &places) => next,
            else => break,
        };
        let service = router.clone();
        let stopped = stopped.clone();
        open.spawn(async move {
            serve(stream, service, limits.header_wait, stopped).await;
            drop(place);
        });
    }

    drop(listener);
    drop(stopping);
    let finished = async {
        while let Some(ended) = open.join_next().await {
            note(ended);
        }
    };
    if tokio::time::timeout(limits.stop_wait, finished).await.is_err() {
        warn!(connections = open.len(), "stopped with connections still busy, cut them");
        open.shutdown().await;
    }
}

/// The next connection and its place; `None` only if the places were taken away for good.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Some((stream, place)),
            Err(error) if is_the_peers(&error) => {
                debug!(%error, "a connection broke before it began")
            }
            Err(error) => {
                error!(%error, "cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_the_peers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

async fn serve(
    stream: TcpStream,
    router: Router,
    header_wait: Duration,
    mut stopped: watch::Receiver<()>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "cannot set no-delay on a connection");
    }
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // The library panics over a clock before 1970; Jira does not read the date.
        .auto_date_header(false)
        .header_read_timeout(header_wait)
        .max_buf_size(HEADER_BYTES)
        .serve_connection(TokioIo::new(Lingering::new(stream)), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        // Nothing is ever sent: the sender's end is the signal.
        Err(_) = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a connection ended early");
    }
}

fn note(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        error!(%error, "the task of a connection died");
    }
}
