//! Issues move, are deleted, are hidden, come back: identity is the id.

use serde_json::json;
use sim::{NewIssue, Options};

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_issue_leaves_no_ghost() {
    let world = World::new().await;
    let site = world.sim.site();
    let made = site.create(NewIssue::new("SUPPORT", "Moves")).unwrap();
    site.seed_comments(&made.key, 3).unwrap();
    site.announce(&made.key).unwrap();
    world.quiet().await;
    let new = site.move_to(&made.key, "OPS").unwrap();
    world.quiet().await;
    assert!(
        world.rows_of("issues", &made.key).is_empty()
            && world.rows_of("comments", &made.key).is_empty()
    );
    assert_eq!(world.rows_of("comments", &new).len(), 3);
    let raw = world.dir.path().join("data/raw/issues");
    assert!(
        raw.join(format!("{new}.json")).exists()
            && !raw.join(format!("{}.json", made.key)).exists()
    );
    let shown = world.command(&["show", &made.key]).output().await.unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains(&new), "the old key finds it: {shown}");
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_issue_leaves_and_late_events_do_not_bring_it_back() {
    let world = World::new().await;
    world.sim.knobs().change(|knobs| knobs.webhook.secondary_delay_ms = 500);
    let site = world.sim.site();
    let keep = site.create(NewIssue::new("SUPPORT", "Stays")).unwrap().key;
    let gone = site.create(NewIssue::new("SUPPORT", "Goes")).unwrap().key;
    site.seed_comments(&gone, 5).unwrap();
    site.announce(&gone).unwrap();
    world.quiet().await;
    assert_eq!(world.rows_of("comments", &gone).len(), 5);
    site.delete(&gone).unwrap();
    world.quiet().await;
    assert!(
        world.rows_of("issues", &gone).is_empty() && world.rows_of("comments", &gone).is_empty()
    );
    assert_eq!(world.rows_of("issues", &keep).len(), 1);
    let raw = world.dir.path().join(format!("data/raw/issues/{gone}.json"));
    let raw: serde_json::Value = serde_json::from_slice(&std::fs::read(raw).unwrap()).unwrap();
    assert!(raw["_deleted_at"].is_string(), "the snapshot stays, with the time");
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_issue_leaves_after_proof_and_comes_back_when_it_answers() {
    let world = World::new().await;
    let site = world.sim.site();
    let key = site.create(NewIssue::new("SUPPORT", "Hide and seek")).unwrap().key;
    world.quiet().await;
    site.hide(&key).unwrap();
    site.announce(&key).unwrap();
    world.quiet().await;
    assert!(world.rows_of("issues", &key).is_empty());
    site.unhide(&key).unwrap();
    site.set(&key, "summary", json!("Found")).unwrap();
    world.quiet().await;
    assert_eq!(world.rows_of("issues", &key)[0]["summary"], "Found");
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_quick_404s_are_one_proof() {
    let pause = [("JIRALAKE_RECONCILE_CONFIRM_PAUSE_MS", "3600000")];
    let world = World::with(Options { issues: 0, ..Options::default() }, &pause).await;
    let site = world.sim.site();
    let key = site.create(NewIssue::new("SUPPORT", "Hidden for a moment")).unwrap().key;
    world.quiet().await;
    site.hide(&key).unwrap();
    let settled = "jiralake_looks_total{outcome=\"settled\"}";
    for looks in 1..=3 {
        site.announce(&key).unwrap();
        world
            .until("the hidden issue is looked at", async || {
                world.metric(settled).await >= f64::from(looks)
            })
            .await;
    }
    assert_eq!(world.rows_of("issues", &key).len(), 1, "the pause between two proofs is kept");
    world.stop_and_check_callers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_jira_does_not_know_is_parked() {
    let world = World::new().await;
    let body = r#"{"webhookEvent":"jira:issue_updated","issue":{"key":"SUPPORT-99999"}}"#;
    let url = format!("http://{}/webhooks/jira", world.address());
    let signature = crate::signing::sign(crate::world::SECRET, body.as_bytes());
    let post = world.http.post(url).header("X-Hub-Signature", signature).body(body);
    assert_eq!(post.send().await.unwrap().status().as_u16(), 200);
    world
        .until("it is parked", async || {
            world.metric("jiralake_work{state=\"parked\"}").await == 1.0
        })
        .await;
    assert_eq!(world.metric("jiralake_deliveries{state=\"parked\"}").await, 1.0);
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_project_that_is_not_kept_nothing_is_written() {
    let only = [("JIRA_PROJECT", "SUPPORT")];
    let world = World::with(Options { issues: 0, ..Options::default() }, &only).await;
    let site = world.sim.site();
    let other = site.create(NewIssue::new("OPS", "Confidential")).unwrap().key;
    let moves = site.create(NewIssue::new("SUPPORT", "Moves away")).unwrap().key;
    world.quiet().await;
    assert_eq!(world.table("issues").len(), 1);
    assert!(!world.dir.path().join(format!("data/raw/issues/{other}.json")).exists());
    site.move_to(&moves, "OPS").unwrap();
    world.quiet().await;
    assert!(world.table("issues").is_empty());
    world.stop_and_check_callers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_finds_an_issue_by_a_key_that_it_lost_before_it_was_copied() {
    let mut world = World::new().await;
    let site = world.sim.site().clone();
    world.stop().await;
    let old = site.create(NewIssue::new("SUPPORT", "Moved long ago")).unwrap().key;
    let new = site.move_to(&old, "OPS").unwrap();
    world.start().await;
    site.announce(&new).unwrap();
    world.quiet().await;
    for _ in 0..2 {
        let run = world.command(&["sync", &old, "--json"]).output().await.unwrap();
        let said: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
        assert_eq!((&said["key"], &said["state"]), (&json!(new), &json!("up to date")));
    }
    world.ends_well().await;
}
