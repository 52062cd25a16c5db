//! One issue of a plain folder of tables made anew, or taken out.
//!
//! Without a ledger the tables themselves say where the issue was: every month is asked, so that
//! an issue that moved leaves no ghost. A month whose `issues` are missing or unreadable is made
//! from the raw snapshots of the month, never from this issue alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use jira::id::{IssueId, IssueKey};
use jira::time::Month;
use transform::{Snapshot, Table};

use crate::commit::Keep;
use crate::decode::Unfit;
use crate::error::{Error, disk};
use crate::mapping::Tables;
use crate::month::MonthRows;
use crate::publish;
use crate::raw::{chain, file_name};
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
    pub(crate) fn redo(&self, key: &IssueKey, keep: Keep) -> Result<Rebuilt, Error> {
        let started = Instant::now();
        let snapshot = self.snapshot(key, keep)?;
        let kept =
            snapshot.as_ref().filter(|found| keep == Keep::Rows && found.deleted_at().is_none());
        let touched = self.touched(key, snapshot.as_ref(), kept)?;
        let mut rebuilt = Rebuilt { issues: u64::from(kept.is_some()), ..Rebuilt::default() };
        let mut new = Tables::new();
        if let Some(snapshot) = kept {
            let mut rows = self.mapping.collector(&self.raw);
            rows.append(snapshot)?;
            (new, rebuilt.oddities) = rows.finish()?;
        }
        let mut from_raw = FromRaw { tree: self, survey: None, months: BTreeMap::new() };
        for table in publish::in_order() {
            for month in &touched.months {
                let here = kept.is_some_and(|snapshot| snapshot.month() == *month);
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

    fn snapshot(&self, key: &IssueKey, keep: Keep) -> Result<Option<Snapshot>, Error> {
        match (keep, self.raw.read(key)) {
            (Keep::Rows, Ok(None)) => Err(Error::Unreadable {
                file: file_name(key),
                reason: "it is not there".to_owned(),
            }),
            // To take an issue out its key is enough: the tables know it.
            (Keep::Nothing, Err(Error::Unreadable { .. })) => Ok(None),
            (_, found) => found,
        }
    }

    fn touched(
        &self,
        key: &IssueKey,
        snapshot: Option<&Snapshot>,
        kept: Option<&Snapshot>,
    ) -> Result<Touched, Error> {
        let mut ids = snapshot.map(Snapshot::id).into_iter().collect::<BTreeSet<_>>();
        let (mut months, mut broken) = (BTreeSet::new(), BTreeSet::new());
        let by_key = snapshot.is_none();
        for month in self.months()? {
            match self.issues_of(&month) {
                Ok(issues) => {
                    let named = issues.into_iter().filter(|(id, of)| {
                        ids.contains(id) || by_key && of.as_str() == key.as_str()
                    });
                    let named = named.map(|(id, _)| id).collect::<Vec<_>>();
                    if !named.is_empty() {
                        ids.extend(named);
                        months.insert(month);
                    }
                }
                Err(_) => {
                    broken.insert(month.clone());
                    months.insert(month);
                }
            }
        }
        if let Some(month) = kept.map(Snapshot::month)
            && !months.contains(&month)
        {
            if !self.visible.file(Table::Issues, &month).is_file() {
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
            let path = self.visible.file(table, month);
            return self.visible.remove(&path).map_err(disk("remove", &path));
        }
        self.put(table, month, &rows)?;
        rebuilt.files += 1;
        *rebuilt.rows.entry(table).or_default() += rows.rows() as u64;
        Ok(())
    }
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
