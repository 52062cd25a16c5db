//! One issue kills the process, again after a restart: it is not tried first, and at the second death
//! it is parked while the rest goes on.

use serde_json::{Value, json};
use sim::{Failure, Fault, NewIssue, Options};

use crate::world::World;

async fn edited(world: &World, key: &str, summary: &str) {
    world.sim.site().set(key, "summary", json!(summary)).unwrap();
    world
        .until("the edit is visible", async || {
            world.rows_of("issues", key).first().is_some_and(|row| row["summary"] == summary)
        })
        .await;
}

/// Waits until the one issue that no answer comes for is the only one in flight.
async fn alone_in_flight(world: &World) {
    world
        .until("one issue is in flight", async || {
            world.metric("jiralake_work{state=\"leased\"}").await == 1.0
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_that_kills_the_process_twice_is_parked_and_the_others_go_on() {
    let options = Options { issues: 0, ..Options::default() };
    let env = [("JIRALAKE_RECONCILE_SUSPECT_WAIT_MS", "1500")];
    let mut world = World::with(options, &env).await;
    let site = world.sim.site();
    let other = site.create(NewIssue::new("SUPPORT", "Harmless")).unwrap().key;
    let lethal = site.create(NewIssue::new("SUPPORT", "Lethal")).unwrap();
    world.quiet().await;
    // No answer comes while the process works on it: the moment of its death can be chosen.
    let issue = Some(lethal.id);
    let failure = Failure::Hang(600_000);
    world.sim.knobs().fail(Fault { endpoint: None, issue, times: None, share: 1.0, failure });
    world.sim.site().set(&lethal.key, "summary", json!("Edited")).unwrap();
    alone_in_flight(&world).await;
    world.kill().await;
    world.start().await;
    edited(&world, &other, "Not held up by the suspect").await;
    world.until("the suspect is taken", async || world.log().contains("it is taken alone")).await;
    alone_in_flight(&world).await;
    world.kill().await;
    world.start().await;
    edited(&world, &other, "Goes on").await;
    world
        .until("it is parked", async || {
            world.metric("jiralake_work{state=\"parked\"}").await == 1.0
        })
        .await;
    let list = world.command(&["parked", "list", "--json"]).output().await.unwrap();
    let said = String::from_utf8(list.stdout).unwrap();
    let parked: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(said.contains("died twice"), "{parked:?}");
    world.sim.knobs().heal();
    let retried = world.command(&["parked", "retry", &lethal.key]).output().await.unwrap();
    assert!(retried.status.success(), "{}", String::from_utf8_lossy(&retried.stderr));
    world.ends_well().await;
}
