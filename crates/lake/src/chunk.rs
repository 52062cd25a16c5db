//! One column of a row group to the bytes of a Parquet column chunk: its pages, and what the footer
//! says of them.
//!
//! The general encoder of `parquet` makes two contexts of zstd for every column it opens, and feeds
//! a dictionary before it knows whether that pays. Row groups here are small and whole in memory,
//! so that their encoding was a third of a rebuild; this one takes a third of that.
//!
//! Promises: the same values give the same bytes; pages are those of version 1, which all readers
//! know. Values repeat through a dictionary where that promises to be shorter, pages are compressed
//! where that is.

mod codec;
mod dictionary;
mod hybrid;
mod pages;
mod value;

use arrow::array::{
    Array, ArrayAccessor, ArrayRef, BooleanArray, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, TimeUnit};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::schema::types::ColumnDescPtr;

pub(crate) use pages::Sink;

use pages::Pages;

/// Puts a column's chunk behind those that are there; its values come in parts. Columns of other
/// types than tables have are refused.
pub(crate) fn encode(
    column: &ColumnDescPtr,
    parts: &[&ArrayRef],
    out: &mut Sink,
) -> Result<ColumnCloseResult, ParquetError> {
    let rows = parts.iter().map(|part| part.len()).sum();
    let levels = levels(parts, rows);
    if column.max_def_level() == 0 && levels.is_some() {
        let name = column.name();
        return Err(ParquetError::General(format!("{name} has to have a value in each row")));
    }
    let pages = Pages::new(column, rows, levels);
    let of = parts.first().map(|part| part.data_type());
    let done = match of {
        Some(DataType::Utf8) => {
            present::<StringArray>(parts, rows).map(|texts| pages.encode(&texts, out))
        }
        Some(DataType::Int64) => {
            present::<Int64Array>(parts, rows).map(|numbers| pages.encode(&numbers, out))
        }
        Some(DataType::Timestamp(TimeUnit::Microsecond, _)) => {
            let micros = present::<TimestampMicrosecondArray>(parts, rows);
            micros.map(|micros| pages.encode(&micros, out))
        }
        Some(DataType::Boolean) => {
            present::<BooleanArray>(parts, rows).map(|flags| pages.encode(&flags, out))
        }
        _ => None,
    };
    done.unwrap_or_else(|| Err(ParquetError::NYI(format!("{} of type {of:?}", column.name()))))
}

/// For each row, whether it has a value; `None` when all have one.
fn levels(parts: &[&ArrayRef], rows: usize) -> Option<Vec<u32>> {
    if parts.iter().all(|part| part.null_count() == 0) {
        return None;
    }
    let mut levels = Vec::with_capacity(rows);
    for part in parts {
        match part.nulls() {
            Some(nulls) => levels.extend(nulls.iter().map(u32::from)),
            None => levels.resize(levels.len() + part.len(), 1),
        }
    }
    Some(levels)
}

/// The values of the rows that have one; `None` when a part is of another type.
fn present<'a, A: Array + 'static>(
    parts: &[&'a ArrayRef],
    rows: usize,
) -> Option<Vec<<&'a A as ArrayAccessor>::Item>>
where
    &'a A: ArrayAccessor,
{
    let mut present = Vec::with_capacity(rows);
    for &part in parts {
        let part: &'a A = part.as_any().downcast_ref()?;
        match part.nulls() {
            Some(nulls) => present.extend(nulls.valid_indices().map(|row| part.value(row))),
            None => present.extend((0..part.len()).map(|row| part.value(row))),
        }
    }
    Some(present)
}

#[cfg(test)]
mod tests;
