//! The dimensions: one Parquet file each beside the folders of the tables, replaced whole.
//!
//! Promises: the entries as Jira gave them are durable before the file is, and the file can be made
//! from them again, by a rebuild and by every start; a reader sees the old file or the new one; a
//! list that lost more than half of its entries replaces nothing unless a person allows it,
//! because a permission that is gone looks the same. An unreadable file holds nothing up.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::Schema;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::Value;
use transform::{Dimension, Entries, FieldMap};

use crate::decode::{Unfit, decode};
use crate::encode::{about, encode};
use crate::error::{Error, disk};
use crate::layout::Visible;
use crate::open::{Inner, Lake, blocking};
use crate::raw::{Raw, chain};
use crate::steps::Step;
use crate::verify::{FileFinding, FileState, regular};
use crate::views;

/// What becomes of a list that is less than half of what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shrink {
    /// It is refused.
    Refuse,
    /// It is taken: a person said so.
    Allow,
}

/// What a replacement did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaced {
    /// Rows that were there; `None` when there was no readable file.
    pub before: Option<u64>,
    /// Rows that are there now.
    pub rows: u64,
    /// Entries that could not be rows.
    pub lost: u64,
    /// Values of an unexpected type that were met.
    pub odd_values: u64,
}

impl Lake {
    /// Replaces a dimension by the entries of a list that was read to its end.
    pub async fn replace_dimension(
        &self,
        dimension: Dimension,
        entries: Vec<Value>,
        shrink: Shrink,
    ) -> Result<Replaced, Error> {
        let _writing = self.inner.writing.lock().await;
        let inner = Arc::clone(&self.inner);
        blocking(move || inner.replace_dimension(dimension, &entries, shrink)).await
    }
}

impl Inner {
    fn replace_dimension(
        &self,
        dimension: Dimension,
        entries: &[Value],
        shrink: Shrink,
    ) -> Result<Replaced, Error> {
        let made = rows(dimension, entries, &self.mapping.fields)?;
        let after = made.batch.num_rows() as u64;
        let before = count(&self.visible.dimension(dimension));
        let shrunk = before.filter(|before| after.saturating_mul(2) < *before);
        if let (Some(before), Shrink::Refuse) = (shrunk, shrink) {
            return Err(Error::Shrunk { dimension: dimension.name(), before, after });
        }
        for (column, count) in &made.odd {
            let name = dimension.name();
            tracing::warn!(table = name, column, count, "odd values in {name}.{column}: {count}");
        }
        self.raw.write_dimension(dimension, entries)?;
        self.steps.pass(Step::Listed)?;
        put(dimension, &made, &self.visible)?;
        views::refresh(&self.visible, &self.mapping.fields)?;
        let odd_values = made.odd.values().sum();
        Ok(Replaced { before, rows: after, lost: made.lost, odd_values })
    }
}

/// Makes every dimension from the entries that were kept; answers those that cannot be read, whose
/// files stay as they are, with the reason.
pub(crate) fn make_all(
    raw: &Raw,
    visible: &Visible,
    fields: &FieldMap,
) -> Result<Vec<(String, String)>, Error> {
    let mut unreadable = Vec::new();
    for dimension in Dimension::ALL.iter().copied() {
        match raw.read_dimension(dimension) {
            Ok(Some(entries)) => put(dimension, &rows(dimension, &entries, fields)?, visible)?,
            Ok(None) => {}
            Err(Error::Unreadable { file, reason }) => unreadable.push((file, reason)),
            Err(error) => unreadable.push((dimension.name().to_owned(), chain(&error))),
        }
    }
    Ok(unreadable)
}

/// Returns the dimensions that are not what their entries give. Writes nothing.
pub(crate) fn verify(
    raw: &Raw,
    visible: &Visible,
    fields: &FieldMap,
) -> Result<Vec<(Dimension, FileFinding)>, Error> {
    let mut found = Vec::new();
    for dimension in Dimension::ALL.iter().copied() {
        let path = visible.dimension(dimension);
        let entries = match raw.read_dimension(dimension) {
            Ok(entries) => entries,
            Err(error) => {
                tracing::warn!(
                    list = dimension.name(),
                    "the entries of a list cannot be read: {}",
                    chain(&error)
                );
                None
            }
        };
        let state = match entries {
            Some(entries) => state(&path, &rows(dimension, &entries, fields)?.batch),
            // Without entries a file that is there can only be read.
            None => match decode(&path, None, &Arc::new(Schema::empty())) {
                Ok(_) | Err(Unfit::Missing) => None,
                Err(unfit) => Some(FileState::of(&unfit)),
            },
        };
        found.extend(state.map(|state| (dimension, FileFinding { path, state })));
    }
    Ok(found)
}

/// How a dimension's file differs from its rows.
fn state(path: &Path, wanted: &RecordBatch) -> Option<FileState> {
    let schema = wanted.schema();
    let found = match decode(path, None, &schema) {
        Ok(found) => concat_batches(&schema, &found),
        Err(unfit) => return Some(FileState::of(&unfit)),
    };
    let is_same = found.is_ok_and(|found| found.columns() == wanted.columns());
    (!is_same).then_some(FileState::Damaged)
}

fn rows(dimension: Dimension, entries: &[Value], fields: &FieldMap) -> Result<Entries, Error> {
    let failed = |source| Error::Rows { table: dimension.name(), source };
    dimension.rows(entries, fields).map_err(failed)
}

/// Writes a dimension's file; one of the same content is left alone.
fn put(dimension: Dimension, made: &Entries, visible: &Visible) -> Result<(), Error> {
    let path = visible.dimension(dimension);
    let failed = |source| Error::Encode { what: dimension.name().to_owned(), source };
    let schema = made.batch.schema();
    let about = about(dimension.name(), dimension.description(), &schema);
    let staged = encode([Ok(made.batch.clone())], &schema, about, &path).map_err(failed)?;
    // A file that cannot be read is replaced, as is what is no file.
    let mut there = Vec::new();
    if regular::open(&path).is_ok_and(|mut file| file.read_to_end(&mut there).is_err()) {
        there.clear();
    }
    regular::make_way(&path).map_err(disk("write", &path))?;
    let made = fs::read(staged.temp.path()).map_err(disk("read", staged.temp.path()))?;
    if made == there {
        return Ok(());
    }
    staged.temp.publish(&path).map_err(disk("write", &path))
}

/// How many rows a file has; `None` when there is no readable one.
fn count(path: &Path) -> Option<u64> {
    let reader = SerializedFileReader::new(regular::open(path).ok()?).ok()?;
    u64::try_from(reader.metadata().file_metadata().num_rows()).ok()
}
