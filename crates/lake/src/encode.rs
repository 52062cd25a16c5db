//! Rows to a Parquet file: ZSTD, statistics, page index, rows in the order of their issues, and
//! row groups that hold a narrow range of whole issues.
//!
//! A row group is encoded from rows or copied from another file as it is: its bytes, statistics and
//! page index. The same rows give the same bytes, so both give the same file.
//!
//! Promises: the answered file is complete under a temporary name, and durable once the caller has
//! synced it; nothing is visible before its [`Temp`] is published.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, KeyValue};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::properties::WriterProperties;
use parquet::file::statistics::Statistics;
use parquet::file::writer::SerializedFileWriter;
use sha2::{Digest, Sha256};

use crate::chunk::{self, Sink};
use crate::divide::Span;
use crate::durable::Temp;
use crate::footer::{Footer, Group, describe};
use crate::sealed::seal;
use crate::source::Placed;
use crate::splice::Sorted;
use crate::views;

const WRITE_BUFFER_BYTES: usize = 256 * 1024;

/// A complete file that has no visible name yet.
#[derive(Debug)]
pub(crate) struct Staged {
    pub(crate) temp: Temp,
    /// Still to be synced.
    pub(crate) file: File,
    pub(crate) rows: i64,
    pub(crate) bytes: i64,
    /// Of its end: see [`seal`].
    pub(crate) sha256: String,
    /// What reading it again would say.
    pub(crate) footer: Footer,
}

/// The rows of a row group, or some columns of it, encoded.
pub(crate) struct Encoded {
    bytes: Bytes,
    /// The columns in order, with their places in the bytes.
    columns: Vec<ColumnCloseResult>,
}

/// A file in the making.
pub(crate) struct Writer {
    temp: Temp,
    inner: SerializedFileWriter<Summing>,
    /// Of each row group; `None` when one of them holds no issues.
    groups: Option<Vec<Group>>,
}

/// Begins a file beside `target`, under a temporary name.
pub(crate) fn begin(
    schema: &SchemaRef,
    about: Vec<KeyValue>,
    target: &Path,
) -> Result<Writer, ParquetError> {
    let (temp, file) = Temp::beside(target)?;
    let writer =
        ArrowWriter::try_new(Summing::new(file), Arc::clone(schema), Some(properties(about)))?;
    let (inner, _) = writer.into_serialized_writer()?;
    Ok(Writer { temp, inner, groups: Some(Vec::new()) })
}

impl Encoded {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.len() as u64
    }
}

impl Writer {
    /// Encodes rows, in batches one after another, of some columns, by their places in the schema.
    pub(crate) fn encode(
        &self,
        rows: &[RecordBatch],
        places: impl IntoIterator<Item = usize>,
    ) -> Result<Encoded, ParquetError> {
        let (schema, mut sink) = (self.inner.schema_descr(), Sink::new(Vec::new()));
        let count = rows.first().map_or(0, RecordBatch::num_columns);
        let columns = (0..count).zip(places).map(|(number, place)| {
            let parts = rows.iter().filter_map(|batch| batch.columns().get(number));
            chunk::encode(&schema.column(place), &parts.collect::<Vec<_>>(), &mut sink)
        });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        Ok(Encoded { bytes: sink.into_inner()?.into(), columns })
    }

    /// Puts an encoded row group behind those that are there.
    pub(crate) fn append(
        &mut self,
        group: Encoded,
        span: Option<Span>,
    ) -> Result<(), ParquetError> {
        self.sum(Mode::Group(crc32fast::Hasher::new()))?;
        let mut writer = self.inner.next_row_group()?;
        for column in group.columns {
            writer.append_column(&group.bytes, column)?;
        }
        writer.close()?;
        let crc = self.sum(Mode::Nothing)?.unwrap_or_default();
        self.note(span.map(|span| Group { span, crc }));
        Ok(())
    }

    /// Copies a row group that was proved.
    pub(crate) fn copy(
        &mut self,
        (footer, number, bytes): (&Footer, usize, &Placed),
        group: Group,
    ) -> Result<(), ParquetError> {
        let mut writer = self.inner.next_row_group()?;
        for place in 0..footer.metadata().row_group(number).num_columns() {
            writer.append_column(bytes, described(footer, number, place)?)?;
        }
        writer.close()?;
        self.note(Some(group));
        Ok(())
    }

    /// Copies a row group that was proved, but for some columns that were encoded anew.
    pub(crate) fn patch(
        &mut self,
        (footer, number, bytes): (&Footer, usize, &Placed),
        (encoded, places): (Encoded, &[usize]),
        span: Span,
    ) -> Result<(), ParquetError> {
        self.sum(Mode::Group(crc32fast::Hasher::new()))?;
        let mut writer = self.inner.next_row_group()?;
        let mut columns = encoded.columns.into_iter();
        for place in 0..footer.metadata().row_group(number).num_columns() {
            let column = if places.contains(&place) { columns.next() } else { None };
            match column {
                Some(column) => writer.append_column(&encoded.bytes, column)?,
                None => writer.append_column(bytes, described(footer, number, place)?)?,
            }
        }
        writer.close()?;
        let crc = self.sum(Mode::Nothing)?.unwrap_or_default();
        self.note(Some(Group { span, crc }));
        Ok(())
    }

    /// How many bytes there are so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.inner.bytes_written() as u64
    }

    /// Ends the file.
    pub(crate) fn finish(mut self) -> Result<Staged, ParquetError> {
        self.sum(Mode::End(0, Sha256::new()))?;
        if let Some(groups) = &self.groups {
            self.inner.append_key_value_metadata(describe(groups));
        }
        let metadata = self.inner.finish()?;
        let rows = metadata.file_metadata().num_rows();
        let footer = Footer::of(metadata).map_err(|unfit| ParquetError::External(unfit.into()))?;
        let (file, bytes, sha256) = self.inner.inner_mut().end()?;
        Ok(Staged { temp: self.temp, file, rows, bytes: count(bytes)?, sha256, footer })
    }

    fn note(&mut self, group: Option<Group>) {
        match (group, &mut self.groups) {
            (Some(group), Some(groups)) => groups.push(group),
            _ => self.groups = None,
        }
    }

    /// What comes from here on is summed this way; answers the sum of the row group that ends here.
    fn sum(&mut self, mode: Mode) -> Result<Option<u32>, ParquetError> {
        self.inner.flush()?;
        match std::mem::replace(&mut self.inner.inner_mut().mode, mode) {
            Mode::Group(sum) => Ok(Some(sum.finalize())),
            Mode::Nothing | Mode::End(..) => Ok(None),
        }
    }
}

/// What a footer says of a column of a row group, as if it had been encoded a moment ago.
fn described(
    footer: &Footer,
    number: usize,
    place: usize,
) -> Result<ColumnCloseResult, ParquetError> {
    let metadata = footer.metadata();
    let group = metadata.row_group(number);
    let indexes = metadata.column_index().and_then(|index| index.get(number));
    let index = indexes.and_then(|indexes| indexes.get(place)).cloned();
    let pages = metadata.offset_index().and_then(|index| index.get(number));
    let column = group.column(place);
    let mut metadata = column.clone().into_builder();
    if let Some(statistics) = as_written(column) {
        metadata = metadata.set_statistics(statistics);
    }
    Ok(ColumnCloseResult {
        bytes_written: column.compressed_size().unsigned_abs(),
        rows_written: group.num_rows().unsigned_abs(),
        metadata: metadata.build()?,
        bloom_filter: None, // none are written
        column_index: index.filter(|index| *index != ColumnIndexMetaData::NONE),
        offset_index: pages.and_then(|pages| pages.get(place)).cloned(),
    })
}

/// The encoder gives the smallest and largest of signed numbers twice, the second time for readers
/// of old. Reading forgets that.
fn as_written(column: &ColumnChunkMetaData) -> Option<Statistics> {
    let statistics = column.statistics()?.clone();
    if !column.column_descr().sort_order().is_signed() {
        return Some(statistics);
    }
    Some(match statistics {
        Statistics::Int32(values) => values.with_backwards_compatible_min_max(true).into(),
        Statistics::Int64(values) => values.with_backwards_compatible_min_max(true).into(),
        Statistics::Float(values) => values.with_backwards_compatible_min_max(true).into(),
        Statistics::Double(values) => values.with_backwards_compatible_min_max(true).into(),
        // No table has columns of other signed types.
        other @ (Statistics::Boolean(_)
        | Statistics::ByteArray(_)
        | Statistics::FixedLenByteArray(_)
        | Statistics::Int96(_)) => other,
    })
}

/// Writes the rows beside `target`, under a temporary name, durably; each batch is a row group.
pub(crate) fn encode(
    groups: impl IntoIterator<Item = Result<RecordBatch, ArrowError>>,
    schema: &SchemaRef,
    about: Vec<KeyValue>,
    target: &Path,
) -> Result<Staged, ParquetError> {
    let mut writer = begin(schema, about, target)?;
    for group in groups {
        let rows = group?;
        let issues = Sorted::of(vec![rows.clone()]).map(|rows| rows.spans()).unwrap_or_default();
        writer.append(writer.encode(&[rows], 0..)?, Span::over(&issues))?;
    }
    let staged = writer.finish()?;
    staged.file.sync_all()?;
    Ok(staged)
}

/// What a file says about itself: the table and what each column means.
pub(crate) fn about(table: &str, description: &str, schema: &Schema) -> Vec<KeyValue> {
    let columns = schema.fields().iter();
    let columns = columns.map(|field| (field.name().clone(), views::description(field).into()));
    let columns = serde_json::Value::Object(columns.collect()).to_string();
    vec![
        KeyValue::new("jiralake.table".to_owned(), table.to_owned()),
        KeyValue::new("jiralake.description".to_owned(), description.to_owned()),
        KeyValue::new("jiralake.columns".to_owned(), columns),
    ]
}

fn properties(about: Vec<KeyValue>) -> WriterProperties {
    WriterProperties::builder()
        .set_created_by(concat!("jiralake version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(about))
        .build()
}

fn count<N: TryInto<i64>>(n: N) -> Result<i64, ParquetError> {
    n.try_into().map_err(|_| ParquetError::General("more than 2^63 bytes or rows".to_owned()))
}

/// How what passes is summed, so that the file need not be read again.
enum Mode {
    /// Its sum is known, or it is proved otherwise.
    Nothing,
    Group(crc32fast::Hasher),
    /// The end, with its length so far.
    End(u64, Sha256),
}

/// The file behind the writer.
struct Summing {
    /// Taken out at the end.
    file: Option<BufWriter<File>>,
    mode: Mode,
    bytes: u64,
}

impl Summing {
    fn new(file: File) -> Self {
        let file = BufWriter::with_capacity(WRITE_BUFFER_BYTES, file);
        Self { file: Some(file), mode: Mode::Nothing, bytes: 0 }
    }

    fn end(&mut self) -> io::Result<(File, u64, String)> {
        let mode = std::mem::replace(&mut self.mode, Mode::Nothing);
        let (Some(file), Mode::End(length, sum)) = (self.file.take(), mode) else {
            return Err(ended());
        };
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok((file, self.bytes, seal(length, sum)))
    }
}

fn ended() -> io::Error {
    io::Error::other("the file has its end already")
}

impl Write for Summing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.as_mut().ok_or_else(ended)?.write(bytes)?;
        let bytes = bytes.get(..written).unwrap_or(bytes);
        match &mut self.mode {
            Mode::Nothing => {}
            Mode::Group(sum) => sum.update(bytes),
            Mode::End(length, sum) => {
                *length += bytes.len() as u64;
                sum.update(bytes);
            }
        }
        self.bytes += bytes.len() as u64;
        Ok(written)
    }

    /// The writer's own buffer ends here; this one is flushed once, at the end.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, BooleanArray, Int64Array, StringArray};
    use arrow::datatypes::{DataType, Field};

    /// A row group that is copied says of itself what it said when it was encoded, also when that
    /// was read from a file meanwhile.
    #[test]
    fn what_a_footer_says_does_not_change_by_being_read() {
        let dir = tempfile::tempdir().unwrap();
        let schema = Arc::new(Schema::new(vec![
            Field::new("issue_id", DataType::Utf8, false),
            Field::new("n", DataType::Int64, true),
            Field::new("is", DataType::Boolean, true),
            Field::new("no", DataType::Utf8, true),
            Field::new("none", DataType::Int64, true),
        ]));
        let columns = vec![
            Arc::new(StringArray::from(vec!["9", "9", "10"])) as ArrayRef,
            Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])) as ArrayRef,
            Arc::new(BooleanArray::from(vec![true, false, true])) as ArrayRef,
            Arc::new(StringArray::from(vec![None::<&str>; 3])) as ArrayRef,
            Arc::new(Int64Array::from(vec![None; 3])) as ArrayRef,
        ];
        let rows = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        let first = encode([Ok(rows)], &schema, Vec::new(), &dir.path().join("x")).unwrap();
        let bytes = Bytes::from(std::fs::read(first.temp.path()).unwrap());
        let read = Footer::read(&bytes, bytes.len() as u64).unwrap();
        let whole = crate::source::tests::placed(&bytes);
        for footer in [&first.footer, &read] {
            let mut writer = begin(&schema, Vec::new(), &dir.path().join("y")).unwrap();
            let group = footer.groups.as_ref().unwrap()[0];
            writer.copy((footer, 0, &whole), group).unwrap();
            let copy = writer.finish().unwrap();
            let copied = std::fs::read(copy.temp.path()).unwrap();
            let again = Footer::read(&copied.into(), copy.bytes.unsigned_abs()).unwrap();
            assert_eq!(format!("{:#?}", again.metadata()), format!("{:#?}", read.metadata()));
            assert_eq!(copy.sha256, first.sha256);
        }
    }
}
