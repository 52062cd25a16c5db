//! Parked work: what only a person can move on. It keeps its reason and its remedy, and its
//! deliveries say that they are parked. A new hint makes it due again.

use jira::id::Subject;
use jira::time::Instant;
use sqlx::Row;

use crate::hint::{self, Hint};
use crate::open::{instant, unsigned};
use crate::{Error, Ledger, Source, Work, delivery, issue, settle};

/// One parked subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// What could not be looked at.
    pub subject: Subject,
    /// Since when.
    pub parked_at: Instant,
    /// Why.
    pub reason: String,
    /// What a person can do about it.
    pub remedy: String,
    /// How often it had been tried.
    pub attempts: u32,
    /// The last failure.
    pub last_error: Option<String>,
}

impl Ledger {
    /// Sets leased work aside until a person acts or a new hint comes; its deliveries are settled as
    /// parked. If a hint came during the lease, the work is due again at once instead.
    pub async fn park(&self, work: &Work, reason: &str, remedy: &str) -> Result<(), Error> {
        let subject = work.subject.to_string();
        let mut tx = self.store.begin().await?;
        let parked = sqlx::query(
            "UPDATE work SET state = 'parked', parked_at = $3, reason = $4, remedy = $5,
                 deaths = 0, alone = 0,
                 lease_until = NULL, leased_version = NULL
             WHERE subject = $1 AND leased_version = $2 AND version = $2",
        )
        .bind(&subject)
        .bind(work.version)
        .bind(self.store.clock.now().millis())
        .bind(reason)
        .bind(remedy)
        .execute(&mut *tx)
        .await?;
        if parked.rows_affected() > 0 {
            settle::parked(&mut tx, &subject, reason).await?;
        } else {
            sqlx::query(
                "UPDATE work SET attempts = 0, absences = 0, absent_since = NULL, last_error = $3,
                     deaths = 0, alone = 0,
                     due_at = COALESCE(again_at, due_at), lease_until = NULL,
                     leased_version = NULL, again_at = NULL, again_hinted_at = NULL
                 WHERE subject = $1 AND leased_version = $2",
            )
            .bind(&subject)
            .bind(work.version)
            .bind(reason)
            .execute(&mut *tx)
            .await?;
        }
        self.store.finish(tx).await?;
        self.store.wake();
        Ok(())
    }

    /// Everything that is parked, longest first.
    pub async fn parked(&self) -> Result<Vec<Parked>, Error> {
        let rows = sqlx::query(
            "SELECT subject, parked_at, reason, remedy, attempts, last_error FROM work
             WHERE state = 'parked' ORDER BY parked_at, subject",
        )
        .fetch_all(&self.store.read)
        .await?;
        let parked = rows.into_iter().map(|row| {
            Ok(Parked {
                subject: delivery::subject(row.try_get("subject")?)?,
                parked_at: instant(row.try_get("parked_at")?)?,
                reason: row.try_get("reason")?,
                remedy: row.try_get("remedy")?,
                attempts: unsigned(row.try_get("attempts")?)?,
                last_error: row.try_get("last_error")?,
            })
        });
        parked.collect()
    }

    /// Makes a parked subject due at once, as a person's wish; answers whether it was parked.
    pub async fn unpark(&self, subject: &Subject) -> Result<bool, Error> {
        let now = self.store.clock.now();
        let mut tx = self.store.begin().await?;
        let subject = issue::known(&mut tx, subject).await?;
        let cleared =
            sqlx::query("UPDATE work SET deaths = 0 WHERE subject = $1 AND state = 'parked'")
                .bind(subject.to_string())
                .execute(&mut *tx)
                .await?;
        let parked = cleared.rows_affected() > 0;
        if parked {
            let source = Source::Person;
            let hint = Hint { subject, source, at: now, due: now, deleted: false };
            hint::raise(&mut tx, &[hint]).await?;
        }
        self.store.finish(tx).await?;
        self.store.wake();
        Ok(parked)
    }

    /// Takes a parked subject out of the work for good; its deliveries stay parked, for this reason.
    /// Answers whether it was parked.
    pub async fn drop_parked(&self, subject: &Subject, reason: &str) -> Result<bool, Error> {
        let mut tx = self.store.begin().await?;
        let subject = issue::known(&mut tx, subject).await?.to_string();
        let removed = sqlx::query("DELETE FROM work WHERE subject = $1 AND state = 'parked'")
            .bind(&subject)
            .execute(&mut *tx)
            .await?;
        let parked = removed.rows_affected() > 0;
        if parked {
            settle::dropped(&mut tx, &subject, reason).await?;
        }
        self.store.finish(tx).await?;
        Ok(parked)
    }
}
