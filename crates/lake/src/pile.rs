//! Rows that wait until all rows of their month are there: in memory up to a bound, and what comes
//! after that in a temporary file.
//!
//! Promises: memory holds no more than the bound and the tables that are taken out; the file has no
//! name, so that nothing is left of it when the process ends, however it ends.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::writer::StreamWriter;
use jira::time::Month;
use transform::Table;

/// See the module.
pub(crate) struct Pile {
    /// Bytes that may stay in memory.
    pub(crate) bound: usize,
    /// Where the file is made, when there is need of it.
    folder: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// Bytes that are in memory.
    held: usize,
    file: Option<File>,
    months: BTreeMap<Month, BTreeMap<Table, Vec<Rows>>>,
}

enum Rows {
    Here(RecordBatch),
    /// In the file, as an Arrow stream.
    There {
        at: u64,
        length: u64,
    },
}

impl Pile {
    /// An empty one.
    pub(crate) fn new(bound: usize, folder: PathBuf) -> Self {
        Self { bound, folder, inner: Mutex::default() }
    }

    /// Adds rows of some issues of a month. An issue's rows come together.
    pub(crate) fn put(
        &self,
        month: &Month,
        table: Table,
        batch: RecordBatch,
    ) -> Result<(), ArrowError> {
        let bytes = batch.get_array_memory_size();
        let rows = if self.has_room(bytes) {
            Rows::Here(batch)
        } else {
            let stream = to_stream(&batch)?;
            drop(batch);
            let mut inner = self.lock();
            let file = match inner.file.take() {
                Some(file) => file,
                None => tempfile::tempfile_in(&self.folder)?,
            };
            let file = inner.file.insert(file);
            let at = file.seek(SeekFrom::End(0))?;
            file.write_all(&stream)?;
            Rows::There { at, length: stream.len() as u64 }
        };
        let mut inner = self.lock();
        inner.months.entry(month.clone()).or_default().entry(table).or_default().push(rows);
        Ok(())
    }

    /// Takes the rows of one table of a month out.
    pub(crate) fn take(&self, month: &Month, table: Table) -> Result<Vec<RecordBatch>, ArrowError> {
        let rows = self.lock().months.get_mut(month).and_then(|tables| tables.remove(&table));
        let mut batches = Vec::new();
        for rows in rows.unwrap_or_default() {
            match rows {
                Rows::Here(batch) => batches.push(batch),
                Rows::There { at, length } => {
                    batches.push(of_stream(self.read(at, length)?)?);
                }
            }
        }
        Ok(batches)
    }

    /// How many bytes the rows of one table of a month have.
    pub(crate) fn bytes(&self, month: &Month, table: Table) -> usize {
        let inner = self.lock();
        let rows = inner.months.get(month).and_then(|tables| tables.get(&table));
        let of = |rows: &Rows| match rows {
            Rows::Here(batch) => batch.get_array_memory_size(),
            Rows::There { length, .. } => usize::try_from(*length).unwrap_or(usize::MAX),
        };
        rows.into_iter().flatten().map(of).fold(0, usize::saturating_add)
    }

    fn has_room(&self, bytes: usize) -> bool {
        let mut inner = self.lock();
        let fits = inner.held + bytes <= self.bound;
        if fits {
            inner.held += bytes;
        }
        fits
    }

    fn read(&self, at: u64, length: u64) -> Result<Vec<u8>, ArrowError> {
        let mut inner = self.lock();
        let length =
            usize::try_from(length).map_err(|_| ArrowError::MemoryError(length.to_string()))?;
        let mut stream = Vec::with_capacity(length);
        if let Some(file) = &mut inner.file {
            file.seek(SeekFrom::Start(at))?;
            file.take(length as u64).read_to_end(&mut stream)?;
        }
        // All of it: a stream that ends early would only be one of fewer rows.
        if stream.len() == length { Ok(stream) } else { Err(cut()) }
    }

    /// A panic elsewhere ends the rebuild; what is here is whole all the same.
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The batch of a stream, whose columns are parts of the same memory.
fn of_stream(stream: Vec<u8>) -> Result<RecordBatch, ArrowError> {
    let mut stream = Buffer::from(stream);
    StreamDecoder::new().decode(&mut stream)?.ok_or_else(cut)
}

fn cut() -> ArrowError {
    ArrowError::IpcError("the file of waiting rows ends early".to_owned())
}

fn to_stream(batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema())?;
    writer.write(batch)?;
    writer.into_inner()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BooleanArray, Int64Array, StringArray};
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;
    use crate::splice::tests::{batch, rows};

    #[test]
    fn a_file_that_ends_early_is_an_error_and_not_fewer_rows() {
        let folder = tempfile::tempdir().unwrap();
        let month = "2026-01".parse::<Month>().unwrap();
        for missing in [1, 100] {
            let pile = Pile::new(0, folder.path().to_owned());
            pile.put(&month, Table::Issues, batch(&[("1", 1)])).unwrap();
            let inner = pile.lock();
            let file = inner.file.as_ref().unwrap();
            file.set_len(file.metadata().unwrap().len() - missing).unwrap();
            drop(inner);
            assert!(pile.take(&month, Table::Issues).is_err());
        }
    }

    #[test]
    fn rows_come_back_as_they_were_put_in_from_memory_and_from_the_file() {
        let month = |text: &str| text.parse::<Month>().unwrap();
        let put = [
            ("2026-01", Table::Issues, vec![("1", 1), ("2", 2)]),
            ("2026-01", Table::Issues, vec![("3", 3)]),
            ("2026-01", Table::Comments, vec![("3", 4)]),
            ("2026-02", Table::Issues, vec![("4", 5)]),
            ("2026-01", Table::Issues, vec![("5", 6)]),
        ];
        for bound in [0, 1, batch(&[("1", 1)]).get_array_memory_size() + 1, usize::MAX] {
            let folder = tempfile::tempdir().unwrap();
            let pile = Pile::new(bound, folder.path().to_owned());
            for (of, table, rows) in &put {
                pile.put(&month(of), *table, batch(rows)).unwrap();
            }
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
            let take = |of: &str, table| {
                let batches = pile.take(&month(of), table).unwrap();
                batches.iter().flat_map(rows).map(|(_, n)| n).collect::<Vec<_>>()
            };
            assert_eq!(take("2026-01", Table::Issues), [1, 2, 3, 6]);
            assert_eq!(take("2026-01", Table::Issues), [0; 0]);
            assert_eq!(take("2026-01", Table::Comments), [4]);
            assert_eq!(take("2026-02", Table::Issues), [5]);
            assert_eq!(take("2026-03", Table::Issues), [0; 0]);
        }
    }

    /// Rows of every type, also such as were cut from others.
    #[test]
    fn columns_come_back_as_they_were() {
        let field = |name: &str, of| Field::new(name, of, true);
        let schema = Arc::new(Schema::new(vec![
            field("text", DataType::Utf8),
            field("number", DataType::Int64),
            field("flag", DataType::Boolean),
            field("nothing", DataType::Utf8),
        ]));
        let count = 40_usize;
        let some = |n: usize| !n.is_multiple_of(3);
        let text = |n: usize| some(n).then(|| "é".repeat(n % 7));
        let columns = vec![
            Arc::new((0..count).map(text).collect::<StringArray>()) as ArrayRef,
            Arc::new((0..count).map(|n| some(n).then_some(n as i64)).collect::<Int64Array>()),
            Arc::new((0..count).map(|n| some(n).then_some(n % 2 > 0)).collect::<BooleanArray>()),
            Arc::new(StringArray::from(vec![None::<&str>; count])),
        ];
        let all = RecordBatch::try_new(schema, columns).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let month = "2026-01".parse::<Month>().unwrap();
        for (from, length) in [(0, count), (0, 9), (7, 20), (39, 1), (5, 0)] {
            let pile = Pile::new(0, folder.path().to_owned());
            let rows = all.slice(from, length);
            pile.put(&month, Table::Issues, rows.clone()).unwrap();
            assert_eq!(pile.take(&month, Table::Issues).unwrap(), [rows]);
        }
    }
}
