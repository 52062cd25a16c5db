//! Random histories: edits, lost and doubled webhooks, faults of Jira, kills and restarts, in any
//! order. When it is quiet again, the lake equals the site.
//!
//! `JIRALAKE_HISTORIES` says how many (200 if it says nothing), `JIRALAKE_HISTORY_SEED` where to
//! begin; the seed of a history that goes wrong is printed, and with it alone it goes wrong again.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use sim::{Endpoint, Failure, Fault, Options};

use crate::truth;
use crate::world::World;

/// Histories that run side by side.
const SIDE_BY_SIDE: usize = 4;

/// Edits, faults and restarts of one history.
const STEPS: usize = 14;

#[test]
fn after_any_history_the_lake_equals_the_site() {
    let number = |name: &str, usual: u64| {
        std::env::var(name).map_or(usual, |text| text.parse().expect("a number"))
    };
    let (count, first) = (number("JIRALAKE_HISTORIES", 200), number("JIRALAKE_HISTORY_SEED", 1));
    let threads = (0..SIDE_BY_SIDE).map(|one| {
        let seeds = (first..first + count).skip(one).step_by(SIDE_BY_SIDE);
        std::thread::spawn(move || seeds.for_each(alone))
    });
    let threads: Vec<_> = threads.collect();
    let ended: Vec<_> = threads.into_iter().map(std::thread::JoinHandle::join).collect();
    assert!(ended.iter().all(Result::is_ok), "a history went wrong: its seed is told above");
}

fn alone(seed: u64) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let told = Told(seed);
    runtime.block_on(history(seed));
    std::mem::forget(told);
}

/// Tells the seed when the history is left by a panic.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        let seed = self.0;
        eprintln!(
            "history {seed} went wrong; JIRALAKE_HISTORIES=1 JIRALAKE_HISTORY_SEED={seed} repeats it"
        );
    }
}

async fn history(seed: u64) {
    let mut chance = StdRng::seed_from_u64(seed);
    let options = Options { issues: 12, issue_bytes: 3_000, seed, ..Options::default() };
    let jobs = [("JIRALAKE_SWEEP_EVERY_MS", "200"), ("JIRALAKE_CENSUS_EVERY_MS", "300")];
    let mut world = World::with(options, &jobs).await;
    for _ in 0..STEPS {
        step(&mut world, &mut chance).await;
        // No two changes bear the same time: with it, a lost webhook would leave no trace.
        world.sim.clock().advance(Duration::from_millis(2));
    }
    world.sim.knobs().heal();
    world.sim.knobs().change(|knobs| knobs.webhook.drop.clear());
    world.same().await;
    world.quiet().await;
    world.equals_the_site(truth::Of::Announced);
    world.stop_and_check_callers().await;
}

async fn step(world: &mut World, chance: &mut StdRng) {
    let keys = world.sim.site().keys();
    let key = keys.choose(chance).cloned().unwrap_or_default();
    match chance.random_range(0..20) {
        0..9 => drop(world.sim.editor().once().unwrap()),
        9 => world.sim.site().delete(&key).unwrap(),
        10 => {
            let to = world.sim.site().projects().choose(chance).cloned().unwrap();
            if !key.starts_with(&format!("{to}-")) {
                world.sim.site().move_to(&key, &to).unwrap();
            }
        }
        11 => world.sim.site().set(&key, "summary", json!("Changed at random")).unwrap(),
        12 => world.sim.site().hide(&key).unwrap(),
        13 => fault(world, chance),
        14 => world.sim.knobs().change(|knobs| {
            knobs.webhook.drop.insert("*".to_owned(), 0.5);
            knobs.webhook.duplicates = 0.3;
            knobs.webhook.reorder_ms = 50;
        }),
        15 => world.sim.knobs().heal(),
        16 => {
            world.kill().await;
            world.start().await;
        }
        17 => {
            world.stop().await;
            drop(world.sim.editor().once().unwrap());
            world.start().await;
        }
        _ => tokio::time::sleep(Duration::from_millis(chance.random_range(1..150))).await,
    }
}

/// Something of Jira fails for a while.
fn fault(world: &World, chance: &mut StdRng) {
    let throttled = |retry_after, reason: &str| Failure::Throttled {
        retry_after,
        reason: Some(reason.to_owned()),
    };
    let failures = [
        Failure::Status(500),
        Failure::Cut,
        Failure::Truncated,
        Failure::NotJson,
        Failure::Unavailable { retry_after: Some(1) },
        throttled(Some(1), "jira-burst-based"),
        throttled(None, "jira-per-issue-on-write"),
    ];
    let endpoints = [
        None,
        Some(Endpoint::Issue),
        Some(Endpoint::BulkFetch),
        Some(Endpoint::BulkChangelog),
        Some(Endpoint::RemoteLinks),
        Some(Endpoint::Search),
        Some(Endpoint::Comments),
    ];
    world.sim.knobs().fail(Fault {
        endpoint: *endpoints.choose(chance).unwrap(),
        issue: None,
        times: Some(chance.random_range(1..6)),
        share: 0.7,
        failure: failures.choose(chance).unwrap().clone(),
    });
}
