//! What was missed, in numbers: a first copy, SLA polls, a day's stop.
//!
//! `cargo bench --bench catching_up` runs the real binary against a simulator that takes 250 ms for
//! an answer about issues and 100 ms for any other, and prints requests and wall times. It asserts
//! nothing about time.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    dead_code,
    reason = "a bench may end with a panic and prints its figures; the stories use more of the world"
)]

#[path = "../tests/stories/world.rs"]
mod world;
#[path = "../tests/stories/tables.rs"]
mod tables;
#[path = "../tests/stories/truth.rs"]
mod truth;

use std::time::{Duration, Instant};

use jira::time::Clock;
use ledger::Ledger;
use serde_json::json;
use sim::{Endpoint, NewIssue, Options};

use world::World;

const ISSUES: u32 = 2_000;
const CHANGES: usize = 5_000;

#[tokio::main]
async fn main() {
    first_copy_and_bulk_edit().await;
    for open in [49, 2_000] {
        sla_poll(open).await;
    }
    day_of_changes().await;
}

/// 250 ms for issues, one or many, and 100 ms for the rest.
fn slow(world: &World) {
    world.sim.knobs().change(|knobs| {
        knobs.latency_ms = 100;
        for endpoint in [Endpoint::Issue, Endpoint::BulkFetch, Endpoint::BulkChangelog] {
            knobs.latency_ms_of.insert(endpoint, 250);
        }
    });
}

fn requests(world: &World) -> u64 {
    world.sim.callers().counts().values().sum()
}

/// Requests that brought issues and their histories.
fn for_issues(world: &World) -> u64 {
    let callers = world.sim.callers();
    [Endpoint::Issue, Endpoint::BulkFetch, Endpoint::BulkChangelog]
        .into_iter()
        .map(|endpoint| callers.count_of(endpoint))
        .sum()
}

async fn first_copy_and_bulk_edit() {
    let options = Options { issues: ISSUES, issue_bytes: 20_000, ..Options::default() };
    let mut world = World::with(options, &[]).await;
    world.stop().await;
    slow(&world);
    world.sim.callers().forget();
    let began = Instant::now();
    let mut run = world.command(&["backfill"]).spawn().unwrap();
    let mut tables = None;
    while run.try_wait().unwrap().is_none() {
        if tables.is_none() && world.table("issues").len() == ISSUES as usize {
            tables = Some((began.elapsed(), requests(&world)));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (took, sent) = tables.expect("the tables are complete before the remote links are");
    println!(
        "backfill of {ISSUES}: tables complete but for remote links and bytes after {:.1} s, {sent} \
         requests ({:.3} per issue); with remote links after {:.1} s, {} requests",
        took.as_secs_f64(),
        sent as f64 / f64::from(ISSUES),
        began.elapsed().as_secs_f64(),
        requests(&world)
    );
    world.start().await;
    world.quiet().await;
    world.sim.callers().forget();
    let began = Instant::now();
    for key in world.sim.site().keys() {
        world.sim.site().set(&key, "summary", json!("Edited in bulk")).unwrap();
    }
    let edited = began.elapsed();
    // Reading all rows is work, too: not all the time.
    while world.table("issues").iter().any(|row| row["summary"] != json!("Edited in bulk")) {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    println!(
        "bulk edit of {ISSUES}: {} requests for issues and histories; last row visible {:.1} s after \
         the first edit (the edits themselves took {:.1} s)",
        for_issues(&world),
        began.elapsed().as_secs_f64(),
        edited.as_secs_f64()
    );
    world.quiet().await;
    println!("bulk edit of {ISSUES}: {} requests when all is quiet", for_issues(&world));
}

async fn sla_poll(open: usize) {
    let world = World::new().await;
    for n in 0..open {
        world.sim.site().create(NewIssue::new("SUPPORT", &format!("Open {n}"))).unwrap();
    }
    world.quiet().await;
    slow(&world);
    world.sim.clock().advance(Duration::from_secs(3600));
    world.sim.callers().forget();
    let began = Instant::now();
    let run = world.command(&["sla", "poll"]).output().await.unwrap();
    println!(
        "SLA poll over {open} open issues: {} requests, {:.1} s: {}",
        requests(&world),
        began.elapsed().as_secs_f64(),
        String::from_utf8_lossy(&run.stdout).trim()
    );
}

async fn day_of_changes() {
    let options = Options { issues: ISSUES, issue_bytes: 20_000, ..Options::default() };
    let mut world = World::with(options, &[("JIRALAKE_SWEEP_EVERY_MS", "60000")]).await;
    assert!(world.command(&["sync", "SUPPORT-1"]).status().await.unwrap().success());
    world
        .until("it has swept", async || {
            let name = "jiralake_job_last_success_timestamp_seconds{name=\"sweep\"}";
            world.metric(name).await > 0.0
        })
        .await;
    world.quiet().await;
    world.stop().await;
    assert!(world.command(&["backfill"]).status().await.unwrap().success());
    world.sim.knobs().change(|knobs| {
        knobs.webhook.drop.insert("*".to_owned(), 1.0);
    });
    let hour = 3_600_000;
    let keys = world.sim.site().keys();
    for n in 0..CHANGES {
        world.sim.clock().run_with_offset(hour + 20 * hour * n as i64 / CHANGES as i64);
        let key = &keys[n * 7 % keys.len()];
        world.sim.site().set(key, "summary", json!(format!("Change {n}"))).unwrap();
    }
    world.sim.clock().run_with_offset(24 * hour);
    let ledger = Ledger::open(&world.dir.path().join("data/ledger.db"), Clock::system()).await;
    let ledger = ledger.unwrap();
    let last: i64 = ledger.cursor("sweep").await.unwrap().unwrap().parse().unwrap();
    ledger.set_cursor("sweep", &(last - 24 * hour).to_string()).await.unwrap();
    ledger.close().await;
    slow(&world);
    world.sim.callers().forget();
    let began = Instant::now();
    world.start().await;
    world.same().await;
    println!(
        "a day's stop with {CHANGES} changes to {} issues: equal {:.1} s after the start, {} requests",
        keys.len(),
        began.elapsed().as_secs_f64(),
        requests(&world)
    );
}
