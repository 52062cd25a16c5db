//! A Parquet file back to rows, in the schema of today.
//!
//! Promises: what is returned is the whole file, with its checksums proved when they are known;
//! anything less is [`Unfit`] and never an empty or partial answer. Columns that the file does not
//! have are null, columns that the schema does not have are dropped.

pub(crate) mod proved;

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{RecordBatch, new_null_array};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::error::ArrowError;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;

use crate::footer::Footer;
use crate::sealed::{Covers, MAGIC, Recorded};
use crate::verify::regular;

/// Rows per batch; a batch is decoded as one piece.
pub(crate) const BATCH_ROWS: usize = 8192;

/// Why a file cannot serve as the base of its next version: the month must be made from raw.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    /// Not there, though it is known to exist.
    #[error("is missing")]
    Missing,
    /// There, but not readable.
    #[error("cannot be read")]
    Disk(#[source] io::Error),
    /// There, but a folder, a link or a pipe.
    #[error("is not a regular file")]
    NotRegular,
    /// Its bytes are not those that were written.
    #[error("does not have the recorded size or checksum")]
    Changed,
    /// No readable Parquet file: torn, truncated, damaged.
    #[error("is not a whole Parquet file")]
    Torn(#[source] ParquetError),
    /// Rows inside are damaged.
    #[error("has damaged rows")]
    Damaged(#[source] ArrowError),
    /// A column has another type than the schema says, or a required one has no values.
    #[error("column `{column}` is {found}, not {wanted}")]
    Column {
        /// The column's name.
        column: String,
        /// Its type in the file.
        found: String,
        /// Its type in the schema.
        wanted: DataType,
    },
}

impl Unfit {
    /// From an error while a file was opened or read.
    pub(crate) fn unread(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { Self::Missing } else { Self::Disk(error) }
    }
}

/// Reads a file whole, in `schema`.
pub(crate) fn decode(
    path: &Path,
    recorded: Option<Recorded<'_>>,
    schema: &SchemaRef,
) -> Result<Vec<RecordBatch>, Unfit> {
    let mut bytes = Vec::new();
    regular::open(path)?.read_to_end(&mut bytes).map_err(Unfit::Disk)?;
    let bytes = Bytes::from(bytes);
    let footer = prove(&bytes, recorded)?;
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, footer.reader);
    fits(reader.schema(), schema)?;
    let wanted = schema.fields().iter().map(|field| field.name().as_str());
    let columns = ProjectionMask::columns(reader.parquet_schema(), wanted);
    let reader = reader.with_projection(columns).with_batch_size(BATCH_ROWS);
    let batches = reader.build().map_err(Unfit::Torn)?;
    batches.map(|batch| conform(&batch.map_err(Unfit::Damaged)?, schema)).collect()
}

/// Proves that these are all bytes of a file, as they were written. Without a record nothing proves
/// the end, which then proves the rest.
pub(crate) fn prove(file: &Bytes, recorded: Option<Recorded<'_>>) -> Result<Footer, Unfit> {
    let length = file.len() as u64;
    let mut body = None;
    if let Some(recorded) = recorded {
        if !recorded.has_length(length) {
            return Err(Unfit::Changed);
        }
        let start = match recorded.covers().ok_or(Unfit::Changed)? {
            Covers::All => 0,
            Covers::End(end) => length.checked_sub(end).ok_or(Unfit::Changed)?,
        };
        if !recorded.seals(part(file, start, length)?) {
            return Err(Unfit::Changed);
        }
        body = Some(4..start).filter(|_| start > 0);
    }
    let footer = Footer::read(file, length)?;
    let Some(groups) = &footer.groups else {
        return if body.is_some() { Err(Unfit::Changed) } else { Ok(footer) };
    };
    let has_other = |body| footer.body() != Some(body);
    if !file.starts_with(MAGIC) || body.is_some_and(has_other) {
        return Err(Unfit::Changed);
    }
    for (number, group) in groups.iter().enumerate() {
        let range = footer.range(number).ok_or(Unfit::Changed)?;
        if crc32fast::hash(part(file, range.start, range.end)?) != group.crc {
            return Err(Unfit::Changed);
        }
    }
    Ok(footer)
}

fn part(file: &[u8], start: u64, end: u64) -> Result<&[u8], Unfit> {
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    range.and_then(|(start, end)| file.get(start..end)).ok_or(Unfit::Changed)
}

pub(crate) fn fits(found: &Schema, wanted: &Schema) -> Result<(), Unfit> {
    for field in wanted.fields() {
        let found = match found.field_with_name(field.name()) {
            Ok(found) if found.data_type() == field.data_type() => continue,
            Ok(found) => found.data_type().to_string(),
            Err(_) if field.is_nullable() => continue,
            Err(_) => "absent".to_owned(),
        };
        let (column, wanted) = (field.name().clone(), field.data_type().clone());
        return Err(Unfit::Column { column, found, wanted });
    }
    Ok(())
}

pub(crate) fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, Unfit> {
    let columns = schema.fields().iter().map(|field| match batch.column_by_name(field.name()) {
        Some(column) => Arc::clone(column),
        None => new_null_array(field.data_type(), batch.num_rows()),
    });
    RecordBatch::try_new(Arc::clone(schema), columns.collect()).map_err(Unfit::Damaged)
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, StringArray};
    use arrow::datatypes::{Field, Int64Type};

    use super::*;
    use crate::encode::{Staged, encode};
    use crate::splice::Sorted;

    pub(super) fn file(folder: &Path) -> Staged {
        let schema = Arc::new(Schema::new(vec![
            Field::new("issue_id", DataType::Utf8, false),
            Field::new("n", DataType::Int64, true),
            Field::new("former", DataType::Boolean, true),
        ]));
        let columns = vec![
            Arc::new(StringArray::from(vec!["10", "9", "9"])) as ArrayRef,
            Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])) as ArrayRef,
            Arc::new(BooleanArray::from(vec![true, false, true])) as ArrayRef,
        ];
        let rows = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        let rows = Sorted::of(vec![rows]).unwrap();
        encode(rows.groups(9), &schema, Vec::new(), &folder.join("x.parquet")).unwrap()
    }

    fn schema(fields: Vec<Field>) -> SchemaRef {
        Arc::new(Schema::new(fields))
    }

    #[test]
    fn new_columns_are_null_and_former_ones_are_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let staged = file(dir.path());
        let wanted = schema(vec![
            Field::new("new", DataType::Utf8, true),
            Field::new("n", DataType::Int64, true),
            Field::new("issue_id", DataType::Utf8, false),
        ]);
        let recorded = Recorded { bytes: staged.bytes, sha256: &staged.sha256 };
        let batches = decode(staged.temp.path(), Some(recorded), &wanted).unwrap();
        assert_eq!((batches.len(), staged.rows), (1, 3));
        let batch = &batches[0];
        assert_eq!(batch.schema(), wanted);
        assert_eq!(batch.column(0).null_count(), 3);
        let numbers = batch.column(1).as_primitive::<Int64Type>();
        assert_eq!(numbers.iter().collect::<Vec<_>>(), [None, Some(3), Some(1)]);
        let ids = batch.column(2).as_string::<i32>().iter().flatten().collect::<Vec<_>>();
        assert_eq!(ids, ["9", "9", "10"]);
    }

    fn check_misfit(field: Field, why: &str) {
        let dir = tempfile::tempdir().unwrap();
        let staged = file(dir.path());
        let misfit = decode(staged.temp.path(), None, &schema(vec![field])).unwrap_err();
        assert_eq!(misfit.to_string(), why);
    }

    #[test]
    fn a_column_of_another_type_does_not_fit() {
        check_misfit(Field::new("n", DataType::Utf8, true), "column `n` is Int64, not Utf8");
        check_misfit(Field::new("m", DataType::Utf8, false), "column `m` is absent, not Utf8");
        // Required now, and some rows have none.
        let dir = tempfile::tempdir().unwrap();
        let staged = file(dir.path());
        let required = schema(vec![Field::new("n", DataType::Int64, false)]);
        assert!(matches!(decode(staged.temp.path(), None, &required), Err(Unfit::Damaged(_))));
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let staged = file(dir.path());
        let whole = std::fs::read(staged.temp.path()).unwrap();
        let wanted = schema(vec![Field::new("issue_id", DataType::Utf8, false)]);
        let recorded = Recorded { bytes: staged.bytes, sha256: &staged.sha256 };
        let path = dir.path().join("damaged.parquet");
        assert!(matches!(decode(&path, Some(recorded), &wanted), Err(Unfit::Missing)));
        for length in 0..whole.len() {
            crate::durable::write(&path, &whole[..length]).unwrap();
            assert!(matches!(decode(&path, Some(recorded), &wanted), Err(Unfit::Changed)));
            assert!(decode(&path, None, &wanted).is_err(), "cut at {length}");
        }
        for at in (0..whole.len()).step_by(7) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            crate::durable::write(&path, &bytes).unwrap();
            assert!(matches!(decode(&path, Some(recorded), &wanted), Err(Unfit::Changed)));
        }
    }
}
