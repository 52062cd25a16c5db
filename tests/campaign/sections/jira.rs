//! A Jira that fails, cuts, lies and loses webhooks.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use rand::RngExt;
use rand::seq::IndexedRandom;
use sim::{Endpoint, Failure};

use super::Section;
use crate::base::Base;
use crate::edits;
use crate::outcome::Outcome;
use crate::trial::{Start, Trial};
use crate::verdict::{Ledger, conclude};

pub(crate) const SECTION: Section = Section {
    name: "jira",
    attack: "Jira fails, throttles, cuts answers, answers what is not JSON, and loses webhooks",
    promises: &["G3", "G4", "G6", "G7", "G9"],
    size: |base| base.plan.scaled(8),
    case: boxed,
};

fn boxed(base: Arc<Base>, n: u32) -> BoxFuture<'static, Outcome> {
    case(base, n).boxed()
}

async fn case(base: Arc<Base>, n: u32) -> Outcome {
    let seed = base.plan.seed_of(SECTION.name, n);
    let mut chance = edits::chance(seed);
    let mut outcome = Outcome::new("failures of every endpoint, and a third of the webhooks lost");
    let mut trial = Trial::new(&base, seed).await;
    let site = trial.sim.site().clone();
    // Lost deletions are found by the census alone.
    trial.census_is_due();
    trial.watch();
    trial.start(Start::Plain);
    trial.listens().await;
    trial.sim.knobs().change(|knobs| {
        knobs.webhook.drop.insert("*".into(), 0.33);
        knobs.webhook.duplicates = 0.2;
    });
    let endpoints = [
        Endpoint::Issue,
        Endpoint::BulkFetch,
        Endpoint::RemoteLinks,
        Endpoint::Comments,
        Endpoint::Changelog,
        Endpoint::Worklogs,
    ];
    let failures = [
        Failure::Status(500),
        Failure::Status(502),
        Failure::Unavailable { retry_after: None },
        Failure::Cut,
        Failure::Truncated,
        Failure::NotJson,
        Failure::Hang(300),
    ];
    for _ in 0..6 {
        let failure = failures.choose(&mut chance).unwrap().clone();
        trial.sim.knobs().fail_next(
            *endpoints.choose(&mut chance).unwrap(),
            chance.random_range(1..6),
            failure,
        );
        edits::burst(&site, &mut chance, 4);
        outcome.count("failures of Jira", 1);
        tokio::time::sleep(tokio::time::Duration::from_millis(chance.random_range(0..300))).await;
    }
    trial.sim.knobs().heal();
    conclude(&mut trial, Ledger::Whole, &mut outcome).await;
    outcome
}
