//! `/healthz`: the process answers. `/readyz`: it can do its work, which is to record deliveries;
//! whether Jira answers is no part of that, or an outage at Jira would take the door down too.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use jira::time::Instant;
use lake::RECOVERY;
use ledger::{Ledger, LedgerDamage};
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
        return refused(&error.to_string());
    }
    if ledger.full_since().is_some() {
        return refused("no space left for the ledger");
    }
    let looked = async {
        let recovery = ledger.cursor(RECOVERY).await?;
        let recovery = recovery.and_then(|text| serde_json::from_str::<Value>(&text).ok());
        let (counts, breaker) = (ledger.counts().await?, ledger.breaker().await?);
        Ok::<_, ledger::Error>((counts, breaker, ledger.damage().await?, recovery))
    };
    match looked.await {
        Ok((counts, breaker, damage, recovery)) => (
            StatusCode::OK,
            Json(json!({
                "status": "ready",
                "ledger": "ok",
                "deliveries_pending": counts.pending,
                "issues_parked": counts.work_parked,
                "issues_lost": counts.issues_lost,
                "recovery": recovery.unwrap_or_else(|| json!({"state": "ok"})),
                "deletes": if breaker.stopped_at.is_some() { "stopped" } else { "ok" },
                "damage": damage.map(|damage| reported(&damage)),
            })),
        ),
        Err(error) => {
            tracing::error!("not ready: {error}");
            refused("cannot be read")
        }
    }
}

fn refused(reason: &str) -> (StatusCode, Json<Value>) {
    let body = json!({"status": "not ready", "ledger": reason});
    (StatusCode::SERVICE_UNAVAILABLE, Json(body))
}

/// The last damage to the ledger, which does not keep deliveries from being recorded.
fn reported(damage: &LedgerDamage) -> Value {
    json!({
        "kind": damage.kind,
        "found_at": damage.found().map(Instant::iso),
        "seq_missing_from": damage.seq_missing_from,
        "seq_missing_to": damage.seq_missing_to,
        "reconciled_at": damage.reconciled().map(Instant::iso),
    })
}
