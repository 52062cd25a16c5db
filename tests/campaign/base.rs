//! What every case starts from: a data folder of a small site, stopped cleanly, and the site itself.
//!
//! It is made once in a run. There are two generations, `older` and `newer`, with edits, a deletion, a
//! move and attachments between them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sim::{Kept, NewIssue, Options, Sim};
use tempfile::TempDir;

use crate::edits;
use crate::files;
use crate::plan::Plan;
use crate::tables::{self, Row};
use crate::trial::{Start, Trial};
use crate::verdict;

/// Generated issues at the beginning; edits add a few.
const ISSUES: u32 = 36;

/// The rows of issues by table and id, without columns that depend on the time of a fetch.
pub(crate) type BaseRows = BTreeMap<(&'static str, String), Vec<Row>>;

/// The prepared folders and the site. Shared by all cases, changed by none.
#[derive(Debug)]
pub(crate) struct Base {
    dir: TempDir,
    pub(crate) kept: Kept,
    /// The rows of the folder, for comparison with those of issues that a case does not edit.
    pub(crate) rows: Arc<BaseRows>,
    /// Deliveries that got a 2xx while the folder was made.
    pub(crate) acknowledged: BTreeSet<String>,
    /// The compiled shim.
    pub(crate) shim: PathBuf,
    pub(crate) plan: Plan,
}

impl Base {
    /// Makes the folders with the real binary.
    pub(crate) async fn new(plan: Plan) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let shim = crate::shim::compile(dir.path());
        let options =
            Options { issues: ISSUES, seed: plan.seed, issue_bytes: 6_000, ..Options::default() };
        let sim = Sim::start(options).await.unwrap();
        let mut trial = Trial::fresh(sim, &shim, Duration::from_secs(120));
        trial.start(Start::Plain);
        trial.listens().await;
        let (site, mut chance) = (trial.sim.site().clone(), edits::chance(plan.seed));
        for n in 0..4 {
            let made = site.create(NewIssue::new(&site.first_project(), &format!("Base {n}")));
            let key = made.unwrap().key;
            site.seed_comments(&key, 6).unwrap();
            site.attach(&key, &format!("file-{n}.txt"), "text/plain", vec![b'a'; 3_000]).unwrap();
        }
        for key in site.keys() {
            site.announce(&key).unwrap();
        }
        trial.settles().await.unwrap();
        attachments_arrive(&trial).await;
        trial.stop().await;
        files::copy(&trial.data(), &dir.path().join("older"));
        trial.start(Start::Plain);
        trial.listens().await;
        edits::burst(&site, &mut chance, 24);
        let key = site.create(NewIssue::new(&site.first_project(), "Newer")).unwrap().key;
        site.attach(&key, "newer.txt", "text/plain", vec![b'b'; 3_000]).unwrap();
        trial.settles().await.unwrap();
        attachments_arrive(&trial).await;
        trial.stop().await;
        files::copy(&trial.data(), &dir.path().join("newer"));
        let rows = verdict::base_rows(|table| tables::read(&trial.parquet(), table));
        let acknowledged = trial.sim.webhooks().acknowledged().into_iter().collect();
        Self { kept: trial.sim.keep(), dir, rows: Arc::new(rows), acknowledged, shim, plan }
    }

    /// The data folder as it is when a case begins.
    pub(crate) fn newer(&self) -> PathBuf {
        self.dir.path().join("newer")
    }

    /// The same folder a generation earlier.
    pub(crate) fn older(&self) -> PathBuf {
        self.dir.path().join("older")
    }
}

/// Waits until no attachment is pending: its row changes when its bytes come.
async fn attachments_arrive(trial: &Trial) {
    let arrived = tokio::time::timeout(Duration::from_secs(120), async {
        let is_pending = |row: &Row| row["state"] == "pending";
        while tables::read(&trial.parquet(), "attachments").iter().any(is_pending) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    arrived.await.expect("all attachments arrive in time");
}
