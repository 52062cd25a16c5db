//! The tables as a plain folder, made from a folder of raw snapshots: no ledger, no catalog. Each
//! file is written beside its target and renamed over it, children first, `issues` last.
//!
//! Promises: one writer at a time (the lake's lock); what cannot be read is reported and everything
//! else is written; an issue whose snapshot cannot be read keeps the rows that it has; months
//! without rows disappear; nothing but Parquet files in the folders of known tables is removed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use jira::id::{IssueId, IssueKey};
use jira::time::{Clock, Month};
use transform::Table;

use crate::cores;
use crate::decode::{Unfit, decode};
use crate::dimension;
use crate::divide::Bounds;
use crate::draft::Draft;
use crate::durable;
use crate::error::{Error, disk};
use crate::layout::{Style, Visible};
use crate::lock::Lock;
use crate::mapping::{Mapping, Tables};
use crate::month::MonthRows;
use crate::open::blocking;
use crate::publish;
use crate::raw::{Raw, chain};
use crate::rebuild::{Phase, Progress, Rebuilt};
use crate::splice::Sorted;
use crate::stage::write_file;
use crate::survey::Survey;
use crate::views;

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
        let inner = Arc::clone(&self.inner);
        blocking(move || inner.rebuild(&progress)).await
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
    fn rebuild(&self, progress: &(dyn Fn(Progress) + Sync)) -> Result<Rebuilt, Error> {
        let started = Instant::now();
        let mut survey = Survey::of(&self.raw, progress)?;
        if survey.is_empty() && !publish::strays(&self.visible, &[])?.is_empty() {
            return Err(Error::Foreign { folder: self.visible.folder.clone() });
        }
        let mut rebuilt = Rebuilt {
            unreadable: std::mem::take(&mut survey.unreadable),
            superseded: std::mem::take(&mut survey.superseded),
            ..Rebuilt::default()
        };
        let mut lost = self.lost(&survey, &rebuilt.unreadable)?;
        let total = survey.months.values().map(|entries| entries.len() as u64).sum();
        let months = survey.months.keys().chain(lost.keys()).cloned().collect::<BTreeSet<_>>();
        let (mut made, mut done) = (BTreeSet::new(), 0);
        for month in months {
            let entries = survey.months.remove(&month).unwrap_or_default();
            let mut rows = MonthRows::read(&self.raw, &self.mapping, &entries, self.clock.now())?;
            rows.lost.extend(lost.remove(&month).unwrap_or_default());
            rebuilt.add(&rows);
            self.carry_over(&month, &mut rows, &mut rebuilt);
            made.extend(self.put_month(&month, rows.tables, &mut rebuilt)?);
            done += entries.len() as u64;
            progress(Progress { phase: Phase::Write, done, total });
        }
        self.remove_others(&made)?;
        let fields = &self.mapping.fields;
        rebuilt.unreadable.extend(dimension::make_all(&self.raw, &self.visible, fields)?);
        views::refresh(&self.visible, &self.mapping.fields)?;
        rebuilt.took = started.elapsed();
        Ok(rebuilt)
    }

    /// The issues of unreadable files, by the keys in the files' names, where the tables that are
    /// there have them.
    fn lost(
        &self,
        survey: &Survey,
        unreadable: &[(String, String)],
    ) -> Result<BTreeMap<Month, BTreeSet<IssueId>>, Error> {
        let keys = unreadable.iter().filter_map(|(file, _)| file.strip_suffix(".json"));
        let keys = keys.collect::<BTreeSet<_>>();
        let mut lost: BTreeMap<Month, BTreeSet<IssueId>> = BTreeMap::new();
        if keys.is_empty() {
            return Ok(lost);
        }
        let readable = survey.by_issue();
        for month in self.months()? {
            // A file that cannot be read has nothing to carry over.
            for (id, key) in self.issues_of(&month).unwrap_or_default() {
                if keys.contains(key.as_str()) && !readable.contains_key(&id) {
                    lost.entry(month.clone()).or_default().insert(id);
                }
            }
        }
        Ok(lost)
    }

    fn carry_over(&self, month: &Month, rows: &mut MonthRows, rebuilt: &mut Rebuilt) {
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

    /// Writes the tables of a month, children side by side and `issues` after them.
    fn put_month(
        &self,
        month: &Month,
        mut tables: Tables,
        rebuilt: &mut Rebuilt,
    ) -> Result<Vec<PathBuf>, Error> {
        let issues = tables.remove_entry(&Table::Issues);
        let mut made = Vec::new();
        for step in [tables.into_iter().collect::<Vec<_>>(), issues.into_iter().collect()] {
            let step = step.into_iter().filter(|(_, rows)| !rows.is_empty()).collect();
            let put = |(table, rows): (Table, Sorted)| {
                let count = rows.rows() as u64;
                self.put(table, month, rows).map(|paths| (table, count, paths))
            };
            for put in cores::map(step, cores::count(), put) {
                let (table, rows, paths) = put?;
                rebuilt.files += paths.len() as u64;
                *rebuilt.rows.entry(table).or_default() += rows;
                made.extend(paths);
            }
        }
        rebuilt.months += u64::from(!made.is_empty());
        Ok(made)
    }

    /// Writes the files of a table's month durably and answers their names; others of that month
    /// go.
    pub(crate) fn put(
        &self,
        table: Table,
        month: &Month,
        rows: Sorted,
    ) -> Result<Vec<PathBuf>, Error> {
        let schema = table.schema(&self.mapping.fields);
        let failed =
            |source| Error::Encode { what: format!("{} of {month}", table.name()), source };
        let mut draft = Draft::of_rows(rows, self.bounds);
        let mut made = Vec::new();
        for (part, pieces) in (0..).zip(draft.files(self.bounds.file)) {
            let path = self.visible.part(table, month, part);
            let (staged, _) = write_file(table, &mut draft, pieces, (&schema, &path))
                .map_err(|broken| failed(broken.into_encode()))?;
            staged.file.sync_all().map_err(disk("write", &path))?;
            made.push((path, staged.temp));
        }
        // As commits do: rather in two files for a moment than in none.
        made.sort_by_key(|(path, _)| path.exists());
        let mut paths = Vec::new();
        for (path, temp) in made {
            temp.publish(&path).map_err(disk("write", &path))?;
            paths.push(path);
        }
        for path in self.parts(table, month)? {
            if !paths.contains(&path) {
                self.visible.remove(&path).map_err(disk("remove", &path))?;
            }
        }
        Ok(paths)
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

    fn remove_others(&self, made: &BTreeSet<PathBuf>) -> Result<(), Error> {
        for path in publish::strays(&self.visible, &[])? {
            if !made.contains(&path) {
                self.visible.remove(&path).map_err(disk("remove", &path))?;
            }
        }
        Ok(())
    }

    fn sweep(&self) -> Result<(), Error> {
        let mut folders = vec![self.visible.folder.clone()];
        for table in Table::ALL.iter().copied() {
            let of_table = self.visible.folders(table);
            folders.extend(of_table.map_err(disk("list", &self.visible.table(table)))?);
        }
        for folder in folders {
            durable::sweep(&folder, self.clock.now()).map_err(disk("sweep the folder", &folder))?;
        }
        Ok(())
    }
}

fn ids_and_keys() -> SchemaRef {
    let column = |name: &str| Field::new(name, DataType::Utf8, false);
    Arc::new(Schema::new(vec![column("issue_id"), column("issue_key")]))
}
