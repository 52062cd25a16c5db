//! What the copy holds, for those who compare it with Jira: sweep, census, backfill, SLA poll, check.
//! Always a page or a given set, never everything at once.

use std::collections::HashMap;

use jira::id::{IssueId, IssueKey};
use jira::time::Instant;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};

use crate::issue::issue_id;
use crate::open::instant;
use crate::{Error, Ledger};

/// Ids in one statement.
const IDS_TOGETHER: usize = 500;

/// An issue as the copy has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Identity.
    pub id: IssueId,
    /// The key it had when it was last seen.
    pub key: IssueKey,
    /// Jira's `updated` then.
    pub updated: Option<Instant>,
    /// When its deletion was confirmed.
    pub deleted_at: Option<Instant>,
    /// Whether every part was fetched whole.
    pub complete: bool,
    /// Whether it is to be looked at, parked work among it.
    pub in_work: bool,
    /// Whether the disk has lost a part of its copy.
    pub lost: bool,
}

/// Which issues with SLA clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clocks {
    /// Those of open issues, which run.
    Running,
    /// Those that have stopped, too.
    All,
}

/// An issue with SLA clocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clocked {
    /// Identity.
    pub id: IssueId,
    /// The key it had when it was last seen.
    pub key: IssueKey,
    /// Jira's `updated` then.
    pub updated: Option<Instant>,
    /// Jira's id of its status then.
    pub status: Option<String>,
}

const KNOWN: &str = "SELECT id, key, updated, deleted_at, complete, lost_at,
    EXISTS (SELECT 1 FROM work WHERE subject = CAST(issues.id AS TEXT)) AS in_work FROM issues";

impl Ledger {
    /// Those of the given issues that the copy knows, deleted ones among them.
    pub async fn known(&self, ids: &[IssueId]) -> Result<HashMap<IssueId, Known>, Error> {
        let mut known = HashMap::with_capacity(ids.len());
        for some in ids.chunks(IDS_TOGETHER) {
            let mut query = QueryBuilder::<Sqlite>::new(KNOWN);
            query.push(" WHERE id IN (");
            let mut list = query.separated(", ");
            for id in some {
                list.push_bind(id.get());
            }
            query.push(")");
            for row in query.build().fetch_all(&self.store.read).await? {
                let one = read(&row)?;
                known.insert(one.id, one);
            }
        }
        Ok(known)
    }

    /// A page of all issues that the copy knows, by id, after `after`. Empty: that was all.
    pub async fn known_after(
        &self,
        after: Option<IssueId>,
        most: u32,
    ) -> Result<Vec<Known>, Error> {
        let mut query = QueryBuilder::<Sqlite>::new(KNOWN);
        query.push(" WHERE id > ").push_bind(after.map_or(0, IssueId::get));
        query.push(" ORDER BY id LIMIT ").push_bind(most);
        let rows = query.build().fetch_all(&self.store.read).await?;
        rows.iter().map(read).collect()
    }

    /// A page of the issues that have SLA clocks, by id, after `after`. Empty: that was all.
    pub async fn clocked_after(
        &self,
        which: Clocks,
        after: Option<IssueId>,
        most: u32,
    ) -> Result<Vec<Clocked>, Error> {
        let rows = sqlx::query(
            "SELECT id, key, updated, status FROM issues
             WHERE has_sla = 1 AND id > $1 AND deleted_at IS NULL
                 AND ($3 OR status_category IS NULL OR status_category <> 'done')
             ORDER BY id LIMIT $2",
        )
        .bind(after.map_or(0, IssueId::get))
        .bind(most)
        .bind(which == Clocks::All)
        .fetch_all(&self.store.read)
        .await?;
        let clocked = rows.iter().map(|row| {
            Ok(Clocked {
                id: issue_id(row.try_get("id")?)?,
                key: key(row)?,
                updated: time(row, "updated")?,
                status: row.try_get("status")?,
            })
        });
        clocked.collect()
    }
}

fn read(row: &SqliteRow) -> Result<Known, Error> {
    Ok(Known {
        id: issue_id(row.try_get("id")?)?,
        key: key(row)?,
        updated: time(row, "updated")?,
        deleted_at: time(row, "deleted_at")?,
        complete: row.try_get::<i64, _>("complete")? != 0,
        in_work: row.try_get::<i64, _>("in_work")? != 0,
        lost: row.try_get::<Option<i64>, _>("lost_at")?.is_some(),
    })
}

fn key(row: &SqliteRow) -> Result<IssueKey, Error> {
    row.try_get::<&str, _>("key")?.parse().map_err(|_| Error::unreadable("an issue's key"))
}

fn time(row: &SqliteRow, column: &str) -> Result<Option<Instant>, Error> {
    row.try_get::<Option<i64>, _>(column)?.map(instant).transpose()
}
