//! The process is killed without warning at random moments under load. Afterwards every delivery
//! that got a 2xx is accounted for, no file is torn, no issue is there twice, and the lake equals
//! the site.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use sim::{NewIssue, Options};

use crate::tables;
use crate::world::World;

const KILLS: u32 = 20;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_kills_under_load_lose_nothing() {
    let mut world = World::with(Options { issues: 40, seed: 7, ..Options::default() }, &[]).await;
    // Jira's retries must outlast a restart.
    world.sim.knobs().change(|knobs| knobs.webhook.retries = 50);
    let mut chance = StdRng::seed_from_u64(20);
    for n in 0..10 {
        world.sim.site().create(NewIssue::new("SUPPORT", &format!("Before {n}"))).unwrap();
    }
    for key in world.sim.site().keys() {
        world.sim.site().announce(&key).unwrap();
    }
    for _ in 0..KILLS {
        world.sim.editor().burst(8).unwrap();
        // The moment is what the story is about: anywhere between door, look, commit and relink.
        tokio::time::sleep(Duration::from_millis(chance.random_range(0..250))).await;
        world.sim.editor().burst(4).unwrap();
        world.kill().await;
        no_file_is_torn(&world);
        world.start().await;
    }
    world.quiet().await;
    every_acknowledged_delivery_is_accounted_for(&world).await;
    world.ends_well_after_silent_edits().await;
}

/// What a reader finds at any moment is whole, and no issue is in two months.
fn no_file_is_torn(world: &World) {
    for table in ["issues", "comments", "changelog", "worklogs", "issuelinks", "custom_fields"] {
        let mut months: BTreeSet<(String, usize)> = BTreeSet::new();
        for (month, path) in tables::files(&world.parquet(), table).iter().enumerate() {
            for row in tables::rows(path) {
                months.insert((row["issue_id"].as_str().unwrap().to_owned(), month));
            }
        }
        let issues: BTreeSet<&str> = months.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(issues.len(), months.len(), "{table}: an issue is in two months");
    }
}

async fn every_acknowledged_delivery_is_accounted_for(world: &World) {
    let listed = world.command(&["events", "list", "--json", "--limit", "100000"]).output().await;
    let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
    let rows: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let recorded: BTreeSet<&str> =
        rows.iter().filter_map(|row| row["identifier"].as_str()).collect();
    assert_eq!(recorded.len(), rows.len(), "each identifier is recorded once");
    for identifier in world.sim.webhooks().acknowledged() {
        assert!(recorded.contains(identifier.as_str()), "{identifier} got a 2xx and is not there");
    }
    for row in &rows {
        let outcome = row["outcome"].as_str().unwrap();
        assert!(["applied", "superseded", "noted"].contains(&outcome), "{row}");
    }
}
