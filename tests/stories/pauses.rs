//! Jira asks to slow down, in each of its ways: nothing is asked inside a pause, and nothing is lost.

use std::time::Duration;

use serde_json::json;
use sim::{Endpoint, Failure, NewIssue};
use tokio::time::{Instant, sleep, sleep_until};

use crate::world::World;

/// The pause that Jira asks for, in seconds.
const PAUSE: u64 = 3;

/// Throttles the next look, and counts what is asked within the pause after it.
async fn asked_in_pause(failure: Failure, of: Option<Endpoint>) -> u64 {
    let world = World::new().await;
    let site = world.sim.site();
    let made = |n: u32| site.create(NewIssue::new("SUPPORT", &format!("Ticket {n}"))).unwrap().key;
    let key = made(0);
    world.quiet().await;
    world.sim.knobs().fail_next(Endpoint::Issue, 1, failure);
    world.sim.callers().forget();
    site.set(&key, "summary", json!("Throttled")).unwrap();
    let count = || {
        let callers = world.sim.callers();
        of.map_or_else(|| callers.counts().values().sum(), |of| callers.count_of(of))
    };
    world.until("the look was throttled", async || count() > 0).await;
    let began = Instant::now();
    // Requests that were on their way with the throttled one come to their end.
    sleep(Duration::from_millis(300)).await;
    let before = count();
    (1..6).for_each(|n| drop(made(n)));
    site.set(&key, "summary", json!("Changed inside the pause")).unwrap();
    sleep_until(began + Duration::from_millis(PAUSE * 1000 - 200)).await;
    let asked = count() - before;
    world.ends_well().await;
    asked
}

fn throttled(reason: &str) -> Failure {
    Failure::Throttled { retry_after: Some(PAUSE), reason: Some(reason.to_owned()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_pauses_everything() {
    assert_eq!(asked_in_pause(throttled("jira-quota-global-based"), None).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_of_the_tenant_pauses_everything() {
    assert_eq!(asked_in_pause(throttled("jira-quota-tenant-based"), None).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_pauses_its_endpoint() {
    let burst = throttled("jira-burst-based");
    assert_eq!(asked_in_pause(burst, Some(Endpoint::Issue)).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unavailable_endpoint_is_left_alone_for_as_long_as_it_asks() {
    let busy = Failure::Unavailable { retry_after: Some(PAUSE) };
    assert_eq!(asked_in_pause(busy, Some(Endpoint::Issue)).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_without_retry_after_is_ridden_out() {
    let world = World::new().await;
    let site = world.sim.site();
    let throttled = Failure::Throttled { retry_after: None, reason: None };
    world.sim.knobs().fail_next(Endpoint::Issue, 3, throttled);
    for n in 0..10 {
        site.create(NewIssue::new("SUPPORT", &format!("Ticket {n}"))).unwrap();
    }
    world.ends_well().await;
}
