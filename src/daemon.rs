//! The daemon: the door, the loop and the windows, put together and run until told to stop.
//!
//! Order of the start: whether the lake is free, so that no second writer comes; then the door, which must
//! not wait for Jira; then, when Jira answers, the field catalogue and the loop. Order of the end:
//! the door stops accepting, the loop finishes what is in hand, the lock is released last.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use http::Listener;
use jira::client::Client;
use jira::time::{Clock, Instant};
use lake::{Lake, Lock, Mapping};
use ledger::Ledger;
use prometheus_client::registry::Registry;
use reconcile::attachments::Bounds;
use reconcile::fetch::Fetcher;
use reconcile::look::{Limits, Looker};
use reconcile::metrics::Metrics;
use reconcile::run::{Applied, Loop};
use reconcile::unknown::UnknownFields;
use tokio::sync::{broadcast, watch};
use tokio::task::{AbortHandle, JoinHandle};
use tracing::{info, warn};
use transform::{FieldMap, Site};
use webhook::{Debug, Door};

use crate::config::Settings;

mod alone;
mod fields;
mod jobs;
mod traffic;
pub(crate) mod start;
pub(crate) mod notify;
pub(crate) mod expiry;

/// The loop turns every two seconds, unless the ledger keeps it waiting (30 s at most) or it hangs.
const LONGEST_TURN: Duration = Duration::from_secs(90);

/// The door's name in the metrics of listeners.
const LISTENER: &str = "webhook";

/// Parts that have not ended by then are cut off.
const STOP: Duration = Duration::from_secs(9);

/// How long the lake may be held by what is left of the last round.
const LET_GO: Duration = Duration::from_secs(10);

/// A running daemon.
pub(crate) struct Daemon {
    /// Where the door listens.
    pub(crate) address: SocketAddr,
    /// The memory.
    pub(crate) ledger: Ledger,
    /// The account that reads everything.
    pub(crate) jira: Client,
    /// Every issue that became visible.
    pub(crate) applied: broadcast::Receiver<Applied>,
    metrics: Metrics,
    stop: watch::Sender<bool>,
    door: JoinHandle<()>,
    rounds: JoinHandle<anyhow::Result<()>>,
    reminders: JoinHandle<()>,
}

/// Starts everything; returns once the door listens.
pub(crate) async fn run(
    settings: &Settings,
    debug: Debug,
    name: &'static str,
) -> anyhow::Result<Daemon> {
    start::check(settings)?;
    for weak in start::weak_secrets(settings) {
        warn!("{weak}");
    }
    let clock = Clock::system();
    let (jira, service) = start::accounts(settings)?;
    // Only a question: the lake takes the lock for good when it is opened.
    drop(Lock::take(&start::layout(settings).parquet, name, clock.now())?);
    let ledger = open_ledger(settings, clock.clone()).await?;
    let mut registry = Registry::default();
    let door = Door {
        ledger: ledger.clone(),
        secrets: start::secrets(settings)?,
        limits: start::door_limits(settings)?,
        clock: clock.clone(),
        metrics: webhook::Metrics::new(&mut registry),
        jira_domain: settings.jira.domain.clone(),
        debug,
    };
    let metrics = Metrics::new(&mut registry);
    let job_metrics = reconcile::jobs::Metrics::new(&mut registry);
    traffic::register(jira.pace(), &mut registry);
    let tokens = expiry::tokens(settings)?;
    expiry::register(&tokens, &mut registry);
    let http_metrics = http::Metrics::new(&mut registry);
    let limits = start::connection_limits(settings)?;
    let router = door.router();
    let windows = serve::health::router(ledger.clone());
    let windows = windows.merge(serve::metrics::router(registry, ledger.clone()));
    let windows = http::in_places_of_their_own(windows, &http_metrics, LISTENER);
    let socket = http::bind(settings.webhook.listen).with_context(|| {
        format!("cannot listen on {} (webhook.listen, --listen)", settings.webhook.listen)
    })?;
    let address = socket.local_addr()?;
    let (stop, stopped) = watch::channel(false);
    let listener = Listener {
        socket,
        router: router.merge(windows),
        limits,
        proxies: start::trusted_proxies(settings)?,
        metrics: http_metrics,
        name: LISTENER,
    };
    let door = tokio::spawn(listener.run(until(stopped.clone())));
    let applied = broadcast::Sender::new(1024);
    let heard = applied.subscribe();
    let reminders = tokio::spawn(expiry::remind(tokens, clock.clone()));
    let rounds = Rounds {
        settings: settings.clone(),
        ledger: ledger.clone(),
        jira: jira.clone(),
        service,
        limits: Arc::new(start::loop_limits(settings)?),
        bounds: start::download_bounds(settings)?,
        clock,
        job_metrics,
        jobs: Jobs::Run,
        name,
    };
    let rounds = tokio::spawn(rounds.run(metrics.clone(), applied, stopped));
    Ok(Daemon { address, ledger, jira, applied: heard, metrics, stop, door, rounds, reminders })
}

/// Takes settled deliveries out of the ledger when their time is over; without end.
async fn prune(ledger: Ledger, clock: Clock, keep: Duration) {
    let mut hours = tokio::time::interval(Duration::from_secs(3600));
    loop {
        hours.tick().await;
        let keep_ms = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
        let before = Instant::from_millis(clock.now().millis().saturating_sub(keep_ms));
        let Some(before) = before else { continue };
        match ledger.prune_deliveries(before).await {
            Ok(0) => {}
            Ok(pruned) => info!(pruned, "{pruned} old deliveries left the ledger"),
            Err(error) => warn!("old deliveries could not be pruned: {error}"),
        }
    }
}

/// Resolves when the daemon is told to stop.
async fn until(mut stop: watch::Receiver<bool>) {
    // The sender lives as long as the daemon: that it is gone means to stop, too.
    drop(stop.wait_for(|stop| *stop).await);
}

pub(crate) use alone::Alone;

async fn open_ledger(settings: &Settings, clock: Clock) -> anyhow::Result<Ledger> {
    let path = settings.storage.ledger();
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        lake::durable::create_folder(folder)
            .with_context(|| format!("cannot make the ledger's folder {}", folder.display()))?;
    }
    Ledger::open(&path, clock)
        .await
        .with_context(|| format!("cannot open the ledger {}", path.display()))
}

impl Daemon {
    /// Whether all that was hinted so far is readable; otherwise how many issues are open.
    pub(crate) async fn open_issues(&self) -> anyhow::Result<u64> {
        // In this order: what leaves the ledger's work is in hand until its rows are visible.
        let counts = self.ledger.counts().await?;
        let in_hand = u64::try_from(self.metrics.in_hand()).unwrap_or(0);
        let waiting = counts.work_waiting.saturating_add(counts.work_leased);
        Ok(waiting.max(counts.pending).max(in_hand))
    }

    /// Whether the parts run and the ledger may be trusted, to be asked from elsewhere.
    pub(crate) fn pulse(&self) -> impl Fn() -> bool + use<> {
        let (ledger, metrics) = (self.ledger.clone(), self.metrics.clone());
        let parts = [self.door.abort_handle(), self.rounds.abort_handle()];
        move || {
            let turns = metrics.since_turn().is_none_or(|since| since < LONGEST_TURN);
            turns && ledger.failed().is_none() && !parts.iter().any(AbortHandle::is_finished)
        }
    }

    /// Resolves when a part ended by itself, which none should.
    pub(crate) async fn broken(&mut self) -> anyhow::Error {
        tokio::select! {
            ended = &mut self.rounds => match ended {
                Ok(Ok(())) => anyhow::anyhow!("the loop ended by itself"),
                Ok(Err(error)) => error.context("the loop ended"),
                Err(error) => anyhow::Error::new(error).context("the loop broke off"),
            },
            ended = &mut self.door => match ended {
                Ok(()) => anyhow::anyhow!("the door closed by itself"),
                Err(error) => anyhow::Error::new(error).context("the door broke off"),
            },
        }
    }

    /// Stops the parts in order and waits for them; what is in hand is finished, within bounds.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        self.reminders.abort();
        let parts = async {
            self.door.await.context("the door broke off")?;
            self.rounds.await.context("the loop broke off")?
        };
        match tokio::time::timeout(STOP, parts).await {
            Ok(ended) => ended?,
            // A kill is survived at any moment, so this is, too.
            Err(_) => warn!("what took longer is cut off: due again at the next start"),
        }
        self.ledger.close().await;
        info!("stopped");
        Ok(())
    }
}

/// What the loop needs before its first round.
struct Rounds {
    settings: Settings,
    ledger: Ledger,
    jira: Client,
    service: Option<Client>,
    limits: Arc<Limits>,
    bounds: Bounds,
    clock: Clock,
    job_metrics: reconcile::jobs::Metrics,
    /// Whether the background jobs run beside the loop.
    jobs: Jobs,
    name: &'static str,
}

/// Whether the background jobs run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Jobs {
    /// As the settings say.
    Run,
    /// None: somebody works through what is due.
    Rest,
}

impl Rounds {
    async fn run(
        self,
        metrics: Metrics,
        applied: broadcast::Sender<Applied>,
        mut stop: watch::Receiver<bool>,
    ) -> anyhow::Result<()> {
        tokio::select! {
            known = self.learn_fields() => known?,
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        }
        while self.round(&metrics, &applied, stop.clone()).await? == Ended::NewFields {
            info!("the site's fields have changed: beginning anew with them");
        }
        Ok(())
    }

    /// One round with one mapping: opens the lake, runs the loop and the jobs, and lets go of all of
    /// it.
    async fn round(
        &self,
        metrics: &Metrics,
        applied: &broadcast::Sender<Applied>,
        mut stop: watch::Receiver<bool>,
    ) -> anyhow::Result<Ended> {
        let fields = Arc::new(start::field_map(&self.settings)?);
        let sla: Vec<_> = fields.sla_fields().filter_map(|id| id.parse().ok()).collect();
        let fetcher = Fetcher::new(self.jira.clone(), self.service.clone(), sla.clone());
        let lake = tokio::select! {
            lake = self.open_lake(&fields) => lake,
            _ = stop.wait_for(|stop| *stop) => return Ok(Ended::Stopped),
        };
        let lake = lake.context("cannot open the lake")?;
        let unknown = UnknownFields::beside(Arc::clone(&fields));
        let looker = Looker {
            ledger: self.ledger.clone(),
            lake: lake.clone(),
            fetcher,
            clock: self.clock.clone(),
            limits: Arc::clone(&self.limits),
            unknown: unknown.clone(),
        };
        let (end, ended) = watch::channel(false);
        let rounds = async {
            let ended = Loop::new(looker, metrics.clone(), applied.clone()).run(ended.clone());
            ended.await.context("the loop failed")
        };
        let jobs = async {
            match self.jobs {
                Jobs::Run => Box::pin(self.run_jobs(&lake, sla, ended.clone())).await,
                Jobs::Rest => std::future::pending().await,
            }
        };
        let keep = Duration::from_secs(u64::from(self.settings.webhook.keep_days) * 24 * 3600);
        let pruning = prune(self.ledger.clone(), self.clock.clone(), keep);
        tokio::pin!(rounds);
        let why = tokio::select! {
            ended = &mut rounds => return ended.map(|()| Ended::Stopped),
            _ = stop.wait_for(|stop| *stop) => Ended::Stopped,
            () = self.new_fields(&fields, &unknown) => Ended::NewFields,
            () = pruning => Ended::Stopped,
            () = jobs => Ended::Stopped,
        };
        end.send_replace(true);
        rounds.await?;
        Ok(why)
    }

    /// The lake with this mapping. What the last round left on its threads may hold it for a moment.
    async fn open_lake(&self, fields: &Arc<FieldMap>) -> Result<Lake, lake::Error> {
        let until = tokio::time::Instant::now() + LET_GO;
        loop {
            let site = Site { domain: self.settings.jira.domain.clone() };
            let mapping = Mapping { site, fields: Arc::clone(fields) };
            let (layout, ledger) = (start::layout(&self.settings), self.ledger.clone());
            let opened = Lake::open(layout, ledger, mapping, self.name, self.clock.clone()).await;
            match opened {
                Err(lake::Error::Locked { .. }) if tokio::time::Instant::now() < until => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                opened => return opened,
            }
        }
    }
}

/// Why a round ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// The daemon is told to stop.
    Stopped,
    /// The mapping is another one now.
    NewFields,
}
