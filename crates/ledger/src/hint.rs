//! Raising work: the one way by which anything asks for an issue to be looked at.

use jira::id::Subject;
use jira::time::Instant;
use sqlx::SqliteConnection;

use crate::{Error, Ledger, Source, issue, settle};

/// Hints in one transaction: deliveries wait for it.
const HINTS_TOGETHER: usize = 200;

/// A suggestion that an issue may have changed.
pub(crate) struct Hint<'a> {
    /// What to look at, already an id if the id is known.
    pub(crate) subject: &'a Subject,
    pub(crate) source: Source,
    /// When the suggestion came.
    pub(crate) at: Instant,
    /// Not to be looked at earlier.
    pub(crate) due: Instant,
    /// Whether it came from a delete event.
    pub(crate) deleted: bool,
}

impl Ledger {
    /// Asks for what a walk found to be looked at now, and remembers how far the walk has come: the
    /// cursor moves only when all of it is asked for.
    pub async fn hint_walked(
        &self,
        subjects: &[Subject],
        source: Source,
        (cursor, value): (&str, &str),
    ) -> Result<(), Error> {
        for some in subjects.chunks(HINTS_TOGETHER) {
            self.hint(some, source, self.store.clock.now()).await?;
        }
        self.set_cursor(cursor, value).await
    }

    /// Asks for subjects to be looked at, from `due` on. What is already due only gets a newer
    /// version, and earlier if this is more urgent; what is parked becomes due again.
    pub async fn hint(
        &self,
        subjects: &[Subject],
        source: Source,
        due: Instant,
    ) -> Result<(), Error> {
        if subjects.is_empty() {
            return Ok(());
        }
        let at = self.store.clock.now();
        let mut tx = self.store.begin().await?;
        for subject in subjects {
            let subject = &issue::known(&mut tx, subject).await?;
            raise(&mut tx, &Hint { subject, source, at, due, deleted: false }).await?;
        }
        self.store.finish(tx).await?;
        self.store.wake();
        Ok(())
    }
}

/// Raises the work of one subject and returns the hint's number.
pub(crate) async fn raise(tx: &mut SqliteConnection, hint: &Hint<'_>) -> Result<i64, Error> {
    let subject = hint.subject.to_string();
    let version = next(tx, "version").await?;
    settle::reopen(tx, &subject).await?;
    sqlx::query(
        "INSERT INTO work (subject, version, state, priority, due_at, hinted_at, deleted_hint)
         VALUES ($1, $2, 'due', $3, $4, $5, $6)
         ON CONFLICT (subject) DO UPDATE SET
             version = excluded.version,
             deleted_hint = excluded.deleted_hint,
             priority = CASE WHEN work.state = 'due' AND work.priority < excluded.priority
                 THEN work.priority ELSE excluded.priority END,
             due_at = CASE WHEN work.state = 'due' AND work.due_at < excluded.due_at
                 THEN work.due_at ELSE excluded.due_at END,
             hinted_at = CASE WHEN work.state = 'due'
                 THEN work.hinted_at ELSE excluded.hinted_at END,
             again_at = CASE WHEN work.leased_version IS NULL THEN NULL
                 WHEN work.again_at < excluded.due_at THEN work.again_at
                 ELSE excluded.due_at END,
             again_hinted_at = CASE WHEN work.leased_version IS NULL THEN NULL
                 ELSE COALESCE(work.again_hinted_at, excluded.hinted_at) END,
             attempts = CASE WHEN work.state = 'due' THEN work.attempts ELSE 0 END,
             absences = CASE WHEN work.state = 'due' THEN work.absences ELSE 0 END,
             absent_since = CASE WHEN work.state = 'due' THEN work.absent_since ELSE NULL END,
             state = 'due', parked_at = NULL, reason = NULL, remedy = NULL",
    )
    .bind(subject)
    .bind(version)
    .bind(hint.source.priority())
    .bind(hint.due.millis())
    .bind(hint.at.millis())
    .bind(i64::from(hint.deleted))
    .execute(tx)
    .await?;
    Ok(version)
}

/// The next number of a sequence.
pub(crate) async fn next(tx: &mut SqliteConnection, sequence: &str) -> Result<i64, Error> {
    advance(tx, sequence, 1).await
}

/// The last of the next numbers of a sequence.
pub(crate) async fn advance(
    tx: &mut SqliteConnection,
    sequence: &str,
    by: u32,
) -> Result<i64, Error> {
    let number = sqlx::query_scalar(
        "UPDATE sequences SET value = value + $2 WHERE name = $1 RETURNING value",
    )
    .bind(sequence)
    .bind(by)
    .fetch_one(tx)
    .await?;
    Ok(number)
}
