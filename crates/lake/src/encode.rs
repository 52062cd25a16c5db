//! Rows to a Parquet file: ZSTD, statistics, page index, rows in the order of their issues, and
//! row groups that hold a narrow range of whole issues.
//!
//! Promises: the answered file is complete and fsynced under a temporary name; nothing is visible
//! before its [`Temp`] is published. The same rows give the same bytes.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use sha2::{Digest, Sha256};

use crate::decode::Recorded;
use crate::durable::Temp;
use crate::views;

/// Issues per row group: a reader that wants one issue decodes at most this many.
pub const ISSUES_PER_ROW_GROUP: usize = 256;

const ZSTD_LEVEL: i32 = 3;
const WRITE_BUFFER_BYTES: usize = 256 * 1024;

/// A complete, fsynced file that has no visible name yet.
#[derive(Debug)]
pub(crate) struct Staged {
    pub(crate) temp: Temp,
    pub(crate) rows: i64,
    pub(crate) bytes: i64,
    /// Of the whole file, in hexadecimal.
    pub(crate) sha256: String,
}

/// Writes the rows beside `target`, under a temporary name; each batch is a row group.
pub(crate) fn encode(
    groups: impl IntoIterator<Item = Result<RecordBatch, ArrowError>>,
    schema: &SchemaRef,
    about: Vec<KeyValue>,
    target: &Path,
) -> Result<Staged, ParquetError> {
    let (temp, file) = Temp::beside(target)?;
    let sink = Digesting::new(BufWriter::with_capacity(WRITE_BUFFER_BYTES, file));
    let mut writer = ArrowWriter::try_new(sink, Arc::clone(schema), Some(properties(about)?))?;
    let mut rows = 0;
    for group in groups {
        let group = group?;
        rows += group.num_rows();
        writer.write(&group)?;
        writer.flush()?;
    }
    let sink = writer.into_inner()?;
    let (file, bytes, sha256) = sink.finish()?;
    file.sync_all()?;
    Ok(Staged { temp, rows: count(rows)?, bytes: count(bytes)?, sha256 })
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

impl Staged {
    /// What is to be recorded about the file.
    pub(crate) fn recorded(&self) -> Recorded<'_> {
        Recorded { bytes: self.bytes, sha256: &self.sha256 }
    }
}

fn properties(about: Vec<KeyValue>) -> Result<WriterProperties, ParquetError> {
    Ok(WriterProperties::builder()
        .set_created_by(concat!("jiralake version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_statistics_enabled(EnabledStatistics::Page) // includes the page index
        .set_max_row_group_row_count(None) // groups end where issues end
        .set_key_value_metadata(Some(about))
        .build())
}

fn count<N: TryInto<i64>>(n: N) -> Result<i64, ParquetError> {
    n.try_into().map_err(|_| ParquetError::General("more than 2^63 bytes or rows".to_owned()))
}

/// Counts and hashes what passes, so that the file need not be read again.
struct Digesting<W> {
    inner: W,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> Digesting<W> {
    fn new(inner: W) -> Self {
        Self { inner, hash: Sha256::new(), bytes: 0 }
    }
}

impl<W: Write> Digesting<BufWriter<W>> {
    fn finish(self) -> io::Result<(W, u64, String)> {
        let file = self.inner.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok((file, self.bytes, hex::encode(self.hash.finalize())))
    }
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or(bytes));
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
