//! `/healthz`: the process answers. `/readyz`: it can do its work, which is to record deliveries;
//! whether Jira answers is no part of that, or an outage at Jira would take the door down too.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use ledger::Ledger;
use serde_json::{Value, json};

/// The routes.
pub fn router(ledger: Ledger) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(ledger)
}

async fn ready(State(ledger): State<Ledger>) -> (StatusCode, Json<Value>) {
    if let Some(error) = ledger.failed() {
        tracing::error!("not ready: {error}");
        let body = json!({"status": "not ready", "ledger": "the disk failed under it"});
        return (StatusCode::SERVICE_UNAVAILABLE, Json(body));
    }
    let looked =
        async { Ok::<_, ledger::Error>((ledger.counts().await?, ledger.breaker().await?)) };
    match looked.await {
        Ok((counts, breaker)) => (
            StatusCode::OK,
            Json(json!({
                "status": "ready",
                "ledger": "ok",
                "deliveries_pending": counts.pending,
                "issues_parked": counts.work_parked,
                "issues_lost": counts.issues_lost,
                "deletes": if breaker.stopped_at.is_some() { "stopped" } else { "ok" },
            })),
        ),
        Err(error) => {
            tracing::error!("not ready: {error}");
            let body = json!({"status": "not ready", "ledger": "cannot be read"});
            (StatusCode::SERVICE_UNAVAILABLE, Json(body))
        }
    }
}
