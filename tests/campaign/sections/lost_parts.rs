//! Raw snapshots, store, visible tree and ledger are lost, or a generation older, in every combination.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::Section;
use crate::base::Base;
use crate::outcome::Outcome;
use crate::trial::{Start, Trial};
use crate::verdict::{Ledger, conclude};
use crate::{edits, files};

/// The parts of the data folder.
const PARTS: [(&str, &[&str]); 4] = [
    ("raw", &["raw"]),
    ("store", &["store"]),
    ("tree", &["parquet"]),
    ("ledger", &["ledger.db", "ledger.db-wal", "ledger.db-shm"]),
];
const LEDGER: usize = 3;

pub(crate) const SECTION: Section = Section {
    name: "lost-parts",
    attack: "raw snapshots, store, tables and ledger are missing or a generation older, in all combinations",
    promises: &["G2", "G3", "G6", "G7", "G9"],
    size: |base| base.plan.scaled(32),
    case: boxed,
};

fn boxed(base: Arc<Base>, n: u32) -> BoxFuture<'static, Outcome> {
    case(base, n).boxed()
}

async fn case(base: Arc<Base>, n: u32) -> Outcome {
    let parts = (n % 16) as usize;
    let is_older = (n / 16) % 2 == 1;
    let has = |part: usize| parts >> part & 1 == 1;
    let names: Vec<&str> =
        (0..PARTS.len()).filter(|part| has(*part)).map(|part| PARTS[part].0).collect();
    let state = if is_older { "a generation older" } else { "lost" };
    let mut outcome = Outcome::new(format!("[{}] {state}", names.join(", ")));
    let seed = base.plan.seed_of(SECTION.name, n);
    let mut chance = edits::chance(seed);
    let mut trial = Trial::new(&base, seed).await;
    for part in (0..PARTS.len()).filter(|part| has(*part)) {
        for name in PARTS[part].1 {
            let path = trial.data().join(name);
            files::remove(&path);
            let older = base.older().join(name);
            if is_older && older.is_dir() {
                files::copy(&older, &path);
            } else if is_older && older.is_file() {
                std::fs::copy(&older, &path).unwrap();
            }
        }
    }
    if parts == 15 {
        // Nothing is left that could know of a delivery: a new folder, or an older backup.
        files::remove(&trial.data());
        if is_older {
            files::copy(&base.older(), &trial.data());
        }
        trial.acknowledged_before.clear();
        trial.census_is_due();
    }
    let site = trial.sim.site().clone();
    trial.watch();
    trial.start(Start::Plain);
    edits::burst(&site, &mut chance, 4);
    trial.listens().await;
    edits::burst(&site, &mut chance, 2);
    outcome.count("parts", names.len() as u64);
    let ledger = if has(LEDGER) { Ledger::Damaged } else { Ledger::Whole };
    conclude(&mut trial, ledger, &mut outcome).await;
    outcome
}
