//! The routes below `/webhooks/jira`, and the way of one delivery through the steps.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{Caller, RateLimit, SeldomLog, Standing};
use jira::time::Clock;
use ledger::Ledger;
use tracing::{debug, error, info, warn};

use crate::answer::{Acknowledged, Outcome, Refusal};
use crate::health::Health;
use crate::limit::{Gate, Limits, Received};
use crate::metrics::Metrics;
use crate::record::Reading;
use crate::secret::Secrets;
use crate::verify::is_signed_at_all;
use crate::{health, person};

/// Bodies above this are hashed and parsed on a thread of their own: 25 MB take tens of
/// milliseconds, in which every other delivery of this worker would wait.
const INLINE_BYTES: usize = 256 * 1024;

/// The shortest time between two log lines of one kind of refusal.
const REFUSALS_EVERY: Duration = Duration::from_secs(1);

/// How many strangers without a valid signature are answered at once, per second.
const PROMPT_REFUSALS_PER_SECOND: u32 = 100;

/// How long the others wait for their answer: who floods and waits for answers floods slowly then.
/// Their connections may be closed meanwhile.
const SLOW_REFUSAL: Duration = Duration::from_secs(1);

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
    pub(crate) secrets: Secrets,
    pub(crate) health: Health,
    metrics: Metrics,
    refusals: RefusalLog,
    /// Refusals of strangers that are answered at once; the others are slow.
    prompt_refusals: RateLimit,
}

impl Door {
    /// The routes: `POST /webhooks/jira`, `GET /webhooks/jira/health` and, with [`Debug::On`],
    /// `POST /webhooks/jira/test`.
    pub fn router(self) -> Router {
        let shared = Arc::new(Shared {
            ledger: self.ledger,
            gate: Gate::new(&self.limits),
            clock: self.clock,
            secrets: self.secrets,
            health: Health::new(&self.jira_domain),
            metrics: self.metrics,
            refusals: RefusalLog::default(),
            prompt_refusals: RateLimit::new(PROMPT_REFUSALS_PER_SECOND),
        });
        let routes = Router::new()
            .route("/webhooks/jira", post(deliver).fallback(not_a_post))
            .route("/webhooks/jira/health", get(health::answer));
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
    let caller = Caller::of(request.extensions());
    let ended = shared.take_in(request).await;
    shared.report(&ended, started.elapsed());
    if matches!(ended, Err(Refusal::Unsigned | Refusal::WrongSignature))
        && caller.standing() == Standing::Stranger
        && !shared.prompt_refusals.admit()
    {
        caller.is_refused();
        tokio::time::sleep(SLOW_REFUSAL).await;
    }
    ended.into_response()
}

async fn not_a_post(State(shared): State<Arc<Shared>>) -> Refusal {
    shared.metrics.ended(Outcome::NotAPost);
    Refusal::NotAPost
}

impl Shared {
    async fn take_in(&self, request: Request) -> Result<Acknowledged, Refusal> {
        self.gate.check_size(&request)?;
        // Before the body is read: what claims no signature costs nothing more.
        if !is_signed_at_all(request.headers()) {
            return Err(Refusal::Unsigned);
        }
        let caller = Caller::of(request.extensions());
        let received = self.gate.admit(request).await?;
        let received_at = self.clock.now();
        self.metrics.body(received.body.len());
        let reading = self.examine(received, caller).await?;
        reading.record(&self.ledger, received_at).await
    }

    async fn examine(&self, received: Received, caller: Caller) -> Result<Reading, Refusal> {
        if received.body.len() <= INLINE_BYTES {
            return examine(received, &self.secrets, &caller);
        }
        let secrets = self.secrets.clone();
        tokio::task::spawn_blocking(move || examine(received, &secrets, &caller))
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
                self.refusals.write(refusal, status.as_u16(), took_ms);
            }
        }
    }
}

/// Verifies and parses; the signature is the caller's proof.
fn examine(received: Received, secrets: &Secrets, caller: &Caller) -> Result<Reading, Refusal> {
    let verified = received.verify(secrets)?;
    caller.prove();
    verified.parse()
}

/// The log of refusals: strangers cause most of them, so each kind has a line per second at most.
struct RefusalLog(HashMap<Outcome, SeldomLog>);

impl Default for RefusalLog {
    fn default() -> Self {
        let each = Outcome::OF_DELIVERIES.into_iter();
        Self(each.map(|outcome| (outcome, SeldomLog::new(REFUSALS_EVERY))).collect())
    }
}

impl RefusalLog {
    fn write(&self, refusal: &Refusal, status: u16, took_ms: u64) {
        let (_, outcome) = refusal.outcome();
        let seldom = self.0.get(&outcome);
        let Some(left_out) = seldom.map_or(Some(0), SeldomLog::admit) else { return };
        report_refusal(refusal, status, took_ms, left_out);
    }
}

fn report_refusal(refusal: &Refusal, status: u16, took_ms: u64, left_out: u64) {
    match refusal {
        Refusal::NotRecorded(_) | Refusal::Died(_) => {
            let error: &dyn std::error::Error = refusal;
            error!(status, took_ms, left_out, error, "delivery refused: {refusal}");
        }
        // A connection that breaks is everyday life on a network.
        Refusal::Cut(_) => debug!(status, took_ms, left_out, "delivery refused: {refusal}"),
        Refusal::Unsigned
        | Refusal::WrongSignature
        | Refusal::NotJson
        | Refusal::NoIssueKey
        | Refusal::TooLarge
        | Refusal::Timeout
        | Refusal::NotAPost
        | Refusal::Busy => warn!(status, took_ms, left_out, "delivery refused: {refusal}"),
    }
}

#[cfg(test)]
mod tests;
