//! What the loop tells Prometheus.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// How a look ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Ended {
    pub(crate) outcome: &'static str,
}

/// The loop's metrics. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    pub(crate) looks: Family<Ended, Counter>,
    pub(crate) look_seconds: Histogram,
    pub(crate) commit_seconds: Histogram,
    pub(crate) visible_seconds: Histogram,
    pub(crate) committed_issues: Counter,
    pub(crate) commit_failures: Counter,
    pub(crate) rebuilt_tables: Counter,
    pub(crate) paused: Gauge,
    pub(crate) in_hand: Gauge,
    pub(crate) odd_values: Counter,
    /// When the loop last turned; nothing while it does not run.
    turned: Arc<Mutex<Option<Instant>>>,
}

impl Metrics {
    /// Registers all of them.
    pub fn new(registry: &mut Registry) -> Self {
        let seconds = || Histogram::new(exponential_buckets(0.005, 2.0, 16));
        let made = Self {
            looks: Family::default(),
            look_seconds: seconds(),
            commit_seconds: seconds(),
            visible_seconds: seconds(),
            committed_issues: Counter::default(),
            commit_failures: Counter::default(),
            rebuilt_tables: Counter::default(),
            paused: Gauge::default(),
            in_hand: Gauge::default(),
            odd_values: Counter::default(),
            turned: Arc::default(),
        };
        registry.register("jiralake_looks", "Looks at issues by outcome", made.looks.clone());
        registry.register(
            "jiralake_look_seconds",
            "Time to fetch an issue with all its parts and keep the raw snapshot",
            made.look_seconds.clone(),
        );
        registry.register(
            "jiralake_commit_seconds",
            "Time from rows ready to files visible",
            made.commit_seconds.clone(),
        );
        registry.register(
            "jiralake_hint_to_visible_seconds",
            "Time from the oldest hint for an issue to its rows being visible",
            made.visible_seconds.clone(),
        );
        registry.register(
            "jiralake_committed_issues",
            "Issues committed to the lake",
            made.committed_issues.clone(),
        );
        registry.register(
            "jiralake_commit_failures",
            "Commits that failed and are tried again",
            made.commit_failures.clone(),
        );
        registry.register(
            "jiralake_rebuilt_tables",
            "Tables of a month that a commit rebuilt because a file was damaged",
            made.rebuilt_tables.clone(),
        );
        registry.register(
            "jiralake_paused",
            "1 while Jira refuses the credentials and nothing is fetched",
            made.paused.clone(),
        );
        registry.register(
            "jiralake_odd_values",
            "Values of an unexpected type; each cost its own column",
            made.odd_values.clone(),
        );
        registry.register(
            "jiralake_in_hand",
            "Issues between lease and visible rows",
            made.in_hand.clone(),
        );
        made
    }

    /// Issues between lease and visible rows. When the ledger has no work and this is 0, all that
    /// was hinted is readable.
    pub fn in_hand(&self) -> i64 {
        self.in_hand.get()
    }

    /// How long ago the loop last turned, which it does every few seconds; `None` while none runs.
    pub fn since_turn(&self) -> Option<Duration> {
        self.turn().map(|turned| turned.elapsed())
    }

    pub(crate) fn turns(&self) {
        *self.turn() = Some(Instant::now());
    }

    pub(crate) fn rests(&self) {
        *self.turn() = None;
    }

    fn turn(&self) -> MutexGuard<'_, Option<Instant>> {
        self.turned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
