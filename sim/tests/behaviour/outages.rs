//! What can be made to go wrong.

use std::time::{Duration, Instant};

use sim::{Account, Endpoint, Failure, Fault};

use crate::desk::Desk;

#[tokio::test]
async fn throttling_comes_with_and_without_a_wait() {
    let desk = Desk::open().await;
    let key = desk.issue("Busy");
    let reason = Some("jira-burst-based".to_owned());
    let failure = Failure::Throttled { retry_after: Some(7), reason };
    desk.sim.knobs().fail_next(Endpoint::Issue, 1, failure);
    let got = desk.get(&format!("/issue/{key}")).await;
    assert_eq!(got.status, 429);
    assert_eq!(got.header("retry-after"), Some("7"));
    assert_eq!(got.header("ratelimit-reason"), Some("jira-burst-based"));
    let failure = Failure::Throttled { retry_after: None, reason: None };
    desk.sim.knobs().fail_next(Endpoint::Issue, 1, failure);
    let got = desk.get(&format!("/issue/{key}")).await;
    assert_eq!((got.status, got.header("retry-after")), (429, None));
    assert_eq!(desk.get(&format!("/issue/{key}")).await.status, 200);
}

#[tokio::test]
async fn a_fault_can_be_confined_to_one_issue_and_healed() {
    let desk = Desk::open().await;
    let (bad, good) = (desk.issue("bad"), desk.issue("good"));
    let issue = Some(desk.sim.site().id_of(&bad).unwrap());
    let endpoint = Some(Endpoint::RemoteLinks);
    let failure = Failure::Unavailable { retry_after: Some(1) };
    desk.sim.knobs().fail(Fault { endpoint, issue, times: None, share: 1.0, failure });
    for (path, status) in [
        (format!("/issue/{bad}/remotelink"), 503),
        (format!("/issue/{bad}"), 200),
        (format!("/issue/{good}/remotelink"), 200),
    ] {
        assert_eq!(desk.get(&path).await.status, status, "{path}");
    }
    desk.sim.knobs().heal();
    assert_eq!(desk.get(&format!("/issue/{bad}/remotelink")).await.status, 200);
}

#[tokio::test]
async fn connections_are_cut_and_bodies_truncated() {
    let desk = Desk::open().await;
    let key = desk.issue("Broken");
    let account = Account::main();
    let url = format!("{}/rest/api/3/issue/{key}", desk.sim.url());
    let ask = || desk.http.get(&url).basic_auth(&account.email, Some(&account.token)).send();
    // Twice, because the client asks again when a kept connection turns out to be closed.
    desk.sim.knobs().fail_next(Endpoint::Issue, 2, Failure::Cut);
    assert!(ask().await.is_err(), "cut");
    desk.sim.knobs().heal();
    desk.sim.knobs().fail_next(Endpoint::Issue, 1, Failure::Truncated);
    let answer = ask().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    assert!(answer.bytes().await.is_err(), "truncated");
    assert_eq!(ask().await.unwrap().status().as_u16(), 200);
}

#[tokio::test]
async fn answers_take_as_long_as_told() {
    let desk = Desk::open().await;
    let key = desk.issue("Slow");
    desk.sim.knobs().change(|knobs| {
        knobs.latency_ms_of.insert(Endpoint::Issue, 120);
    });
    let started = Instant::now();
    desk.get(&format!("/issue/{key}")).await;
    assert!(started.elapsed() >= Duration::from_millis(120));
    let started = Instant::now();
    desk.get("/myself").await;
    assert!(started.elapsed() < Duration::from_millis(120));
}
