//! One connection: its requests one after the other, until an end, a limit or the stop.

mod linger;

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tower::ServiceExt;
use tracing::{debug, warn};

use self::linger::Lingering;
use crate::caller::Caller;
use crate::client::{Client, Route, TrustedProxies};
use crate::connections::{Activity, Connection};
use crate::limits::Limits;
use crate::metrics::ListenerMetrics;
use crate::pace::PacedStream;
use crate::proven::ProvenClients;

/// The most that is buffered of a connection's input; a longer header is answered 431.
const HEADER_BYTES: usize = 64 * 1024;

/// The answer while the clock cannot be used.
const UNAVAILABLE: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// Returns the machine's time, by which hyper writes its answers' dates.
#[expect(clippy::disallowed_methods, reason = "hyper reads this clock and panics before 1970")]
fn system_time() -> SystemTime {
    SystemTime::now()
}

/// What all connections of a listener share.
pub(crate) struct Service {
    pub(crate) router: Router,
    pub(crate) limits: Limits,
    pub(crate) proxies: TrustedProxies,
    pub(crate) proven: ProvenClients,
    pub(crate) metrics: ListenerMetrics,
    /// A proxy that no setting names was reported.
    pub(crate) reported_proxy: AtomicBool,
}

impl Service {
    /// Serves a connection to its end.
    pub(crate) async fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        peer: IpAddr,
        connection: Arc<Connection>,
        mut stopped: watch::Receiver<()>,
    ) {
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "cannot set no-delay on a connection");
        }
        if is_unusable(system_time()) {
            return refuse(stream, &connection).await;
        }
        let paced =
            PacedStream::new(stream, Arc::clone(&connection), self.limits, self.metrics.clone());
        let (shared, own) = (Arc::clone(&self), Arc::clone(&connection));
        let service = service_fn(move |request| Arc::clone(&shared).answer(request, peer, &own));
        let http = http1::Builder::new()
            // `PacedStream` knows more of time than these.
            .header_read_timeout(None)
            .max_buf_size(HEADER_BYTES)
            .serve_connection(TokioIo::new(Lingering::new(paced)), service);
        let mut http = std::pin::pin!(http);
        let ended = tokio::select! {
            // First: what can be answered is, before anything is closed.
            biased;
            ended = poll_fn(|cx| poll_at(system_time(), http.as_mut(), cx)) => ended,
            () = connection.told_to_close() => return,
            // Nothing is ever sent: the sender's end is the signal.
            Err(_) = stopped.changed() => {
                http.as_mut().graceful_shutdown();
                poll_fn(|cx| poll_at(system_time(), http.as_mut(), cx)).await
            }
        };
        if let Err(error) = ended {
            debug!(%error, "a connection ended early");
        }
    }

    fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: IpAddr,
        connection: &Arc<Connection>,
    ) -> impl Future<Output = Result<Response<AnsweringBody>, Infallible>> + use<> {
        let in_flight = RequestInFlight::begin(connection);
        let client = self.proxies.client(peer, request.headers());
        self.notice_proxy(client);
        let caller = Caller::new(client, &self.proven, Arc::clone(connection));
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(caller);
        let answer = self.router.clone().oneshot(request);
        async move {
            let response = answer.await?;
            Ok(response.map(|body| AnsweringBody { body, _in_flight: in_flight }))
        }
    }

    /// Reports once that somebody forwards for others and is not trusted: limits per client cannot
    /// work then. On other networks anybody can claim to forward.
    fn notice_proxy(&self, client: Client) {
        let near = match client.address {
            IpAddr::V4(ip) => ip.is_loopback() || ip.is_private(),
            IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
        };
        if client.route == Route::UnnamedProxy
            && near
            && !self.reported_proxy.swap(true, Ordering::Relaxed)
        {
            let address = client.address;
            warn!(
                %address,
                "requests are forwarded by {address}, which no setting names as a trusted proxy: \
                 limits per client count all of them as one"
            );
        }
    }
}

/// Whether hyper panics over this time: it renders the date of an answer even if no answer carries it.
fn is_unusable(now: SystemTime) -> bool {
    now < UNIX_EPOCH
}

/// Polls a connection, or ends it if the clock has jumped to before 1970: a client that got no answer
/// comes again.
fn poll_at<T: Default, E>(
    now: SystemTime,
    connection: Pin<&mut impl Future<Output = Result<T, E>>>,
    cx: &mut Context<'_>,
) -> Poll<Result<T, E>> {
    if is_unusable(now) {
        return Poll::Ready(Ok(T::default()));
    }
    connection.poll(cx)
}

/// Answers a connection 503 without reading it.
async fn refuse(mut stream: TcpStream, connection: &Connection) {
    debug!("the clock is before 1970: a connection is refused");
    let answered = async {
        stream.write_all(UNAVAILABLE).await?;
        stream.shutdown().await
    };
    tokio::select! {
        answered = answered => {
            if let Err(error) = answered {
                debug!(%error, "a connection ended early");
            }
        }
        () = connection.told_to_close() => {}
    }
}

/// A request between its header and the end of its answer.
struct RequestInFlight(Arc<Connection>);

impl RequestInFlight {
    fn begin(connection: &Arc<Connection>) -> Self {
        connection.does(Activity::Request);
        Self(Arc::clone(connection))
    }
}

impl Drop for RequestInFlight {
    fn drop(&mut self) {
        self.0.does(Activity::Idle);
    }
}

/// An answer's body; the request is in flight until it is handed over.
struct AnsweringBody {
    body: Body,
    _in_flight: RequestInFlight,
}

impl HttpBody for AnsweringBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_connection_is_not_polled_while_the_clock_is_before_1970() {
        let polled = |now: SystemTime| async move {
            let was_polled = AtomicBool::new(false);
            let connection = poll_fn(|_| {
                was_polled.store(true, Ordering::Relaxed);
                Poll::Ready(Ok::<(), hyper::Error>(()))
            });
            let mut connection = std::pin::pin!(connection);
            poll_fn(|cx| poll_at(now, connection.as_mut(), cx)).await.unwrap();
            was_polled.load(Ordering::Relaxed)
        };
        assert!(polled(UNIX_EPOCH).await);
        assert!(!polled(UNIX_EPOCH - Duration::from_nanos(1)).await);
        assert!(!polled(UNIX_EPOCH - Duration::from_secs(3_000_000_000)).await);
    }
}
