//! The background jobs of a running daemon: each is alone in its task and ends with the daemon.

use std::time::Duration;

use jira::client::FieldId;
use jira::pace::Priority;
use lake::Lake;
use ledger::Clocks;
use reconcile::Error;
use reconcile::attachments::Downloads;
use reconcile::backfill::Run;
use reconcile::census::Census;
use reconcile::damage::AfterDamage;
use reconcile::jobs::{First, Job, Surroundings};
use reconcile::sla::SlaPoll;
use reconcile::sweep::Sweep;
use reconcile::verify::{self, Verification};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Rounds, start};

impl Rounds {
    /// Runs all jobs; never ends, so that whoever selects on it decides when it is over.
    pub(super) async fn run_jobs(
        &self,
        lake: &Lake,
        sla_fields: Vec<FieldId>,
        stop: watch::Receiver<bool>,
    ) {
        let sweep = self.sweep();
        let census = self.census();
        let poll = SlaPoll {
            client: self.service.as_ref().unwrap_or(&self.jira).at(Priority::Sla),
            ledger: self.ledger.clone(),
            lake: lake.clone(),
            clock: self.clock.clone(),
            fields: sla_fields,
            parallel: 4,
        };
        let downloads = Downloads {
            client: self.jira.at(Priority::Backfill),
            ledger: self.ledger.clone(),
            lake: lake.clone(),
            clock: self.clock.clone(),
            back_off: self.limits.back_off,
            bounds: self.bounds,
        };
        let settings = &self.settings;
        let look_back = Duration::from_millis(settings.sweep.long_look_back_ms);
        let short = self.job("sweep", settings.sweep.every_ms, First::AtOnce);
        let long = self.job("long-sweep", settings.sweep.long_every_ms, First::AtOnce);
        let daily = self.job("census", settings.census.every_ms, First::WhenDue);
        let clocks = self.job("sla", settings.sla.poll_every_ms, First::AtOnce);
        let lists = self.job("dimensions", settings.dimensions.every_ms, First::WhenDue);
        let accounts = (&self.jira, self.service.as_ref());
        let dimensions = start::dimensions(&self.settings, accounts, lake, &self.ledger);
        let bytes = self.job("attachments", settings.attachments.every_ms, First::AtOnce);
        // At once: nobody knows what happened to the files since the last run.
        let files = self.job(verify::JOB, settings.verify.every_ms, First::AtOnce);
        let verification = self.verification(lake);
        let around = Surroundings {
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            metrics: self.job_metrics.clone(),
        };
        let stopped = || stop.clone();
        let after_damage = AfterDamage {
            ledger: self.ledger.clone(),
            sweep: sweep.clone(),
            census: census.clone(),
            back_off: self.limits.back_off,
        };
        tokio::join!(
            after_damage.run(stopped()),
            short.run(around.clone(), stopped(), || async { counts(sweep.pass().await) }),
            long.run(around.clone(), stopped(), || async {
                counts(sweep.look_back(look_back).await)
            }),
            daily.run(around.clone(), stopped(), || async { counts(census.pass().await) }),
            lists.run(around.clone(), stopped(), || async { counts(dimensions.pass().await) }),
            clocks.run(around.clone(), stopped(), || async {
                counts(poll.pass(Clocks::Running, Run::Real).await)
            }),
            bytes.run(around.clone(), stopped(), || async { counts(downloads.pass().await) }),
            files.run(around.clone(), stopped(), || async { counts(verification.pass().await) }),
        );
        std::future::pending().await
    }

    /// The verification alone, when somebody wishes for it; never ends.
    pub(super) async fn verify_on_wish(&self, lake: &Lake, stop: watch::Receiver<bool>) {
        let verification = self.verification(lake);
        let around = Surroundings {
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            metrics: self.job_metrics.clone(),
        };
        let files = self.job(verify::JOB, 0, First::AtOnce);
        files.run(around, stop, || async { counts(verification.pass().await) }).await;
        std::future::pending().await
    }

    fn job(&self, name: &'static str, every_ms: u64, first: First) -> Job {
        let back_off = self.limits.back_off;
        Job { name, every: Duration::from_millis(every_ms), first, back_off }
    }

    fn verification(&self, lake: &Lake) -> Verification {
        Verification {
            ledger: self.ledger.clone(),
            lake: lake.clone(),
            clock: self.clock.clone(),
            metrics: self.job_metrics.verify.clone(),
            every: Duration::from_millis(self.settings.verify.every_ms),
            back_off: self.limits.back_off,
        }
    }

    fn sweep(&self) -> Sweep {
        Sweep {
            client: self.jira.at(Priority::Sweep),
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            projects: self.settings.jira.projects.clone(),
        }
    }

    fn census(&self) -> Census {
        let Sweep { client, ledger, clock, projects } = self.sweep();
        Census { client, ledger, clock, projects }
    }
}

fn counts<T: serde::Serialize>(pass: Result<T, Error>) -> Result<Value, Error> {
    pass.map(|counts| json!(counts))
}
