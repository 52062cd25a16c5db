//! The verification of all table files, as a background job.
//!
//! - A pass reads every file of the lake and repairs the damaged ones (`lake::verify`).
//! - Issues whose lost snapshots block a repair are recorded as lost, which makes them due. The
//!   pass then tries again, with the usual back-off, and is not over before all files are whole.
//! - A person's wish for a pass ends the one that runs, so that the answer covers every file as it
//!   is after the wish, and is answered as fast as the disk allows.

use std::sync::Arc;
use std::time::Duration;

use jira::time::Clock;
use lake::{Lake, VerifyEvent, VerifyReport, VerifyTempo};
use ledger::Ledger;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use serde::{Deserialize, Serialize};
use tracing::{error, info};

use crate::Error;
use crate::jobs;
use crate::policy::BackOff;

/// The job's name.
pub const JOB: &str = "verify";

/// Attempts to repair what waits for issues, before the pass fails and the next one goes on.
const ATTEMPTS: u32 = 12;

/// A person may wish for a pass: the running one looks this often.
const LISTEN: Duration = Duration::from_secs(1);

/// The numbers of the verification. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    files: Counter,
    bytes: Counter,
    damaged: Counter,
    repaired: Counter,
    waiting: Gauge,
    unread: Gauge,
    complete: Gauge<f64, std::sync::atomic::AtomicU64>,
}

/// The outcome of a pass, as it is kept for people.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct VerifyCounts {
    /// Whether every file was looked at; not when a person wished for a new pass.
    pub complete: bool,
    /// Files that were looked at.
    pub files: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Files that were damaged.
    pub damaged: u64,
    /// Those of them that are whole again.
    pub repaired: u64,
    /// Files that could not be read.
    pub unread: u64,
    /// Issues that had to be fetched before a repair was possible.
    pub fetched: u64,
}

/// Verifies the lake's files.
#[derive(Clone)]
pub struct Verification {
    /// Where losses and wishes are recorded.
    pub ledger: Ledger,
    /// The files.
    pub lake: Lake,
    /// The time.
    pub clock: Clock,
    /// The numbers.
    pub metrics: Metrics,
    /// From one pass to the next.
    pub every: Duration,
    /// Waits before a blocked repair is tried again.
    pub back_off: BackOff,
}

impl Metrics {
    /// Registers all of them.
    pub fn new(registry: &mut Registry) -> Self {
        let made = Self::default();
        let counters = [
            ("files", "Table files that were verified in the background", &made.files),
            ("bytes", "Bytes of table files that were read to verify them", &made.bytes),
            ("damaged_files", "Table files that were found damaged", &made.damaged),
            ("repaired_files", "Damaged table files that were made whole again", &made.repaired),
        ];
        for (name, about, counter) in counters {
            registry.register(format!("jiralake_verify_{name}"), about, counter.clone());
        }
        registry.register(
            "jiralake_verify_waiting_files",
            "Damaged table files whose repair waits for issues to be fetched",
            made.waiting.clone(),
        );
        registry.register(
            "jiralake_verify_unread_files",
            "Table files that the last pass could not read",
            made.unread.clone(),
        );
        registry.register_with_unit(
            "jiralake_verify_complete_timestamp",
            "When every table file was last verified, in seconds since 1970; 0: not since the start",
            Unit::Seconds,
            made.complete.clone(),
        );
        made
    }

    fn count(&self, event: VerifyEvent) {
        match event {
            VerifyEvent::Read(bytes) => self.bytes.inc_by(bytes),
            VerifyEvent::File => self.files.inc(),
            VerifyEvent::Damaged(files) => self.damaged.inc_by(files),
            VerifyEvent::Repaired(files) => self.repaired.inc_by(files),
        };
    }
}

impl Verification {
    /// Makes a pass: at once when somebody wishes for it, else slowly and until somebody does.
    pub async fn pass(&self) -> Result<VerifyCounts, Error> {
        if jobs::is_asked(&self.ledger, JOB).await? {
            return self.verify(VerifyTempo::AtOnce).await;
        }
        tokio::select! {
            counts = self.verify(VerifyTempo::Within(self.every)) => counts,
            wished = self.wished() => wished.map(|()| VerifyCounts::default()),
        }
    }

    /// Verifies every file at this tempo, and repairs.
    pub async fn verify(&self, tempo: VerifyTempo) -> Result<VerifyCounts, Error> {
        let metrics = self.metrics.clone();
        let observer: Arc<dyn Fn(VerifyEvent) + Send + Sync> =
            Arc::new(move |event| metrics.count(event));
        let mut report = self.lake.verify_pass(tempo, observer.as_ref()).await?;
        self.metrics.unread.set(signed(report.unread));
        if report.lists_lost > 0 {
            jobs::ask(&self.ledger, "dimensions", self.clock.now()).await?;
        }
        let mut counts = VerifyCounts {
            complete: true,
            files: report.files,
            bytes: report.bytes,
            damaged: report.damaged,
            repaired: report.repaired,
            unread: report.unread,
            fetched: 0,
        };
        let mut attempt = 0;
        loop {
            self.metrics.waiting.set(signed(report.waiting.len() as u64));
            if report.waiting.is_empty() {
                break;
            }
            counts.fetched += self.record_losses(&report).await?;
            if attempt == ATTEMPTS {
                return Err(Error::RepairWaits { files: report.waiting.len() });
            }
            tokio::time::sleep(self.back_off.after(attempt, rand::random())).await;
            attempt += 1;
            let waiting = std::mem::take(&mut report.waiting);
            report = self.lake.verify_again(waiting, observer.as_ref()).await?;
            counts.repaired += report.repaired;
        }
        if counts.damaged > 0 {
            let VerifyCounts { damaged, repaired, .. } = counts;
            info!(damaged, repaired, "{damaged} table files were damaged, {repaired} are repaired");
        }
        self.metrics.complete.set(self.clock.now().millis() as f64 / 1e3);
        Ok(counts)
    }

    async fn record_losses(&self, report: &VerifyReport) -> Result<u64, Error> {
        let losses = report.blocking.iter().map(|(id, loss)| (*id, *loss)).collect::<Vec<_>>();
        let (files, issues) = (report.waiting.len(), losses.len());
        error!(
            files,
            issues,
            "{files} damaged table files wait for {issues} issues whose snapshots are lost; fetching them"
        );
        Ok(self.ledger.record_loss(&losses).await?)
    }

    async fn wished(&self) -> Result<(), Error> {
        while !jobs::is_asked(&self.ledger, JOB).await? {
            tokio::time::sleep(LISTEN).await;
        }
        Ok(())
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
