//! SLA clocks: they run without a webhook and are polled.

use std::time::Duration;

use serde_json::{Value, json};
use sim::{Endpoint, Failure, NewIssue, Options};

use crate::world::World;

async fn polled(world: &World, args: &[&str]) -> Value {
    let run = world.command(&[&["sla"], args, &["--json"]].concat()).output().await.unwrap();
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    serde_json::from_slice(&run.stdout).unwrap_or_else(|_| panic!("{said}"))
}

fn elapsed(world: &World, key: &str) -> Vec<i64> {
    let rows = world.rows_of("sla_cycles", key);
    rows.iter().map(|row| row["elapsed_millis"].as_i64().unwrap_or(-1)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn running_clocks_are_polled_a_hundred_issues_at_a_time() {
    let world = World::with(Options { issues: 0, ..Options::default() }, &[]).await;
    let site = world.sim.site();
    let keys: Vec<String> = (0..120)
        .map(|n| site.create(NewIssue::new("SUPPORT", &format!("Open {n}"))).unwrap().key)
        .collect();
    world.quiet().await;
    let before = elapsed(&world, &keys[0]);
    assert!(!before.is_empty(), "the simulator gives new issues SLA clocks");
    world.sim.clock().advance(Duration::from_secs(3600));
    world.sim.callers().forget();
    let first = polled(&world, &["poll"]).await;
    assert_eq!(first, json!({"updated": 120, "healed": 0, "skipped": 0, "failed": 0}));
    assert_eq!(world.sim.callers().count_of(Endpoint::BulkFetch), 2);
    assert_eq!(world.sim.callers().count_of(Endpoint::Issue), 0);
    assert!(elapsed(&world, &keys[0])[0] >= before[0] + 3_600_000);
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_heals_what_no_webhook_told() {
    let world = World::with(Options { issues: 0, ..Options::default() }, &[]).await;
    let site = world.sim.site();
    let key = site.create(NewIssue::new("SUPPORT", "Resolved in silence")).unwrap().key;
    world.quiet().await;
    world.sim.knobs().change(|knobs| {
        knobs.webhook.drop.insert("*".to_owned(), 1.0);
    });
    let done = site.statuses().into_iter().last().unwrap();
    site.transition(&key, &done).unwrap();
    let said = polled(&world, &["poll"]).await;
    assert_eq!(said["healed"], 1);
    world.quiet().await;
    assert_eq!(world.rows_of("issues", &key)[0]["status"], json!(done));
    assert!(world.log().contains(&format!("Self-healing: {key} ")), "{}", world.log());
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_fails_changes_nothing() {
    let world = World::with(Options { issues: 0, ..Options::default() }, &[]).await;
    let site = world.sim.site();
    let key = site.create(NewIssue::new("SUPPORT", "Open")).unwrap().key;
    world.quiet().await;
    let before = elapsed(&world, &key);
    world.sim.clock().advance(Duration::from_secs(3600));
    world.sim.knobs().fail_next(Endpoint::BulkFetch, 1, Failure::Status(500));
    let run = world.command(&["sla", "poll"]).output().await.unwrap();
    assert_eq!(run.status.code(), Some(1), "{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(elapsed(&world, &key), before);
    polled(&world, &["poll"]).await;
    assert!(elapsed(&world, &key)[0] > before[0]);
    world.ends_well().await;
}
