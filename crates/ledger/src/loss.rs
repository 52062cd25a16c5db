//! Losses: issues that the ledger knows and of which the disk has lost a part.
//!
//! A loss and the hint that repairs it MUST be one transaction, so that no lost issue waits for a
//! sweep or a person. The next commit of the issue clears the loss. A deleted issue MUST NOT be
//! marked: its tombstone can be rebuilt from the ledger alone, and Jira no longer has the issue.

use std::fmt;

use jira::id::{IssueId, Subject};
use jira::time::Instant;
use serde_json::{Value, json};
use sqlx::{Row, SqliteConnection};

use crate::hint::{self, Hint};
use crate::issue::{self, issue_id};
use crate::open::unsigned;
use crate::{CommitId, Error, IssueRecord, Ledger, Source};

/// Losses in one transaction: deliveries wait for it.
pub(crate) const LOSSES_TOGETHER: usize = 200;

/// The part of an issue's copy that is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Loss {
    /// The raw snapshot is not there.
    RawMissing,
    /// The raw snapshot is torn, is not a regular file or cannot be read.
    RawUnreadable,
    /// The file of the raw snapshot contains another issue.
    RawForeign,
    /// The raw snapshot is older than the ledger's record.
    RawOlder,
    /// The tables have lost the issue's rows.
    RowsMissing,
    /// The ledger had lost its record; the visible rows are all that is known.
    RecordMissing,
}

impl Loss {
    /// All losses.
    pub const ALL: [Self; 6] = [
        Self::RawMissing,
        Self::RawUnreadable,
        Self::RawForeign,
        Self::RawOlder,
        Self::RowsMissing,
        Self::RecordMissing,
    ];

    /// Returns the name in the database, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::RawMissing => "raw_missing",
            Self::RawUnreadable => "raw_unreadable",
            Self::RawForeign => "raw_foreign",
            Self::RawOlder => "raw_older",
            Self::RowsMissing => "rows_missing",
            Self::RecordMissing => "record_missing",
        }
    }

    fn stored(name: &str) -> Result<Self, Error> {
        let named = Self::ALL.into_iter().find(|loss| loss.name() == name);
        named.ok_or(Error::unreadable("a loss"))
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Ledger {
    /// Marks known issues as lost and makes each due now, in one transaction per batch. Returns how
    /// many were not lost before. Unknown and deleted issues are left alone.
    pub async fn record_loss(&self, losses: &[(IssueId, Loss)]) -> Result<u64, Error> {
        let mut new = 0;
        for some in losses.chunks(LOSSES_TOGETHER) {
            let now = self.store.clock.now();
            let mut tx = self.store.begin().await?;
            new += mark(&mut tx, some, now).await?;
            self.store.finish(tx).await?;
            self.store.wake();
        }
        Ok(new)
    }

    /// Adds records of issues that the tables contain and the ledger has forgotten, and makes each
    /// due now, in one transaction per batch. Known issues are left alone. Returns how many are new.
    pub async fn adopt(&self, records: &[IssueRecord]) -> Result<u64, Error> {
        let mut new = 0;
        for some in records.chunks(LOSSES_TOGETHER) {
            let now = self.store.clock.now();
            let mut tx = self.store.begin().await?;
            let mut unknown = Vec::new();
            for record in some {
                let known = sqlx::query("SELECT 1 FROM issues WHERE id = $1")
                    .bind(record.id.get())
                    .fetch_optional(&mut *tx)
                    .await?;
                if known.is_none() {
                    unknown.push(record.clone());
                }
            }
            issue::upsert(&mut tx, &unknown, CommitId::new(0)).await?;
            issue::doubt(&mut tx, &unknown, now).await?;
            let lost: Vec<_> =
                unknown.iter().map(|record| (record.id, Loss::RecordMissing)).collect();
            mark(&mut tx, &lost, now).await?;
            self.store.finish(tx).await?;
            self.store.wake();
            new += unknown.len() as u64;
        }
        Ok(new)
    }

    /// Returns how many issues are lost, by what is lost of them.
    pub async fn losses(&self) -> Result<Vec<(Loss, u64)>, Error> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT loss, COUNT(*) FROM issues WHERE lost_at IS NOT NULL GROUP BY loss ORDER BY loss",
        )
        .fetch_all(&self.store.read)
        .await?;
        rows.into_iter().map(|(loss, count)| Ok((Loss::stored(&loss)?, unsigned(count)?))).collect()
    }
}

/// Marks the known, live issues among the losses and raises a hint for each that nothing would fetch.
/// Returns how many were not lost before.
pub(crate) async fn mark(
    tx: &mut SqliteConnection,
    losses: &[(IssueId, Loss)],
    now: Instant,
) -> Result<u64, Error> {
    if losses.is_empty() {
        return Ok(0);
    }
    let rows: Vec<Value> = losses.iter().map(|(id, loss)| json!([id.get(), loss.name()])).collect();
    let rows = json!(rows).to_string();
    let marked = sqlx::query(
        "UPDATE issues SET lost_at = $2, complete = 0, loss = found.loss
         FROM (SELECT value ->> 0 AS id, value ->> 1 AS loss FROM json_each($1)) AS found
         WHERE issues.id = found.id AND issues.deleted_at IS NULL AND issues.lost_at IS NULL
         RETURNING issues.id",
    )
    .bind(&rows)
    .bind(now.millis())
    .fetch_all(&mut *tx)
    .await?;
    // An issue that was lost before and has no work: an older program took the work out.
    let idle = sqlx::query(
        "SELECT id FROM issues WHERE id IN (SELECT value ->> 0 FROM json_each($1))
             AND lost_at IS NOT NULL AND deleted_at IS NULL
             AND NOT EXISTS (SELECT 1 FROM work WHERE subject = CAST(issues.id AS TEXT))",
    )
    .bind(&rows)
    .fetch_all(&mut *tx)
    .await?;
    let mut ids = std::collections::BTreeSet::new();
    for row in marked.iter().chain(&idle) {
        ids.insert(issue_id(row.try_get("id")?)?);
    }
    let hints: Vec<Hint> = ids
        .into_iter()
        .map(|id| Hint {
            subject: Subject::Id(id),
            source: Source::Sweep,
            at: now,
            due: now,
            deleted: false,
        })
        .collect();
    if !hints.is_empty() {
        hint::raise(tx, &hints).await?;
    }
    Ok(marked.len() as u64)
}
