//! The ledger is damaged: the start finds it, reports it, and the lake equals the site again without
//! a person, with sweep and census turned off.

use std::path::PathBuf;

use serde_json::{Value, json};
use sim::{NewIssue, Options};

use crate::world::World;

async fn ready(world: &World) -> Value {
    let answer = world.http.get(format!("http://{}/readyz", world.address())).send().await.unwrap();
    assert!(answer.status().is_success());
    answer.json().await.unwrap()
}

async fn reconciled(world: &World, kind: &str) {
    world
        .until("the damage is reconciled", async || {
            ready(world).await["damage"]["reconciled_at"].is_string()
        })
        .await;
    assert_eq!(ready(world).await["damage"]["kind"], kind);
    assert_eq!(world.metric("jiralake_ledger_damaged").await, 0.0);
}

fn file(world: &World, name: &str) -> PathBuf {
    world.dir.path().join("data").join(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_ledger_is_found_and_what_it_missed_is_fetched() {
    let mut world = World::with(Options { issues: 0, ..Options::default() }, &[]).await;
    let site = world.sim.site();
    let [edited, deleted] = ["To be edited", "To be deleted"]
        .map(|summary| site.create(NewIssue::new("SUPPORT", summary)).unwrap().key);
    world.quiet().await;
    world.stop().await;
    let older = world.dir.path().join("older.db");
    std::fs::copy(file(&world, "ledger.db"), &older).unwrap();
    world.start().await;
    world.sim.site().create(NewIssue::new("SUPPORT", "New")).unwrap();
    world.quiet().await;
    world.stop().await;
    // What happens meanwhile is told to nobody: these deliveries stand for the lost ones.
    world.sim.knobs().change(|knobs| {
        knobs.webhook.drop.insert("*".to_owned(), 1.0);
    });
    world.sim.site().set(&edited, "summary", json!("Edited")).unwrap();
    world.sim.site().delete(&deleted).unwrap();
    std::fs::copy(&older, file(&world, "ledger.db")).unwrap();
    world.start().await;
    reconciled(&world, "behind").await;
    world.same().await;
    let doctor = world.command(&["doctor"]).output().await.unwrap();
    let said = String::from_utf8(doctor.stdout).unwrap();
    assert!(said.contains("the end of the ledger was not there; compared with Jira at"), "{said}");
    world.stop_and_check_callers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_acknowledged_after_the_ledger_was_removed_and_the_next_start_makes_up_for_it() {
    let mut world = World::with(Options { issues: 0, ..Options::default() }, &[]).await;
    world.sim.knobs().change(|knobs| knobs.webhook.retries = 1_000);
    let site = world.sim.site();
    site.create(NewIssue::new("SUPPORT", "Before")).unwrap();
    world.quiet().await;
    for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        std::fs::remove_file(file(&world, name)).unwrap();
    }
    let before = world.sim.webhooks().acknowledged().len();
    for n in 0..20 {
        world.sim.site().create(NewIssue::new("SUPPORT", &format!("After {n}"))).unwrap();
    }
    world
        .until("serve says why it refuses", async || {
            world.log().contains("the ledger's file was removed or replaced")
        })
        .await;
    assert_eq!(world.sim.webhooks().acknowledged().len(), before, "into a file that is not there");
    world.kill().await;
    world.start().await;
    reconciled(&world, "missing").await;
    world.sim.webhooks().settled(crate::world::PATIENCE).await.unwrap();
    world.same().await;
    world.stop_and_check_callers().await;
}
