//! One issue of a plain folder of tables made anew, or taken out.
//!
//! Without a ledger the tables themselves say where the issue was: every month is asked, so that
//! an issue that moved leaves no ghost. A month whose `issues` are missing or unreadable is made
//! from the raw snapshots of the month, never from this issue alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Schema, TimestampMicrosecondType};
use jira::id::{IssueId, IssueKey};
use jira::time::Month;
use serde_json::{Value, json};
use transform::{Deletion, Reason, Snapshot, Table};

use crate::decode::Unfit;
use crate::error::{Error, disk};
use crate::mapping::Tables;
use crate::month::MonthRows;
use crate::publish;
use crate::raw::{absent, chain, file_name};
use crate::rebuild::Rebuilt;
use crate::splice::Sorted;
use crate::survey::Survey;
use crate::tree::Inner;
use crate::views;

/// The months that hold the issue or will, and what is known about them.
struct Touched {
    ids: BTreeSet<IssueId>,
    months: BTreeSet<Month>,
    /// Months that must be made from raw, for all tables.
    broken: BTreeSet<Month>,
}

impl Inner {
    /// Redoes the issue; answers the files and rows that were written.
    pub(crate) fn redo(&self, key: &IssueKey) -> Result<Rebuilt, Error> {
        let snapshot = self.raw.read(key)?.ok_or_else(|| absent(key))?;
        self.replace(&snapshot)
    }

    /// Takes the issue out and notes it as gone.
    pub(crate) fn bury(&self, key: &IssueKey) -> Result<Rebuilt, Error> {
        let known = match self.raw.read(key) {
            // To take an issue out its key is enough: the tables know it.
            Ok(None) | Err(Error::Unreadable { .. }) => self.in_tables(key)?,
            known => known?,
        };
        let at = self.clock.now();
        let deletion = Deletion { at, evidence: None, reason: Reason::Gone };
        match known {
            Some(known) if known.deleted_at().is_some() => self.replace(&known),
            Some(known) => self.replace(&known.buried(&deletion)),
            // Neither a file nor a row: it is taken out already.
            None => Ok(Rebuilt::default()),
        }
    }

    /// Puts the rows of a snapshot in the place of those that the issue has.
    fn replace(&self, snapshot: &Snapshot) -> Result<Rebuilt, Error> {
        let started = Instant::now();
        let touched = self.touched(snapshot)?;
        let mut rows = self.mapping.collector(&self.raw);
        rows.append(snapshot)?;
        let (mut new, oddities) = rows.finish()?;
        let issues = u64::from(snapshot.deleted_at().is_none());
        let mut rebuilt = Rebuilt { issues, oddities, ..Rebuilt::default() };
        let mut from_raw = FromRaw { tree: self, survey: None, months: BTreeMap::new() };
        for table in publish::in_order() {
            for month in &touched.months {
                let here = snapshot.month() == *month;
                let rows =
                    if here { new.remove(&table).unwrap_or_default() } else { Sorted::default() };
                self.redo_one((table, month), rows, &touched, (&mut from_raw, &mut rebuilt))?;
            }
        }
        rebuilt.months = touched.months.len() as u64;
        views::refresh(&self.visible, &self.mapping.fields)?;
        rebuilt.took = started.elapsed();
        Ok(rebuilt)
    }

    /// What `issues` says of the one with this key, as a snapshot. A file that cannot be read says
    /// nothing.
    fn in_tables(&self, key: &IssueKey) -> Result<Option<Snapshot>, Error> {
        let wanted = Table::Issues.schema(&self.mapping.fields);
        let names = ["issue_id", "issue_key", "summary", "project_key", "created_at"];
        let wanted = names.iter().filter_map(|name| wanted.field_with_name(name).ok().cloned());
        let wanted = Arc::new(Schema::new(wanted.collect::<Vec<_>>()));
        for month in self.months()? {
            for batch in self.batches(Table::Issues, &month, &wanted).unwrap_or_default() {
                let found = (0..batch.num_rows()).find_map(|row| outline(&batch, row, key));
                if let Some(found) = found {
                    let file = file_name(key);
                    let failed = |e| Error::Unreadable { file: file.clone(), reason: chain(&e) };
                    return Snapshot::from_json(found, &file).map(Some).map_err(failed);
                }
            }
        }
        Ok(None)
    }

    fn touched(&self, snapshot: &Snapshot) -> Result<Touched, Error> {
        let ids = BTreeSet::from([snapshot.id()]);
        let (mut months, mut broken) = (BTreeSet::new(), BTreeSet::new());
        for month in self.months()? {
            match self.issues_of(&month) {
                Ok(issues) => {
                    if issues.iter().any(|(id, _)| ids.contains(id)) {
                        months.insert(month);
                    }
                }
                Err(_) => {
                    broken.insert(month.clone());
                    months.insert(month);
                }
            }
        }
        let month = snapshot.month();
        if !months.contains(&month) {
            if !self.has(Table::Issues, &month) {
                broken.insert(month.clone());
            }
            months.insert(month);
        }
        Ok(Touched { ids, months, broken })
    }

    fn redo_one(
        &self,
        (table, month): (Table, &Month),
        new: Sorted,
        touched: &Touched,
        (from_raw, rebuilt): (&mut FromRaw<'_>, &mut Rebuilt),
    ) -> Result<(), Error> {
        let failed = |source| Error::Rows { table: table.name(), source };
        let found =
            if touched.broken.contains(month) { None } else { Some(self.read(table, month)) };
        let mut rows = match found {
            Some(Ok(rows)) => {
                let mut old = rows.clone();
                old.retain(&touched.ids);
                if old.same_rows(&new).map_err(failed)? {
                    return Ok(());
                }
                rows
            }
            Some(Err(Unfit::Missing)) if new.is_empty() => return Ok(()),
            Some(Err(Unfit::Missing)) => Sorted::default(),
            Some(Err(unfit)) => {
                tracing::warn!(table = table.name(), %month, why = chain(&unfit), "a table's file is unfit, making it from the raw snapshots");
                from_raw.rows(table, month, rebuilt)?
            }
            None => from_raw.rows(table, month, rebuilt)?,
        };
        rows.remove(&touched.ids);
        rows.add(new);
        if rows.is_empty() {
            for path in self.parts(table, month)? {
                self.visible.remove(&path).map_err(disk("remove", &path))?;
            }
            return Ok(());
        }
        *rebuilt.rows.entry(table).or_default() += rows.rows() as u64;
        rebuilt.files += self.put(table, month, rows)?.len() as u64;
        Ok(())
    }
}

/// A row of `issues` as the snapshot that it came from would have it, when it has this key.
fn outline(batch: &RecordBatch, row: usize, key: &IssueKey) -> Option<Value> {
    let text = |name: &str| {
        let column = batch.column_by_name(name)?.as_string_opt::<i32>()?;
        column.is_valid(row).then(|| column.value(row))
    };
    if text("issue_key")? != key.as_str() {
        return None;
    }
    let created = batch.column_by_name("created_at")?;
    let created = created.as_primitive_opt::<TimestampMicrosecondType>()?;
    let created = created.is_valid(row).then(|| created.value(row).div_euclid(1000));
    let created = created.and_then(jira::time::Instant::from_millis).map(jira::time::Instant::iso);
    Some(json!({"id": text("issue_id")?, "key": key, "fields": {
        "summary": text("summary"), "project": {"key": text("project_key")}, "created": created,
    }}))
}

/// Months made from raw, surveyed when the first one is needed.
struct FromRaw<'a> {
    tree: &'a Inner,
    survey: Option<Survey>,
    months: BTreeMap<Month, Tables>,
}

impl FromRaw<'_> {
    fn rows(
        &mut self,
        table: Table,
        month: &Month,
        rebuilt: &mut Rebuilt,
    ) -> Result<Sorted, Error> {
        if !self.months.contains_key(month) {
            let tables = self.month(month, rebuilt)?;
            self.months.insert(month.clone(), tables);
        }
        let tables = self.months.get_mut(month);
        Ok(tables.and_then(|tables| tables.remove(&table)).unwrap_or_default())
    }

    fn month(&mut self, month: &Month, rebuilt: &mut Rebuilt) -> Result<Tables, Error> {
        if self.survey.is_none() {
            let mut survey = Survey::of(&self.tree.raw, &|_| {})?;
            rebuilt.unreadable.append(&mut survey.unreadable);
            self.survey = Some(survey);
        }
        let entries = self.survey.as_mut().and_then(|survey| survey.months.remove(month));
        let entries = entries.unwrap_or_default();
        let now = self.tree.clock.now();
        let mut rows = MonthRows::read(&self.tree.raw, &self.tree.mapping, &entries, now)?;
        rebuilt.unreadable.append(&mut rows.unreadable);
        Ok(rows.tables)
    }
}
