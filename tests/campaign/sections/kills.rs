//! Kills at random moments, while Jira delivers.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use rand::RngExt;

use super::Section;
use crate::base::Base;
use crate::edits;
use crate::outcome::Outcome;
use crate::trial::{Start, Trial};
use crate::verdict::{Ledger, conclude};

pub(crate) const SECTION: Section = Section {
    name: "kills",
    attack: "`serve` is killed at random moments while deliveries arrive, some of them twice and out of order",
    promises: &["G1", "G2", "G3", "G4", "G5", "G7", "G9"],
    size: |base| base.plan.scaled(8),
    case: boxed,
};

/// Kills in one case.
const KILLS: u32 = 4;

fn boxed(base: Arc<Base>, n: u32) -> BoxFuture<'static, Outcome> {
    case(base, n).boxed()
}

async fn case(base: Arc<Base>, n: u32) -> Outcome {
    let seed = base.plan.seed_of(SECTION.name, n);
    let mut chance = edits::chance(seed);
    let mut outcome = Outcome::new(format!("{KILLS} kills at random moments of serve"));
    let mut trial = Trial::new(&base, seed).await;
    trial.sim.knobs().change(|knobs| {
        knobs.webhook.duplicates = 0.2;
        knobs.webhook.reorder_ms = 40;
    });
    let site = trial.sim.site().clone();
    trial.watch();
    trial.start(Start::Plain);
    trial.listens().await;
    for _ in 0..KILLS {
        edits::burst(&site, &mut chance, 4);
        // The moment is what the attack is about: anywhere between the first byte and the relinking.
        tokio::time::sleep(Duration::from_millis(chance.random_range(0..400))).await;
        edits::burst(&site, &mut chance, 2);
        trial.kill().await;
    }
    conclude(&mut trial, Ledger::Whole, &mut outcome).await;
    outcome
}
