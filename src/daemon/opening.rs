//! The start of the daemon in two steps: [`begin`] returns once the door listens, [`Opening::finish`] once
//! the ledger is open and the loop runs.
//!
//! Between the two lies nothing, usually. While a shortage keeps the ledger from being opened, the door
//! is an [`Entrance`] that takes nothing, and the second step waits. Every other failure ends the start.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use http::Listener;
use jira::client::Client;
use jira::time::Clock;
use lake::Lock;
use ledger::Ledger;
use prometheus_client::registry::Registry;
use reconcile::metrics::Metrics;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use tracing::{info, warn};
use webhook::{Debug, Door};

use super::entrance::Entrance;
use super::shortage::Shortage;
use super::{Daemon, Jobs, Rounds, expiry, start, traffic, until};
use crate::config::Settings;
use crate::report;

/// The door's name in the metrics of listeners.
const LISTENER: &str = "webhook";

/// A daemon whose door listens, and that has yet to open its ledger.
pub(crate) struct Opening {
    /// Where the door listens.
    pub(crate) address: SocketAddr,
    settings: Settings,
    debug: Debug,
    name: &'static str,
    clock: Clock,
    jira: Client,
    service: Option<Client>,
    /// The metrics of all parts, from the first listener on.
    registry: Registry,
    http_metrics: http::Metrics,
    stop: watch::Sender<bool>,
    front: Front,
}

/// What stands at the door's address.
enum Front {
    /// The ledger is open; connections wait for the routes.
    Ready { socket: TcpListener, ledger: Ledger },
    /// The ledger is not open; everybody is asked to come again.
    Waiting { entrance: Entrance, door: JoinHandle<()> },
}

/// Why the ledger is not open.
enum Unopened {
    /// It can be tried again.
    Short(Shortage, anyhow::Error),
    /// Nothing but a person can help.
    Failed(anyhow::Error),
}

/// Opens the door; the settings and the lock decide first whether there may be one.
pub(crate) async fn begin(
    settings: &Settings,
    debug: Debug,
    name: &'static str,
) -> anyhow::Result<Opening> {
    if let Err(error) = start::check(settings)
        && !start::is_damaged_catalogue(&error)
    {
        return Err(error);
    }
    for weak in start::weak_secrets(settings) {
        warn!("{weak}");
    }
    let clock = Clock::system();
    let (jira, service) = start::accounts(settings)?;
    let claimed = claim(settings, name, &clock).await;
    if let Err(Unopened::Failed(error)) = claimed {
        return Err(error);
    }
    let socket = http::bind(settings.webhook.listen).with_context(|| {
        format!("cannot listen on {} (webhook.listen, --listen)", settings.webhook.listen)
    })?;
    let address = socket.local_addr()?;
    let (stop, stopped) = watch::channel(false);
    let mut registry = Registry::default();
    let http_metrics = http::Metrics::new(&mut registry);
    let front = match claimed {
        Ok(ledger) => Front::Ready { socket, ledger },
        Err(Unopened::Short(shortage, error)) => {
            let cause = report::causes(error.as_ref());
            warn!("{shortage}: deliveries are answered 503 until there is some: {cause}");
            let entrance = Entrance::closed(shortage);
            let metrics = http_metrics.clone();
            let door = open_door(settings, socket, entrance.router(), metrics, stopped)?;
            Front::Waiting { entrance, door }
        }
        Err(Unopened::Failed(error)) => return Err(error),
    };
    Ok(Opening {
        address,
        settings: settings.clone(),
        debug,
        name,
        clock,
        jira,
        service,
        registry,
        http_metrics,
        stop,
        front,
    })
}

fn open_door(
    settings: &Settings,
    socket: TcpListener,
    router: Router,
    metrics: http::Metrics,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<JoinHandle<()>> {
    let listener = Listener {
        socket,
        router,
        limits: start::connection_limits(settings)?,
        proxies: start::trusted_proxies(settings)?,
        metrics,
        name: LISTENER,
    };
    Ok(tokio::spawn(listener.run(until(stop))))
}

impl Opening {
    /// Waits for the ledger, then starts everything.
    pub(crate) async fn finish(self) -> anyhow::Result<Daemon> {
        let ledger = match &self.front {
            Front::Ready { ledger, .. } => ledger.clone(),
            Front::Waiting { entrance, .. } => self.wait_for_ledger(entrance).await?,
        };
        let Self { address, settings, clock, jira, mut registry, http_metrics, stop, .. } = self;
        let door = Door {
            ledger: ledger.clone(),
            secrets: start::secrets(&settings)?,
            limits: start::door_limits(&settings)?,
            clock: clock.clone(),
            metrics: webhook::Metrics::new(&mut registry),
            jira_domain: settings.jira.domain.clone(),
            debug: self.debug,
        };
        let metrics = Metrics::new(&mut registry);
        let job_metrics = reconcile::jobs::Metrics::new(&mut registry);
        traffic::register(jira.pace(), &mut registry);
        let tokens = expiry::tokens(&settings)?;
        expiry::register(&tokens, &mut registry);
        let windows = serve::health::router(ledger.clone());
        let windows = windows.merge(serve::metrics::router(registry, ledger.clone()));
        let windows = http::in_places_of_their_own(windows, &http_metrics, LISTENER);
        let routes = door.router().merge(windows);
        let door = match self.front {
            Front::Ready { socket, .. } => {
                open_door(&settings, socket, routes, http_metrics, stop.subscribe())?
            }
            Front::Waiting { entrance, door } => {
                entrance.open(routes);
                door
            }
        };
        let applied = broadcast::Sender::new(1024);
        let heard = applied.subscribe();
        let reminders = tokio::spawn(expiry::remind(tokens, clock.clone()));
        let rounds = Rounds {
            limits: Arc::new(start::loop_limits(&settings)?),
            bounds: start::download_bounds(&settings)?,
            settings,
            ledger: ledger.clone(),
            jira: jira.clone(),
            service: self.service,
            clock,
            job_metrics,
            jobs: Jobs::Run,
            name: self.name,
        };
        let rounds = tokio::spawn(rounds.run(metrics.clone(), applied, stop.subscribe()));
        Ok(Daemon { address, ledger, jira, applied: heard, metrics, stop, door, rounds, reminders })
    }

    /// Tries again, by a bounded back-off, which also bounds the log lines.
    async fn wait_for_ledger(&self, entrance: &Entrance) -> anyhow::Result<Ledger> {
        let back_off = start::shortage_back_off(&start::loop_limits(&self.settings)?);
        let mut failed = 0_u32;
        loop {
            let wait = back_off.after(failed, rand::random());
            failed = failed.saturating_add(1);
            tokio::time::sleep(wait).await;
            match claim(&self.settings, self.name, &self.clock).await {
                Ok(ledger) => {
                    info!("the ledger is open: deliveries are taken from now on");
                    return Ok(ledger);
                }
                Err(Unopened::Short(shortage, error)) => {
                    entrance.explain(shortage);
                    let cause = report::causes(error.as_ref());
                    warn!("{shortage}: the start waits, then tries again: {cause}");
                }
                Err(Unopened::Failed(error)) => return Err(error),
            }
        }
    }
}

/// Asks whether the lake is free, and opens the ledger.
async fn claim(settings: &Settings, name: &'static str, clock: &Clock) -> Result<Ledger, Unopened> {
    // Only a question: the lake takes the lock for good when it is opened.
    match Lock::take_all(&start::layout(settings), name, clock.now()) {
        Ok(lock) => drop(lock),
        Err(error) => return Err(sorted(error.into())),
    }
    let error = match open_ledger(settings, clock.clone(), Owner::Us).await {
        Ok(ledger) => return Ok(ledger),
        Err(error) => error,
    };
    if !is_vague(&error) {
        return Err(sorted(error));
    }
    let folder = settings.storage.ledger();
    let folder = folder.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(shortage) = Shortage::in_folder(folder.unwrap_or(Path::new("."))) {
        return Err(Unopened::Short(shortage, error));
    }
    // The shortage may have ended a moment ago: the second failure is another one.
    open_ledger(settings, clock.clone(), Owner::Us).await.map_err(sorted)
}

fn sorted(error: anyhow::Error) -> Unopened {
    match Shortage::of(error.as_ref()) {
        Some(shortage) => Unopened::Short(shortage, error),
        None => Unopened::Failed(error),
    }
}

/// Whether SQLite refused in a way that a shortage can lie behind: it could not open or map a file.
fn is_vague(error: &anyhow::Error) -> bool {
    let refused = error.chain().find_map(|cause| cause.downcast_ref::<ledger::Error>());
    Shortage::of(error.as_ref()).is_none()
        && matches!(refused, Some(ledger::Error::Io(_) | ledger::Error::Database(_)))
}

/// Who owns the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// This process: damage to the ledger is found and recorded.
    Us,
    /// Another one.
    Other,
}

/// Opens the ledger of these settings, which is made if there is none.
pub(super) async fn open_ledger(
    settings: &Settings,
    clock: Clock,
    owner: Owner,
) -> anyhow::Result<Ledger> {
    let path = settings.storage.ledger();
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        lake::durable::create_folder(folder)
            .with_context(|| format!("cannot make the ledger's folder {}", folder.display()))?;
    }
    let ledger = match owner {
        Owner::Us => Ledger::open_owned(&path, clock).await,
        Owner::Other => Ledger::open(&path, clock).await,
    };
    let ledger = ledger.with_context(|| format!("cannot open the ledger {}", path.display()))?;
    Ok(ledger.bounded_by(start::wait_bounds(settings)))
}
