//! What the door counts, under names that Prometheus' rules ask for.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::answer::Outcome;

type Labels = [(&'static str, &'static str); 1];

/// The door's counters; registered once, cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    requests: Family<Labels, Counter>,
    ack_seconds: Histogram,
    body_bytes: Histogram,
}

impl Metrics {
    /// Registers the door's metrics. Every outcome is there from the start, at zero: a rate over a
    /// series that appears with its first event misses that event.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            // From a quiet disk's fsync to Jira's own time-out.
            ack_seconds: Histogram::new([
                0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0,
            ]),
            body_bytes: Histogram::new([1e3, 4e3, 16e3, 64e3, 256e3, 1e6, 4e6, 16e6, 26_214_400.0]),
        };
        for outcome in Outcome::OF_DELIVERIES {
            drop(metrics.requests.get_or_create(&labels(outcome)));
        }
        registry.register(
            "jiralake_webhook_requests",
            "Webhook requests by how they ended",
            metrics.requests.clone(),
        );
        registry.register(
            "jiralake_webhook_ack_seconds",
            "Time from a delivery's header to its answer, of those that were recorded",
            metrics.ack_seconds.clone(),
        );
        registry.register(
            "jiralake_webhook_body_bytes",
            "Size of the bodies that kept the limits, signed or not",
            metrics.body_bytes.clone(),
        );
        metrics
    }

    pub(crate) fn ended(&self, outcome: Outcome) {
        self.requests.get_or_create(&labels(outcome)).inc();
    }

    pub(crate) fn acknowledged(&self, took: Duration) {
        self.ack_seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn body(&self, bytes: usize) {
        self.body_bytes.observe(f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)));
    }
}

fn labels(outcome: Outcome) -> Labels {
    [("outcome", outcome.name())]
}
