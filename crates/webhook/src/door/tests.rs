use axum::body::Body;
use prometheus_client::registry::Registry;
use tower::ServiceExt;

use super::*;

/// A door for bodies of up to ten bytes.
async fn narrow_door(folder: &std::path::Path) -> Router {
    let clock = Clock::new(|| jira::time::Instant::from_millis(1_770_000_000_000).unwrap());
    let door = Door {
        ledger: Ledger::open(&folder.join("ledger.db"), clock.clone()).await.unwrap(),
        secrets: Secrets::new(vec!["It's a Secret to Everybody".into()]).unwrap(),
        limits: Limits { body_bytes: 10, ..Limits::default() },
        clock,
        metrics: Metrics::new(&mut Registry::default()),
        jira_domain: "example.atlassian.net".into(),
        debug: Debug::Off,
    };
    door.router()
}

/// The status of an answer, and how long it took.
async fn post(router: &Router, signature: Option<&str>, body: &str) -> (u16, Duration) {
    let mut request = Request::post("/webhooks/jira").body(Body::from(body.to_owned())).unwrap();
    if let Some(signature) = signature {
        request.headers_mut().insert("x-hub-signature", signature.parse().unwrap());
    }
    let began = tokio::time::Instant::now();
    let status = router.clone().oneshot(request).await.unwrap().status();
    (status.as_u16(), began.elapsed())
}

#[tokio::test]
async fn refusals_of_a_flood_are_slow_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let router = narrow_door(folder.path()).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(10)).await;
    for signature in [None, Some("sha256=00")] {
        for _ in 0..PROMPT_REFUSALS_PER_SECOND {
            assert_eq!(post(&router, signature, "{}").await, (401, Duration::ZERO));
        }
        // Only a signature that is missing or wrong counts.
        assert_eq!(post(&router, signature, "eleven byte").await, (413, Duration::ZERO));
        let (status, took) = post(&router, signature, "{}").await;
        assert_eq!(status, 401);
        assert!(took >= SLOW_REFUSAL, "{took:?}");
    }
}
