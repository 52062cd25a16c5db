//! All tables of a lake from its raw snapshots, month by month, so that memory holds the rows of
//! the month in hand and no more.
//!
//! Promises: what cannot be read is reported and everything else is written; issues that the
//! ledger knows and whose snapshot is missing or unreadable keep their last good rows; months
//! without rows disappear; months between which an issue moved change in one commit, so that no
//! issue is ever in two.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jira::id::{IssueId, IssueKey};
use jira::time::Month;
use ledger::{CatalogFile, CommitId, IssueRecord, Loss};
use transform::{Deletion, Oddities, Reason, Table};

use crate::commit::{Committed, Prepared};
use crate::dimension::Shrink;
use crate::error::{Error, asked};
use crate::month::MonthRows;
use crate::open::{Inner, Lake, blocking};
use crate::raw::{absent, chain};
use crate::scan::Entry;
use crate::stage::{Base, Job};
use crate::survey::Survey;
use crate::whole::Made;

/// How far a rebuild is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// How much of it is done.
    pub done: u64,
    /// How much there is.
    pub total: u64,
}

/// The passes of a rebuild.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Looking at each file; counted in files.
    Survey,
    /// Making the tables; counted in issues.
    Write,
}

/// What a rebuild did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Issues that were read and are there; tombstones are not counted.
    pub issues: u64,
    /// Rows of each table.
    pub rows: BTreeMap<Table, u64>,
    /// Months that have rows.
    pub months: u64,
    /// Parquet files written.
    pub files: u64,
    /// Files that could not be read, with the reason.
    pub unreadable: Vec<(String, String)>,
    /// Issues whose snapshot is missing or unreadable and that kept their last good rows.
    pub kept: u64,
    /// Snapshot files of issues of which there is a newer file.
    pub superseded: Vec<String>,
    /// Entries of the raw folder that are not named like snapshots and were not read.
    pub ignored: Vec<String>,
    /// Values of unexpected types: table, column, how many.
    pub oddities: Oddities,
    /// How long it took.
    pub took: Duration,
}

impl Rebuilt {
    pub(crate) fn add(&mut self, month: &MonthRows) {
        self.issues += month.issues;
        self.unreadable.extend(month.unreadable.iter().cloned());
        self.oddities.absorb(&month.oddities);
    }
}

/// Where the progress of a rebuild is reported.
pub(crate) type ProgressSink = Arc<dyn Fn(Progress) + Send + Sync>;

/// Months that have to change together, with what is to be done in each.
#[derive(Default)]
struct Group(BTreeMap<Month, Task>);

/// One month to make.
#[derive(Default)]
struct Task {
    entries: Vec<Entry>,
    /// Issues without a readable snapshot, whose rows are carried over.
    lost: BTreeSet<IssueId>,
    /// Issues whose snapshot is older than their record: their rows are carried over as well.
    older: BTreeSet<IssueId>,
    /// Those without a readable snapshot that are deleted: their rows can be made from the record.
    deleted: Vec<IssueRecord>,
    current: BTreeMap<Table, Vec<CatalogFile>>,
}

impl Lake {
    /// Rebuilds all tables and refills the ledger's records of the issues.
    pub async fn rebuild(
        &self,
        progress: impl Fn(Progress) + Send + Sync + 'static,
    ) -> Result<Rebuilt, Error> {
        self.rebuild_with(progress, Shrink::Refuse).await
    }

    /// The same. Fewer readable snapshots than half of the known issues are refused unless a person
    /// allows it.
    pub async fn rebuild_with(
        &self,
        progress: impl Fn(Progress) + Send + Sync + 'static,
        shrink: Shrink,
    ) -> Result<Rebuilt, Error> {
        let progress: ProgressSink = Arc::new(progress);
        let (inner, told) = (Arc::clone(&self.inner), Arc::clone(&progress));
        let survey = blocking(move || Survey::of(&inner.raw, told.as_ref())).await?;
        let counts = self.inner.ledger.counts().await.map_err(asked("count the issues"))?;
        self.may_rebuild(&survey, counts.issues + counts.issues_deleted, shrink)?;
        let rebuilt = self.rebuild_of(survey, progress).await?;
        self.release_hold().await?;
        Ok(rebuilt)
    }

    /// Rebuilds all tables from what a survey found.
    pub(crate) async fn rebuild_of(
        &self,
        mut survey: Survey,
        progress: ProgressSink,
    ) -> Result<Rebuilt, Error> {
        let started = Instant::now();
        let mut writing = self.inner.writing.lock().await;
        let catalog = self.catalog().await?;
        let total = survey.count();
        let mut rebuilt = Rebuilt {
            unreadable: std::mem::take(&mut survey.unreadable),
            superseded: std::mem::take(&mut survey.superseded),
            ignored: std::mem::take(&mut survey.ignored),
            ..Rebuilt::default()
        };
        let mut done = 0;
        self.note(Made::Partly).await?;
        for group in self.groups(survey, &catalog).await? {
            let id = self.number(&mut writing).await?;
            let inner = Arc::clone(&self.inner);
            done += group.0.values().map(|task| task.entries.len() as u64).sum::<u64>();
            let (prepared, records, of_group) = blocking(move || inner.make(group, id)).await?;
            rebuilt.merge(of_group, &prepared.files);
            self.seal(&mut writing, id, (prepared, records, Vec::new()), &catalog).await?;
            progress(Progress { phase: Phase::Write, done, total });
        }
        let (catalog, inner) = (self.catalog().await?, Arc::clone(&self.inner));
        let of_dimensions = blocking(move || {
            let unreadable = inner.make_dimensions()?;
            inner.show(&catalog).map(|()| unreadable)
        });
        rebuilt.unreadable.extend(of_dimensions.await?);
        self.note(Made::Whole).await?;
        rebuilt.took = started.elapsed();
        Ok(rebuilt)
    }

    /// Redoes one issue from its raw snapshot.
    pub async fn redo(&self, key: &IssueKey) -> Result<Committed, Error> {
        let snapshot = self.read_raw(key).await?.ok_or_else(|| absent(key))?;
        self.commit(vec![Arc::new(snapshot)], Vec::new()).await
    }

    /// Takes one issue out because a person says that it is gone: its snapshot becomes a tombstone.
    pub async fn bury(&self, key: &IssueKey) -> Result<Committed, Error> {
        let snapshot = self.read_raw(key).await?.ok_or_else(|| absent(key))?;
        if snapshot.deleted_at().is_none() {
            let at = self.inner.clock.now();
            let deletion = Deletion { at, evidence: None, reason: Reason::Gone };
            self.mark_deleted(key, &deletion).await?;
        }
        self.redo(key).await
    }

    /// Every month that has or had rows; months between which issues moved stand together.
    async fn groups(&self, survey: Survey, catalog: &[CatalogFile]) -> Result<Vec<Group>, Error> {
        let by_issue = survey.by_issue();
        let mut tasks: BTreeMap<Month, Task> = BTreeMap::new();
        for (month, entries) in survey.months {
            tasks.entry(month).or_default().entries = entries;
        }
        for file in catalog {
            if let Some(table) = Table::named(&file.table) {
                let task = tasks.entry(file.month.clone()).or_default();
                task.current.entry(table).or_default().push(file.clone());
            }
        }
        let mut moves = BTreeSet::new();
        for (month, task) in tasks.iter_mut().filter(|(_, task)| !task.current.is_empty()) {
            let known = self.inner.ledger.issues_in(month).await;
            for record in known.map_err(asked("list the issues of a month"))? {
                match by_issue.get(&record.id) {
                    // The snapshot is from before a confirmed delete, which counts.
                    Some((_, newness))
                        if record.deleted_at.is_some_and(|at| *newness < Some(at)) =>
                    {
                        task.lost.insert(record.id);
                        task.deleted.push(record);
                    }
                    Some((now, _)) if now != month => {
                        moves.insert((month.clone(), now.clone()));
                    }
                    // Also one that is gone: its key, and with it the file, may belong to another
                    // issue by now, and its row in `deleted_issues` is all there is of it.
                    None => {
                        task.lost.insert(record.id);
                        if record.deleted_at.is_some() {
                            task.deleted.push(record);
                        }
                    }
                    Some((_, newness)) => {
                        if newness.is_some_and(|newness| newness < record.synced_at) {
                            task.older.insert(record.id);
                        }
                    }
                }
            }
        }
        Ok(grouped(tasks, moves))
    }
}

/// Puts months together between which something moved.
fn grouped(tasks: BTreeMap<Month, Task>, moves: BTreeSet<(Month, Month)>) -> Vec<Group> {
    let mut leader: HashMap<Month, Month> =
        tasks.keys().map(|month| (month.clone(), month.clone())).collect();
    for (one, other) in moves {
        let (Some(to), Some(from)) = (leader.get(&one).cloned(), leader.get(&other).cloned())
        else {
            continue;
        };
        for of in leader.values_mut().filter(|of| **of == from) {
            *of = to.clone();
        }
    }
    let mut groups: BTreeMap<Month, Group> = BTreeMap::new();
    for (month, task) in tasks {
        let of = leader.remove(&month).unwrap_or_else(|| month.clone());
        groups.entry(of).or_default().0.insert(month, task);
    }
    groups.into_values().collect()
}

impl Rebuilt {
    /// Adds what was read of other issues.
    pub(crate) fn absorb(&mut self, others: Self) {
        self.issues += others.issues;
        self.kept += others.kept;
        self.unreadable.extend(others.unreadable);
        self.oddities.absorb(&others.oddities);
    }

    fn merge(&mut self, group: Self, files: &[CatalogFile]) {
        self.absorb(group);
        self.files += files.len() as u64;
        self.months += files.iter().map(|file| &file.month).collect::<BTreeSet<_>>().len() as u64;
        for file in files {
            if let Some(table) = Table::named(&file.table) {
                *self.rows.entry(table).or_default() += file.rows.unsigned_abs();
            }
        }
    }
}

impl Inner {
    fn make(
        &self,
        group: Group,
        id: CommitId,
    ) -> Result<(Prepared, Vec<IssueRecord>, Rebuilt), Error> {
        let (mut prepared, mut records) = (Prepared::default(), Vec::new());
        let mut rebuilt = Rebuilt::default();
        for (month, task) in group.0 {
            let Task { mut entries, mut lost, older, deleted, current } = task;
            // The rows that are here are newer than what an older snapshot gives.
            let newer = self.kept_issues(&current, &older);
            let is_deleted = |id| deleted.iter().any(|record| record.id == id);
            entries.retain(|entry| !newer.contains(&entry.id) && !is_deleted(entry.id));
            lost.extend(newer);
            let made = MonthRows::read(&self.raw, &self.mapping, &entries, self.clock.now());
            let staged = made.and_then(|mut made| {
                rebuilt.add(&made);
                made.lost.extend(lost);
                self.add_tombstones(&deleted, &current, &mut made)?;
                records.append(&mut made.records);
                prepared.remade.insert(month.clone());
                prepared.lost.extend(self.losses((&current, &deleted), &older, &made.lost));
                self.make_month((month, current), made, &mut rebuilt, id)
            });
            match staged {
                Ok(staged) => prepared.extend(staged),
                Err(error) => {
                    self.store.discard(&prepared.files);
                    return Err(error);
                }
            }
        }
        Ok((prepared, records, rebuilt))
    }

    /// Which of some issues have rows in the current files of a month.
    fn kept_issues(
        &self,
        current: &BTreeMap<Table, Vec<CatalogFile>>,
        wanted: &BTreeSet<IssueId>,
    ) -> BTreeSet<IssueId> {
        let mut kept = BTreeSet::new();
        if wanted.is_empty() {
            return kept;
        }
        for table in [Table::Issues, Table::DeletedIssues] {
            for file in current.get(&table).into_iter().flatten() {
                // One that is unfit has nothing to carry over; `make_month` reports it.
                let mut rows = self.store.read(table, file).unwrap_or_default();
                rows.retain(wanted);
                kept.extend(rows.issues());
            }
        }
        kept
    }

    /// The rows of deleted issues that the current files have lost, from the ledger's records.
    fn add_tombstones(
        &self,
        deleted: &[IssueRecord],
        current: &BTreeMap<Table, Vec<CatalogFile>>,
        made: &mut MonthRows,
    ) -> Result<(), Error> {
        let ids = deleted.iter().map(|record| record.id).collect();
        let kept = self.kept_issues(current, &ids);
        let mut rows = self.mapping.collector(&self.raw);
        for record in deleted.iter().filter(|record| !kept.contains(&record.id)) {
            rows.append(&self.tombstone(record)?)?;
        }
        for (table, rows) in rows.finish()?.0 {
            made.tables.entry(table).or_default().add(rows);
        }
        Ok(())
    }

    /// What is lost of the issues of a month, for the transaction that rebuilds it.
    fn losses(
        &self,
        (current, deleted): (&BTreeMap<Table, Vec<CatalogFile>>, &[IssueRecord]),
        older: &BTreeSet<IssueId>,
        lost: &BTreeSet<IssueId>,
    ) -> Vec<(IssueId, Loss)> {
        let kept = self.kept_issues(current, lost);
        let deleted: BTreeSet<_> = deleted.iter().map(|record| record.id).collect();
        let of = |id: &IssueId| match (older.contains(id), kept.contains(id)) {
            (true, _) => (*id, Loss::RawOlder),
            (false, true) => (*id, Loss::RawMissing),
            (false, false) => (*id, Loss::RowsMissing),
        };
        older.union(lost).filter(|id| !deleted.contains(id)).map(of).collect()
    }

    fn make_month(
        &self,
        (month, mut current): (Month, BTreeMap<Table, Vec<CatalogFile>>),
        mut made: MonthRows,
        rebuilt: &mut Rebuilt,
        id: CommitId,
    ) -> Result<Prepared, Error> {
        let gone = Arc::new(BTreeSet::new());
        let mut kept = BTreeSet::new();
        let mut jobs = Vec::new();
        for table in Table::ALL.iter().copied() {
            let mut rows = made.tables.remove(&table).unwrap_or_default();
            let current = current.remove(&table).unwrap_or_default();
            for file in current.iter().filter(|_| !made.lost.is_empty()) {
                match self.store.read(table, file) {
                    Ok(mut old) => {
                        old.retain(&made.lost);
                        kept.extend(old.issues());
                        rows.add(old);
                    }
                    Err(unfit) => rebuilt.unreadable.push((file.path.clone(), chain(&unfit))),
                }
            }
            if !current.is_empty() || !rows.is_empty() {
                let (month, gone) = (month.clone(), Arc::clone(&gone));
                let base = Base::Rows(rows);
                let (told, new) = Default::default();
                jobs.push(Job { table, month, base, gone, told, new });
            }
        }
        rebuilt.kept += kept.len() as u64;
        self.stage(jobs, id).map(|(prepared, _)| prepared)
    }
}
