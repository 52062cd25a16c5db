//! The work that a process does while a fault hits it: follow Jira, copy all history, rebuild, upgrade,
//! publish.

use ledger::Ledger;
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::time::{Duration, sleep};

use crate::outcome::Outcome;
use crate::trial::{Start, Trial};
use crate::{edits, files};

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Workload {
    /// `serve` follows edits.
    Serve,
    /// `backfill` fills an empty folder.
    Backfill,
    /// `transform` rebuilds the tables.
    Transform,
    /// `serve` starts on a lake of an older form, and rebuilds it.
    Upgrade,
    /// `serve` starts on a lake whose visible names are missing, and links them.
    Publish,
}

impl Workload {
    pub(crate) const ALL: [Self; 5] =
        [Self::Serve, Self::Backfill, Self::Transform, Self::Upgrade, Self::Publish];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Backfill => "backfill",
            Self::Transform => "transform",
            Self::Upgrade => "upgrade",
            Self::Publish => "publish",
        }
    }

    /// Does the work with the fault in its first process, repeats it as a supervisor would, and leaves
    /// `serve` running.
    pub(crate) async fn run(
        self,
        trial: &mut Trial,
        start: Start,
        chance: &mut StdRng,
        outcome: &mut Outcome,
    ) {
        match self {
            Self::Serve => {}
            Self::Backfill => {
                files::remove(&trial.data());
                trial.acknowledged_before.clear();
            }
            Self::Transform => trial.watch(),
            Self::Upgrade => {
                let ledger = trial.data().join("ledger.db");
                let clock = jira::time::Clock::system();
                let ledger = Ledger::open(&ledger, clock).await.unwrap();
                ledger.set_cursor("lake.rebuild", "of an older form").await.unwrap();
                ledger.close().await;
                trial.watch();
            }
            Self::Publish => {
                let visible = files::below(&trial.parquet());
                for path in
                    visible.iter().filter(|path| path.extension().is_some_and(|it| it == "parquet"))
                {
                    if chance.random_bool(0.5) {
                        files::remove(path);
                    }
                }
            }
        }
        if matches!(self, Self::Backfill | Self::Transform) {
            let args: &[&str] = if self == Self::Backfill { &["backfill"] } else { &["transform"] };
            if !trial.runs_with(args, &start).await.status.success() {
                let again = trial.runs(args).await;
                if !again.status.success() {
                    let text = String::from_utf8_lossy(&again.stderr).into_owned();
                    let text: String =
                        text.lines().last().unwrap_or_default().chars().take(300).collect();
                    outcome.failure(format!("{} repeated: {}: {text}", self.name(), again.status));
                }
            }
            trial.start(start);
        } else {
            trial.start(start);
            if self == Self::Serve {
                trial.watch();
            }
        }
        let site = trial.sim.site().clone();
        for _ in 0..3 {
            edits::burst(&site, chance, 3);
            sleep(Duration::from_millis(chance.random_range(50..250))).await;
        }
        let key = site.keys().into_iter().next().unwrap();
        site.attach(&key, "during.txt", "text/plain", vec![b'c'; 2_000]).unwrap();
    }
}
