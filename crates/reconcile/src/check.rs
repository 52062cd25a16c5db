//! The check: does the copy say what Jira says? Jira, the raw snapshots and the tables are compared,
//! keys, times of change and, for a sample, the whole content of all tables. Every file of the
//! catalog is verified.
//!
//! Promises: three answers, and "could not look" is never taken for "differs", nor for "equal". A
//! difference was seen twice, each time in fresh readings: in Jira by id, which is as new as the last
//! change, not in the search index, which lags. What is due, or changed a moment ago, is in work and
//! no difference. Nothing is changed; [`Check::mark`] only hints.

mod compare;
mod content;
mod examine;
mod files;
mod here;
mod report;
mod scope;

use std::collections::BTreeMap;
use std::time::Duration;

use jira::client::Client;
use jira::id::{IssueId, Subject};
use jira::time::{Clock, Instant};
use lake::{Layout, Mapping, Raw, Tables};
use ledger::{Ledger, Source};

use crate::Error;
use crate::walk::{Ask, Walk, within};
use compare::Verdict;
use examine::{Depth, Examined};
use scope::{Shown, Sight};

pub use files::DamagedFile;
pub use report::{Difference, InWork, Kind, MonthCounts, Report, Unseen};
pub use scope::{MaxAge, Sample, Scope};

/// Between the two looks that prove a difference: a commit in between is over by then.
const SECOND_LOOK: Duration = Duration::from_secs(2);

/// Compares. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Check {
    /// Asks Jira; the account whose copy this is.
    pub client: Client,
    /// What is due.
    pub ledger: Ledger,
    /// The snapshots.
    pub raw: Raw,
    /// Where the files are.
    pub layout: Layout,
    /// The tables, as readers see them.
    pub tables: Tables,
    /// How snapshots become rows.
    pub mapping: Mapping,
    /// The time.
    pub clock: Clock,
    /// Projects to keep; empty means all.
    pub projects: Vec<String>,
    /// What changed in Jira within this is still on its way.
    pub grace: Duration,
}

impl Check {
    /// Compares once. An error means that nothing can be said.
    pub async fn run(&self, scope: Scope) -> Result<Report, Error> {
        // To nobody in particular Jira shows nothing at all.
        self.client.identify().await?;
        let began = self.clock.now();
        let shown = self.shown(scope.max_age).await?;
        let here = self.here().await?;
        let sight = Sight::new(shown, here, (scope.max_age.since(began), &self.projects));
        let asked = sight.to_examine(&scope);
        let sampled = asked.values().filter(|depth| **depth == Depth::Whole).count();
        let mut examined = self.examine(&sight, asked.clone()).await?;
        let differ = |one: &Examined| matches!(one.verdict, Verdict::Differs { .. });
        let doubtful: BTreeMap<IssueId, Depth> =
            asked.into_iter().filter(|(id, _)| examined.get(id).is_some_and(differ)).collect();
        if !doubtful.is_empty() {
            tokio::time::sleep(SECOND_LOOK).await;
            examined.extend(self.examine(&sight, doubtful).await?);
        }
        let mut report = Report::new(&sight, examined, (scope, began, sampled));
        report.add_files(self.files().await?);
        Ok(report)
    }

    /// Asks the loop to look at these issues.
    pub async fn mark<'d>(
        &self,
        differences: impl Iterator<Item = &'d Difference>,
    ) -> Result<u64, Error> {
        let subjects: Vec<Subject> = differences.map(|one| Subject::Id(one.issue)).collect();
        for some in subjects.chunks(200) {
            self.ledger.hint(some, Source::Sweep, self.clock.now()).await?;
        }
        Ok(subjects.len() as u64)
    }

    /// What the search shows. One that breaks off, or has entries that cannot be read, shows nothing
    /// that could be compared.
    async fn shown(&self, max_age: MaxAge) -> Result<BTreeMap<IssueId, Shown>, Error> {
        let bounded = within(&self.projects, &max_age.jql());
        let jql = format!("{bounded} ORDER BY created ASC, id ASC");
        let mut walk = Walk::new(self.client.clone(), jql, Ask::Updated, None);
        let mut shown = BTreeMap::new();
        while let Some(page) = walk.next().await? {
            if page.unreadable > 0 {
                return Err(Error::SearchBrokeOff);
            }
            shown.extend(
                page.found
                    .into_iter()
                    .map(|found| (found.id, Shown { key: found.key, updated: found.updated })),
            );
        }
        Ok(shown)
    }
}

/// Whether an instant is so near that what it tells may still be on its way.
fn is_recent(at: Option<Instant>, now: Instant, grace: Duration) -> bool {
    at.is_some_and(|at| now.since(at) < grace)
}
