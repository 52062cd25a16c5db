//! Visible files that are not what the catalog says: the rows of a newer or another ledger.
//!
//! A month with such a file is read: which issues it has, how new each is, and which of them are
//! tombstones. When the catalog is empty and a month is not visible either, the files of the store are
//! read in its place, the newest commit first.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Schema, TimestampMicrosecondType};
use jira::id::{IssueId, IssueKey};
use jira::time::{Instant, Month};
use ledger::CatalogFile;
use transform::Table;

use crate::decode::{Unfit, decode};
use crate::durable;
use crate::error::{Error, disk};
use crate::layout::{Style, Visible};
use crate::open::Inner;
use crate::publish::shows;
use crate::scan::Entry;
use crate::splice::Sorted;
use crate::survey::Survey;

use super::Issues;

/// The columns that say which issue a row is of and how new it is, where a table has them.
const COLUMNS: [&str; 5] = ["issue_id", "issue_key", "updated_at", "synced_at", "deleted_at"];

/// An issue as the files have it.
#[derive(Debug, Clone)]
pub(super) struct FoundIssue {
    pub(super) key: IssueKey,
    pub(super) month: Month,
    pub(super) updated: Option<Instant>,
    pub(super) synced: Option<Instant>,
    pub(super) deleted_at: Option<Instant>,
}

/// The files of one month, by table, those that count first.
type Files = BTreeMap<Table, Vec<PathBuf>>;

/// Months whose files are not those of the catalog.
#[derive(Default)]
pub(super) struct Sources {
    pub(super) months: BTreeMap<Month, Files>,
    pub(super) issues: BTreeMap<IssueId, FoundIssue>,
    /// Files under names that say no month.
    unplaced: usize,
}

impl Sources {
    /// Finds them. Files that are what the catalog says cost one look at their names.
    pub(super) fn of(
        inner: &Inner,
        catalog: &[CatalogFile],
        missing: &[CatalogFile],
    ) -> Result<Self, Error> {
        let mut sources = Self::default();
        let mut months: BTreeSet<Month> = missing.iter().map(|file| file.month.clone()).collect();
        let by_place: BTreeMap<_, _> = catalog
            .iter()
            .map(|file| ((file.table.as_str(), file.month.clone(), file.part), file))
            .collect();
        let styles = [Style::Flat, Style::Hive];
        let styles = styles.map(|style| Visible { style, ..inner.visible.clone() });
        let mut visible: BTreeMap<Month, Files> = BTreeMap::new();
        for table in Table::ALL.iter().copied() {
            let files = inner.visible.parquet_files(table);
            for path in files.map_err(disk("list", &inner.visible.table(table)))? {
                let place = styles.iter().find_map(|style| style.named(table, &path));
                let Some((month, part)) = place else {
                    sources.unplaced += 1;
                    continue;
                };
                let named = by_place.get(&(table.name(), month.clone(), part));
                let is_known = named.is_some_and(|file| {
                    shows(&path, &inner.store.folder.join(&file.path), file).unwrap_or(false)
                });
                if !is_known {
                    months.insert(month.clone());
                }
                visible.entry(month).or_default().entry(table).or_default().push(path);
            }
        }
        if catalog.is_empty() {
            for (month, files) in stored(inner)? {
                if let std::collections::btree_map::Entry::Vacant(place) = visible.entry(month) {
                    months.insert(place.key().clone());
                    place.insert(files);
                }
            }
        }
        for month in months {
            let Some(files) = visible.remove(&month) else { continue };
            sources.find_issues(inner, &month, &files);
            sources.months.insert(month, files);
        }
        Ok(sources)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.months.is_empty() && self.unplaced == 0
    }

    /// The issues of which raw has the newest state. Of all others the tables are newer.
    pub(super) fn left_to(&self, survey: &Survey) -> Issues {
        let is_newest = |entry: &&Entry| {
            let seen = self.issues.get(&entry.id);
            let seen = seen.and_then(|found| found.deleted_at.or(found.synced).or(found.updated));
            entry.deleted_at.is_some() || seen <= entry.newness
        };
        survey.months.values().flatten().filter(is_newest).map(|entry| entry.id).collect()
    }

    fn find_issues(&mut self, inner: &Inner, month: &Month, files: &Files) {
        for table in [Table::Issues, Table::Coverage, Table::DeletedIssues] {
            for path in files.get(&table).into_iter().flatten() {
                match inner.issues_of_file(table, path) {
                    Ok(issues) => {
                        issues.into_iter().for_each(|(id, found)| self.take(id, found, month))
                    }
                    Err(unfit) => {
                        let why = crate::raw::chain(&unfit);
                        tracing::warn!(path = %path.display(), why, "a visible file that the catalog does not know cannot be read");
                    }
                }
            }
        }
    }

    /// Of several rows of one issue the newer counts.
    fn take(&mut self, id: IssueId, found: FoundIssue, month: &Month) {
        let found = FoundIssue { month: month.clone(), ..found };
        match self.issues.entry(id) {
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(found);
            }
            std::collections::btree_map::Entry::Occupied(mut place) => {
                let known = place.get_mut();
                if found.deleted_at > known.synced.or(known.updated).max(known.deleted_at) {
                    // Files of the store that a commit replaced still have its rows.
                    *known = found;
                } else if known.deleted_at.is_none() && found.deleted_at.is_none() {
                    known.updated = known.updated.max(found.updated);
                    known.synced = known.synced.max(found.synced);
                }
            }
        }
    }
}

impl Inner {
    /// The issues that have rows in a file, with what their rows say of them.
    pub(super) fn issues_of_file(
        &self,
        table: Table,
        path: &Path,
    ) -> Result<Vec<(IssueId, FoundIssue)>, Unfit> {
        let schema = table.schema(&self.mapping.fields);
        let columns =
            schema.fields().iter().filter(|field| COLUMNS.contains(&field.name().as_str()));
        let schema = Arc::new(Schema::new(columns.cloned().collect::<Vec<_>>()));
        let mut issues = Vec::new();
        for batch in decode(path, None, &schema)? {
            issues.extend((0..batch.num_rows()).filter_map(|row| found(&batch, row)));
        }
        Ok(issues)
    }

    /// The rows of some issues in a table's files; of each issue those of the first file that has it.
    pub(super) fn rows_of_files(
        &self,
        table: Table,
        files: &[PathBuf],
        wanted: &Issues,
    ) -> Result<Sorted, Unfit> {
        let schema = self.store.schema(table);
        let (mut wanted, mut rows) = (wanted.clone(), Sorted::default());
        for path in files {
            let mut of_file = match decode(path, None, &schema) {
                Ok(batches) => Sorted::of(batches).map_err(Unfit::Damaged)?,
                Err(Unfit::Missing) => continue,
                Err(unfit) => {
                    let why = crate::raw::chain(&unfit);
                    tracing::warn!(path = %path.display(), why, "a file's rows cannot be read");
                    continue;
                }
            };
            of_file.retain(&wanted);
            for issue in of_file.issues() {
                wanted.remove(&issue);
            }
            rows.add(of_file);
        }
        Ok(rows)
    }
}

fn found(batch: &RecordBatch, row: usize) -> Option<(IssueId, FoundIssue)> {
    let text = |name: &str| {
        let column = batch.column_by_name(name)?.as_string_opt::<i32>()?;
        column.is_valid(row).then(|| column.value(row))
    };
    let time = |name: &str| {
        let column = batch.column_by_name(name)?.as_primitive_opt::<TimestampMicrosecondType>()?;
        let millis = column.is_valid(row).then(|| column.value(row).div_euclid(1000))?;
        Instant::from_millis(millis)
    };
    let found = FoundIssue {
        key: text("issue_key")?.parse().ok()?,
        month: Month::of(None),
        updated: time("updated_at"),
        synced: time("synced_at"),
        deleted_at: time("deleted_at"),
    };
    Some((text("issue_id")?.parse().ok()?, found))
}

/// The files of the store by month, those of the newest commit first.
fn stored(inner: &Inner) -> Result<BTreeMap<Month, Files>, Error> {
    let mut months: BTreeMap<Month, Files> = BTreeMap::new();
    for table in Table::ALL.iter().copied() {
        for folder in inner.stored_folders(table)? {
            let month = folder.file_name().and_then(|name| name.to_str());
            let Some(month) = month.and_then(|name| name.parse::<Month>().ok()) else { continue };
            let mut files = Vec::new();
            for entry in durable::list(&folder).map_err(disk("list", &folder))? {
                let path = entry.path();
                let commit = path.file_stem().and_then(|stem| stem.to_str());
                let commit = commit.and_then(|stem| stem.split_once('-')?.0.parse::<i64>().ok());
                let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
                if let (Some(commit), true) = (commit, is_file) {
                    files.push((std::cmp::Reverse(commit), path));
                }
            }
            files.sort();
            let files = files.into_iter().map(|(_, path)| path);
            months.entry(month).or_default().entry(table).or_default().extend(files);
        }
    }
    Ok(months)
}
