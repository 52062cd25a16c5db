//! Clocks that jump, far ahead, back and before 1970, while work fails and has to be repeated.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use rand::RngExt;
use sim::{Endpoint, Failure};
use tokio::time::{Duration, sleep};

use super::Section;
use crate::base::Base;
use crate::edits;
use crate::outcome::Outcome;
use crate::trial::{Start, Trial};
use crate::verdict::{Ledger, conclude, last_lines};

const DAY: i64 = 86_400;

/// The jumps, in seconds from the right time.
const JUMPS: [(&str, i64); 6] = [
    ("an hour ahead", 3_600),
    ("a day ahead", DAY),
    ("a month ahead", 30 * DAY),
    ("ten years ahead", 3_650 * DAY),
    ("a day behind", -DAY),
    ("before 1970", -60 * 365 * DAY),
];

pub(crate) const SECTION: Section = Section {
    name: "clocks",
    attack: "the clock jumps, up to ten years ahead and to before 1970, and back, while Jira fails",
    promises: &["G2", "G3", "G9"],
    size: |base| base.plan.scaled(12),
    case: boxed,
};

fn boxed(base: Arc<Base>, n: u32) -> BoxFuture<'static, Outcome> {
    case(base, n).boxed()
}

async fn case(base: Arc<Base>, n: u32) -> Outcome {
    let (name, offset) = JUMPS[n as usize % JUMPS.len()];
    let at_start = (n as usize / JUMPS.len()).is_multiple_of(2);
    let seed = base.plan.seed_of(SECTION.name, n);
    let mut chance = edits::chance(seed);
    let moment = if at_start { "from the start" } else { "while it runs" };
    let mut outcome = Outcome::new(format!("the clock is {name} {moment}, then right"));
    let mut trial = Trial::new(&base, seed).await;
    let site = trial.sim.site().clone();
    trial.watch();
    if at_start {
        trial.control.clock(offset);
    }
    trial.start(Start::Plain);
    trial.listens().await;
    edits::burst(&site, &mut chance, 2);
    trial.control.clock(offset);
    // Work that fails now is due again after a pause that the wrong clock measures.
    trial.sim.knobs().fail_next(Endpoint::Issue, 40, Failure::Status(500));
    trial.sim.knobs().fail_next(Endpoint::BulkFetch, 40, Failure::Status(500));
    edits::burst(&site, &mut chance, 6);
    sleep(Duration::from_millis(chance.random_range(800..2_000))).await;
    trial.control.clock(0);
    trial.sim.knobs().heal();
    edits::burst(&site, &mut chance, 2);
    outcome.count("jumps", 2);
    let lives = trial.lives();
    if lives.deaths + lives.silences > 0 {
        outcome.failure(format!("the clock ended the process: {}", last_lines(&trial)));
    }
    conclude(&mut trial, Ledger::Whole, &mut outcome).await;
    outcome
}
