//! The sums that must add up: deliveries by outcome, work by state, issues. All from one moment.

use std::collections::BTreeMap;

use jira::time::Instant;
use sqlx::SqliteConnection;

use crate::open::{instant, unsigned};
use crate::{Error, Ledger};

/// The ledger in numbers, as of one moment. Deliveries are counted since the ledger was made, pruned
/// ones too: `received = applied + superseded + parked + pending + noted`, always. `received` is
/// counted apart from the others, so that the sum proves something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Deliveries recorded, duplicates not among them.
    pub received: u64,
    /// Duplicates: deliveries whose identifier was known.
    pub repeats: u64,
    /// Deliveries that were the newest hint of what was committed.
    pub applied: u64,
    /// Deliveries that a newer hint made needless.
    pub superseded: u64,
    /// Deliveries that wait for a person.
    pub parked: u64,
    /// Deliveries whose issue is still to be looked at.
    pub pending: u64,
    /// Deliveries that point at no issue.
    pub noted: u64,
    /// Subjects that wait, due now or later.
    pub work_waiting: u64,
    /// Subjects that a worker has.
    pub work_leased: u64,
    /// Subjects that wait for a person.
    pub work_parked: u64,
    /// When the longest waiting subject became due; it may still be to come.
    pub oldest_due: Option<Instant>,
    /// Issues that exist.
    pub issues: u64,
    /// Issues whose deletion was confirmed.
    pub issues_deleted: u64,
    /// Issues that exist and of whose copy the disk has lost a part.
    pub issues_lost: u64,
}

impl Counts {
    /// Whether every delivery is accounted for (G2).
    pub fn add_up(&self) -> bool {
        let Self { applied, superseded, parked, pending, noted, .. } = *self;
        self.received == applied + superseded + parked + pending + noted
    }
}

impl Ledger {
    /// Counts everything. Cheap: only indexes are read, never a body.
    pub async fn counts(&self) -> Result<Counts, Error> {
        // One read transaction: all numbers are of the same moment.
        let mut reader = self.store.read.begin().await?;
        let mut counts = Counts::default();
        deliveries(&mut reader, &mut counts).await?;
        let work: (i64, i64, i64) = sqlx::query_as(
            "SELECT
                 (SELECT COUNT(*) FROM work WHERE state = 'due'),
                 (SELECT COUNT(*) FROM work WHERE lease_until IS NOT NULL),
                 (SELECT COUNT(*) FROM work WHERE state = 'parked')",
        )
        .fetch_one(&mut *reader)
        .await?;
        counts.work_waiting = unsigned(work.0 - work.1)?;
        counts.work_leased = unsigned(work.1)?;
        counts.work_parked = unsigned(work.2)?;
        let oldest: Option<i64> = sqlx::query_scalar(
            "SELECT due_at FROM work WHERE state = 'due' AND lease_until IS NULL
             ORDER BY due_at LIMIT 1",
        )
        .fetch_optional(&mut *reader)
        .await?;
        counts.oldest_due = oldest.map(instant).transpose()?;
        let issues: (i64, i64) = sqlx::query_as("SELECT COUNT(*), COUNT(deleted_at) FROM issues")
            .fetch_one(&mut *reader)
            .await?;
        counts.issues = unsigned(issues.0 - issues.1)?;
        counts.issues_deleted = unsigned(issues.1)?;
        let lost: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM issues WHERE lost_at IS NOT NULL")
            .fetch_one(&mut *reader)
            .await?;
        counts.issues_lost = unsigned(lost)?;
        Ok(counts)
    }
}

impl Ledger {
    /// How many issues exist of each project, by its key.
    pub async fn issues_by_project(&self) -> Result<BTreeMap<String, u64>, Error> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT project, COUNT(*) FROM issues WHERE deleted_at IS NULL GROUP BY project",
        )
        .fetch_all(&self.store.read)
        .await?;
        rows.into_iter().map(|(project, count)| Ok((project, unsigned(count)?))).collect()
    }
}

async fn deliveries(reader: &mut SqliteConnection, counts: &mut Counts) -> Result<(), Error> {
    let stored: Vec<(String, i64)> =
        sqlx::query_as("SELECT outcome, COUNT(*) FROM deliveries GROUP BY outcome")
            .fetch_all(&mut *reader)
            .await?;
    let pruned: Vec<(String, i64)> =
        sqlx::query_as("SELECT name, n FROM tallies").fetch_all(&mut *reader).await?;
    for (name, n) in stored.into_iter().chain(pruned) {
        let sum = match name.as_str() {
            "received" => &mut counts.received,
            "repeats" => &mut counts.repeats,
            "applied" => &mut counts.applied,
            "superseded" => &mut counts.superseded,
            "parked" => &mut counts.parked,
            "pending" => &mut counts.pending,
            "noted" => &mut counts.noted,
            _ => return Err(Error::unreadable("a tally")),
        };
        *sum += unsigned::<u64>(n)?;
    }
    Ok(())
}
