//! What no webhook told: the sweep, the census and the backfill find it; the breaker stops what
//! cannot be right.

use std::process::Stdio;
use std::time::Duration;

use jira::time::Clock;
use lake::Lock;
use ledger::Ledger;
use serde_json::json;
use sim::{Endpoint, NewComment, NewIssue, Options};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::timeout;

use crate::world::World;

/// Jira tells nothing by webhook; the jobs that are named run often.
async fn silent(jobs: &[&str], issues: u32) -> World {
    let names: Vec<String> = jobs.iter().map(|job| format!("JIRALAKE_{job}_EVERY_MS")).collect();
    let env: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "300")).collect();
    let options = Options { issues, issue_bytes: 15_000, ..Options::default() };
    let world = World::with(options, &env).await;
    world.sim.knobs().change(|knobs| {
        knobs.webhook.drop.insert("*".to_owned(), 1.0);
    });
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn with_webhooks_off_the_sweep_finds_every_change() {
    let world = silent(&["SWEEP"], 0).await;
    let site = world.sim.site();
    let keys: Vec<String> = (0..12)
        .map(|n| site.create(NewIssue::new("SUPPORT", &format!("Ticket {n}"))).unwrap().key)
        .collect();
    world.same().await;
    site.set(&keys[0], "summary", json!("Changed in silence")).unwrap();
    site.comment(&keys[1], NewComment::text("Said in silence")).unwrap();
    site.link(&keys[2], &keys[3], "Blocks").unwrap();
    site.move_to(&keys[4], "OPS").unwrap();
    world.same().await;
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_census_finds_what_is_missing_here_and_what_is_gone_there() {
    let world = silent(&["CENSUS"], 30).await;
    world.same().await;
    let site = world.sim.site();
    let keys = site.keys();
    site.delete(&keys[3]).unwrap();
    site.hide(&keys[4]).unwrap();
    site.create(NewIssue::new("SUPPORT", "New in silence")).unwrap();
    world.same().await;
    site.unhide(&keys[4]).unwrap();
    world.same().await;
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_lags_and_the_long_look_back_repeats() {
    let world = silent(&["SWEEP_LONG"], 0).await;
    world.sim.knobs().change(|knobs| knobs.search_lag_ms = 1_500);
    let site = world.sim.site();
    let key = site.create(NewIssue::new("SUPPORT", "Not yet in the index")).unwrap().key;
    world.same().await;
    site.set(&key, "summary", json!("Indexed late")).unwrap();
    world.same().await;
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_of_a_day_is_made_up_for() {
    let mut world = silent(&["SWEEP"], 60).await;
    let day = Duration::from_secs(24 * 3600);
    let hour = 3_600_000;
    world.sim.clock().run_with_offset(-25 * hour);
    for key in world.sim.site().keys() {
        world.sim.site().set(&key, "summary", json!("Before the stop")).unwrap();
    }
    world.same().await;
    world.stop().await;
    let site = world.sim.site();
    world.sim.clock().run_with_offset(-24 * hour);
    for key in site.keys().iter().step_by(2) {
        site.set(key, "summary", json!("Changed during the stop")).unwrap();
    }
    let created = site.create(NewIssue::new("SUPPORT", "Made during the stop")).unwrap().key;
    world.sim.clock().run_with_offset(0);
    // The last sweep that succeeded was a day ago, too.
    let ledger = Ledger::open(&world.dir.path().join("data/ledger.db"), Clock::system()).await;
    let ledger = ledger.unwrap();
    let last: i64 = ledger.cursor("sweep").await.unwrap().unwrap().parse().unwrap();
    let then = last - i64::try_from(day.as_millis()).unwrap();
    ledger.set_cursor("sweep", &then.to_string()).await.unwrap();
    ledger.close().await;
    world.start().await;
    world.same().await;
    assert_eq!(world.rows_of("issues", &created).len(), 1);
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_restored_to_an_older_state_is_followed() {
    let world = silent(&["CENSUS", "SWEEP"], 0).await;
    let site = world.sim.site();
    let key = site.create(NewIssue::new("SUPPORT", "First")).unwrap().key;
    world.sim.clock().run_with_offset(600_000);
    site.set(&key, "summary", json!("Second")).unwrap();
    world.same().await;
    world.sim.clock().run_with_offset(300_000);
    site.set(&key, "summary", json!("First again")).unwrap();
    world.same().await;
    assert_eq!(world.rows_of("issues", &key)[0]["summary"], "First again");
    // The site's own history is not in the order of its times now, so it is not compared.
    world.stop_and_check_callers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_made_invisible_trips_the_breaker_and_a_person_releases_it() {
    let world = silent(&["CENSUS"], 80).await;
    world.same().await;
    let site = world.sim.site();
    let keys = site.keys();
    keys.iter().for_each(|key| site.hide(key).unwrap());
    world
        .until("the deletes are stopped and what stays is parked", async || {
            world.metric("jiralake_deletes_stopped").await == 1.0
                && world.metric("jiralake_work{state=\"parked\"}").await == 30.0
        })
        .await;
    world.quiet().await;
    let left = world.table("issues").len();
    assert_eq!(left, 30, "fifty left before the breaker stopped it\n{}", world.log());
    let ready = world.http.get(format!("http://{}/readyz", world.address()));
    let ready: serde_json::Value = ready.send().await.unwrap().json().await.unwrap();
    assert_eq!(ready["deletes"], "stopped");
    let listed = world.command(&["parked", "list", "--json"]).output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&listed.stdout).lines().count(), 30);
    // It was a permission: they come back, and nothing of it needs a person.
    keys.iter().for_each(|key| site.unhide(key).unwrap());
    let released = world.command(&["parked", "release"]).output().await.unwrap();
    assert!(released.status.success());
    world.same().await;
    assert_eq!(world.metric("jiralake_deletes_stopped").await, 0.0);
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_changes_takes_few_requests() {
    let world = World::with(Options { issues: 0, ..Options::default() }, &[]).await;
    let site = world.sim.site();
    let keys: Vec<String> = (0..300)
        .map(|n| site.create(NewIssue::new("SUPPORT", &format!("Ticket {n}"))).unwrap().key)
        .collect();
    world.quiet().await;
    world.sim.callers().forget();
    for key in &keys {
        site.set(key, "summary", json!("Changed together")).unwrap();
    }
    world.quiet().await;
    let callers = world.sim.callers();
    let single = callers.count_of(Endpoint::Issue);
    let bulk = callers.count_of(Endpoint::BulkFetch) + callers.count_of(Endpoint::BulkChangelog);
    assert!(single < 100, "{single} issues were fetched alone, {bulk} bulk requests");
    assert!(bulk > 0);
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_between_the_answers_of_a_bulk_look_is_not_lost() {
    let world = World::new().await;
    let site = world.sim.site();
    let keys: Vec<String> = (0..40)
        .map(|n| site.create(NewIssue::new("SUPPORT", &format!("Ticket {n}"))).unwrap().key)
        .collect();
    world.quiet().await;
    // Many are due, so that they are fetched in bulk; whichever answer is slow, the change falls
    // between the two, and no webhook tells of it.
    for slow in [Endpoint::BulkFetch, Endpoint::BulkChangelog] {
        world.sim.knobs().change(|knobs| {
            knobs.webhook.drop.insert("*".to_owned(), 1.0);
            knobs.latency_ms_of.insert(slow, 600);
        });
        world.sim.callers().forget();
        let run = world
            .command(
                &[&["sync"], keys.iter().map(String::as_str).collect::<Vec<_>>().as_slice()]
                    .concat(),
            )
            .spawn();
        let mut run = run.unwrap();
        world
            .until("a bulk answer is on its way", async || world.sim.callers().count_of(slow) > 0)
            .await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        for key in &keys {
            site.set(key, "summary", json!(format!("Changed while {slow:?} was asked"))).unwrap();
        }
        assert!(run.wait().await.unwrap().success());
        world.sim.knobs().change(|knobs| knobs.latency_ms_of.clear());
        let rows = world.table("changelog");
        for issue in world.table("issues") {
            let truth = site.truth_of(issue["issue_key"].as_str().unwrap()).unwrap();
            let updated = truth.issue["fields"]["updated"].as_str().unwrap();
            let updated = jira::time::Instant::parse(updated).unwrap().micros();
            if issue["updated_at"] != json!(updated) {
                continue; // The sweep would see that it is not the newest.
            }
            let wanted = truth.histories.last().unwrap()["id"].clone();
            let has = rows.iter().any(|row| row["change_id"] == wanted);
            assert!(has, "{}: as new as in Jira, but without its last change", truth.key);
        }
        let again = keys.iter().map(String::as_str).collect::<Vec<_>>();
        let again = world.command(&[&["sync"], again.as_slice()].concat()).output().await.unwrap();
        assert!(again.status.success());
    }
    world.ends_well_after_silent_edits().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_copies_all_and_survives_kills() {
    let options = Options { issues: 400, issue_bytes: 15_000, ..Options::default() };
    let mut world = World::with(options, &[]).await;
    world.stop().await;
    world.sim.knobs().change(|knobs| knobs.latency_ms = 10);
    for n in 0_u64..6 {
        let mut run = world.command(&["backfill"]).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(300 + 150 * n)).await;
        run.kill().await.unwrap();
    }
    let run = world.command(&["backfill", "--json"]).output().await.unwrap();
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.success(), "{said}");
    let again = world.command(&["backfill", "--json", "--dry-run"]).output().await.unwrap();
    let again: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!((&again["found"], &again["to_fetch"]), (&json!(400), &json!(0)));
    world.start().await;
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_leaves_the_work_to_a_program_that_takes_the_lake_meanwhile() {
    let options = Options { issues: 20, issue_bytes: 5_000, ..Options::default() };
    let mut world = World::with(options, &[]).await;
    world.stop().await;
    world.sim.callers().forget();
    world.sim.knobs().change(|knobs| knobs.latency_ms = 1_000);
    let mut run = world.command(&["backfill"]).stderr(Stdio::piped()).spawn().unwrap();
    // By the time it asks Jira something it has found the lake free, and not opened it yet.
    world.until("the backfill asks", async || !world.sim.callers().counts().is_empty()).await;
    let now = Clock::system().now();
    let lock = Lock::take(&world.parquet(), "another program", now).unwrap();
    let mut lines = BufReader::new(run.stderr.take().unwrap()).lines();
    let mut said = String::new();
    while !said.contains("another program (pid") {
        let line = timeout(Duration::from_secs(60), lines.next_line()).await.expect("it says so");
        let Some(line) = line.unwrap() else { panic!("the backfill ended: {said}") };
        said += &format!("{line}\n");
    }
    assert!(said.contains("has the lake and does the work"), "{said}");
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    drop(lock);
    world.sim.knobs().change(|knobs| knobs.latency_ms = 0);
    world.start().await;
    assert!(run.wait().await.unwrap().success());
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_has_issues_looked_at_with_serve_and_without() {
    let mut world = World::new().await;
    let site = world.sim.site().clone();
    let key = site.create(NewIssue::new("SUPPORT", "Known")).unwrap().key;
    world.quiet().await;
    site.add_remote_link(&key, "https://example.com/1", "Silent").unwrap();
    let run = world.command(&["sync", &key, "--json"]).output().await.unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(world.rows_of("remote_links", &key).len(), 1);
    world.stop().await;
    site.add_remote_link(&key, "https://example.com/2", "Silent, too").unwrap();
    let moved = site.move_to(&key, "OPS").unwrap();
    let run = world.command(&["sync", &key]).output().await.unwrap();
    let told = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(run.status.success() && told.starts_with(&moved), "{told}");
    assert_eq!(world.rows_of("remote_links", &moved).len(), 2);
    let unknown = site.create(NewIssue::new("SUPPORT", "Known by its key only")).unwrap().key;
    let run = world.command(&["sync", &unknown]).output().await.unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(world.rows_of("issues", &unknown).len(), 1);
    let run = world.command(&["sync", "SUPPORT-99999"]).output().await.unwrap();
    assert_eq!(run.status.code(), Some(3), "{}", String::from_utf8_lossy(&run.stdout));
    world.start().await;
    world.stop_and_check_callers().await;
}
