//! The tables as a plain folder, made from a folder of raw snapshots: no ledger, no catalog. Each
//! file is written beside its target and renamed over it, children first, `issues` last.
//!
//! Promises: one writer at a time (the lake's lock); what cannot be read is reported and everything
//! else is written; an issue whose snapshot cannot be read keeps the rows that it has, and so does one
//! whose snapshot is missing, unless a person allows the tables to shrink; months without rows
//! disappear; nothing but Parquet files in the folders of known tables is removed, and none of them
//! whose rows are nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Instant;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use jira::id::{IssueId, IssueKey};
use jira::time::{Clock, Month};
use transform::Table;

use crate::decode::{Unfit, decode};
use crate::dimension::{self, Shrink};
use crate::divide::Bounds;
use crate::durable;
use crate::error::{Error, disk};
use crate::harvest::Harvest;
use crate::layout::{Style, Visible};
use crate::lock::Lock;
use crate::mapping::Mapping;
use crate::month::MonthRows;
use crate::open::blocking;
use crate::pile::Pile;
use crate::publish;
use crate::raw::{Raw, chain};
use crate::rebuild::{Progress, Rebuilt};
use crate::settle::Unsettled;
use crate::splice::{ISSUE_ID, Sorted};
use crate::survey::Survey;
use crate::views;
use crate::writing::Writing;

/// Months whose files may wait for the disk while the next ones are made, and so many are settled in
/// the same go. Each holds a few dozen open files.
const MONTHS_UNSETTLED: usize = 4;

/// Rows that a rebuild keeps in memory unless it is told otherwise.
const USUAL_MEMORY: usize = 32 * 1024 * 1024;

/// A folder of tables. Locked until the last clone is dropped.
#[derive(Clone)]
pub struct Tree {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) raw: Raw,
    pub(crate) visible: Visible,
    pub(crate) mapping: Mapping,
    pub(crate) clock: Clock,
    pub(crate) bounds: Bounds,
    _lock: Lock,
}

/// The bounds of a rebuild.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RebuildBounds {
    /// Bytes of rows that are kept in memory.
    pub memory: usize,
    /// Whether issues without a snapshot may leave the tables.
    pub shrink: Shrink,
}

/// Issues whose rows are carried over, by month.
type Carried = BTreeMap<Month, BTreeSet<IssueId>>;

/// The folder that a tree is written to.
#[derive(Debug, Clone)]
pub struct Output {
    /// Where the tables go.
    pub folder: PathBuf,
    /// How their files are named.
    pub style: Style,
}

impl Tree {
    /// Takes the folder for writing in the name of `writer`.
    pub async fn open(
        raw: Raw,
        output: Output,
        mapping: Mapping,
        writer: &str,
        clock: Clock,
    ) -> Result<Self, Error> {
        let writer = writer.to_owned();
        blocking(move || {
            let lock = Lock::take(&output.folder, &writer, clock.now())?;
            let visible = Visible { folder: output.folder, style: output.style };
            let inner =
                Inner { raw, visible, mapping, clock, bounds: Bounds::default(), _lock: lock };
            inner.sweep()?;
            Ok(Self { inner: Arc::new(inner) })
        })
        .await
    }

    /// Makes all tables anew.
    pub async fn rebuild(
        &self,
        progress: impl Fn(Progress) + Send + Sync + 'static,
    ) -> Result<Rebuilt, Error> {
        self.rebuild_within(USUAL_MEMORY, progress).await
    }

    /// The same, with at most `memory` bytes of rows in memory beside the tables in hand; others
    /// wait in a temporary file in the folder of the tables.
    pub async fn rebuild_within(
        &self,
        memory: usize,
        progress: impl Fn(Progress) + Send + Sync + 'static,
    ) -> Result<Rebuilt, Error> {
        self.rebuild_as(RebuildBounds { memory, shrink: Shrink::Refuse }, progress).await
    }

    /// The same within these bounds.
    pub async fn rebuild_as(
        &self,
        bounds: RebuildBounds,
        progress: impl Fn(Progress) + Send + Sync + 'static,
    ) -> Result<Rebuilt, Error> {
        let inner = Arc::clone(&self.inner);
        blocking(move || inner.rebuild(bounds, &progress)).await
    }

    /// Redoes one issue from its raw snapshot.
    pub async fn redo(&self, key: &IssueKey) -> Result<Rebuilt, Error> {
        let (inner, key) = (Arc::clone(&self.inner), key.clone());
        blocking(move || inner.redo(&key)).await
    }

    /// Takes one issue out because a person says that it is gone. The snapshot is left as it is:
    /// it may be another program's.
    pub async fn bury(&self, key: &IssueKey) -> Result<Rebuilt, Error> {
        let (inner, key) = (Arc::clone(&self.inner), key.clone());
        blocking(move || inner.bury(&key)).await
    }
}

impl Inner {
    fn rebuild(
        &self,
        bounds: RebuildBounds,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Rebuilt, Error> {
        let started = Instant::now();
        let pile = Pile::new(bounds.memory, self.visible.folder.clone());
        let mut harvest = Harvest::of((&self.raw, &self.mapping), pile, progress)?;
        if harvest.survey.is_empty() && !publish::strays(&self.visible, &[])?.is_empty() {
            return Err(Error::Foreign { folder: self.visible.folder.clone() });
        }
        let mut rebuilt = Rebuilt {
            unreadable: std::mem::take(&mut harvest.survey.unreadable),
            superseded: std::mem::take(&mut harvest.survey.superseded),
            ignored: std::mem::take(&mut harvest.survey.ignored),
            oddities: std::mem::take(&mut harvest.oddities),
            ..Rebuilt::default()
        };
        let readable = harvest.survey.issues();
        let lost = self.lost(&harvest.survey, &rebuilt.unreadable, bounds.shrink)?;
        let mut safe = readable;
        safe.extend(lost.values().flatten());
        let made = self.put_months((harvest, lost), &mut rebuilt, progress)?;
        rebuilt.unreadable.extend(self.remove_others(&made, (&safe, bounds.shrink))?);
        let fields = &self.mapping.fields;
        rebuilt.unreadable.extend(dimension::make_all(&self.raw, &self.visible, fields)?);
        views::refresh(&self.visible, &self.mapping.fields)?;
        rebuilt.took = started.elapsed();
        Ok(rebuilt)
    }

    /// Makes the files of all months, and meanwhile settles those that are written. Answers the names
    /// of all files.
    fn put_months(
        &self,
        (mut harvest, mut lost): (Harvest, BTreeMap<Month, BTreeSet<IssueId>>),
        rebuilt: &mut Rebuilt,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<BTreeSet<PathBuf>, Error> {
        let entries = std::mem::take(&mut harvest.survey.months);
        let months = entries.keys().chain(lost.keys()).cloned().collect::<BTreeSet<_>>();
        let months = months.into_iter().map(|month| {
            let lost = lost.remove(&month).unwrap_or_default();
            (month, lost)
        });
        thread::scope(|scope| {
            let (to, written) = mpsc::sync_channel(MONTHS_UNSETTLED);
            let settling = scope.spawn(|| self.settle_all(written));
            let (harvest, entries) = (&harvest, &entries);
            let writing = Writing { inner: self, harvest, entries, progress, to };
            writing.run(months, rebuilt)?;
            settling.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    fn settle_all(
        &self,
        written: mpsc::Receiver<Vec<Unsettled>>,
    ) -> Result<BTreeSet<PathBuf>, Error> {
        let mut made = BTreeSet::new();
        while let Ok(mut files) = written.recv() {
            // Whatever waits by now is settled in the same go.
            files.extend(written.try_iter().take(MONTHS_UNSETTLED).flatten());
            made.extend(self.settle(files)?);
        }
        Ok(made)
    }

    /// The issues without a readable snapshot that the tables have. Where a person allows the tables to
    /// shrink only those whose file is there and cannot be read, known by the key in its name.
    fn lost(
        &self,
        survey: &Survey,
        unreadable: &[(String, String)],
        shrink: Shrink,
    ) -> Result<Carried, Error> {
        let keys = unreadable.iter().filter_map(|(file, _)| file.strip_suffix(".json"));
        let keys = keys.collect::<BTreeSet<_>>();
        let mut lost = Carried::new();
        if keys.is_empty() && shrink == Shrink::Allow {
            return Ok(lost);
        }
        let (readable, mut known) = (survey.issues(), 0);
        for month in self.months()? {
            // A file that cannot be read has nothing to carry over.
            for (id, key) in self.issues_of(&month).unwrap_or_default() {
                known += 1;
                let is_kept = shrink == Shrink::Refuse || keys.contains(key.as_str());
                if is_kept && !readable.contains(&id) {
                    lost.entry(month.clone()).or_default().insert(id);
                }
            }
        }
        let count = survey.count();
        if shrink == Shrink::Refuse && count.saturating_mul(2) < known {
            let folder = self.raw.folder().to_owned();
            return Err(Error::Shrinking { folder, known, readable: count });
        }
        Ok(lost)
    }

    /// The rows that issues of unreadable files have, beside those that were read.
    pub(crate) fn carry_over(&self, month: &Month, rows: &mut MonthRows, rebuilt: &mut Rebuilt) {
        if rows.lost.is_empty() {
            return;
        }
        let mut kept = BTreeSet::new();
        for table in Table::ALL.iter().copied() {
            match self.read(table, month) {
                Ok(mut old) => {
                    old.retain(&rows.lost);
                    kept.extend(old.issues());
                    rows.tables.entry(table).or_default().add(old);
                }
                Err(Unfit::Missing) => {}
                Err(unfit) => {
                    let file = format!("{}/{month}", table.name());
                    rebuilt.unreadable.push((file, chain(&unfit)));
                }
            }
        }
        rebuilt.kept += kept.len() as u64;
    }

    /// Writes the files of a table's month durably; others of that month go.
    pub(crate) fn put(
        &self,
        table: Table,
        month: &Month,
        rows: Sorted,
    ) -> Result<Vec<PathBuf>, Error> {
        let parts = self.divided(table, &rows).into_iter();
        self.settle(parts.map(|part| self.write(month, part)).collect::<Result<_, _>>()?)
    }

    /// The visible files of a table's month.
    pub(crate) fn parts(&self, table: Table, month: &Month) -> Result<Vec<PathBuf>, Error> {
        self.visible.parts(table, month).map_err(disk("list", &self.visible.table(table)))
    }

    /// The rows of the visible files of a table's month.
    pub(crate) fn read(&self, table: Table, month: &Month) -> Result<Sorted, Unfit> {
        let batches = self.batches(table, month, &table.schema(&self.mapping.fields))?;
        Sorted::of(batches).map_err(Unfit::Damaged)
    }

    /// The same as batches, in a schema. No files are not the same as no rows.
    pub(crate) fn batches(
        &self,
        table: Table,
        month: &Month,
        schema: &SchemaRef,
    ) -> Result<Vec<RecordBatch>, Unfit> {
        let parts = self.visible.parts(table, month).map_err(Unfit::Disk)?;
        if parts.is_empty() {
            return Err(Unfit::Missing);
        }
        let mut batches = Vec::new();
        for path in parts {
            batches.extend(decode(&path, None, schema)?);
        }
        Ok(batches)
    }

    /// Whether a table has a file of a month.
    pub(crate) fn has(&self, table: Table, month: &Month) -> bool {
        self.visible.parts(table, month).is_ok_and(|parts| !parts.is_empty())
    }

    /// The months that are visible in any table.
    pub(crate) fn months(&self) -> Result<BTreeSet<Month>, Error> {
        let mut months = BTreeSet::new();
        for table in Table::ALL.iter().copied() {
            let of_table = self.visible.months(table);
            months.append(&mut of_table.map_err(disk("list", &self.visible.table(table)))?);
        }
        Ok(months)
    }

    /// Which issues a month holds, with their keys; those that are gone are among them.
    pub(crate) fn issues_of(&self, month: &Month) -> Result<Vec<(IssueId, String)>, Unfit> {
        let is_there = |table: &Table| self.has(*table, month);
        let mut tables = vec![Table::Issues, Table::DeletedIssues];
        tables.retain(is_there);
        // Every issue that is there has a row in both; where one of them is missing, so are rows.
        let live = Table::ALL.iter().filter(|table| **table != Table::DeletedIssues);
        if live.clone().any(is_there) && ![Table::Issues, Table::Coverage].iter().all(is_there) {
            return Err(Unfit::Missing);
        }
        let mut issues = Vec::new();
        for table in tables {
            issues.extend(self.issues_in(table, month)?);
        }
        Ok(issues)
    }

    fn issues_in(&self, table: Table, month: &Month) -> Result<Vec<(IssueId, String)>, Unfit> {
        let batches = self.batches(table, month, &ids_and_keys())?;
        let mut issues = Vec::new();
        for batch in &batches {
            let columns = batch.columns().iter().map(|column| column.as_string::<i32>());
            let [ids, keys] = columns.collect::<Vec<_>>()[..] else { continue };
            for (id, key) in ids.iter().zip(keys) {
                let id = id.and_then(|id| id.parse().ok());
                issues.extend(id.zip(key.map(str::to_owned)));
            }
        }
        Ok(issues)
    }

    /// Removes files that were not made, unless they have rows of issues that are not `safe`, or cannot
    /// be read. Returns those that stay, with the reason.
    fn remove_others(
        &self,
        made: &BTreeSet<PathBuf>,
        (safe, shrink): (&BTreeSet<IssueId>, Shrink),
    ) -> Result<Vec<(String, String)>, Error> {
        let mut kept = Vec::new();
        for path in publish::strays(&self.visible, &[])? {
            if made.contains(&path) {
                continue;
            }
            let issues = self.ids_in(&path);
            let reason = match issues {
                _ if shrink == Shrink::Allow => None,
                Ok(issues) if issues.is_subset(safe) => None,
                Ok(_) => Some("it has rows of issues that have no snapshot".to_owned()),
                Err(unfit) => Some(format!("it {}", chain(&unfit))),
            };
            let Some(reason) = reason else {
                self.visible.remove(&path).map_err(disk("remove", &path))?;
                continue;
            };
            let below = path.strip_prefix(&self.visible.folder).unwrap_or(&path);
            kept.push((below.display().to_string(), format!("{reason}, and it stays")));
        }
        Ok(kept)
    }

    /// The issues that have rows in a file.
    fn ids_in(&self, path: &Path) -> Result<BTreeSet<IssueId>, Unfit> {
        let ids = Arc::new(Schema::new(vec![Field::new(ISSUE_ID, DataType::Utf8, false)]));
        Ok(Sorted::of(decode(path, None, &ids)?).map_err(Unfit::Damaged)?.issues())
    }

    fn sweep(&self) -> Result<(), Error> {
        let mut folders = vec![self.visible.folder.clone()];
        for table in Table::ALL.iter().copied() {
            let of_table = self.visible.folders(table);
            folders.extend(of_table.map_err(disk("list", &self.visible.table(table)))?);
        }
        for folder in folders {
            durable::sweep_before(&folder, None).map_err(disk("sweep the folder", &folder))?;
        }
        Ok(())
    }
}

fn ids_and_keys() -> SchemaRef {
    let column = |name: &str| Field::new(name, DataType::Utf8, false);
    Arc::new(Schema::new(vec![column("issue_id"), column("issue_key")]))
}
