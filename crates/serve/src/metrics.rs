//! `/metrics` in the OpenMetrics text format: what the parts of the program registered, and the
//! ledger's counts, read at the time of the scrape.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ledger::{AttachmentCounts, Checked, Counts, Ledger};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// The content type of OpenMetrics 1.0.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct By {
    state: &'static str,
}

/// Serves a registry together with the ledger's counts.
#[derive(Debug, Clone)]
struct Metrics {
    registry: Arc<Registry>,
    ledger: Ledger,
    deliveries: Family<By, Gauge>,
    work: Family<By, Gauge>,
    attachments: Family<By, Gauge>,
    issues: Gauge,
    lost: Gauge,
    deletes_stopped: Gauge,
    full: Gauge,
    damaged: Gauge,
    check: Check,
}

/// The last `jiralake check`, by whichever process.
#[derive(Debug, Clone, Default)]
struct Check {
    differences: Gauge,
    not_seen: Gauge,
    at: Gauge<f64, std::sync::atomic::AtomicU64>,
}

/// The route; `registry` has what the other parts registered.
pub fn router(mut registry: Registry, ledger: Ledger) -> Router {
    let deliveries = Family::default();
    let work = Family::default();
    let attachments = Family::default();
    let issues = Gauge::default();
    registry.register(
        "jiralake_deliveries",
        "Deliveries that were acknowledged, by what became of them; the states add up to all",
        deliveries.clone(),
    );
    registry.register("jiralake_work", "Issues to look at, by state", work.clone());
    registry.register(
        "jiralake_attachments",
        "Attachments that issues list, by what became of their bytes",
        attachments.clone(),
    );
    registry.register("jiralake_issues", "Issues in the lake", issues.clone());
    let lost = Gauge::default();
    registry.register(
        "jiralake_issues_lost",
        "Issues of whose copy the disk has lost a part; they are fetched again",
        lost.clone(),
    );
    let deletes_stopped = Gauge::default();
    registry.register(
        "jiralake_deletes_stopped",
        "1 while too many disappearances have stopped the deleting; see `jiralake parked`",
        deletes_stopped.clone(),
    );
    let (full, damaged) = (Gauge::default(), Gauge::default());
    registry.register(
        "jiralake_ledger_full",
        "1 while there is no space for the ledger and deliveries are refused",
        full.clone(),
    );
    registry.register(
        "jiralake_ledger_damaged",
        "1 from the moment when damage to the ledger was found until the copy was compared with Jira",
        damaged.clone(),
    );
    let check = Check::new(&mut registry);
    let registry = Arc::new(registry);
    let metrics = Metrics {
        registry,
        ledger,
        deliveries,
        work,
        attachments,
        issues,
        lost,
        deletes_stopped,
        full,
        damaged,
        check,
    };
    Router::new().route("/metrics", get(scrape)).with_state(metrics)
}

async fn scrape(State(metrics): State<Metrics>) -> Response {
    let ledger = &metrics.ledger;
    let looked = async {
        let counts = (ledger.counts().await?, ledger.breaker().await?);
        let damage = ledger.damage().await?;
        let is_open = damage.is_some_and(|damage| damage.reconciled_at.is_none());
        metrics.damaged.set(i64::from(is_open));
        metrics.full.set(i64::from(ledger.full_since().is_some()));
        let attachments = ledger.attachment_counts(None).await?;
        Ok::<_, ledger::Error>((counts, ledger.last_check().await?, attachments))
    };
    let counts = match looked.await {
        Ok(((counts, breaker), checked, attachments)) => {
            metrics.check.set(checked);
            metrics.set_attachments(&attachments);
            metrics.deletes_stopped.set(i64::from(breaker.stopped_at.is_some()));
            counts
        }
        Err(error) => {
            tracing::error!("no metrics: {error}");
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    metrics.set(&counts);
    let mut text = String::new();
    match encode(&mut text, &metrics.registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => {
            tracing::error!("cannot encode the metrics: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

impl Check {
    fn new(registry: &mut Registry) -> Self {
        let made = Self::default();
        registry.register(
            "jiralake_check_differences",
            "Issues that differed from Jira, and damaged table files, at the last check; 0 also when there was none",
            made.differences.clone(),
        );
        registry.register(
            "jiralake_check_not_seen",
            "Issues and files that the last check could not compare",
            made.not_seen.clone(),
        );
        registry.register_with_unit(
            "jiralake_check_last_timestamp",
            "When the last check that could compare began, in seconds since 1970; 0: never",
            Unit::Seconds,
            made.at.clone(),
        );
        made
    }

    fn set(&self, checked: Option<Checked>) {
        let Some(Checked { at, differences, not_seen }) = checked else { return };
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.differences.set(count(differences));
        self.not_seen.set(count(not_seen));
        self.at.set(at.millis() as f64 / 1e3);
    }
}

impl Metrics {
    fn set_attachments(&self, counts: &AttachmentCounts) {
        set(&self.attachments, "pending", counts.pending);
        set(&self.attachments, "stored", counts.stored);
        set(&self.attachments, "too_large", counts.too_large);
        set(&self.attachments, "failed", counts.failed);
    }

    fn set(&self, counts: &Counts) {
        set(&self.deliveries, "applied", counts.applied);
        set(&self.deliveries, "superseded", counts.superseded);
        set(&self.deliveries, "parked", counts.parked);
        set(&self.deliveries, "pending", counts.pending);
        set(&self.deliveries, "noted", counts.noted);
        set(&self.work, "waiting", counts.work_waiting);
        set(&self.work, "leased", counts.work_leased);
        set(&self.work, "parked", counts.work_parked);
        self.issues.set(i64::try_from(counts.issues).unwrap_or(i64::MAX));
        self.lost.set(i64::try_from(counts.issues_lost).unwrap_or(i64::MAX));
    }
}

fn set(family: &Family<By, Gauge>, state: &'static str, count: u64) {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    family.get_or_create(&By { state }).set(count);
}
