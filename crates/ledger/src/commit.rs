//! The one transaction: new files become visible, issues are known by them, the work that made them
//! is retired and its deliveries are settled. Before it nothing of that is so, after it all is.

use std::collections::BTreeSet;
use std::ops::Range;

use jira::id::{IssueId, Subject};
use jira::time::{Instant, Month};
use serde_json::{Value, json};
use sqlx::SqliteConnection;

use crate::{
    CatalogFile, CommitId, Error, IssueRecord, Ledger, Loss, Source, attachment, catalog, hint,
    issue, loss, settle,
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
    /// Months in which the rows of other issues than these may have changed too.
    pub remade: Vec<Month>,
    /// The issues whose rows were written.
    pub issues: Vec<IssueRecord>,
    /// The work that led here.
    pub finished: Vec<Finished>,
    /// Known issues whose copy is found to have lost a part; each becomes due.
    pub lost: Vec<(IssueId, Loss)>,
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
        let first = hint::numbers(&mut tx, "commit", count).await?;
        self.store.finish(tx).await?;
        Ok(first..first + i64::from(count))
    }

    /// Makes a commit: all of it, durably, or nothing.
    pub async fn commit(&self, commit: Commit) -> Result<(), Error> {
        let now = self.store.clock.now();
        let mut tx = self.store.begin().await?;
        write_log(&mut tx, &commit, now).await?;
        write_files(&mut tx, &commit).await?;
        issue::forget_digests(&mut tx, &commit.remade).await?;
        issue::upsert(&mut tx, &commit.issues, commit.id).await?;
        attachment::list(&mut tx, &commit.issues, now).await?;
        // Only when all are written is it clear who holds a key now.
        issue::doubt(&mut tx, &commit.issues, now).await?;
        retire(&mut tx, &commit.finished).await?;
        // Last: the records above would clear the losses, and the work below would go with the rest.
        for some in commit.lost.chunks(loss::LOSSES_TOGETHER) {
            loss::mark(&mut tx, some, now).await?;
        }
        self.store.finish(tx).await?;
        if let Some(mark) = self.store.mark.get() {
            mark.committed(commit.id.get());
        }
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

/// Settles the deliveries that the looks cover, and the work: gone if its newest hint is covered and
/// nothing is missing, else due again.
async fn retire(tx: &mut SqliteConnection, finished: &[Finished]) -> Result<(), Error> {
    let looks: Vec<(String, i64)> =
        finished.iter().map(|done| (done.subject.to_string(), done.version)).collect();
    settle::applied(tx, &looks).await?;
    let (mut whole, mut again) = (Vec::new(), Vec::new());
    for (done, look) in finished.iter().zip(&looks) {
        match &done.again {
            None => whole.push(look),
            Some(due) => again.push((look, due)),
        }
    }
    take_out(tx, &whole).await?;
    look_again(tx, &again).await
}

/// Work whose newest hint is covered goes; work with a newer one is due at once.
async fn take_out(tx: &mut SqliteConnection, looks: &[&(String, i64)]) -> Result<(), Error> {
    let looks = json!(looks).to_string();
    sqlx::query(
        "DELETE FROM work WHERE (subject, version) IN (
             SELECT value ->> 0, value ->> 1 FROM json_each($1))",
    )
    .bind(&looks)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "UPDATE work SET attempts = 0, absences = 0, absent_since = NULL, last_error = NULL,
             deaths = 0, alone = 0,
             due_at = COALESCE(again_at, due_at),
             hinted_at = COALESCE(again_hinted_at, hinted_at),
             lease_until = NULL, leased_version = NULL,
             again_at = NULL, again_hinted_at = NULL
         WHERE (subject, leased_version) IN (
             SELECT value ->> 0, value ->> 1 FROM json_each($1))",
    )
    .bind(&looks)
    .execute(tx)
    .await?;
    Ok(())
}

/// Work of which something is missing.
async fn look_again(
    tx: &mut SqliteConnection,
    looks: &[(&(String, i64), &Again)],
) -> Result<(), Error> {
    let rows: Vec<Value> = looks
        .iter()
        .map(|((subject, version), again)| {
            let priority = again.source.priority();
            json!([subject, version, again.due.millis(), again.reason, priority])
        })
        .collect();
    sqlx::query(
        "WITH looks (subject, version, due, reason, priority) AS (
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4
             FROM json_each($1))
         UPDATE work SET attempts = attempts + 1, last_error = looks.reason,
             deaths = 0, alone = 0,
             absences = 0, absent_since = NULL,
             due_at = CASE WHEN again_at < looks.due THEN again_at ELSE looks.due END,
             priority = CASE WHEN work.version = looks.version THEN looks.priority
                 ELSE work.priority END,
             hinted_at = COALESCE(again_hinted_at, looks.due),
             lease_until = NULL, leased_version = NULL,
             again_at = NULL, again_hinted_at = NULL
         FROM looks WHERE work.subject = looks.subject AND leased_version = looks.version",
    )
    .bind(json!(rows).to_string())
    .execute(tx)
    .await?;
    Ok(())
}
