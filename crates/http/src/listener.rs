//! The accept loop: every connection is taken at once and found a place for, or refused at once.
//!
//! Nothing that a peer or a shortage does MUST end the loop; only `stop` does. Then nothing more is
//! accepted, requests in flight are answered, and what takes longer than the bound is cut.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tracing::{debug, error, warn};

use crate::client::TrustedProxies;
use crate::connections::{Connections, Owner};
use crate::limits::Limits;
use crate::metrics::{AcceptError, ListenerMetrics, Metrics};
use crate::proven::ProvenClients;
use crate::seldom::SeldomLog;
use crate::serving::Service;

/// Connections that the kernel completes and keeps until they are accepted. Linux takes at most
/// `net.core.somaxconn` of it, 4096 by default.
const BACKLOG: u32 = 4096;

/// How long a shortage is left alone unless a connection ends before.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(100);

/// Connections that are closed at each failure for lack of descriptors.
const SHED: usize = 16;

/// A shortage fails many times a second, and one line says it all.
const REPORT_EVERY: Duration = Duration::from_secs(60);

/// Too many open files, in the system or in the process.
const NO_DESCRIPTORS: [i32; 2] = [23, 24];
/// No memory, no room for buffers (Linux, BSD).
const NO_MEMORY: [i32; 3] = [12, 105, 55];

/// What a listener is made of.
pub struct Listener {
    /// The bound socket, see [`bind`].
    pub socket: TcpListener,
    /// What answers.
    pub router: Router,
    /// How much, how long, how many.
    pub limits: Limits,
    /// Whose forwarding header is believed.
    pub proxies: TrustedProxies,
    /// What is counted.
    pub metrics: Metrics,
    /// The listener's name in the metrics.
    pub name: &'static str,
}

/// Binds a socket with a backlog that outlives a burst.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // As the standard library does: a restart must not wait for the kernel to forget connections.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Listener {
    /// Serves until `stop` is ready and the requests in flight are answered or cut.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { socket, router, limits, proxies, metrics, name } = self;
        let metrics = metrics.of(name);
        let doorkeeper = Doorkeeper {
            connections: Connections::new(limits, metrics.clone()),
            service: Arc::new(Service {
                router,
                limits,
                proxies,
                proven: ProvenClients::default(),
                metrics: metrics.clone(),
                reported_proxy: AtomicBool::new(false),
            }),
            metrics,
            shortages: SeldomLog::new(REPORT_EVERY),
        };
        let (stopping, stopped) = watch::channel(());
        let mut open = JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                Some(ended) = open.join_next() => note(ended),
                accepted = socket.accept() => match accepted {
                    Ok((stream, peer)) => doorkeeper.take_in(stream, peer, &mut open, &stopped),
                    Err(error) => tokio::select! {
                        () = &mut stop => break,
                        () = doorkeeper.bear(&error) => {}
                    },
                },
            }
        }
        drop(socket);
        drop(stopping);
        finish(open, limits.stop_wait).await;
    }
}

struct Doorkeeper {
    connections: Arc<Connections>,
    service: Arc<Service>,
    metrics: ListenerMetrics,
    shortages: SeldomLog,
}

impl Doorkeeper {
    fn take_in(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        open: &mut JoinSet<()>,
        stopped: &watch::Receiver<()>,
    ) {
        let client = peer.ip().into();
        let owner = if self.service.proxies.trusts(peer.ip()) {
            Owner::TrustedProxy
        } else {
            Owner::Client(self.service.proven.standing(client))
        };
        // A refusal is counted; the dropped stream is the answer.
        let Ok(connection) = self.connections.admit(client, owner) else { return };
        let service = Arc::clone(&self.service);
        open.spawn(service.serve(stream, peer.ip(), Arc::new(connection), stopped.clone()));
    }

    /// Waits until accepting may work again: for a descriptor, or a moment.
    async fn bear(&self, error: &io::Error) {
        if is_the_peers(error) {
            debug!(%error, "a connection broke before it began");
            return;
        }
        let ended = self.connections.ended.notified();
        let short = is_shortage(error);
        self.metrics.not_accepted(if short {
            AcceptError::Descriptors
        } else {
            AcceptError::Other
        });
        let closed = if short { self.connections.shed(SHED) } else { 0 };
        if let Some(left_out) = self.shortages.admit() {
            error!(
                %error,
                left_out,
                closed,
                "cannot accept connections: {error}; closing idle ones and trying on"
            );
        }
        // What ends gives a descriptor back; others may, too.
        drop(tokio::time::timeout(SHORTAGE_PAUSE, ended).await);
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

fn is_shortage(error: &io::Error) -> bool {
    error
        .raw_os_error()
        .is_some_and(|code| NO_DESCRIPTORS.contains(&code) || NO_MEMORY.contains(&code))
}

/// Waits for the connections to end, within a bound.
async fn finish(mut open: JoinSet<()>, stop_wait: Duration) {
    let finished = async {
        while let Some(ended) = open.join_next().await {
            note(ended);
        }
    };
    if tokio::time::timeout(stop_wait, finished).await.is_err() {
        warn!(connections = open.len(), "stopped with connections still busy, cut them");
        open.shutdown().await;
    }
}

fn note(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        error!(%error, "the task of a connection died");
    }
}
