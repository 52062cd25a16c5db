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

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampMicrosecondType};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::schema::types::ColumnDescPtr;

pub(crate) use pages::Sink;

use pages::Pages;

/// Puts a column's chunk behind those that are there. Columns of other types than tables have are
/// refused.
pub(crate) fn encode(
    column: &ColumnDescPtr,
    values: &ArrayRef,
    out: &mut Sink,
) -> Result<ColumnCloseResult, ParquetError> {
    let nulls = values.nulls().filter(|nulls| nulls.null_count() > 0);
    if column.max_def_level() == 0 && nulls.is_some() {
        let name = column.name();
        return Err(ParquetError::General(format!("{name} has to have a value in each row")));
    }
    let pages = Pages::new(column, values.len(), nulls);
    match values.data_type() {
        DataType::Utf8 => {
            let texts = values.as_string::<i32>();
            pages.encode(&present(texts.iter(), values.len()), out)
        }
        DataType::Int64 => {
            let numbers = values.as_primitive::<Int64Type>().values();
            pages.encode(&dense(numbers, nulls), out)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let micros = values.as_primitive::<TimestampMicrosecondType>().values();
            pages.encode(&dense(micros, nulls), out)
        }
        DataType::Boolean => pages.encode(&present(values.as_boolean().iter(), values.len()), out),
        other => Err(ParquetError::NYI(format!("{} of type {other}", column.name()))),
    }
}

fn present<T>(values: impl Iterator<Item = Option<T>>, rows: usize) -> Vec<T> {
    let mut present = Vec::with_capacity(rows);
    present.extend(values.flatten());
    present
}

fn dense(numbers: &[i64], nulls: Option<&NullBuffer>) -> Vec<i64> {
    match nulls {
        Some(nulls) => nulls.valid_indices().filter_map(|at| numbers.get(at).copied()).collect(),
        None => numbers.to_vec(),
    }
}

#[cfg(test)]
mod tests;
