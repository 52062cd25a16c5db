//! A file that the catalog names, as the base of its next version: opened, its end proved, and its
//! row groups read one by one, each proved as it is read.
//!
//! Promises: no byte of a row group is used or copied before it was proved. A file that is not what
//! was recorded is [`Unfit`].

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use bytes::{Buf, Bytes};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReaderBuilder, RowSelection};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use crate::decode::{BATCH_ROWS, Unfit, conform, fits};
use crate::divide::Span;
use crate::footer::{Footer, Group};
use crate::sealed::{Covers, Recorded};
use crate::splice::{ISSUE_ID, Sorted};
use crate::verify::regular;

/// A file, opened.
pub(crate) struct Source {
    file: File,
    pub(crate) footer: Arc<Footer>,
    pub(crate) groups: Arc<[Group]>,
}

/// Bytes of a file, by their place in it.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    start: u64,
    bytes: Bytes,
}

impl Source {
    /// Opens a file. Its footer may be known already.
    pub(crate) fn open(
        path: &Path,
        recorded: Recorded<'_>,
        known: Option<Arc<Footer>>,
    ) -> Result<Self, Unfit> {
        let mut file = regular::open(path)?;
        let length = file.metadata().map_err(Unfit::unread)?.len();
        if !recorded.has_length(length) {
            return Err(Unfit::Changed);
        }
        let footer = match (known, recorded.covers().ok_or(Unfit::Changed)?) {
            (Some(known), _) => known,
            (None, Covers::End(end)) => {
                let start = length.checked_sub(end).ok_or(Unfit::Changed)?;
                let bytes = read(&mut file, start, end)?;
                if !recorded.seals(&bytes) {
                    return Err(Unfit::Changed);
                }
                let footer = Footer::read(&bytes, length)?;
                if footer.body().is_none_or(|body| body.end != start) {
                    return Err(Unfit::Changed);
                }
                Arc::new(footer)
            }
            (None, Covers::All) => {
                let bytes = read(&mut file, 0, length)?;
                if !recorded.seals(&bytes) {
                    return Err(Unfit::Changed);
                }
                Arc::new(described(&bytes)?)
            }
        };
        let groups = footer.groups.clone().ok_or(Unfit::Changed)?;
        Ok(Self { file, footer, groups })
    }

    /// Opens a file of which only row groups are read, each verified on its own. Its end may be
    /// damaged or cut off: the footer was proven before.
    pub(crate) fn of_any_length(path: &Path, footer: Arc<Footer>) -> Result<Self, Unfit> {
        let groups = footer.groups.clone().ok_or(Unfit::Changed)?;
        Ok(Self { file: regular::open(path)?, footer, groups })
    }

    /// Whether its columns are those of a schema: only then can they be copied.
    pub(crate) fn has_columns_of(&self, schema: &SchemaRef) -> bool {
        let ours = self.footer.reader.schema().fields().iter();
        let ours = ours.map(|field| (field.name(), field.data_type(), field.is_nullable()));
        let wanted = schema.fields().iter();
        ours.eq(wanted.map(|field| (field.name(), field.data_type(), field.is_nullable())))
    }

    /// Reads a row group and proves it.
    pub(crate) fn group(&mut self, number: usize) -> Result<Placed, Unfit> {
        let range = self.footer.range(number).ok_or(Unfit::Changed)?;
        let bytes = read(&mut self.file, range.start, range.end - range.start)?;
        let crc = self.groups.get(number).map(|group| group.crc);
        if crc != Some(crc32fast::hash(&bytes)) {
            return Err(Unfit::Changed);
        }
        Ok(Placed { start: range.start, bytes })
    }
}

impl Footer {
    /// The rows of a row group, in `schema`.
    pub(crate) fn decode(
        &self,
        number: usize,
        bytes: &Placed,
        schema: &SchemaRef,
    ) -> Result<Sorted, Unfit> {
        let batches = self.batches(number, bytes, (schema, None))?;
        Sorted::of(batches).map_err(Unfit::Damaged)
    }

    /// Some rows of a row group, or all, in `schema`.
    pub(crate) fn batches(
        &self,
        number: usize,
        bytes: &Placed,
        (schema, rows): (&SchemaRef, Option<Vec<Range<usize>>>),
    ) -> Result<Vec<RecordBatch>, Unfit> {
        fits(self.reader.schema(), schema)?;
        let mut reader =
            ParquetRecordBatchReaderBuilder::new_with_metadata(bytes.clone(), self.reader.clone());
        if let Some(rows) = rows {
            let all = self.metadata().row_group(number).num_rows();
            let all = usize::try_from(all).map_err(|_| Unfit::Changed)?;
            let selection = RowSelection::from_consecutive_ranges(rows.into_iter(), all);
            reader = reader.with_row_selection(selection);
        }
        let wanted = schema.fields().iter().map(|field| field.name().as_str());
        let columns = ProjectionMask::columns(reader.parquet_schema(), wanted);
        let reader = reader
            .with_row_groups(vec![number])
            .with_projection(columns)
            .with_batch_size(BATCH_ROWS)
            .build();
        let batches = reader.map_err(Unfit::Torn)?;
        batches.map(|batch| conform(&batch.map_err(Unfit::Damaged)?, schema)).collect()
    }
}

/// The footer of a whole file, with what it does not say about its row groups found by looking.
fn described(file: &Bytes) -> Result<Footer, Unfit> {
    let mut footer = Footer::read(file, file.len() as u64)?;
    if footer.groups.is_some() {
        return Ok(footer);
    }
    let ids = Arc::new(Schema::new(vec![Field::new(ISSUE_ID, DataType::Utf8, false)]));
    let whole = Placed { start: 0, bytes: file.clone() };
    let mut groups = Vec::new();
    for number in 0..footer.metadata().num_row_groups() {
        let range = footer.range(number).ok_or(Unfit::Changed)?;
        let bytes = whole
            .get_bytes(range.start, usize::try_from(range.end - range.start).unwrap_or(usize::MAX));
        let crc = crc32fast::hash(&bytes.map_err(Unfit::Torn)?);
        let issues = footer.decode(number, &whole, &ids)?.issues();
        let (Some(first), Some(last)) = (issues.first().copied(), issues.last().copied()) else {
            return Err(Unfit::Changed);
        };
        groups.push(Group { span: Span { first, last, issues: issues.len() }, crc });
    }
    footer.groups = Some(groups.into());
    Ok(footer)
}

fn read(file: &mut File, start: u64, length: u64) -> Result<Bytes, Unfit> {
    let mut bytes = Vec::with_capacity(usize::try_from(length).map_err(|_| Unfit::Changed)?);
    file.seek(SeekFrom::Start(start)).map_err(Unfit::unread)?;
    file.take(length).read_to_end(&mut bytes).map_err(Unfit::unread)?;
    if bytes.len() as u64 == length { Ok(bytes.into()) } else { Err(Unfit::Changed) }
}

impl Length for Placed {
    fn len(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl ChunkReader for Placed {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(self.from(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let bytes = self.from(start)?;
        if length > bytes.len() { Err(outside()) } else { Ok(bytes.slice(..length)) }
    }
}

impl Placed {
    pub(crate) fn length(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn from(&self, start: u64) -> Result<Bytes, ParquetError> {
        let start = start.checked_sub(self.start).and_then(|start| usize::try_from(start).ok());
        let start = start.filter(|start| *start <= self.bytes.len()).ok_or_else(outside)?;
        Ok(self.bytes.slice(start..))
    }
}

fn outside() -> ParquetError {
    ParquetError::EOF("outside the row group".to_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A whole file.
    pub(crate) fn placed(bytes: &Bytes) -> Placed {
        Placed { start: 0, bytes: bytes.clone() }
    }
}
