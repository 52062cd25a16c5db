//! The loop without a door: for commands that work through what is due when no `serve` runs.

use std::sync::Arc;

use anyhow::Context;
use jira::client::Client;
use jira::time::Clock;
use lake::Lock;
use ledger::Ledger;
use prometheus_client::registry::Registry;
use reconcile::metrics::Metrics;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

use super::opening::{Owner, open_ledger};
use super::{Jobs, Rounds, STOP, start};
use crate::config::Settings;

/// A loop that runs, or the `serve` whose loop does the same.
pub(crate) struct Alone {
    /// The memory.
    pub(crate) ledger: Ledger,
    /// The account that reads everything.
    pub(crate) jira: Client,
    /// `None`: another process has the lake, and works through what is due.
    own: Option<Own>,
}

struct Own {
    metrics: Metrics,
    stop: watch::Sender<bool>,
    rounds: JoinHandle<anyhow::Result<()>>,
}

impl Alone {
    /// Starts the loop, unless a running program has the lake: then that one's does the work.
    pub(crate) async fn start(settings: &Settings, name: &'static str) -> anyhow::Result<Self> {
        let clock = Clock::system();
        let (jira, service) = start::accounts(settings)?;
        let lock = Lock::take_all(&start::layout(settings), name, clock.now());
        let taken = match lock {
            Ok(lock) => {
                drop(lock);
                false
            }
            Err(lake::Error::Locked { holder, .. }) => {
                leave_to(&holder);
                true
            }
            Err(error) => return Err(error.into()),
        };
        let owner = if taken { Owner::Other } else { Owner::Us };
        let (ledger, taken) = match open_ledger(settings, clock.clone(), owner).await {
            // A program that is starting owns the ledger before it takes the lake.
            Err(error) if is_owned_elsewhere(&error) => {
                leave_to("another jiralake");
                (open_ledger(settings, clock.clone(), Owner::Other).await?, true)
            }
            opened => (opened?, taken),
        };
        if taken {
            return Ok(Self { ledger, jira, own: None });
        }
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry);
        let rounds = Rounds {
            settings: settings.clone(),
            ledger: ledger.clone(),
            jira: jira.clone(),
            service,
            limits: Arc::new(start::loop_limits(settings)?),
            bounds: start::download_bounds(settings)?,
            clock,
            job_metrics: reconcile::jobs::Metrics::new(&mut registry),
            jobs: Jobs::Rest,
            name,
        };
        let (stop, stopped) = watch::channel(false);
        let applied = broadcast::Sender::new(16);
        let rounds = tokio::spawn(rounds.run(metrics.clone(), applied, stopped));
        Ok(Self { ledger, jira, own: Some(Own { metrics, stop, rounds }) })
    }

    /// Issues between lease and visible rows here; 0 when another process does the work.
    pub(crate) fn in_hand(&self) -> u64 {
        let in_hand = self.own.as_ref().map_or(0, |own| own.metrics.in_hand());
        u64::try_from(in_hand).unwrap_or(0)
    }

    /// Resolves when the loop ended by itself, which it should not. One that found the lake taken
    /// meanwhile, by a program that was just starting, leaves the work to that.
    pub(crate) async fn broken(&mut self) -> anyhow::Error {
        if let Some(own) = &mut self.own {
            match (&mut own.rounds).await {
                Ok(Ok(())) => return anyhow::anyhow!("the loop ended by itself"),
                Ok(Err(error)) => match holder(&error) {
                    Some(holder) => {
                        leave_to(holder);
                        self.own = None;
                        if let Err(error) = self.ledger.disown() {
                            return error.into();
                        }
                    }
                    None => return error.context("the loop ended"),
                },
                Err(error) => return anyhow::Error::new(error).context("the loop broke off"),
            }
        }
        std::future::pending().await
    }

    /// Stops the loop, which finishes what is in hand, within bounds.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        if let Some(own) = self.own {
            own.stop.send_replace(true);
            match tokio::time::timeout(STOP, own.rounds).await {
                Ok(ended) => match ended.context("the loop broke off")? {
                    Err(error) if holder(&error).is_none() => return Err(error),
                    Ok(()) | Err(_) => {}
                },
                Err(_) => {
                    tracing::warn!("what took longer is cut off: due again at the next start")
                }
            }
        }
        self.ledger.close().await;
        Ok(())
    }
}

/// Whether another process owns the ledger.
fn is_owned_elsewhere(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| matches!(cause.downcast_ref(), Some(ledger::Error::Locked(_))))
}

/// The program that has the lake, if that is why the loop ended.
fn holder(error: &anyhow::Error) -> Option<&str> {
    error.chain().find_map(|cause| match cause.downcast_ref() {
        Some(lake::Error::Locked { holder, .. }) => Some(holder.as_str()),
        _ => None,
    })
}

fn leave_to(holder: &str) {
    crate::report::talk(format_args!("{holder} has the lake and does the work"));
}
