//! Full disks and dead disks, while the program runs and while it starts.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use rand::RngExt;
use tokio::time::{Duration, Instant, sleep};

use super::Section;
use crate::base::Base;
use crate::control::Disk;
use crate::edits;
use crate::outcome::Outcome;
use crate::trial::{Start, Trial};
use crate::verdict::{Ledger, conclude, last_lines};

pub(crate) const SECTION: Section = Section {
    name: "disks",
    attack: "the disk, also that of the log, is full or dead for seconds, while `serve` runs and while it starts",
    promises: &["G1", "G2", "G3", "G5", "G7", "G8"],
    size: |base| base.plan.scaled(8),
    case: boxed,
};

fn boxed(base: Arc<Base>, n: u32) -> BoxFuture<'static, Outcome> {
    case(base, n).boxed()
}

async fn case(base: Arc<Base>, n: u32) -> Outcome {
    let disk = if n.is_multiple_of(2) { Disk::Full } else { Disk::Dead };
    let at_start = (n / 2).is_multiple_of(2);
    let seed = base.plan.seed_of(SECTION.name, n);
    let mut chance = edits::chance(seed);
    let moment = if at_start { "while it starts" } else { "while it runs" };
    let mut outcome = Outcome::new(format!("{disk:?} disk {moment}"));
    let mut trial = Trial::new(&base, seed).await;
    let site = trial.sim.site().clone();
    trial.watch();
    if at_start {
        trial.control.disk(disk);
        trial.start(Start::Plain);
        edits::burst(&site, &mut chance, 3);
        sleep(Duration::from_millis(chance.random_range(500..2_500))).await;
    } else {
        trial.start(Start::Plain);
        trial.listens().await;
        edits::burst(&site, &mut chance, 2);
        sleep(Duration::from_millis(chance.random_range(0..300))).await;
        trial.control.disk(disk);
        for _ in 0..4 {
            edits::burst(&site, &mut chance, 3);
            sleep(Duration::from_millis(chance.random_range(50..400))).await;
        }
    }
    if disk == Disk::Full {
        refusals(&trial, &mut outcome).await;
        let lives = trial.lives();
        if lives.deaths + lives.silences > 0 {
            outcome.failure(format!("a full disk ended the process: {}", last_lines(&trial)));
        }
    }
    outcome.count("outages", 1);
    trial.control.disk(Disk::Healthy);
    edits::burst(&site, &mut chance, 2);
    conclude(&mut trial, Ledger::Whole, &mut outcome).await;
    outcome
}

/// While deliveries are refused for lack of space, `/readyz` MUST say so.
async fn refusals(trial: &Trial, outcome: &mut Outcome) {
    let refused = || {
        let deliveries = trial.sim.webhooks().deliveries();
        deliveries.iter().flat_map(|it| &it.attempts).any(|it| it.status == Some(503))
    };
    if !refused() {
        return;
    }
    let until = Instant::now() + Duration::from_secs(5);
    while Instant::now() < until {
        if trial.readyz().await.is_some_and(|(status, _)| status == 503) {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    outcome.failure("deliveries are refused for lack of space while /readyz is 200");
}
