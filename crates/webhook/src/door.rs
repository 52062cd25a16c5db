//! The routes below `/webhooks/jira`, and the way of one delivery through the steps.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jira::time::Clock;
use ledger::Ledger;
use tracing::{debug, error, info, warn};

use crate::answer::{Acknowledged, Outcome, Refusal};
use crate::limit::{Gate, Limits, Received};
use crate::metrics::Metrics;
use crate::record::Reading;
use crate::secret::Secrets;
use crate::{health, person};

/// Bodies above this are hashed and parsed on a thread of their own: 25 MB take tens of
/// milliseconds, in which every other delivery of this worker would wait.
const INLINE_BYTES: usize = 256 * 1024;

/// Whether the routes for trying things out exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Debug {
    /// `POST /webhooks/jira/test` takes hints from people, unsigned.
    On,
    /// It does not exist.
    Off,
}

/// What the door is made of.
pub struct Door {
    /// Where deliveries are written.
    pub ledger: Ledger,
    /// Who may deliver.
    pub secrets: Secrets,
    /// How much, how long, how many.
    pub limits: Limits,
    /// Tells when a delivery came.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Metrics,
    /// The Jira site's domain, shown by the health route.
    pub jira_domain: String,
    /// Whether people may hint without a signature.
    pub debug: Debug,
}

/// What the handlers share.
pub(crate) struct Shared {
    pub(crate) ledger: Ledger,
    pub(crate) gate: Gate,
    pub(crate) clock: Clock,
    secrets: Secrets,
    metrics: Metrics,
}

impl Door {
    /// The routes: `POST /webhooks/jira`, `GET /webhooks/jira/health` and, with [`Debug::On`],
    /// `POST /webhooks/jira/test`.
    pub fn router(self) -> Router {
        let health = health::answer(&self.jira_domain);
        let shared = Arc::new(Shared {
            ledger: self.ledger,
            gate: Gate::new(&self.limits),
            clock: self.clock,
            secrets: self.secrets,
            metrics: self.metrics,
        });
        let routes = Router::new()
            .route("/webhooks/jira", post(deliver).fallback(not_a_post))
            .route("/webhooks/jira/health", get(async move || health));
        let routes = match self.debug {
            Debug::On => routes.route(
                "/webhooks/jira/test",
                post(person::hint).fallback(async || Refusal::NotAPost),
            ),
            Debug::Off => routes,
        };
        routes.with_state(shared)
    }
}

async fn deliver(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let started = Instant::now();
    let ended = shared.take_in(request).await;
    shared.report(&ended, started.elapsed());
    ended.into_response()
}

async fn not_a_post(State(shared): State<Arc<Shared>>) -> Refusal {
    shared.metrics.ended(Outcome::NotAPost);
    Refusal::NotAPost
}

impl Shared {
    async fn take_in(&self, request: Request) -> Result<Acknowledged, Refusal> {
        let received = self.gate.admit(request).await?;
        let received_at = self.clock.now();
        self.metrics.body(received.body.len());
        let reading = self.examine(received).await?;
        reading.record(&self.ledger, received_at).await
    }

    async fn examine(&self, received: Received) -> Result<Reading, Refusal> {
        if received.body.len() <= INLINE_BYTES {
            return received.verify(&self.secrets)?.parse();
        }
        let secrets = self.secrets.clone();
        tokio::task::spawn_blocking(move || received.verify(&secrets)?.parse())
            .await
            .map_err(Refusal::Died)?
    }

    fn report(&self, ended: &Result<Acknowledged, Refusal>, took: Duration) {
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        match ended {
            Ok(done) => {
                let seq = done.recorded.seq;
                let class = done.event.class();
                let issue = done.issue();
                let issue = issue.as_deref().unwrap_or("no issue");
                self.metrics.acknowledged(took);
                if done.recorded.duplicate {
                    self.metrics.ended(Outcome::Duplicate);
                    info!(
                        seq,
                        event = class,
                        issue,
                        took_ms,
                        "delivery {seq} came again: {class}, {issue}"
                    );
                } else {
                    self.metrics.ended(Outcome::Ok);
                    info!(
                        seq,
                        event = class,
                        issue,
                        took_ms,
                        "delivery {seq} recorded: {class}, {issue}"
                    );
                }
            }
            Err(refusal) => {
                let (status, outcome) = refusal.outcome();
                self.metrics.ended(outcome);
                report_refusal(refusal, status.as_u16(), took_ms);
            }
        }
    }
}

fn report_refusal(refusal: &Refusal, status: u16, took_ms: u64) {
    match refusal {
        Refusal::NotRecorded(_) | Refusal::Died(_) => {
            let error: &dyn std::error::Error = refusal;
            error!(status, took_ms, error, "delivery refused: {refusal}");
        }
        // A connection that breaks is everyday life on a network.
        Refusal::Cut(_) => debug!(status, took_ms, "delivery refused: {refusal}"),
        Refusal::Unsigned
        | Refusal::WrongSignature
        | Refusal::NotJson
        | Refusal::NoIssueKey
        | Refusal::TooLarge
        | Refusal::Timeout
        | Refusal::NotAPost
        | Refusal::Busy => warn!(status, took_ms, "delivery refused: {refusal}"),
    }
}
