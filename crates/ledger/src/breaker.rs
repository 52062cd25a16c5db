//! The breaker: too many issues that disappear within an hour stop the deleting, and nothing else,
//! until a person has looked. An expired permission looks like a mass deletion.
//!
//! Promises: a verdict and its record are one transaction, so that looks side by side cannot pass
//! the bound together; once stopped it stays stopped over restarts.

use std::time::Duration;

use jira::id::IssueId;
use jira::time::Instant;
use sqlx::SqliteConnection;

use crate::hint::{self, Hint};
use crate::open::instant;
use crate::{Error, Ledger, Source, delivery};

/// The window in which disappearances are counted, and for which a release lasts.
const WINDOW: Duration = Duration::from_secs(3600);
/// So many may disappear in it on the smallest site.
const ALWAYS: i64 = 50;

const STOPPED: &str = "deletes.stopped";
const RELEASED: &str = "deletes.released-until";

/// Why work is parked while the deleting is stopped; by it a release finds it again.
const REASON: &str = "gone from Jira, but more issues disappeared within an hour than can be right";
const REMEDY: &str = "check in Jira that these issues are gone and that the account may still see \
    its projects; then `jiralake parked release`, which lets deletes through for an hour";

/// Whether an issue that is proven to be gone may leave the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Leave,
    /// It stays until a person has released the breaker.
    Stay,
}

/// The breaker's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// Since when deletes are stopped; `None`: they are not.
    pub stopped_at: Option<Instant>,
    /// Until when a person lets any number through.
    pub released_until: Option<Instant>,
}

impl Ledger {
    /// May this issue's rows leave? If so, it is counted; asking again for it counts once.
    pub async fn may_disappear(&self, id: IssueId) -> Result<Verdict, Error> {
        let now = self.store.clock.now();
        let mut tx = self.store.begin().await?;
        let breaker = read(&mut tx).await?;
        let since = now.millis().saturating_sub(millis(WINDOW));
        // A clock that was ahead: they count for an hour from now, neither never nor for ever.
        sqlx::query("UPDATE disappearances SET at = $1 WHERE at > $1")
            .bind(now.millis())
            .execute(&mut *tx)
            .await?;
        sqlx::query("DELETE FROM disappearances WHERE at < $1")
            .bind(since)
            .execute(&mut *tx)
            .await?;
        // A release that lasts longer than the window was given by a clock that was ahead.
        let released =
            breaker.released_until.is_some_and(|until| now < until && until <= now.plus(WINDOW));
        let counted = count(&mut tx, id).await?;
        let verdict = if released {
            Verdict::Leave
        } else if breaker.stopped_at.is_some() {
            Verdict::Stay
        } else if counted >= bound(&mut tx).await? {
            set(&mut tx, STOPPED, now, now).await?;
            tracing::error!(
                counted,
                "{counted} issues disappeared within an hour: deletes are stopped until \
                 `jiralake parked release`"
            );
            Verdict::Stay
        } else {
            Verdict::Leave
        };
        if verdict == Verdict::Leave {
            sqlx::query(
                "INSERT INTO disappearances (id, at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            )
            .bind(id.get())
            .bind(now.millis())
            .execute(&mut *tx)
            .await?;
        }
        self.store.finish(tx).await?;
        Ok(verdict)
    }

    /// Reason and remedy for work that the breaker holds.
    pub fn held_by_breaker() -> (&'static str, &'static str) {
        (REASON, REMEDY)
    }

    /// How the breaker stands.
    pub async fn breaker(&self) -> Result<Breaker, Error> {
        let mut reader = self.store.read.begin().await?;
        read(&mut reader).await
    }

    /// A person has looked: lets deletes through for an hour, and makes due what the breaker holds.
    /// Answers how many that are.
    pub async fn release_breaker(&self) -> Result<u64, Error> {
        let now = self.store.clock.now();
        let mut tx = self.store.begin().await?;
        sqlx::query("DELETE FROM cursors WHERE name = $1").bind(STOPPED).execute(&mut *tx).await?;
        set(&mut tx, RELEASED, now.plus(WINDOW), now).await?;
        let held: Vec<String> =
            sqlx::query_scalar("SELECT subject FROM work WHERE state = 'parked' AND reason = $1")
                .bind(REASON)
                .fetch_all(&mut *tx)
                .await?;
        let mut hints = Vec::with_capacity(held.len());
        for subject in &held {
            let subject = delivery::subject(subject)?;
            hints.push(Hint { subject, source: Source::Person, at: now, due: now, deleted: false });
        }
        hint::raise(&mut tx, &hints).await?;
        self.store.finish(tx).await?;
        self.store.wake();
        Ok(held.len() as u64)
    }
}

/// Issues other than this one that disappeared within the window.
async fn count(tx: &mut SqliteConnection, id: IssueId) -> Result<i64, Error> {
    let count = sqlx::query_scalar("SELECT COUNT(*) FROM disappearances WHERE id <> $1")
        .bind(id.get())
        .fetch_one(tx)
        .await?;
    Ok(count)
}

/// One in a hundred, at least [`ALWAYS`].
async fn bound(tx: &mut SqliteConnection) -> Result<i64, Error> {
    let issues: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM issues").fetch_one(tx).await?;
    Ok(ALWAYS.max(issues / 100))
}

async fn read(tx: &mut SqliteConnection) -> Result<Breaker, Error> {
    Ok(Breaker { stopped_at: get(tx, STOPPED).await?, released_until: get(tx, RELEASED).await? })
}

async fn get(tx: &mut SqliteConnection, name: &str) -> Result<Option<Instant>, Error> {
    let value: Option<String> = sqlx::query_scalar("SELECT value FROM cursors WHERE name = $1")
        .bind(name)
        .fetch_optional(tx)
        .await?;
    let unreadable = || Error::unreadable("the state of the breaker");
    value.map(|text| instant(text.parse().map_err(|_| unreadable())?)).transpose()
}

async fn set(
    tx: &mut SqliteConnection,
    name: &str,
    value: Instant,
    now: Instant,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO cursors (name, value, set_at) VALUES ($1, $2, $3)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value, set_at = excluded.set_at",
    )
    .bind(name)
    .bind(value.millis().to_string())
    .bind(now.millis())
    .execute(tx)
    .await?;
    Ok(())
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
