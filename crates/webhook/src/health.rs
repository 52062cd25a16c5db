//! `GET /webhooks/jira/health`: that the door is open, for people and for monitors.
//!
//! Anybody learns that, and no more. Programs on this machine and callers that send the secret in
//! `X-Jiralake-Secret` learn what is set up, which names the site. It can say `true` twice without
//! looking: a door cannot be built without a secret and a site.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::HeaderName;
use axum::response::{IntoResponse, Response};
use http::Caller;
use serde::Serialize;

use crate::door::Shared;

/// The header in which a caller may send the secret.
const SECRET: HeaderName = HeaderName::from_static("x-jiralake-secret");

/// The answer for callers who may know.
#[derive(Clone, Serialize)]
pub(crate) struct Health {
    status: &'static str,
    configured: bool,
    webhook_secret_set: bool,
    jira_domain: String,
}

/// The answer for everybody else.
#[derive(Serialize)]
struct Alive {
    status: &'static str,
}

impl Health {
    pub(crate) fn new(jira_domain: &str) -> Self {
        Self {
            status: "ok",
            configured: true,
            webhook_secret_set: true,
            jira_domain: jira_domain.to_owned(),
        }
    }
}

pub(crate) async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let sent = request.headers().get(SECRET);
    let is_ours = sent.is_some_and(|sent| shared.secrets.contains(sent.as_bytes()));
    if is_ours || Caller::of(request.extensions()).is_local() {
        Json(shared.health.clone()).into_response()
    } else {
        Json(Alive { status: "ok" }).into_response()
    }
}
