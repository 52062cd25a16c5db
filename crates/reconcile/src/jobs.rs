//! The background jobs: each one alone, again and again, with its numbers.
//!
//! Promises: passes of a job never overlap; a pass that fails is told and tried again after a
//! back-off, never later than the next regular one; a stop ends the waiting at once and a pass where
//! it next waits. What a job found is in the ledger, so that an abandoned pass costs only time; so is
//! what it came to, and another process can ask for a pass there.

use std::time::Duration;

use jira::time::{Clock, Instant};
use ledger::Ledger;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;
use tracing::warn;

use crate::Error;
use crate::look::chain;
use crate::policy::BackOff;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    /// Not `job`, which Prometheus takes for its own.
    name: &'static str,
}

/// What the jobs tell Prometheus. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    last_success: Family<Of, Gauge<f64, std::sync::atomic::AtomicU64>>,
    duration: Family<Of, Gauge<f64, std::sync::atomic::AtomicU64>>,
    overruns: Family<Of, Counter>,
    failures: Family<Of, Counter>,
    /// Of the verification of table files.
    pub verify: crate::verify::Metrics,
}

impl Metrics {
    /// Registers all of them.
    pub fn new(registry: &mut Registry) -> Self {
        let verify = crate::verify::Metrics::new(registry);
        let made = Self { verify, ..Self::default() };
        registry.register_with_unit(
            "jiralake_job_last_success_timestamp",
            "When the job last succeeded, in seconds since 1970",
            Unit::Seconds,
            made.last_success.clone(),
        );
        registry.register_with_unit(
            "jiralake_job_duration",
            "How long the job's last pass took",
            Unit::Seconds,
            made.duration.clone(),
        );
        registry.register(
            "jiralake_job_overruns",
            "Passes that took longer than the time between two",
            made.overruns.clone(),
        );
        registry.register(
            "jiralake_job_failures",
            "Passes that failed and are tried again",
            made.failures.clone(),
        );
        made
    }
}

/// A job's name and rhythm.
#[derive(Debug, Clone, Copy)]
pub struct Job {
    /// Its name in logs and metrics.
    pub name: &'static str,
    /// From the start of one pass to the start of the next; zero turns the job off.
    pub every: Duration,
    /// When the first pass begins.
    pub first: First,
    /// Waits after failures.
    pub back_off: BackOff,
}

/// When the first pass after a start begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// At once: what happened meanwhile is not known.
    AtOnce,
    /// When it is due by the last pass of the last run.
    WhenDue,
}

/// What a pass came to, as a person who asked for it is told.
#[derive(Debug, Serialize, Deserialize)]
pub struct Told {
    /// The wish that it answers; 0: nobody's.
    pub asked: i64,
    /// When it ended, in epoch milliseconds.
    pub at: i64,
    /// The counts, or nothing when it failed.
    pub result: Option<Value>,
    /// Why it failed.
    pub error: Option<String>,
}

/// What a job runs with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Where wishes and results are kept.
    pub ledger: Ledger,
    /// The time.
    pub clock: Clock,
    /// The numbers.
    pub metrics: Metrics,
}

/// Another process may have asked for a pass: it looks this often.
const LISTEN: Duration = Duration::from_secs(2);

impl Job {
    /// Runs passes until `stop` says so.
    pub async fn run<P: Future<Output = Result<Value, Error>> + Send>(
        self,
        around: Surroundings,
        mut stop: watch::Receiver<bool>,
        mut pass: impl FnMut() -> P + Send,
    ) {
        let mut failures = 0_u32;
        let mut wait = self.first_wait(&around).await;
        loop {
            let asked = tokio::select! {
                asked = self.wait(&around, wait) => asked,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let began = around.clock.now();
            let ended = tokio::select! {
                ended = pass() => ended,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let took = around.clock.now().since(began);
            wait = self.every.saturating_sub(took);
            failures = match &ended {
                Ok(_) => 0,
                Err(_) => {
                    wait = wait.min(self.back_off.after(failures, rand::random()));
                    failures.saturating_add(1)
                }
            };
            self.count(&around, took, ended.is_ok());
            self.tell(&around, asked, ended).await;
        }
    }

    /// Until the time is over or somebody asks; answers whose wish it is.
    async fn wait(&self, around: &Surroundings, wait: Duration) -> i64 {
        let until = tokio::time::Instant::now() + wait;
        let is_off = self.every.is_zero();
        loop {
            if let Some(asked) = self.asked(around).await {
                return asked;
            }
            let left = until.saturating_duration_since(tokio::time::Instant::now());
            if left.is_zero() && !is_off {
                return 0;
            }
            let nap = if is_off { LISTEN } else { left.min(LISTEN) };
            tokio::time::sleep(nap).await;
        }
    }

    /// A wish that has not been answered.
    async fn asked(&self, around: &Surroundings) -> Option<i64> {
        let asked = around.ledger.cursor(&ask_name(self.name)).await.ok()??.parse().ok()?;
        let told = told(&around.ledger, self.name).await.ok()?;
        (told.is_none_or(|told| told.asked < asked)).then_some(asked)
    }

    async fn first_wait(&self, around: &Surroundings) -> Duration {
        let last = match self.first {
            First::AtOnce => None,
            First::WhenDue => told(&around.ledger, self.name).await.ok().flatten(),
        };
        let Some(last) = last.filter(|last| last.error.is_none()) else { return Duration::ZERO };
        let (last, now) = (Instant::from_millis(last.at), around.clock.now());
        // A pass in the future is one by a clock that was ahead: nobody knows when it was.
        let last = last.filter(|last| *last <= now);
        last.map_or(Duration::ZERO, |last| self.every.saturating_sub(now.since(last)))
    }

    fn count(&self, around: &Surroundings, took: Duration, succeeded: bool) {
        let (of, metrics) = (Of { name: self.name }, &around.metrics);
        metrics.duration.get_or_create(&of).set(took.as_secs_f64());
        // Both are there as soon as the job is, so that a first increase is one.
        let overran = !self.every.is_zero() && took > self.every;
        metrics.overruns.get_or_create(&of).inc_by(u64::from(overran));
        metrics.failures.get_or_create(&of).inc_by(u64::from(!succeeded));
        if succeeded {
            let now = around.clock.now().millis() as f64 / 1e3;
            metrics.last_success.get_or_create(&of).set(now);
        }
    }

    async fn tell(&self, around: &Surroundings, asked: i64, ended: Result<Value, Error>) {
        let last = told(&around.ledger, self.name).await.ok().flatten();
        let asked = asked.max(last.map_or(0, |last| last.asked));
        let at = around.clock.now().millis();
        let told = match ended {
            Ok(result) => Told { asked, at, result: Some(result), error: None },
            Err(error) => {
                let (name, error) = (self.name, chain(&error));
                warn!(job = name, "the {name} did not work out: {error}");
                Told { asked, at, result: None, error: Some(error) }
            }
        };
        let name = told_name(self.name);
        let text = serde_json::to_string(&told).unwrap_or_default();
        if let Err(error) = around.ledger.set_cursor(&name, &text).await {
            warn!(job = self.name, "cannot keep the result of the {}: {error}", self.name);
        }
    }
}

/// Asks the running program for a pass of a job; answers the wish, to compare with [`Told::asked`].
pub async fn ask(ledger: &Ledger, job: &str, now: Instant) -> Result<i64, Error> {
    let last = ledger.cursor(&ask_name(job)).await?;
    let last: Option<i64> = last.and_then(|last| last.parse().ok());
    let wish = now.millis().max(last.unwrap_or(0).saturating_add(1));
    ledger.set_cursor(&ask_name(job), &wish.to_string()).await?;
    Ok(wish)
}

/// Whether somebody has asked for a pass that no pass has answered.
pub async fn is_asked(ledger: &Ledger, job: &str) -> Result<bool, Error> {
    let asked: Option<i64> = ledger.cursor(&ask_name(job)).await?.and_then(|at| at.parse().ok());
    let told = told(ledger, job).await?;
    Ok(asked.is_some_and(|asked| told.is_none_or(|told| told.asked < asked)))
}

/// What the last pass of a job came to.
pub async fn told(ledger: &Ledger, job: &str) -> Result<Option<Told>, Error> {
    let text = ledger.cursor(&told_name(job)).await?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

fn ask_name(job: &str) -> String {
    format!("ask.{job}")
}

fn told_name(job: &str) -> String {
    format!("told.{job}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn the_first_pass_waits_for_its_time_and_not_for_a_time_in_the_future() {
        let folder = tempfile::tempdir().unwrap();
        let now = Instant::from_millis(1_000_000).unwrap();
        let clock = Clock::new(move || now);
        let ledger = Ledger::open(&folder.path().join("ledger.db"), clock.clone()).await.unwrap();
        let every = Duration::from_secs(60);
        let back_off = BackOff { min: every, max: every };
        let job = Job { name: "daily", every, first: First::WhenDue, back_off };
        let around = Surroundings { ledger: ledger.clone(), clock, metrics: Metrics::default() };
        assert_eq!(job.first_wait(&around).await, Duration::ZERO, "there was none");
        for (at, wait) in [
            (now.millis(), 60_000),
            (now.millis() + 1, 0),
            (i64::MAX, 0),
            (now.millis() - 59_999, 1),
            (now.millis() - 60_000, 0),
        ] {
            let told = Told { asked: 0, at, result: Some(Value::Null), error: None };
            let text = serde_json::to_string(&told).unwrap();
            ledger.set_cursor(&told_name("daily"), &text).await.unwrap();
            assert_eq!(job.first_wait(&around).await, Duration::from_millis(wait), "{at}");
        }
    }

    #[tokio::test]
    async fn passes_never_overlap_and_an_overrun_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let ledger = Ledger::open(&folder.path().join("ledger.db"), clock.clone()).await.unwrap();
        let metrics = Metrics::default();
        let around = Surroundings { ledger, clock, metrics: metrics.clone() };
        let every = Duration::from_millis(5);
        let back_off = BackOff { min: every, max: every };
        let job = Job { name: "slow", every, first: First::AtOnce, back_off };
        let (stop, stopped) = watch::channel(false);
        let (running, passes) = (Arc::new(AtomicU32::new(0)), AtomicU32::new(0));
        let pass = || {
            if passes.fetch_add(1, Ordering::Relaxed) == 3 {
                stop.send_replace(true);
            }
            let running = Arc::clone(&running);
            async move {
                assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0, "another pass runs");
                tokio::time::sleep(Duration::from_millis(20)).await;
                running.fetch_sub(1, Ordering::SeqCst);
                Ok(Value::Null)
            }
        };
        job.run(around, stopped, pass).await;
        assert_eq!(metrics.overruns.get_or_create(&Of { name: "slow" }).get(), 3);
    }
}
