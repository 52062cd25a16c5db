//! New files of a tree to their visible names: durable first, then named, children before `issues`.
//!
//! Promises: no name shows bytes that a crash could forget; the names of the children are durable
//! before a name of `issues` changes; what a month has no more is gone afterwards. Files that are
//! settled together wait for the disk together.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use jira::time::Month;
use transform::Table;

use crate::cores;
use crate::divide::{Span, divide};
use crate::draft::Draft;
use crate::durable::{self, Temp};
use crate::error::{Error, disk};
use crate::splice::Sorted;
use crate::stage::write_file;
use crate::tree::Inner;

/// Syncs that wait for the disk at the same time: it does them together. Each is a thread, and each
/// thread more is memory that the allocator keeps apart.
const SYNCS: usize = 4;

/// The rows of one file of a table's month.
pub(crate) struct Part {
    table: Table,
    number: i64,
    pub(crate) rows: Sorted,
}

/// A file that is complete under a temporary name.
pub(crate) struct Unsettled {
    pub(crate) table: Table,
    pub(crate) rows: u64,
    month: Month,
    path: PathBuf,
    temp: Temp,
    file: File,
}

impl Inner {
    /// The rows of each file of a table's month.
    pub(crate) fn divided(&self, table: Table, rows: &Sorted) -> Vec<Part> {
        let spans = rows.spans();
        // Single issues: no border can run through one.
        let files = divide(&spans, self.bounds.file).unwrap_or_default();
        let files = files.into_iter().filter_map(|file| Span::over(spans.get(file)?));
        let parts = (0..).zip(files);
        parts.map(|(number, span)| Part { table, number, rows: rows.within(span) }).collect()
    }

    /// Writes a file of a table's month, which has no name yet.
    pub(crate) fn write(&self, month: &Month, part: Part) -> Result<Unsettled, Error> {
        let Part { table, number, rows } = part;
        let schema = table.schema(&self.mapping.fields);
        let mut draft = Draft::of_rows(rows, self.bounds.of_group(table));
        let (pieces, path) = (0..draft.pieces.len(), self.visible.part(table, month, number));
        let (staged, _) =
            write_file(table, &mut draft, pieces, (&schema, &path)).map_err(|broken| {
                let what = format!("{} of {month}", table.name());
                Error::Encode { what, source: broken.into_encode() }
            })?;
        let (month, rows) = (month.clone(), staged.rows.unsigned_abs());
        let (temp, file) = (staged.temp, staged.file);
        Ok(Unsettled { table, rows, month, path, temp, file })
    }

    /// Makes files durable and gives them their names; others of these tables and months go.
    pub(crate) fn settle(&self, files: Vec<Unsettled>) -> Result<Vec<PathBuf>, Error> {
        let synced = cores::map(files, SYNCS, |unsettled| {
            let synced = unsettled.file.sync_all().map_err(disk("write", &unsettled.path));
            synced.map(|()| unsettled)
        });
        let (issues, children): (Vec<_>, Vec<_>) = synced
            .into_iter()
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .partition(|unsettled| unsettled.table == Table::Issues);
        let mut paths = Vec::new();
        for files in [children, issues] {
            paths.append(&mut self.name(files)?);
        }
        Ok(paths)
    }

    fn name(&self, mut files: Vec<Unsettled>) -> Result<Vec<PathBuf>, Error> {
        // As commits do: rather in two files for a moment than in none.
        files.sort_by_key(|unsettled| unsettled.path.exists());
        let places = files.iter().map(|unsettled| (unsettled.table, unsettled.month.clone()));
        let places = places.collect::<BTreeSet<_>>();
        let mut paths = BTreeSet::new();
        for Unsettled { path, temp, .. } in files {
            temp.rename(&path).map_err(disk("write", &path))?;
            paths.insert(path);
        }
        let folders = paths.iter().filter_map(|path| path.parent()).collect::<BTreeSet<_>>();
        let synced = cores::map(folders.into_iter().collect(), SYNCS, |folder: &Path| {
            durable::sync_folder(folder).map_err(disk("sync the folder", folder))
        });
        synced.into_iter().collect::<Result<(), _>>()?;
        for (table, month) in &places {
            for path in self.parts(*table, month)? {
                if !paths.contains(&path) {
                    self.visible.remove(&path).map_err(disk("remove", &path))?;
                }
            }
        }
        Ok(paths.into_iter().collect())
    }
}
