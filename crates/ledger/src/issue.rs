//! What is known of each issue: its identity, its keys and the state of its copy. Everything here can
//! be rebuilt from the raw snapshots.
//!
//! Identity is the id. A key is not unique: when an issue is seen under a key that another one had,
//! the other has moved, its key is in doubt and it is looked at.

use jira::id::{IssueId, IssueKey, Subject};
use jira::time::{Instant, Month};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use crate::hint::{self, Hint};
use crate::open::instant;
use crate::{CommitId, Error, Ledger, Listed, Source};

/// Issues in one question.
const ISSUES_AT_ONCE: usize = 500;

/// One issue, as of its last snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct IssueRecord {
    /// Identity.
    pub id: IssueId,
    /// The key it had in the snapshot.
    pub key: IssueKey,
    /// Its project's key.
    pub project: String,
    /// Its partition.
    pub month: Month,
    /// Jira's `updated`.
    pub updated: Option<Instant>,
    /// Jira's id of the status.
    pub status: Option<String>,
    /// Jira's key of the status category.
    pub status_category: Option<String>,
    /// Whether some SLA field is not null.
    pub has_sla: bool,
    /// Whether every part was fetched whole.
    pub complete: bool,
    /// When the snapshot was fetched.
    pub synced_at: Instant,
    /// Per part of the issue, what was fetched and whether it is complete.
    pub parts: Value,
    /// When its deletion was confirmed.
    pub deleted_at: Option<Instant>,
    /// Name of the raw snapshot.
    pub raw_file: String,
    /// The attachments that the snapshot lists; `None` when it does not say, and in a record that
    /// was read, see [`Ledger::attachments_of`].
    pub attachments: Option<Vec<Listed>>,
    /// What tells the rows that were written, as the lake makes it; `None`: not known.
    pub digests: Option<Vec<u8>>,
}

/// Where an issue's rows are, and what tells them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Identity.
    pub id: IssueId,
    /// The month that has its rows.
    pub month: Month,
    /// As in [`IssueRecord::digests`].
    pub digests: Option<Vec<u8>>,
}

impl Ledger {
    /// An issue by id, key or former key.
    pub async fn issue(&self, subject: &Subject) -> Result<Option<IssueRecord>, Error> {
        let mut reader = self.store.read.begin().await?;
        let Subject::Id(id) = known(&mut reader, subject).await? else { return Ok(None) };
        let row = sqlx::query("SELECT * FROM issues WHERE id = $1")
            .bind(id.get())
            .fetch_optional(&mut *reader)
            .await?;
        row.map(|row| stored(&row)).transpose()
    }

    /// The keys that an issue had before, newest first.
    pub async fn former_keys(&self, id: IssueId) -> Result<Vec<IssueKey>, Error> {
        let keys: Vec<String> =
            sqlx::query_scalar("SELECT key FROM key_aliases WHERE id = $1 ORDER BY until DESC")
                .bind(id.get())
                .fetch_all(&self.store.read)
                .await?;
        let parsed = |key: String| key.parse().map_err(|_| Error::unreadable("a former key"));
        keys.into_iter().map(parsed).collect()
    }

    /// All issues of a month, by id, deleted ones among them.
    pub async fn issues_in(&self, month: &Month) -> Result<Vec<IssueRecord>, Error> {
        let rows = sqlx::query("SELECT * FROM issues WHERE month = $1 ORDER BY id")
            .bind(month.to_string())
            .fetch_all(&self.store.read)
            .await?;
        rows.iter().map(stored).collect()
    }
}

/// The subject by id, if the ledger knows its key or a former one; else as it is.
pub(crate) async fn known(
    connection: &mut SqliteConnection,
    subject: &Subject,
) -> Result<Subject, Error> {
    let Subject::Key(key) = subject else { return Ok(subject.clone()) };
    let current: Option<i64> = sqlx::query_scalar(
        "SELECT id FROM issues WHERE key = $1
         ORDER BY key_in_doubt, CASE WHEN deleted_at IS NULL THEN 0 ELSE 1 END, synced_at DESC
         LIMIT 1",
    )
    .bind(key.as_str())
    .fetch_optional(&mut *connection)
    .await?;
    let id =
        match current {
            Some(id) => Some(id),
            None => sqlx::query_scalar(
                "SELECT id FROM key_aliases WHERE key = $1 ORDER BY until DESC, id DESC LIMIT 1",
            )
            .bind(key.as_str())
            .fetch_optional(&mut *connection)
            .await?,
        };
    let Some(id) = id else { return Ok(subject.clone()) };
    Ok(Subject::Id(issue_id(id)?))
}

impl Ledger {
    /// Where the rows of those of the issues are that are known.
    pub async fn placed(&self, issues: &[IssueId]) -> Result<Vec<Placed>, Error> {
        let mut placed = Vec::new();
        for some in issues.chunks(ISSUES_AT_ONCE) {
            let mut query =
                QueryBuilder::<Sqlite>::new("SELECT id, month, digests FROM issues WHERE id IN (");
            let mut ids = query.separated(", ");
            for issue in some {
                ids.push_bind(issue.get());
            }
            query.push(")");
            for row in query.build().fetch_all(&self.store.read).await? {
                let month: &str = row.try_get("month")?;
                placed.push(Placed {
                    id: issue_id(row.try_get("id")?)?,
                    month: month.parse().map_err(|_| Error::unreadable("a month"))?,
                    digests: row.try_get("digests")?,
                });
            }
        }
        Ok(placed)
    }
}

/// Forgets what tells the rows of all issues of some months.
pub(crate) async fn forget_digests(
    tx: &mut SqliteConnection,
    months: &[Month],
) -> Result<(), Error> {
    for month in months {
        sqlx::query("UPDATE issues SET digests = NULL WHERE month = $1")
            .bind(month.to_string())
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

/// Writes issues; a key that one no longer has becomes an alias.
pub(crate) async fn upsert(
    tx: &mut SqliteConnection,
    issues: &[IssueRecord],
    commit: CommitId,
) -> Result<(), Error> {
    let names: Vec<Value> = issues
        .iter()
        .map(|issue| json!([issue.id.get(), issue.key.as_str(), issue.synced_at.millis()]))
        .collect();
    let names = json!(names).to_string();
    sqlx::query(
        "WITH now (id, key, at) AS (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each($1))
         INSERT INTO key_aliases (key, id, until)
         SELECT issues.key, issues.id, now.at FROM now CROSS JOIN issues ON issues.id = now.id
         WHERE issues.key <> now.key
         ON CONFLICT (key, id) DO UPDATE SET until = excluded.until",
    )
    .bind(&names)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "DELETE FROM key_aliases
         WHERE (key, id) IN (SELECT value ->> 1, value ->> 0 FROM json_each($1))",
    )
    .bind(&names)
    .execute(&mut *tx)
    .await?;
    let rows: Vec<Value> = issues.iter().map(|issue| row(issue, commit)).collect();
    sqlx::query(
        "INSERT INTO issues (id, key, key_in_doubt, project, month, updated, status_category,
             synced_at, parts, deleted_at, raw_file, commit_id, status, has_sla, complete,
             digests)
         SELECT value ->> 0, value ->> 1, 0, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
             value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11,
             value ->> 12, value ->> 13, unhex(value ->> 14)
         FROM json_each($1) WHERE TRUE ORDER BY key
         ON CONFLICT (id) DO UPDATE SET key = excluded.key, key_in_doubt = 0,
             project = excluded.project, month = excluded.month, updated = excluded.updated,
             status_category = excluded.status_category, synced_at = excluded.synced_at,
             parts = excluded.parts, deleted_at = excluded.deleted_at,
             raw_file = excluded.raw_file, commit_id = excluded.commit_id,
             status = excluded.status, has_sla = excluded.has_sla,
             complete = excluded.complete, digests = excluded.digests,
             lost_at = NULL, loss = NULL",
    )
    .bind(json!(rows).to_string())
    .execute(tx)
    .await?;
    Ok(())
}

/// In the order of the statement above.
fn row(issue: &IssueRecord, commit: CommitId) -> Value {
    json!([
        issue.id.get(),
        issue.key.as_str(),
        issue.project,
        issue.month.to_string(),
        issue.updated.map(Instant::millis),
        issue.status_category,
        issue.synced_at.millis(),
        issue.parts.to_string(),
        issue.deleted_at.map(Instant::millis),
        issue.raw_file,
        commit.get(),
        issue.status,
        i64::from(issue.has_sla),
        i64::from(issue.complete),
        issue.digests.as_ref().map(hex::encode),
    ])
}

/// Marks whoever else holds these keys by older evidence, and asks to look at those that exist.
/// Evidence from the future comes from a clock that was ahead, and counts as the oldest.
pub(crate) async fn doubt(
    tx: &mut SqliteConnection,
    issues: &[IssueRecord],
    now: Instant,
) -> Result<(), Error> {
    let keys: Vec<&str> = issues.iter().map(|issue| issue.key.as_str()).collect();
    let doubted = sqlx::query(
        "UPDATE issues SET key_in_doubt = 1
         WHERE key IN (SELECT value FROM json_each($1)) AND key_in_doubt = 0 AND EXISTS (
             SELECT 1 FROM issues AS other
             WHERE other.key = issues.key AND other.id <> issues.id AND other.deleted_at IS NULL
                 AND (issues.deleted_at IS NOT NULL
                     OR (CASE WHEN other.synced_at > $2 THEN 0 ELSE other.synced_at END, other.id)
                         > (CASE WHEN issues.synced_at > $2 THEN 0 ELSE issues.synced_at END,
                            issues.id)))
         RETURNING id, deleted_at",
    )
    .bind(json!(keys).to_string())
    .bind(now.millis())
    .fetch_all(&mut *tx)
    .await?;
    let mut hints = Vec::new();
    for row in doubted {
        if row.try_get::<Option<i64>, _>("deleted_at")?.is_none() {
            let subject = Subject::Id(issue_id(row.try_get("id")?)?);
            let source = Source::Sweep;
            hints.push(Hint { subject, source, at: now, due: now, deleted: false });
        }
    }
    if hints.is_empty() { Ok(()) } else { hint::raise(tx, &hints).await.map(drop) }
}

pub(crate) fn issue_id(id: i64) -> Result<IssueId, Error> {
    IssueId::new(id).map_err(|_| Error::unreadable("an issue id"))
}

fn stored(row: &SqliteRow) -> Result<IssueRecord, Error> {
    let unreadable = |_| Error::unreadable("an issue's key or month");
    let parts: &str = row.try_get("parts")?;
    let optional = |column| -> Result<Option<Instant>, Error> {
        row.try_get::<Option<i64>, _>(column)?.map(instant).transpose()
    };
    Ok(IssueRecord {
        id: issue_id(row.try_get("id")?)?,
        key: row.try_get::<&str, _>("key")?.parse().map_err(unreadable)?,
        project: row.try_get("project")?,
        month: row.try_get::<&str, _>("month")?.parse().map_err(unreadable)?,
        updated: optional("updated")?,
        status: row.try_get("status")?,
        status_category: row.try_get("status_category")?,
        has_sla: row.try_get::<i64, _>("has_sla")? != 0,
        complete: row.try_get::<i64, _>("complete")? != 0,
        synced_at: instant(row.try_get("synced_at")?)?,
        parts: serde_json::from_str(parts).map_err(|_| Error::unreadable("an issue's parts"))?,
        deleted_at: optional("deleted_at")?,
        raw_file: row.try_get("raw_file")?,
        attachments: None,
        digests: row.try_get("digests")?,
    })
}
