//! The daemon: the door, the loop and the windows, put together and run until told to stop.
//!
//! Order of the start: whether the lake is free, so that no second writer comes; then the door, which must
//! not wait for Jira; then, when Jira answers, the field catalogue and the loop. Order of the end:
//! the door stops accepting, the loop finishes what is in hand, the lock is released last. A shortage of
//! space or of file descriptors MUST NOT end any of it (`shortage`).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jira::client::Client;
use jira::time::Clock;
use lake::{Lake, Mapping};
use ledger::Ledger;
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

use crate::config::Settings;
use crate::report;

mod shortage;
mod entrance;
mod opening;
mod alone;
mod fields;
mod jobs;
mod traffic;
pub(crate) mod start;
pub(crate) mod notify;
pub(crate) mod expiry;

use shortage::Shortage;

/// The loop turns every two seconds, unless the ledger keeps it waiting (30 s at most) or it hangs.
const LONGEST_TURN: Duration = Duration::from_secs(90);

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

/// Between two passes over the log of deliveries.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);

/// Takes settled deliveries out of the ledger when their time is over; without end. A start prunes
/// nothing: a clock that jumped MUST have been wrong for an hour before it costs the oldest day of the
/// log, however often the process starts meanwhile.
async fn prune(ledger: Ledger, keep: Duration) {
    let first = tokio::time::Instant::now() + PRUNE_EVERY;
    let mut hours = tokio::time::interval_at(first, PRUNE_EVERY);
    loop {
        hours.tick().await;
        match ledger.prune_older(keep).await {
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
pub(crate) use opening::begin;

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
    /// None but a verification that is wished for: somebody works through what is due.
    Rest,
}

impl Rounds {
    async fn run(
        self,
        metrics: Metrics,
        applied: broadcast::Sender<Applied>,
        mut stop: watch::Receiver<bool>,
    ) -> anyhow::Result<()> {
        let (mut learned, mut failed) = (false, 0_u32);
        let back_off = start::shortage_back_off(&self.limits);
        loop {
            let error = match self.next_round(&mut learned, &metrics, &applied, stop.clone()).await
            {
                Ok(Ended::Stopped) => return Ok(()),
                Ok(Ended::NewFields) => {
                    info!("the site's fields have changed: beginning anew with them");
                    failed = 0;
                    continue;
                }
                Err(error) => error,
            };
            let Some(shortage) = Shortage::of(error.as_ref()) else { return Err(error) };
            let wait = back_off.after(failed, rand::random());
            failed = failed.saturating_add(1);
            let (wait_ms, cause) = (wait.as_millis(), report::causes(error.as_ref()));
            warn!(wait_ms, "{shortage}: the loop waits, then tries again: {cause}");
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
            }
        }
    }

    /// Learns the fields, the first time, then runs a round.
    async fn next_round(
        &self,
        learned: &mut bool,
        metrics: &Metrics,
        applied: &broadcast::Sender<Applied>,
        mut stop: watch::Receiver<bool>,
    ) -> anyhow::Result<Ended> {
        if !*learned {
            tokio::select! {
                known = self.learn_fields() => known?,
                _ = stop.wait_for(|stop| *stop) => return Ok(Ended::Stopped),
            }
            *learned = true;
        }
        self.round(metrics, applied, stop).await
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
                Jobs::Rest => Box::pin(self.verify_on_wish(&lake, ended.clone())).await,
            }
        };
        let keep = Duration::from_secs(u64::from(self.settings.webhook.keep_days) * 24 * 3600);
        let pruning = prune(self.ledger.clone(), keep);
        tokio::pin!(rounds);
        let why = tokio::select! {
            ended = &mut rounds => return ended.map(|()| Ended::Stopped),
            _ = stop.wait_for(|stop| *stop) => Ended::Stopped,
            () = self.new_fields(&fields, &unknown) => Ended::NewFields,
            () = pruning => Ended::Stopped,
            () = lake.tend() => Ended::Stopped,
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
