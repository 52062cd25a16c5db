//! What the footer alone tells of a row group's values: columns that are null, or the same, in all
//! of its rows. Most columns of most tables are, and comparing them needs no reading.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;

/// Whether the footer proves that any rows of this column have just these values. `false` says
/// nothing.
pub(crate) fn are_values_of(values: &ArrayRef, column: &ColumnChunkMetaData) -> bool {
    let Some(statistics) = column.statistics() else { return false };
    match statistics.null_count_opt().map(i64::try_from) {
        Some(Ok(nulls)) if nulls == column.num_values() => values.null_count() == values.len(),
        Some(Ok(0)) => values.null_count() == 0 && is_one(values, statistics),
        Some(_) | None => false,
    }
}

fn is_one(values: &ArrayRef, statistics: &Statistics) -> bool {
    let is_exact = statistics.min_is_exact() && statistics.max_is_exact();
    if !is_exact || statistics.min_bytes_opt() != statistics.max_bytes_opt() {
        return false;
    }
    match (values.data_type(), statistics) {
        (DataType::Utf8, Statistics::ByteArray(all)) => all.min_opt().is_some_and(|one| {
            let values = values.as_string::<i32>().iter();
            values.flatten().all(|value| value.as_bytes() == one.data())
        }),
        (DataType::Boolean, Statistics::Boolean(all)) => all.min_opt().is_some_and(|one| {
            let values = values.as_boolean().iter();
            values.flatten().all(|value| value == *one)
        }),
        (DataType::Int64, Statistics::Int64(all)) => all.min_opt().is_some_and(|one| {
            let values = values.as_primitive::<Int64Type>().values();
            values.iter().all(|value| value == one)
        }),
        (DataType::Timestamp(..), Statistics::Int64(all)) => all.min_opt().is_some_and(|one| {
            let values = values.as_primitive_opt::<TimestampMicrosecondType>();
            values.is_some_and(|values| values.values().iter().all(|value| value == one))
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Int64Array, RecordBatch, StringArray};
    use arrow::datatypes::Schema;

    use super::*;
    use crate::encode::encode;

    fn check(all: ArrayRef, values: ArrayRef, wanted: bool) {
        let dir = tempfile::tempdir().unwrap();
        let field = arrow::datatypes::Field::new("x", all.data_type().clone(), true);
        let schema = Arc::new(Schema::new(vec![field]));
        let rows = RecordBatch::try_new(Arc::clone(&schema), vec![all]).unwrap();
        let made = encode([Ok(rows)], &schema, Vec::new(), &dir.path().join("x")).unwrap();
        let column = made.footer.metadata().row_group(0).column(0);
        assert_eq!(are_values_of(&values, column), wanted, "{values:?}");
    }

    fn texts(texts: &[Option<&str>]) -> ArrayRef {
        Arc::new(StringArray::from(texts.to_vec()))
    }

    fn numbers(numbers: &[Option<i64>]) -> ArrayRef {
        Arc::new(Int64Array::from(numbers.to_vec()))
    }

    #[test]
    fn only_what_the_statistics_prove_is_known() {
        check(texts(&[None, None]), texts(&[None]), true);
        check(texts(&[None, None]), texts(&[Some("a")]), false);
        check(texts(&[Some("a"), None]), texts(&[Some("a")]), false);
        check(texts(&[Some("a"), None]), texts(&[None]), false);
        check(texts(&[Some("a"), Some("a")]), texts(&[Some("a")]), true);
        check(texts(&[Some("a"), Some("a")]), texts(&[Some("b")]), false);
        check(texts(&[Some("a"), Some("a")]), texts(&[None]), false);
        check(texts(&[Some("a"), Some("b")]), texts(&[Some("a")]), false);
        // Statistics keep the beginning of a long text only.
        let long = "x".repeat(200);
        check(texts(&[Some(&long), Some(&long)]), texts(&[Some(&long)]), false);
        check(numbers(&[Some(7), Some(7)]), numbers(&[Some(7), Some(7)]), true);
        check(numbers(&[Some(7), Some(7)]), numbers(&[Some(7), Some(8)]), false);
        let yes = |all: &[bool]| Arc::new(BooleanArray::from(all.to_vec())) as ArrayRef;
        check(yes(&[true, true]), yes(&[true]), true);
        check(yes(&[true, true]), yes(&[false]), false);
    }
}
