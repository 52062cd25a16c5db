//! The door while the ledger cannot be opened for want of space: it listens, takes nothing, and
//! answers everything by 503 until [`Entrance::open`] puts the real routes behind it.
//!
//! A delivery MUST be answered with `Retry-After`, so that Jira sends it again. `/readyz` MUST name the
//! reason.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::extract::{Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::json;
use tower::ServiceExt;

use super::shortage::Shortage;

/// Seconds until a sender who can choose should come again.
const COME_AGAIN: HeaderValue = HeaderValue::from_static("5");

/// The switch between the answers of a start that waits and the real routes.
#[derive(Clone)]
pub(crate) struct Entrance {
    routes: Arc<OnceLock<Router>>,
    reason: Arc<Mutex<Shortage>>,
}

impl Entrance {
    /// Returns a closed entrance.
    pub(crate) fn closed(reason: Shortage) -> Self {
        Self { routes: Arc::default(), reason: Arc::new(Mutex::new(reason)) }
    }

    /// Replaces the reason that is given at `/readyz`.
    pub(crate) fn explain(&self, reason: Shortage) {
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = reason;
    }

    /// Passes every request from now on to these routes.
    pub(crate) fn open(&self, routes: Router) {
        // It is opened once; a second time would change nothing.
        drop(self.routes.set(routes));
    }

    /// Returns the routes to listen with.
    pub(crate) fn router(&self) -> Router {
        Router::new().fallback(pass).with_state(self.clone())
    }
}

async fn pass(State(entrance): State<Entrance>, request: Request) -> Response {
    if let Some(routes) = entrance.routes.get() {
        let answered: Result<_, Infallible> = routes.clone().oneshot(request).await;
        return answered.unwrap_or_else(|never| match never {});
    }
    let reason = *entrance.reason.lock().unwrap_or_else(PoisonError::into_inner);
    match request.uri().path() {
        "/healthz" => "ok\n".into_response(),
        "/readyz" => unavailable(&json!({"status": "not ready", "ledger": reason.to_string()})),
        _ => unavailable(&json!({"status": "error", "reason": "full"})),
    }
}

fn unavailable(body: &serde_json::Value) -> Response {
    let retry = [(RETRY_AFTER, COME_AGAIN)];
    (StatusCode::SERVICE_UNAVAILABLE, retry, Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::get;

    use super::*;

    async fn status(router: &Router, path: &str) -> (u16, bool) {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        (answer.status().as_u16(), answer.headers().contains_key(RETRY_AFTER))
    }

    #[tokio::test]
    async fn a_closed_entrance_sends_everybody_away_for_a_while_and_an_open_one_nobody() {
        let entrance = Entrance::closed(Shortage::Space);
        let router = entrance.router();
        for path in ["/webhooks/jira", "/readyz", "/metrics", "/", "/unknown"] {
            assert_eq!(status(&router, path).await, (503, true), "{path}");
        }
        assert_eq!(status(&router, "/healthz").await, (200, false));
        entrance.open(Router::new().route("/readyz", get(|| async { "ready" })));
        assert_eq!(status(&router, "/readyz").await, (200, false));
        assert_eq!(status(&router, "/webhooks/jira").await, (404, false));
    }
}
