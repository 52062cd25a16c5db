//! `GET /webhooks/jira/health`: that the door is open, for people and for monitors.
//!
//! It can say `true` twice without looking: a door cannot be built without a secret and a site.

use axum::Json;
use serde::Serialize;

/// The answer.
#[derive(Clone, Serialize)]
pub(crate) struct Health {
    status: &'static str,
    configured: bool,
    webhook_secret_set: bool,
    jira_domain: String,
}

pub(crate) fn answer(jira_domain: &str) -> Json<Health> {
    Json(Health {
        status: "ok",
        configured: true,
        webhook_secret_set: true,
        jira_domain: jira_domain.to_owned(),
    })
}
