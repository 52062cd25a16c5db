//! The one transaction: new files become visible, issues are known by them, the work that made them
//! is retired and its deliveries are settled. Before it nothing of that is so, after it all is.

use std::collections::BTreeSet;
use std::ops::Range;

use jira::id::Subject;
use jira::time::{Instant, Month};
use sqlx::SqliteConnection;

use crate::{
    CatalogFile, CommitId, Error, IssueRecord, Ledger, Source, attachment, catalog, hint, issue,
    settle,
};

/// What a commit of the lake changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Commit {
    /// From [`Ledger::next_commit`].
    pub id: CommitId,
    /// New files; they replace all files of their table and month.
    pub files: Vec<CatalogFile>,
    /// Tables and months that have no rows any more.
    pub dropped: Vec<(String, Month)>,
    /// The issues whose rows were written.
    pub issues: Vec<IssueRecord>,
    /// The work that led here.
    pub finished: Vec<Finished>,
}

/// Work whose result is in a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// As it was leased, or resolved since.
    pub subject: Subject,
    /// As it was leased. A newer hint keeps the work, due at once.
    pub version: i64,
    /// If some part is incomplete: when to look again.
    pub again: Option<Again>,
}

/// The result is good, but not all of it: another look is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Again {
    /// When.
    pub due: Instant,
    /// Which part, and why.
    pub reason: String,
    /// How urgent that look is, unless a hint came meanwhile.
    pub source: Source,
}

impl Ledger {
    /// A number for the next commit. Durable, so that no later commit can take it too.
    pub async fn next_commit(&self) -> Result<CommitId, Error> {
        let mut tx = self.store.begin().await?;
        let number = hint::next(&mut tx, "commit").await?;
        self.store.finish(tx).await?;
        Ok(CommitId::new(number))
    }

    /// Numbers for the next commits, as [`Self::next_commit`] gives one.
    pub async fn next_commits(&self, count: u32) -> Result<Range<i64>, Error> {
        let mut tx = self.store.begin().await?;
        let last = hint::advance(&mut tx, "commit", count).await?;
        self.store.finish(tx).await?;
        Ok(last + 1 - i64::from(count)..last + 1)
    }

    /// Makes a commit: all of it, durably, or nothing.
    pub async fn commit(&self, commit: Commit) -> Result<(), Error> {
        let now = self.store.clock.now();
        let mut tx = self.store.begin().await?;
        write_log(&mut tx, &commit, now).await?;
        write_files(&mut tx, &commit).await?;
        for record in &commit.issues {
            issue::upsert(&mut tx, record, commit.id).await?;
            attachment::list(&mut tx, record, now).await?;
        }
        // Only when all are written is it clear who holds a key now.
        for record in &commit.issues {
            issue::doubt(&mut tx, &record.key, now).await?;
        }
        for finished in &commit.finished {
            retire(&mut tx, finished).await?;
        }
        self.store.finish(tx).await?;
        self.store.wake();
        Ok(())
    }
}

async fn write_log(tx: &mut SqliteConnection, commit: &Commit, now: Instant) -> Result<(), Error> {
    let count = |n: usize| i64::try_from(n).map_err(|_| Error::Busy);
    sqlx::query(
        "INSERT INTO commits (id, committed_at, files, issues, finished)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(commit.id.get())
    .bind(now.millis())
    .bind(count(commit.files.len())?)
    .bind(count(commit.issues.len())?)
    .bind(count(commit.finished.len())?)
    .execute(tx)
    .await?;
    Ok(())
}

async fn write_files(tx: &mut SqliteConnection, commit: &Commit) -> Result<(), Error> {
    let written = commit.files.iter().map(|file| (&file.table, &file.month));
    let dropped = commit.dropped.iter().map(|(table, month)| (table, month));
    for (table, month) in written.chain(dropped).collect::<BTreeSet<_>>() {
        catalog::clear(tx, table, month).await?;
    }
    for file in &commit.files {
        catalog::add(tx, file).await?;
    }
    Ok(())
}

/// Settles the deliveries that the look covers, and the work: gone if its newest hint is covered and
/// nothing is missing, else due again.
async fn retire(tx: &mut SqliteConnection, finished: &Finished) -> Result<(), Error> {
    let subject = finished.subject.to_string();
    settle::applied(tx, &subject, finished.version).await?;
    if let Some(again) = &finished.again {
        sqlx::query(
            "UPDATE work SET attempts = attempts + 1, last_error = $4,
                 absences = 0, absent_since = NULL,
                 due_at = CASE WHEN again_at < $3 THEN again_at ELSE $3 END,
                 priority = CASE WHEN version = $2 THEN $5 ELSE priority END,
                 hinted_at = COALESCE(again_hinted_at, $3),
                 lease_until = NULL, leased_version = NULL,
                 again_at = NULL, again_hinted_at = NULL
             WHERE subject = $1 AND leased_version = $2",
        )
        .bind(subject)
        .bind(finished.version)
        .bind(again.due.millis())
        .bind(&again.reason)
        .bind(again.source.priority())
        .execute(tx)
        .await?;
        return Ok(());
    }
    let removed = sqlx::query("DELETE FROM work WHERE subject = $1 AND version = $2")
        .bind(&subject)
        .bind(finished.version)
        .execute(&mut *tx)
        .await?;
    if removed.rows_affected() == 0 {
        sqlx::query(
            "UPDATE work SET attempts = 0, absences = 0, absent_since = NULL, last_error = NULL,
                 due_at = COALESCE(again_at, due_at),
                 hinted_at = COALESCE(again_hinted_at, hinted_at),
                 lease_until = NULL, leased_version = NULL,
                 again_at = NULL, again_hinted_at = NULL
             WHERE subject = $1 AND leased_version = $2",
        )
        .bind(&subject)
        .bind(finished.version)
        .execute(tx)
        .await?;
    }
    Ok(())
}
