//! The bytes of attachments: which there are, what became of each, and whether the snapshots say so.
//!
//! Which there are comes from the issues' snapshots, in the commit that writes their rows ([`list`]);
//! what became of them comes from whoever downloads, of whom there is one at a time. What the
//! snapshot of an issue does not say yet is `untold`, until a commit of that issue says it.

mod state;

use std::collections::HashMap;

use jira::id::{AttachmentId, IssueId, MediaId};
use jira::time::Instant;
use serde_json::json;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

pub use state::{Bytes, State};

use crate::issue::issue_id;
use crate::open::{instant, unsigned};
use crate::{Error, IssueRecord, Ledger};

/// One that failed for good is tried again this long after, if its issue is seen to list it still.
const GIVEN_UP_MS: i64 = 24 * 3600 * 1000;

/// An attachment as a snapshot lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Identity.
    pub id: AttachmentId,
    /// The name of its file below the issue's folder.
    pub name: String,
    /// Its length as Jira says.
    pub size: Option<u64>,
    /// What the snapshot says of its bytes.
    pub bytes: Bytes,
}

/// An attachment and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Identity.
    pub id: AttachmentId,
    /// The issue that lists it.
    pub issue: IssueId,
    /// The name of its file below the issue's folder.
    pub name: String,
    /// Its length as Jira says.
    pub size: Option<u64>,
    /// Failures since it was last settled.
    pub attempts: u32,
    /// What became of it.
    pub bytes: Bytes,
}

/// How a download ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The bytes are on disk, durably.
    Stored {
        /// Their checksum in hex.
        sha256: String,
    },
    /// They are not to be downloaded.
    TooLarge {
        /// How large, and what the bound is.
        reason: String,
    },
    /// They are not to be had.
    Failed {
        /// Why not.
        reason: String,
    },
    /// Another try may bring them.
    Again {
        /// When.
        due: Instant,
        /// What went wrong.
        reason: String,
    },
}

/// How many attachments there are by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AttachmentCounts {
    /// To be downloaded.
    pub pending: u64,
    /// On disk.
    pub stored: u64,
    /// Larger than what is downloaded.
    pub too_large: u64,
    /// Not to be had.
    pub failed: u64,
}

impl Ledger {
    /// Up to `most` attachments that are to be downloaded now; those that a person waits for first.
    pub async fn due_attachments(&self, most: u32) -> Result<Vec<Attachment>, Error> {
        let horizon = self.store.bounds.from(self.store.clock.now());
        let rows = sqlx::query(
            "SELECT * FROM attachments WHERE state = 'pending' AND (due_at <= $1 OR due_at > $3)
             ORDER BY due_at, id LIMIT $2",
        )
        .bind(horizon.now)
        .bind(most)
        .bind(horizon.wait)
        .fetch_all(&self.store.read)
        .await?;
        rows.iter().map(stored).collect()
    }

    /// The attachments that an issue lists.
    pub async fn attachments_of(&self, issue: IssueId) -> Result<Vec<Attachment>, Error> {
        let rows = sqlx::query(
            "SELECT * FROM attachments WHERE issue_id = $1 AND state <> 'gone' ORDER BY id",
        )
        .bind(issue.get())
        .fetch_all(&self.store.read)
        .await?;
        rows.iter().map(stored).collect()
    }

    /// Those that an issue does not list any more and whose files are still to be removed.
    pub async fn unlisted_attachments(&self, issue: IssueId) -> Result<Vec<AttachmentId>, Error> {
        let ids: Vec<i64> = sqlx::query_scalar(
            "SELECT id FROM attachments WHERE issue_id = $1 AND state = 'gone' ORDER BY id",
        )
        .bind(issue.get())
        .fetch_all(&self.store.read)
        .await?;
        ids.into_iter().map(attachment_id).collect()
    }

    /// The file of an attachment that is not listed any more is removed.
    pub async fn attachment_removed(&self, id: AttachmentId) -> Result<(), Error> {
        let mut tx = self.store.begin().await?;
        sqlx::query("DELETE FROM attachments WHERE id = $1 AND state = 'gone'")
            .bind(id.get())
            .execute(&mut *tx)
            .await?;
        self.store.finish(tx).await
    }

    /// Notes how a download ended; a media id that is known stays known. Answers whether the
    /// attachment is still listed: if not, its file must not stay.
    pub async fn attachment_ended(
        &self,
        id: AttachmentId,
        ended: &Ended,
        media_id: Option<&MediaId>,
    ) -> Result<bool, Error> {
        let now = self.store.clock.now();
        let (state, sha256, reason, due) = match ended {
            Ended::Stored { sha256 } => (State::Stored, Some(sha256), None, now),
            Ended::TooLarge { reason } => (State::TooLarge, None, Some(reason), now),
            Ended::Failed { reason } => (State::Failed, None, Some(reason), now),
            Ended::Again { due, reason } => (State::Pending, None, Some(reason), *due),
        };
        let mut tx = self.store.begin().await?;
        let noted = sqlx::query(
            "UPDATE attachments SET state = $2, sha256 = $3, media_id = COALESCE($4, media_id),
                 reason = $5, due_at = $6, updated_at = $7,
                 attempts = CASE WHEN $2 = 'pending' THEN attempts + 1 ELSE 0 END,
                 told = CASE WHEN state = $2 AND sha256 IS NOT DISTINCT FROM $3
                     AND ($4 IS NULL OR media_id IS NOT DISTINCT FROM $4)
                     AND reason IS NOT DISTINCT FROM $5 THEN told ELSE 0 END
             WHERE id = $1 AND state <> 'gone'",
        )
        .bind(id.get())
        .bind(state.as_str())
        .bind(sha256)
        .bind(media_id.map(MediaId::as_str))
        .bind(reason)
        .bind(due.millis())
        .bind(now.millis())
        .execute(&mut *tx)
        .await?;
        self.store.finish(tx).await?;
        Ok(noted.rows_affected() > 0)
    }

    /// The file of a stored attachment is not there: it is to be downloaded again.
    pub async fn attachment_lost(&self, id: AttachmentId) -> Result<(), Error> {
        let now = self.store.clock.now().millis();
        let mut tx = self.store.begin().await?;
        sqlx::query(
            "UPDATE attachments SET state = 'pending', sha256 = NULL, attempts = 0, due_at = $2,
                 told = 0, updated_at = $2
             WHERE id = $1 AND state = 'stored'",
        )
        .bind(id.get())
        .bind(now)
        .execute(&mut *tx)
        .await?;
        self.store.finish(tx).await
    }

    /// Attachments that were too large and are not, by this limit, are to be downloaded.
    pub async fn attachments_fit(&self, most_bytes: u64) -> Result<u64, Error> {
        let most = i64::try_from(most_bytes).unwrap_or(i64::MAX);
        let now = self.store.clock.now().millis();
        let mut tx = self.store.begin().await?;
        let fit = sqlx::query(
            "UPDATE attachments SET state = 'pending', reason = NULL, due_at = $2, told = 0,
                 updated_at = $2
             WHERE state = 'too_large' AND size <= $1",
        )
        .bind(most)
        .bind(now)
        .execute(&mut *tx)
        .await?;
        self.store.finish(tx).await?;
        Ok(fit.rows_affected())
    }

    /// A person wants what is not on disk, of one issue or of all: it is due before all else, also
    /// what had failed. Of one issue it is looked as well whether what is stored is there.
    pub async fn want_attachments(&self, of: Option<IssueId>) -> Result<(), Error> {
        let mut tx = self.store.begin().await?;
        let mut query = QueryBuilder::<Sqlite>::new(
            "UPDATE attachments SET state = 'pending', due_at = 0, attempts = 0
             WHERE state IN ('pending', 'failed')",
        );
        if let Some(issue) = of {
            query.push(" AND issue_id = ").push_bind(issue.get());
            sqlx::query("UPDATE attachments SET told = 0 WHERE issue_id = $1")
                .bind(issue.get())
                .execute(&mut *tx)
                .await?;
        }
        query.build().execute(&mut *tx).await?;
        self.store.finish(tx).await
    }

    /// A page of the issues whose snapshots do not say what became of their attachments, by id,
    /// after `after`. Empty: that was all.
    pub async fn untold_attachments(
        &self,
        after: Option<IssueId>,
        most: u32,
    ) -> Result<Vec<IssueId>, Error> {
        let ids: Vec<i64> = sqlx::query_scalar(
            "SELECT DISTINCT issue_id FROM attachments WHERE told = 0 AND issue_id > $1
             ORDER BY issue_id LIMIT $2",
        )
        .bind(after.map_or(0, IssueId::get))
        .bind(most)
        .fetch_all(&self.store.read)
        .await?;
        ids.into_iter().map(issue_id).collect()
    }

    /// How many attachments there are by state, of one issue or of all.
    pub async fn attachment_counts(&self, of: Option<IssueId>) -> Result<AttachmentCounts, Error> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT state, COUNT(*) FROM attachments");
        if let Some(issue) = of {
            query.push(" WHERE issue_id = ").push_bind(issue.get());
        }
        query.push(" GROUP BY state");
        let rows: Vec<(String, i64)> = query.build_query_as().fetch_all(&self.store.read).await?;
        let mut counts = AttachmentCounts::default();
        for (state, n) in rows {
            let Some(state) = State::named(&state) else { continue };
            *counts.of(state) = unsigned(n)?;
        }
        Ok(counts)
    }
}

impl AttachmentCounts {
    fn of(&mut self, state: State) -> &mut u64 {
        match state {
            State::Pending => &mut self.pending,
            State::Stored => &mut self.stored,
            State::TooLarge => &mut self.too_large,
            State::Failed => &mut self.failed,
        }
    }
}

/// What the ledger has of an attachment before a commit.
struct Before {
    /// `None`: it was not listed any more.
    bytes: Option<Bytes>,
    name: String,
    size: Option<u64>,
    told: bool,
    updated_at: Instant,
}

/// Takes over which attachments issues list. One that is new is to be downloaded, unless the
/// snapshot knows better; one that is not listed any more leaves, as soon as its file is removed. A
/// deleted issue's leave at once: its files stay with its snapshot.
pub(crate) async fn list(
    tx: &mut SqliteConnection,
    issues: &[IssueRecord],
    now: Instant,
) -> Result<(), Error> {
    let (deleted, there): (Vec<_>, Vec<_>) =
        issues.iter().partition(|issue| issue.deleted_at.is_some());
    let ids = |issues: &[&IssueRecord]| {
        let ids: Vec<i64> = issues.iter().map(|issue| issue.id.get()).collect();
        json!(ids).to_string()
    };
    let all = "DELETE FROM attachments WHERE issue_id IN (SELECT value FROM json_each($1))";
    sqlx::query(all).bind(ids(&deleted)).execute(&mut *tx).await?;
    let mut known = before(tx, ids(&there)).await?;
    for issue in there {
        let Some(listed) = &issue.attachments else { continue };
        let mut before = known.remove(&issue.id).unwrap_or_default();
        for one in listed {
            match before.remove(&one.id) {
                None => insert(tx, one, (issue.id, now)).await?,
                Some(known) => update(tx, one, (known, now)).await?,
            }
        }
        for (id, known) in before {
            leave(tx, id, &known).await?;
        }
    }
    Ok(())
}

/// What is known of the attachments of these issues, by issue.
async fn before(
    tx: &mut SqliteConnection,
    issues: String,
) -> Result<HashMap<IssueId, HashMap<AttachmentId, Before>>, Error> {
    let rows = sqlx::query(
        "SELECT * FROM attachments WHERE issue_id IN (SELECT value FROM json_each($1))",
    )
    .bind(issues)
    .fetch_all(tx)
    .await?;
    let mut known: HashMap<IssueId, HashMap<AttachmentId, Before>> = HashMap::new();
    for row in &rows {
        let gone = row.try_get::<&str, _>("state")? == "gone";
        let before = Before {
            bytes: if gone { None } else { Some(bytes(row)?) },
            name: row.try_get("name")?,
            size: size(row)?,
            told: row.try_get::<i64, _>("told")? != 0,
            updated_at: instant(row.try_get("updated_at")?)?,
        };
        let issue = issue_id(row.try_get("issue_id")?)?;
        known.entry(issue).or_default().insert(attachment_id(row.try_get("id")?)?, before);
    }
    Ok(known)
}

async fn insert(
    tx: &mut SqliteConnection,
    one: &Listed,
    (issue, now): (IssueId, Instant),
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO attachments (id, issue_id, name, size, state, attempts, due_at, sha256,
             media_id, reason, told, updated_at)
         VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $8, $9, 1, $6)
         ON CONFLICT (id) DO UPDATE SET issue_id = excluded.issue_id, told = 0",
    )
    .bind(one.id.get())
    .bind(issue.get())
    .bind(&one.name)
    .bind(bound(one.size))
    .bind(one.bytes.state.as_str())
    .bind(now.millis())
    .bind(&one.bytes.sha256)
    .bind(&one.bytes.media_id)
    .bind(&one.bytes.reason)
    .execute(tx)
    .await?;
    Ok(())
}

async fn update(
    tx: &mut SqliteConnection,
    one: &Listed,
    (known, now): (Before, Instant),
) -> Result<(), Error> {
    let given_up = now.millis().saturating_sub(known.updated_at.millis()) >= GIVEN_UP_MS;
    let again = match &known.bytes {
        None => true,
        Some(bytes) => bytes.state == State::Failed && given_up,
    };
    let told = !again && known.bytes.as_ref() == Some(&one.bytes);
    if !again && told == known.told && known.name == one.name && known.size == one.size {
        return Ok(());
    }
    sqlx::query(
        "UPDATE attachments SET name = $2, size = $3, told = $4,
             state = CASE WHEN $5 THEN 'pending' ELSE state END,
             sha256 = CASE WHEN $5 THEN NULL ELSE sha256 END,
             attempts = CASE WHEN $5 THEN 0 ELSE attempts END,
             due_at = CASE WHEN $5 THEN $6 ELSE due_at END,
             updated_at = CASE WHEN $5 THEN $6 ELSE updated_at END
         WHERE id = $1",
    )
    .bind(one.id.get())
    .bind(&one.name)
    .bind(bound(one.size))
    .bind(i64::from(told))
    .bind(again)
    .bind(now.millis())
    .execute(tx)
    .await?;
    Ok(())
}

async fn leave(tx: &mut SqliteConnection, id: AttachmentId, known: &Before) -> Result<(), Error> {
    let query = match &known.bytes {
        None => return Ok(()),
        Some(Bytes { state: State::Stored, .. }) => {
            "UPDATE attachments SET state = 'gone', told = 0 WHERE id = $1"
        }
        Some(_) => "DELETE FROM attachments WHERE id = $1",
    };
    sqlx::query(query).bind(id.get()).execute(tx).await?;
    Ok(())
}

fn stored(row: &SqliteRow) -> Result<Attachment, Error> {
    Ok(Attachment {
        id: attachment_id(row.try_get("id")?)?,
        issue: issue_id(row.try_get("issue_id")?)?,
        name: row.try_get("name")?,
        size: size(row)?,
        attempts: unsigned(row.try_get("attempts")?)?,
        bytes: bytes(row)?,
    })
}

fn bytes(row: &SqliteRow) -> Result<Bytes, Error> {
    let state = State::named(row.try_get("state")?);
    Ok(Bytes {
        state: state.ok_or_else(|| Error::unreadable("an attachment's state"))?,
        sha256: row.try_get("sha256")?,
        media_id: row.try_get("media_id")?,
        reason: row.try_get("reason")?,
    })
}

fn size(row: &SqliteRow) -> Result<Option<u64>, Error> {
    row.try_get::<Option<i64>, _>("size")?.map(unsigned).transpose()
}

/// A length that no file has is as good as none.
fn bound(size: Option<u64>) -> Option<i64> {
    size.and_then(|size| i64::try_from(size).ok())
}

fn attachment_id(id: i64) -> Result<AttachmentId, Error> {
    AttachmentId::new(id).map_err(|_| Error::unreadable("an attachment id"))
}
