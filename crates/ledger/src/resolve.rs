//! From a key to an id: work that was hinted by a key which the ledger did not know.
//!
//! The holder of the lease has fetched the issue and so learned its id. Deliveries and lease move to
//! the id; if the id has work of its own, the two become one.

use jira::id::{IssueId, Subject};
use sqlx::{Row, SqliteConnection};

use crate::hint::{self, Hint};
use crate::{Error, Ledger, Work, settle};

/// Whose the work is after [`Ledger::resolve`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// The caller's: go on with this, which names the id.
    Yours(Work),
    /// Another worker has the issue in hand (or the lease had lapsed); it was told to look again.
    /// Nothing is left to do for the caller.
    Elsewhere,
}

impl Ledger {
    /// Turns leased key work into id work, with its deliveries.
    pub async fn resolve(&self, work: &Work, id: IssueId) -> Result<Resolved, Error> {
        let moved = Work { subject: Subject::Id(id), ..work.clone() };
        if moved.subject == work.subject {
            return Ok(Resolved::Yours(moved));
        }
        let (key, id) = (work.subject.to_string(), moved.subject.to_string());
        let now = self.store.clock.now();
        let mut tx = self.store.begin().await?;
        let held = sqlx::query("SELECT 1 FROM work WHERE subject = $1 AND leased_version = $2")
            .bind(&key)
            .bind(work.version)
            .fetch_optional(&mut *tx)
            .await?;
        if held.is_none() {
            return Ok(Resolved::Elsewhere);
        }
        let other = sqlx::query("SELECT lease_until FROM work WHERE subject = $1")
            .bind(&id)
            .fetch_optional(&mut *tx)
            .await?;
        let lease: Option<Option<i64>> = other.map(|row| row.try_get("lease_until")).transpose()?;
        let resolved = match lease {
            None => {
                rename(&mut tx, &key, &id).await?;
                Resolved::Yours(moved)
            }
            Some(Some(until)) if self.store.bounds.from(now).lapse(until) > now.millis() => {
                remove(&mut tx, &key).await?;
                let subject = moved.subject;
                let Work { source, hinted_at: at, deleted_hint: deleted, .. } = *work;
                hint::raise(&mut tx, &[Hint { subject, source, at, due: now, deleted }]).await?;
                Resolved::Elsewhere
            }
            Some(_) => {
                settle::reopen(&mut tx, std::slice::from_ref(&id)).await?;
                merge(&mut tx, &key, &id).await?;
                Resolved::Yours(moved)
            }
        };
        settle::rename(&mut tx, &key, &id).await?;
        self.store.finish(tx).await?;
        self.store.wake();
        Ok(resolved)
    }
}

async fn rename(tx: &mut SqliteConnection, key: &str, id: &str) -> Result<(), Error> {
    sqlx::query("UPDATE work SET subject = $2 WHERE subject = $1")
        .bind(key)
        .bind(id)
        .execute(tx)
        .await?;
    Ok(())
}

async fn remove(tx: &mut SqliteConnection, key: &str) -> Result<(), Error> {
    sqlx::query("DELETE FROM work WHERE subject = $1").bind(key).execute(tx).await?;
    Ok(())
}

/// The id's row goes and what it asked for is added to the key's row, which keeps the lease. The
/// look in hand may have started before the id's hints: a new version makes sure of another one.
async fn merge(tx: &mut SqliteConnection, key: &str, id: &str) -> Result<(), Error> {
    let version = hint::next(tx, "version").await?;
    let row = sqlx::query(
        "DELETE FROM work WHERE subject = $1 RETURNING due_at, hinted_at, priority, deaths",
    )
    .bind(id)
    .fetch_one(&mut *tx)
    .await?;
    sqlx::query(
        "UPDATE work SET subject = $2, version = $3,
             again_at = CASE WHEN again_at < $4 THEN again_at ELSE $4 END,
             again_hinted_at = CASE WHEN again_hinted_at < $5 THEN again_hinted_at ELSE $5 END,
             hinted_at = CASE WHEN hinted_at < $5 THEN hinted_at ELSE $5 END,
             priority = CASE WHEN priority < $6 THEN priority ELSE $6 END,
             deaths = CASE WHEN deaths > $7 THEN deaths ELSE $7 END
         WHERE subject = $1",
    )
    .bind(key)
    .bind(id)
    .bind(version)
    .bind(row.try_get::<i64, _>("due_at")?)
    .bind(row.try_get::<i64, _>("hinted_at")?)
    .bind(row.try_get::<i64, _>("priority")?)
    .bind(row.try_get::<i64, _>("deaths")?)
    .execute(tx)
    .await?;
    Ok(())
}
