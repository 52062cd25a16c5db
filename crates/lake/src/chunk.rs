//! One column of a row group to the bytes of a Parquet column chunk: its pages, and what the footer
//! says of them.
//!
//! The general encoder of `parquet` makes two contexts of zstd for every column it opens, and feeds
//! a dictionary before it knows whether that pays. Row groups here are small and whole in memory,
//! so that their encoding was a third of a rebuild; this one takes a third of that.
//!
//! Promises: the same values give the same bytes; every reader of Parquet 1.0 pages reads them.
//! Values repeat through a dictionary where that is shorter, pages are compressed where that is.

mod codec;
mod dictionary;
mod hybrid;
mod pages;
mod value;

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Int64Array, StringArray, TimestampMicrosecondArray,
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
    let levels = levels(parts);
    if column.max_def_level() == 0 && levels.is_some() {
        let name = column.name();
        return Err(ParquetError::General(format!("{name} has to have a value in each row")));
    }
    let pages = Pages::new(column, rows, levels);
    let of = parts.first().map(|part| part.data_type());
    let done = match of {
        Some(DataType::Utf8) => {
            let texts = present(parts, rows, |texts: &StringArray| texts.iter());
            texts.map(|texts| pages.encode(&texts, out))
        }
        Some(DataType::Int64) => {
            let numbers = present(parts, rows, |numbers: &Int64Array| numbers.iter());
            numbers.map(|numbers| pages.encode(&numbers, out))
        }
        Some(DataType::Timestamp(TimeUnit::Microsecond, _)) => {
            let micros = present(parts, rows, |times: &TimestampMicrosecondArray| times.iter());
            micros.map(|micros| pages.encode(&micros, out))
        }
        Some(DataType::Boolean) => {
            let flags = present(parts, rows, |flags: &BooleanArray| flags.iter());
            flags.map(|flags| pages.encode(&flags, out))
        }
        _ => None,
    };
    done.unwrap_or_else(|| Err(ParquetError::NYI(format!("{} of type {of:?}", column.name()))))
}

/// For each row, whether it has a value; `None` when all have one.
fn levels(parts: &[&ArrayRef]) -> Option<Vec<u32>> {
    if parts.iter().all(|part| part.null_count() == 0) {
        return None;
    }
    let of = |part: &&ArrayRef| {
        let part = Arc::clone(part);
        (0..part.len()).map(move |row| u32::from(part.is_valid(row)))
    };
    Some(parts.iter().flat_map(of).collect())
}

/// The values of the rows that have one; `None` when a part is of another type.
fn present<'a, A: 'static, T, I: Iterator<Item = Option<T>>>(
    parts: &[&'a ArrayRef],
    rows: usize,
    values: impl Fn(&'a A) -> I,
) -> Option<Vec<T>> {
    let mut present = Vec::with_capacity(rows);
    for part in parts.iter().copied() {
        present.extend(values(part.as_any().downcast_ref()?).flatten());
    }
    Some(present)
}

#[cfg(test)]
mod tests;
