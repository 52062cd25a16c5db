//! Suspects: work that was in flight when the process died, and may be why it died.
//!
//! A suspect MUST NOT be leased with other work. When nothing else is in flight it is taken alone; if
//! the process dies then, the next start parks it, and everything else goes on. A death at any other
//! time proves nothing: it makes suspects, and parks none.

use jira::id::Subject;
use jira::time::Instant;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::wait::Horizon;
use crate::{Error, Ledger, Work, delivery, settle, work};

/// So many suspects are taken one by one. Of more than that most are innocent: they are taken
/// together first, and those of a group in which the process died again one by one.
const FEW: i64 = 64;
/// Suspects that are taken together.
const GROUP: i64 = 32;

/// Why work is parked that was alone in flight when the process died.
const REASON: &str = "jiralake died twice while it worked on this issue";
const REMEDY: &str = "look for the end of the last run in the log and for something unusual in the \
    issue, and report it; then `jiralake parked retry`";

/// The leases that a start found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReleasedLeases {
    /// Work that was in flight when the process died: suspects from here on.
    pub suspects: u64,
    /// Work that was alone in flight then and is parked now.
    pub parked: Vec<Subject>,
}

impl Ledger {
    /// Ends every lease; at start, when this process is the only one and leases are a dead one's.
    pub async fn release_leases(&self) -> Result<ReleasedLeases, Error> {
        let now = self.store.clock.now().millis();
        let mut tx = self.store.begin().await?;
        let parked: Vec<String> = sqlx::query_scalar(
            "UPDATE work SET state = 'parked', parked_at = $1, reason = $2, remedy = $3,
                 deaths = deaths + 1, alone = 0, lease_until = NULL, leased_version = NULL,
                 again_at = NULL, again_hinted_at = NULL
             WHERE leased_version IS NOT NULL AND alone = 1
             RETURNING subject",
        )
        .bind(now)
        .bind(REASON)
        .bind(REMEDY)
        .fetch_all(&mut *tx)
        .await?;
        for subject in &parked {
            settle::parked(&mut tx, subject, REASON).await?;
        }
        let suspects = sqlx::query(
            "UPDATE work SET deaths = deaths + 1, lease_until = NULL, leased_version = NULL,
                 again_at = NULL, again_hinted_at = NULL
             WHERE leased_version IS NOT NULL",
        )
        .execute(&mut *tx)
        .await?;
        self.store.finish(tx).await?;
        self.store.wake();
        let parked = parked.iter().map(|subject| delivery::subject(subject));
        let parked = parked.collect::<Result<_, _>>()?;
        Ok(ReleasedLeases { suspects: suspects.rows_affected(), parked })
    }

    /// Gives every lease back at a clean stop: nobody died.
    pub async fn return_leases(&self) -> Result<u64, Error> {
        let mut tx = self.store.begin().await?;
        let returned = sqlx::query(
            "UPDATE work SET alone = 0, lease_until = NULL, leased_version = NULL,
                 again_at = NULL, again_hinted_at = NULL
             WHERE leased_version IS NOT NULL",
        )
        .execute(&mut *tx)
        .await?;
        self.store.finish(tx).await?;
        self.store.wake();
        Ok(returned.rows_affected())
    }

    /// Takes the next suspect that is due, or several that are probably innocent. Nothing else may be
    /// in flight until they are done.
    pub async fn lease_suspects(&self, until: Instant) -> Result<Vec<Work>, Error> {
        let now = self.store.clock.now();
        let horizon = self.store.bounds.from(now);
        let mut tx = self.store.begin().await?;
        let mut rows = due(&mut tx, horizon).await?;
        let once =
            |row: &SqliteRow| sqlx::Row::try_get::<i64, _>(row, "deaths").is_ok_and(|n| n == 1);
        let is_crowd = i64::try_from(rows.len()).unwrap_or(0) > FEW;
        let together = rows.iter().take_while(|row| is_crowd && once(row)).count();
        rows.truncate(together.clamp(1, usize::try_from(GROUP).unwrap_or(1)));
        let alone = rows.len() == 1;
        let leased = work::grant(&mut tx, &rows, now, until).await?;
        if let ([work], true) = (leased.as_slice(), alone) {
            sqlx::query("UPDATE work SET alone = 1 WHERE subject = $1")
                .bind(work.subject.to_string())
                .execute(&mut *tx)
                .await?;
        }
        self.store.finish(tx).await?;
        Ok(leased)
    }

    /// Returns whether a suspect is due. Only reads, unlike a lease.
    pub async fn has_due_suspects(&self) -> Result<bool, Error> {
        let horizon = self.store.bounds.from(self.store.clock.now());
        let found = sqlx::query(
            "SELECT 1 FROM work
             WHERE deaths > 0 AND state = 'due' AND (due_at <= $1 OR due_at > $2)
                 AND (lease_until IS NULL OR lease_until <= $1 OR lease_until > $3)
             LIMIT 1",
        )
        .bind(horizon.now)
        .bind(horizon.wait)
        .bind(horizon.lease)
        .fetch_optional(&self.store.read)
        .await?;
        Ok(found.is_some())
    }
}

/// The suspects that are due, those that are most probably innocent first: one more than few.
async fn due(tx: &mut SqliteConnection, horizon: Horizon) -> Result<Vec<SqliteRow>, Error> {
    let rows = sqlx::query(
        "SELECT * FROM work
         WHERE deaths > 0 AND state = 'due' AND (due_at <= $1 OR due_at > $2)
             AND (lease_until IS NULL OR lease_until <= $1 OR lease_until > $3)
         ORDER BY deaths, priority, due_at, subject LIMIT $4",
    )
    .bind(horizon.now)
    .bind(horizon.wait)
    .bind(horizon.lease)
    .bind(FEW + 1)
    .fetch_all(tx)
    .await?;
    Ok(rows)
}
