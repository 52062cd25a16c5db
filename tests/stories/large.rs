//! What is large, long or all at once: bulk edits, mass moves, a first copy that is killed again and
//! again, long stops.

use std::time::Duration;

use jira::time::Clock;
use ledger::Ledger;
use serde_json::{Value, json};
use sim::{Endpoint, Failure, Fault, NewIssue, Options, Site};

use crate::world::World;

const HOUR_MS: i64 = 3_600_000;

/// Small tickets: what is large here is their number.
fn small(issues: u32) -> Options {
    Options { issues, issue_bytes: 2_000, ..Options::default() }
}

fn drop_all_webhooks(world: &World) {
    world.sim.knobs().change(|knobs| {
        knobs.webhook.drop.insert("*".to_owned(), 1.0);
    });
}

/// A project that the issue is not in.
fn other_project(site: &Site, key: &str) -> String {
    let mut all = site.projects().into_iter();
    let other = all.find(|project| !key.starts_with(&format!("{project}-")));
    other.expect("the site has another project")
}

async fn backfill(world: &World) -> Value {
    let run = world.command(&["backfill", "--json"]).output().await.unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    serde_json::from_slice(&run.stdout).unwrap()
}

/// Makes it so that the last sweep was so long ago.
async fn swept_before(world: &World, ago: Duration) {
    let ledger = Ledger::open(&world.dir.path().join("data/ledger.db"), Clock::system()).await;
    let ledger = ledger.unwrap();
    let last: i64 = ledger.cursor("sweep").await.unwrap().unwrap().parse().unwrap();
    let then = last - i64::try_from(ago.as_millis()).unwrap();
    ledger.set_cursor("sweep", &then.to_string()).await.unwrap();
    ledger.close().await;
}

/// Every issue in the lake is whole, and says so.
async fn all_complete(world: &World) {
    world
        .until("all parts are complete", async || {
            world.table("coverage").iter().all(|row| {
                ["comments", "changelog", "worklogs", "remote_links", "sla"]
                    .iter()
                    .all(|part| row[&format!("{part}_complete")] != json!(false))
            })
        })
        .await;
}

/// 5,000 issues copied through 20 kills, then a day's stop with 5,000 changes.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_5000_survives_20_kills_and_a_stop_of_a_day_with_5000_changes() {
    let jobs = [("JIRALAKE_SWEEP_EVERY_MS", "300")];
    let mut world = World::with(small(5_000), &jobs).await;
    world.stop().await;
    for n in 0_u64..20 {
        let mut run = world.command(&["backfill"]).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(200 + 53 * n)).await;
        run.kill().await.unwrap();
    }
    assert_eq!(backfill(&world).await["found"], 5_000);
    all_complete(&world).await;
    world.start().await;
    world
        .until("it has swept", async || {
            let name = "jiralake_job_last_success_timestamp_seconds{name=\"sweep\"}";
            world.metric(name).await > 0.0
        })
        .await;
    world.quiet().await;
    world.same().await;
    world.stop().await;
    drop_all_webhooks(&world);
    let site = world.sim.site().clone();
    let keys = site.keys();
    for round in 0..2 {
        world.sim.clock().run_with_offset((1 + 20 * round) * HOUR_MS);
        for key in keys.iter().step_by(2) {
            site.set(key, "summary", json!(format!("Changed in the stop, round {round}"))).unwrap();
        }
    }
    world.sim.clock().run_with_offset(24 * HOUR_MS);
    swept_before(&world, Duration::from_secs(24 * 3600)).await;
    world.start().await;
    world.same().await;
    all_complete(&world).await;
    world.ends_well().await;
}

/// A stop is made up for, however long it was.
async fn stop_of(minutes: i64) {
    let jobs = [("JIRALAKE_SWEEP_EVERY_MS", "300")];
    let mut world = World::with(small(300), &jobs).await;
    for key in world.sim.site().keys() {
        world.sim.site().set(&key, "summary", json!("Before the stop")).unwrap();
    }
    world.quiet().await;
    world.same().await;
    world.stop().await;
    drop_all_webhooks(&world);
    let site = world.sim.site().clone();
    world.sim.clock().run_with_offset(minutes * 10_000);
    for key in site.keys().iter().step_by(2) {
        site.set(key, "summary", json!("Changed during the stop")).unwrap();
    }
    site.create(NewIssue::new("SUPPORT", "Made during the stop")).unwrap();
    world.sim.clock().run_with_offset(minutes * 60_000);
    swept_before(&world, Duration::from_secs(u64::try_from(minutes).unwrap() * 60)).await;
    world.start().await;
    world.same().await;
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_of_a_minute_is_made_up_for() {
    stop_of(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_of_forty_minutes_is_made_up_for() {
    stop_of(40).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_edit_of_2000_issues_takes_few_requests() {
    let world = World::with(small(2_000), &[]).await;
    let site = world.sim.site();
    backfill(&world).await;
    world.quiet().await;
    // In life an answer takes its time, and what comes meanwhile gathers.
    world.sim.knobs().change(|knobs| knobs.latency_ms = 250);
    world.sim.callers().forget();
    for key in site.keys() {
        site.set(&key, "summary", json!("Edited in bulk")).unwrap();
    }
    world
        .until("all of it is visible", async || {
            world.metric("jiralake_deliveries{state=\"pending\"}").await == 0.0
                && world.metric("jiralake_deliveries{state=\"applied\"}").await >= 2_000.0
        })
        .await;
    let callers = world.sim.callers();
    let single = callers.count_of(Endpoint::Issue);
    let bulk = callers.count_of(Endpoint::BulkFetch) + callers.count_of(Endpoint::BulkChangelog);
    assert!(single < 100, "{single} issues were fetched alone, {bulk} bulk requests");
    assert!(single + bulk < 200, "{single} issues were fetched alone, {bulk} bulk requests");
    world.sim.knobs().change(|knobs| knobs.latency_ms = 0);
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_moved_issues_are_found_under_old_and_new_keys() {
    let jobs = [("JIRALAKE_SWEEP_EVERY_MS", "300")];
    let world = World::with(small(1_000), &jobs).await;
    let site = world.sim.site();
    backfill(&world).await;
    world.same().await;
    drop_all_webhooks(&world);
    let moved: Vec<(String, String)> = site
        .keys()
        .into_iter()
        .map(|key| {
            let new = site.move_to(&key, &other_project(site, &key)).unwrap();
            (key, new)
        })
        .collect();
    world.same().await;
    let aliases = world.table("key_aliases");
    for (old, new) in moved.iter().step_by(97) {
        let known =
            aliases.iter().any(|row| row["former_key"] == **old && row["issue_key"] == **new);
        assert!(known, "{old} leads to {new}");
        let run = world.command(&["show", old]).output().await.unwrap();
        assert!(String::from_utf8_lossy(&run.stdout).contains(new.as_str()), "show {old}");
    }
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projects_new_key_is_found_by_the_census() {
    let jobs = [("JIRALAKE_CENSUS_EVERY_MS", "300")];
    let world = World::with(small(200), &jobs).await;
    let site = world.sim.site();
    world.same().await;
    let before = site.keys();
    site.rename_project("SUPPORT", "HELP").unwrap();
    assert!(site.keys().iter().any(|key| key.starts_with("HELP-")));
    world.same().await;
    let old = before.iter().find(|key| key.starts_with("SUPPORT-")).unwrap();
    let run = world.command(&["sync", old, "--json"]).output().await.unwrap();
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(run.status.success() && said.contains("HELP-"), "{said}");
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jira_is_down_for_a_day() {
    let jobs = [("JIRALAKE_SWEEP_EVERY_MS", "300"), ("JIRALAKE_CENSUS_EVERY_MS", "500")];
    let world = World::with(small(60), &jobs).await;
    world.same().await;
    let site = world.sim.site();
    let keys = site.keys();
    for failure in [Failure::Unavailable { retry_after: None }, Failure::Cut] {
        let fault = Fault { endpoint: None, issue: None, times: None, share: 1.0, failure };
        world.sim.knobs().fail(fault);
        // What it still says before it goes down cannot be looked at any more.
        site.set(&keys[0], "summary", json!("Said while it went down")).unwrap();
        world
            .until("looks fail", async || world.log().matches("did not work out").count() > 3)
            .await;
        world.sim.knobs().heal();
    }
    world.sim.clock().run_with_offset(23 * HOUR_MS);
    for key in keys.iter().take(30) {
        site.set(key, "summary", json!("Changed when it was back")).unwrap();
    }
    world.sim.clock().run_with_offset(24 * HOUR_MS);
    world.same().await;
    assert_eq!(world.table("deleted_issues").len(), 0, "being away is no deletion");
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_off_for_a_day_of_bulk_edits() {
    // The day passes within moments here, so the look back that comes every hour has to cover it.
    let jobs = [
        ("JIRALAKE_SWEEP_LONG_EVERY_MS", "500"),
        ("JIRALAKE_SWEEP_LONG_LOOK_BACK_MS", "90000000"),
        ("JIRALAKE_CENSUS_EVERY_MS", "500"),
    ];
    let world = World::with(small(600), &jobs).await;
    let site = world.sim.site();
    world.same().await;
    drop_all_webhooks(&world);
    for hour in (0..24).step_by(6) {
        world.sim.clock().run_with_offset(hour * HOUR_MS);
        for (n, key) in site.keys().iter().enumerate() {
            match (n + usize::try_from(hour).unwrap()) % 5 {
                0 => site.set(key, "summary", json!(format!("Hour {hour}"))).unwrap(),
                1 if n % 50 == 1 => site.delete(key).unwrap(),
                2 if n % 40 == 2 => drop(site.move_to(key, &other_project(site, key)).unwrap()),
                _ => {}
            }
        }
    }
    world.sim.clock().run_with_offset(24 * HOUR_MS);
    world.same().await;
    world.ends_well().await;
}

/// A thread of 5,000 comments is edited while it is paged.
#[tokio::test(flavor = "multi_thread")]
async fn a_thread_of_5000_that_changes_while_it_is_paged_is_right_in_the_end() {
    for edit in [sim::PagingEdit::AddComment, sim::PagingEdit::RemoveOldestComment] {
        let world = World::new().await;
        let site = world.sim.site();
        let key = site.create(NewIssue::new("SUPPORT", "Long and shifting")).unwrap().key;
        site.seed_comments(&key, 5_000).unwrap();
        site.seed_histories(&key, 5_000).unwrap();
        world.sim.knobs().change(|knobs| {
            knobs.while_paging = Some(sim::WhilePaging { pages: 20, edit });
        });
        site.announce(&key).unwrap();
        world.ends_well().await;
    }
}
