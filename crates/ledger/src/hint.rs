//! Raising work: the one way by which anything asks for an issue to be looked at.

use jira::id::Subject;
use jira::time::Instant;
use serde_json::{Value, json};
use sqlx::SqliteConnection;

use crate::{Error, Ledger, Source, issue, settle};

/// Hints in one transaction: deliveries wait for it.
const HINTS_TOGETHER: usize = 200;

/// A suggestion that an issue may have changed.
pub(crate) struct Hint {
    /// What to look at, already an id if the id is known.
    pub(crate) subject: Subject,
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
        let mut hints = Vec::with_capacity(subjects.len());
        for subject in subjects {
            let subject = issue::known(&mut tx, subject).await?;
            hints.push(Hint { subject, source, at, due, deleted: false });
        }
        raise(&mut tx, &hints).await?;
        self.store.finish(tx).await?;
        self.store.wake();
        Ok(())
    }
}

/// Raises the work of subjects. Work that ended the process twice does not become due by hints more
/// often than hourly: each time may end it again.
///
/// Returns the number of the first hint; the others follow it one by
/// one.
pub(crate) async fn raise(tx: &mut SqliteConnection, hints: &[Hint]) -> Result<i64, Error> {
    let subjects: Vec<String> = hints.iter().map(|hint| hint.subject.to_string()).collect();
    let count = u32::try_from(hints.len()).map_err(|_| Error::Busy)?;
    let first = numbers(tx, "version", count).await?;
    settle::reopen(tx, &subjects).await?;
    let rows: Vec<Value> = (first..)
        .zip(hints.iter().zip(&subjects))
        .map(|(version, (hint, subject))| {
            let Hint { source, at, due, deleted, .. } = hint;
            let deleted = i64::from(*deleted);
            json!([subject, version, source.priority(), due.millis(), at.millis(), deleted])
        })
        .collect();
    // In the order of the hints: of two for one subject the second finds the first one's work.
    sqlx::query(
        "INSERT INTO work (subject, version, state, priority, due_at, hinted_at, deleted_hint)
         SELECT value ->> 0, value ->> 1, 'due', value ->> 2, value ->> 3, value ->> 4, value ->> 5
         FROM json_each($1) WHERE TRUE ORDER BY key
         ON CONFLICT (subject) DO UPDATE SET
             version = excluded.version,
             deleted_hint = excluded.deleted_hint,
             priority = CASE WHEN work.state = 'due' AND work.priority < excluded.priority
                 THEN work.priority ELSE excluded.priority END,
             due_at = CASE
                 WHEN work.state = 'due' AND (work.due_at < excluded.due_at OR work.deaths > 1)
                     THEN work.due_at
                 WHEN work.deaths > 1 AND excluded.due_at < work.parked_at + 3600000
                     THEN work.parked_at + 3600000
                 ELSE excluded.due_at END,
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
    .bind(json!(rows).to_string())
    .execute(tx)
    .await?;
    Ok(first)
}

/// The next number of a sequence.
pub(crate) async fn next(tx: &mut SqliteConnection, sequence: &str) -> Result<i64, Error> {
    numbers(tx, sequence, 1).await
}

/// So many numbers of a sequence at once; answers the first.
pub(crate) async fn numbers(
    tx: &mut SqliteConnection,
    sequence: &str,
    count: u32,
) -> Result<i64, Error> {
    let last: i64 = sqlx::query_scalar(
        "UPDATE sequences SET value = value + $2 WHERE name = $1 RETURNING value",
    )
    .bind(sequence)
    .bind(count)
    .fetch_one(tx)
    .await?;
    Ok(last - i64::from(count) + 1)
}
