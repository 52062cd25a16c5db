//! The recorded state of each issue's raw snapshot, for the comparison with the raw folder.

use jira::id::IssueId;
use jira::time::Instant;
use sqlx::Row;

use crate::issue::issue_id;
use crate::open::instant;
use crate::{Error, Ledger};

/// The raw snapshot of an issue as the ledger recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRecord {
    /// The issue.
    pub id: IssueId,
    /// The name of its raw file.
    pub raw_file: String,
    /// When the snapshot was fetched.
    pub synced_at: Instant,
    /// Whether the deletion of the issue was confirmed.
    pub deleted: bool,
    /// Whether the issue has work, parked work included.
    pub in_work: bool,
    /// Whether another issue holds its key by newer evidence; its raw file is then the other's.
    pub key_in_doubt: bool,
}

impl Ledger {
    /// Returns a page of the records of all issues by id, after `after`. Empty: that was all.
    pub async fn snapshots_after(
        &self,
        after: Option<IssueId>,
        most: u32,
    ) -> Result<Vec<SnapshotRecord>, Error> {
        let rows = sqlx::query(
            "SELECT id, raw_file, synced_at, deleted_at, key_in_doubt,
                 EXISTS (SELECT 1 FROM work WHERE subject = CAST(issues.id AS TEXT)) AS in_work
             FROM issues WHERE id > $1 ORDER BY id LIMIT $2",
        )
        .bind(after.map_or(0, IssueId::get))
        .bind(most)
        .fetch_all(&self.store.read)
        .await?;
        let record = |row: &sqlx::sqlite::SqliteRow| {
            Ok(SnapshotRecord {
                id: issue_id(row.try_get("id")?)?,
                raw_file: row.try_get("raw_file")?,
                synced_at: instant(row.try_get("synced_at")?)?,
                deleted: row.try_get::<Option<i64>, _>("deleted_at")?.is_some(),
                in_work: row.try_get::<i64, _>("in_work")? != 0,
                key_in_doubt: row.try_get::<i64, _>("key_in_doubt")? != 0,
            })
        };
        rows.iter().map(record).collect()
    }
}
