//! Parts of the data folder are lost or set back a generation while jiralake is down. After the restart
//! the lake equals the site without a command, a sweep or a census, and no visible row leaves meanwhile.

use std::collections::BTreeSet;
use std::path::Path;

use sim::NewIssue;

use crate::world::World;

/// The parts below `data`, as they are deleted or set back.
const PARTS: [&str; 3] = ["raw", "store", "parquet"];

async fn with_issues(count: usize) -> World {
    let world = World::new().await;
    for n in 0..count {
        world.sim.site().create(NewIssue::new("SUPPORT", &format!("Issue {n}"))).unwrap();
    }
    for key in world.sim.site().keys() {
        world.sim.site().announce(&key).unwrap();
    }
    world.quiet().await;
    world.same().await;
    world
}

fn ids(world: &World) -> BTreeSet<String> {
    let rows = world.table("issues").into_iter();
    rows.map(|row| row["issue_id"].as_str().unwrap().to_owned()).collect()
}

/// Restarts and waits until nothing is lost, looking at the tables all the while.
async fn recovers(world: &mut World) {
    let before = ids(world);
    world.start().await;
    world
        .until("nothing is lost any more", async || {
            let left = &before - &ids(world);
            assert!(left.is_empty(), "{} rows left the tables: {left:?}", left.len());
            let metrics = world.metrics().await;
            let get = |name: &str| metrics.get(name).copied().unwrap_or(0.0);
            let url = format!("http://{}/readyz", world.address());
            let ready = world.http.get(url).send().await.unwrap().text().await.unwrap();
            ready.contains(r#""state":"ok""#)
                && get("jiralake_issues_lost") == 0.0
                && get("jiralake_issues") > 0.0
                && get("jiralake_work{state=\"waiting\"}") == 0.0
        })
        .await;
    world.same().await;
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        std::fs::copy(from, to).unwrap();
    }
}

fn part(world: &World, name: &str) -> std::path::PathBuf {
    world.dir.path().join("data").join(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn store_and_raw_are_deleted_and_every_row_stays_and_comes_back() {
    let mut world = with_issues(60).await;
    world.stop().await;
    std::fs::remove_dir_all(part(&world, "raw")).unwrap();
    std::fs::remove_dir_all(part(&world, "store")).unwrap();
    recovers(&mut world).await;
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_of_an_older_generation_is_fetched_again() {
    let mut world = with_issues(20).await;
    world.stop().await;
    let kept = tempfile::tempdir().unwrap();
    copy(&part(&world, "raw"), kept.path());
    world.start().await;
    world.sim.editor().burst(30).unwrap();
    world.quiet().await;
    world.stop().await;
    std::fs::remove_dir_all(part(&world, "raw")).unwrap();
    copy(kept.path(), &part(&world, "raw"));
    recovers(&mut world).await;
    world.ends_well_after_silent_edits().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_of_raw_store_and_tree_are_deleted_beside_the_ledger() {
    let mut world = with_issues(24).await;
    for lost in 1..1 << PARTS.len() {
        world.stop().await;
        for (place, name) in PARTS.iter().enumerate() {
            if lost & (1 << place) != 0 {
                std::fs::remove_dir_all(part(&world, name)).unwrap();
            }
        }
        recovers(&mut world).await;
    }
    world.ends_well().await;
}
