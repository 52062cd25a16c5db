//! The commit: changed issues to new files, one ledger transaction, new visible names.
//!
//! Promises:
//! - The files are durable before the ledger names them, and naming them retires the work in the
//!   same transaction. A crash before it leaves the lake as it was, a crash after it leaves the
//!   lake changed; the next start finishes the visible names. There is no third case.
//! - All rows of an issue are in the month of the issue and in no other: an issue whose month
//!   changed leaves the old one in the same commit.
//! - What a commit reads or copies of a file is proved; a file that is not what was recorded is made
//!   from the raw snapshots and what is intact of it, or the commit fails and names every issue
//!   whose snapshot is in the way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jira::id::IssueId;
use jira::time::{Instant, Month};
use ledger::{CatalogFile, Commit, CommitId, Finished, IssueRecord, Loss};
use transform::{Json, Snapshot, Table, View};

use crate::attachments::listed;
use crate::batch::Batch;
use crate::cores;
use crate::error::{Error, asked};
use crate::mapping::Mapping;
use crate::open::{Inner, Lake, Writing, blocking};
use crate::publish;
use crate::raw::file_name;
use crate::shelf::Shelf;
use crate::stage::{Effort, Job, Staged};
use crate::steps::Step;
use crate::views;

/// Commits that are numbered at once.
const NUMBERS: u32 = 64;

/// What a commit did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Its number in the ledger.
    pub commit: CommitId,
    /// Issues whose rows were replaced or removed.
    pub issues: u64,
    /// Files written; unchanged tables are not rewritten.
    pub files: u64,
    /// Rows in these files.
    pub rows: i64,
    /// Their bytes.
    pub bytes: i64,
    /// Row groups that were encoded; all others were copied as they are, or stayed in their files.
    pub row_groups: u64,
    /// Bytes of the encoded row groups.
    pub encoded_bytes: u64,
    /// Bytes of the copied ones.
    pub copied_bytes: u64,
    /// Tables of a month that were rebuilt because a file was damaged.
    pub rebuilt: u64,
    /// Values of an unexpected type that were met.
    pub odd_values: u64,
    /// How long it took, the visible names included.
    pub took: Duration,
}

/// New files and emptied months, ready for the one transaction.
#[derive(Default)]
pub(crate) struct Prepared {
    pub(crate) files: Vec<CatalogFile>,
    /// Files that stay, of the tables and months that have new ones.
    pub(crate) kept: Vec<CatalogFile>,
    pub(crate) emptied: Vec<(Table, Month)>,
    /// Months whose rows were made of the raw snapshots, of issues that did not change too.
    pub(crate) remade: BTreeSet<Month>,
    /// Tables of these months that were rebuilt because a file was damaged.
    pub(crate) rebuilt: u64,
    /// Issues whose rows were carried over, because no readable snapshot of them is left.
    pub(crate) lost: Vec<(IssueId, Loss)>,
    pub(crate) effort: Effort,
}

/// What became of jobs: the prepared files, and the jobs that need other rows.
type Outcome = (Prepared, Vec<Job>);

impl Lake {
    /// Replaces the rows of the changed issues by those that their snapshots give, and retires the
    /// finished work, in one transaction. The snapshots are on disk already; a tombstone leaves
    /// its row in `deleted_issues` and no other. Of several changes of one issue the last counts.
    /// No changes settle the work all the same.
    pub async fn commit(
        &self,
        changes: Vec<Arc<Snapshot>>,
        finished: Vec<Finished>,
    ) -> Result<Committed, Error> {
        let started = std::time::Instant::now();
        let mut writing = self.inner.writing.lock().await;
        if writing.behind {
            self.catch_up(&mut writing).await?;
        }
        let batch = self.batch(changes).await?;
        let commit = self.number(&mut writing).await?;
        let issues = batch.changes.len() as u64;
        let current = self.current(&mut writing, &batch).await?;
        let (prepared, records) = self.prepare(batch, commit, current.clone()).await?;
        let (files, rows, bytes) = totals(&prepared.files);
        let rebuilt = prepared.rebuilt;
        let Effort { encoded: row_groups, encoded_bytes, copied_bytes } = prepared.effort;
        self.seal(&mut writing, commit, (prepared, records, finished), &current).await?;
        let odd_values = self.inner.odd_values.swap(0, Ordering::Relaxed);
        let took = started.elapsed();
        Ok(Committed {
            commit,
            issues,
            files,
            rows,
            bytes,
            row_groups,
            encoded_bytes,
            copied_bytes,
            rebuilt,
            odd_values,
            took,
        })
    }

    /// The number of the next commit. Several are taken at once, so that not every commit has to
    /// wait for its number to be durable.
    pub(crate) async fn number(&self, writing: &mut Writing) -> Result<CommitId, Error> {
        if writing.numbers.is_empty() {
            let numbers = self.inner.ledger.next_commits(NUMBERS).await;
            writing.numbers = numbers.map_err(asked("number a commit"))?;
        }
        let number = writing.numbers.next().unwrap_or_default();
        Ok(CommitId::new(number))
    }

    /// The files of the months that a batch changes.
    async fn current(
        &self,
        writing: &mut Writing,
        batch: &Batch,
    ) -> Result<Vec<CatalogFile>, Error> {
        self.files_of(writing, &batch.months()).await
    }

    /// The files of some months.
    pub(crate) async fn files_of(
        &self,
        writing: &mut Writing,
        months: &BTreeSet<Month>,
    ) -> Result<Vec<CatalogFile>, Error> {
        let shelf = match writing.shelf.take() {
            Some(shelf) => shelf,
            None => Shelf::of(self.catalog().await?),
        };
        Ok(writing.shelf.insert(shelf).of_months(months))
    }

    async fn batch(&self, changes: Vec<Arc<Snapshot>>) -> Result<Batch, Error> {
        let changes = changes.into_iter().map(|snapshot| (snapshot.id(), snapshot));
        let changes = changes.collect::<BTreeMap<_, _>>();
        let ids = changes.keys().copied().collect::<Vec<_>>();
        let placed = self.inner.ledger.placed(&ids).await.map_err(asked("find issues"))?;
        let placed = placed.into_iter().map(|placed| (placed.id, placed)).collect();
        Ok(Batch { changes, placed, now: self.inner.clock.now() })
    }

    /// Writes the files of a batch; answers them with the issues' records.
    async fn prepare(
        &self,
        batch: Batch,
        id: CommitId,
        current: Vec<CatalogFile>,
    ) -> Result<(Prepared, Vec<IssueRecord>), Error> {
        if batch.changes.is_empty() {
            return Ok(Default::default());
        }
        let inner = Arc::clone(&self.inner);
        let changed = Arc::new(batch.changes.keys().copied().collect::<BTreeSet<_>>());
        let gone = Arc::clone(&changed);
        let (mut prepared, unfit, records) = blocking(move || {
            let work = inner.work(&batch, &gone, current)?;
            let (prepared, unfit) = inner.stage(work.jobs, id)?;
            Ok((prepared, unfit, work.records))
        })
        .await?;
        if !unfit.is_empty() {
            match self.repair(unfit, &changed, id).await {
                Ok(repaired) => prepared.extend(repaired),
                Err(error) => {
                    self.inner.store.discard(&prepared.files);
                    return Err(error);
                }
            }
        }
        Ok((prepared, records))
    }

    /// The transaction, and what follows from it. `old` holds at least the files that the catalog
    /// names for the tables and months that change.
    pub(crate) async fn seal(
        &self,
        writing: &mut Writing,
        id: CommitId,
        (prepared, issues, finished): (Prepared, Vec<IssueRecord>, Vec<Finished>),
        old: &[CatalogFile],
    ) -> Result<(), Error> {
        let inner = &self.inner;
        if let Err(error) = inner.steps.pass(Step::AllStored) {
            inner.store.discard(&prepared.files);
            return Err(error);
        }
        let turn = Turn::of(&prepared, old);
        let commit = Commit {
            id,
            files: turn.files.clone(),
            dropped: turn.places.iter().cloned().collect(),
            remade: prepared.remade.iter().cloned().collect(),
            issues,
            finished,
            lost: prepared.lost.clone(),
        };
        let shelf = writing.shelf.take();
        // From here on the names are behind until they are known not to be, even if the caller
        // stops waiting.
        writing.behind = true;
        // When this fails the transaction may have happened all the same: the files stay, and the
        // sweep decides by the catalog.
        inner.ledger.commit(commit).await.map_err(asked("commit"))?;
        let has_other_tables = shelf.is_none_or(|mut shelf| {
            let before = shelf.tables();
            shelf.replace(&turn.places, &turn.files);
            before != writing.shelf.insert(shelf).tables()
        });
        turn.replaced.iter().for_each(|file| inner.store.footers.forget(&file.path));
        let replaced = turn.replaced.iter().map(|file| inner.store.folder.join(&file.path));
        writing.retired.add(replaced, inner.clock.now());
        let shown = Arc::clone(inner);
        let show = move || shown.after_commit(&prepared.files, &turn.vanished, has_other_tables);
        let published = blocking(show).await;
        writing.retired.remove_old(inner.clock.now());
        published.map_err(|source| Error::Behind { source: Box::new(source) })?;
        writing.behind = false;
        Ok(())
    }

    pub(crate) async fn catch_up(&self, writing: &mut Writing) -> Result<(), Error> {
        let (catalog, inner) = (self.catalog().await?, Arc::clone(&self.inner));
        blocking(move || inner.show(&catalog)).await?;
        writing.behind = false;
        Ok(())
    }
}

impl Prepared {
    pub(crate) fn extend(&mut self, other: Self) {
        self.files.extend(other.files);
        self.kept.extend(other.kept);
        self.emptied.extend(other.emptied);
        self.remade.extend(other.remade);
        self.rebuilt += other.rebuilt;
        self.lost.extend(other.lost);
        self.effort.add(other.effort);
    }
}

impl Inner {
    /// Does jobs side by side. After a failure nothing of them stays in the store.
    pub(crate) fn stage(&self, jobs: Vec<Job>, id: CommitId) -> Result<Outcome, Error> {
        let done = cores::map(jobs, cores::count(), |job| {
            let place = (job.table, job.month.clone());
            self.store.stage(job, id).map(|staged| (place, staged))
        });
        let (mut prepared, mut unfit, mut failed) = (Prepared::default(), Vec::new(), None);
        let mut new = Vec::new();
        for staged in done {
            match staged {
                Ok((_, Staged::Unchanged)) => {}
                Ok((place, Staged::Empty)) => prepared.emptied.push(place),
                Ok((_, Staged::Files(files))) => {
                    files.new.iter().for_each(|file| prepared.effort.add(file.effort));
                    new.extend(files.new);
                    prepared.kept.extend(files.kept);
                }
                Ok(((table, month), Staged::Unfit(job, why))) => {
                    let (table, why) = (table.name(), crate::raw::chain(&why));
                    tracing::warn!(table, %month, why, "a file of {table} for {month} is damaged, rebuilding it: it {why}");
                    unfit.push(job);
                }
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        prepared.files = self.store.settle(new)?;
        Ok((prepared, unfit))
    }

    fn after_commit(
        &self,
        files: &[CatalogFile],
        vanished: &[CatalogFile],
        has_other_tables: bool,
    ) -> Result<(), Error> {
        self.steps.pass(Step::Committed)?;
        publish::publish(&self.visible, &self.store.folder, (files, vanished), &self.steps)?;
        // The views name the tables that have files, and nothing else of what a commit changes.
        if has_other_tables { views::refresh(&self.visible, &self.mapping.fields) } else { Ok(()) }
    }
}

/// What the ledger keeps of an issue, but for what tells its rows.
pub(crate) fn record(snapshot: &View<'_>, (mapping, now): (&Mapping, Instant)) -> IssueRecord {
    IssueRecord {
        id: snapshot.id(),
        key: snapshot.key().clone(),
        project: snapshot.key().project().to_owned(),
        month: snapshot.month(),
        updated: snapshot.updated(),
        status: snapshot.status_id().map(str::to_owned),
        status_category: snapshot.status_category().map(str::to_owned),
        has_sla: snapshot.has_any(mapping.fields.sla_fields()),
        complete: snapshot.is_complete(),
        synced_at: snapshot.synced_at().or(snapshot.updated()).unwrap_or(now),
        parts: snapshot.parts().map(Json::to_value).unwrap_or_default(),
        deleted_at: snapshot.deleted_at(),
        raw_file: file_name(snapshot.key()),
        attachments: listed(snapshot),
        digests: None,
    }
}

pub(crate) fn totals(files: &[CatalogFile]) -> (u64, i64, i64) {
    let rows = files.iter().map(|file| file.rows).sum();
    (files.len() as u64, rows, files.iter().map(|file| file.bytes).sum())
}

/// What a commit turns the catalog into.
struct Turn {
    /// The tables and months that change.
    places: BTreeSet<(String, Month)>,
    /// Their files from now on.
    files: Vec<CatalogFile>,
    /// Their files that are named no more.
    replaced: Vec<CatalogFile>,
    /// Those of them whose visible name goes as well.
    vanished: Vec<CatalogFile>,
}

impl Turn {
    fn of(prepared: &Prepared, old: &[CatalogFile]) -> Self {
        let files = prepared.files.iter().chain(&prepared.kept).cloned().collect::<Vec<_>>();
        let place = |file: &CatalogFile| (file.table.clone(), file.month.clone());
        let emptied = prepared.emptied.iter();
        let emptied = emptied.map(|(table, month)| (table.name().to_owned(), month.clone()));
        let places = files.iter().map(place).chain(emptied).collect::<BTreeSet<_>>();
        let paths = files.iter().map(|file| file.path.as_str()).collect::<BTreeSet<_>>();
        let names = files.iter().map(|file| (place(file), file.part)).collect::<BTreeSet<_>>();
        let replaced = old
            .iter()
            .filter(|file| places.contains(&place(file)) && !paths.contains(file.path.as_str()));
        let replaced = replaced.cloned().collect::<Vec<_>>();
        let vanished = replaced.iter().filter(|file| !names.contains(&(place(file), file.part)));
        let vanished = vanished.cloned().collect();
        Self { places, files, replaced, vanished }
    }
}

#[cfg(test)]
mod tests;
