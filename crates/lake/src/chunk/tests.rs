//! Chunks beside those of the general encoder, and as the general reader reads them.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{Field, Schema};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
};
use parquet::basic::{BoundaryOrder, Compression};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};

use crate::encode::encode;

fn batch(columns: Vec<(ArrayRef, bool)>) -> RecordBatch {
    let field = |(n, (values, nullable)): (usize, &(ArrayRef, bool))| {
        Field::new(format!("c{n}"), values.data_type().clone(), *nullable)
    };
    let schema = Schema::new(columns.iter().enumerate().map(field).collect::<Vec<_>>());
    let columns = columns.into_iter().map(|(values, _)| values);
    RecordBatch::try_new(Arc::new(schema), columns.collect()).unwrap()
}

/// The file of one row group that these rows make.
fn ours(rows: &RecordBatch) -> Bytes {
    let dir = tempfile::tempdir().unwrap();
    let staged =
        encode([Ok(rows.clone())], &rows.schema(), Vec::new(), &dir.path().join("x")).unwrap();
    std::fs::read(staged.temp.path()).unwrap().into()
}

/// The same by the general encoder.
fn theirs(rows: &RecordBatch) -> Bytes {
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), None).unwrap();
    writer.write(rows).unwrap();
    writer.into_inner().unwrap().into()
}

fn reader(file: &Bytes) -> ParquetRecordBatchReaderBuilder<Bytes> {
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
    ParquetRecordBatchReaderBuilder::try_new_with_options(file.clone(), options).unwrap()
}

fn read(file: &Bytes, rows: &RecordBatch) -> RecordBatch {
    let reader = reader(file).with_batch_size(rows.num_rows().max(1)).build().unwrap();
    let batches = reader.map(Result::unwrap).collect::<Vec<_>>();
    arrow::compute::concat_batches(&rows.schema(), &batches).unwrap()
}

/// What a file says of the values of its columns, by column.
fn said(metadata: &ParquetMetaData) -> Vec<String> {
    let columns = metadata.row_group(0).columns().iter();
    columns
        .map(|column| {
            let statistics = column.statistics().unwrap();
            let bounds = (statistics.min_bytes_opt(), statistics.max_bytes_opt());
            let exact = (statistics.min_is_exact(), statistics.max_is_exact());
            let known = bounds.0.is_some().then_some(exact);
            let nulls = statistics.null_count_opt();
            format!("{} {nulls:?} {bounds:?} {known:?}", column.num_values())
        })
        .collect()
}

fn check(columns: Vec<(ArrayRef, bool)>) {
    let rows = batch(columns);
    let file = ours(&rows);
    assert_eq!(read(&file, &rows), rows);
    assert_eq!(file, ours(&rows));
    let metadata = Arc::clone(reader(&file).metadata());
    assert_eq!(said(&metadata), said(reader(&theirs(&rows)).metadata()));
    // The indexes lead to each row.
    let last = rows.num_rows() - 1;
    let skip = RowSelection::from(vec![RowSelector::skip(last), RowSelector::select(1)]);
    let one = reader(&file).with_row_selection(skip).build().unwrap().next().unwrap().unwrap();
    assert_eq!(one, rows.slice(last, 1));
}

fn all_types(
    texts: Vec<Option<String>>,
    numbers: Vec<Option<i64>>,
    flags: Vec<Option<bool>>,
) -> Vec<(ArrayRef, bool)> {
    let no_nulls = numbers.iter().map(|n| n.unwrap_or(1)).collect::<Vec<_>>();
    let no_texts = texts.iter().map(|text| text.clone().unwrap_or_default()).collect::<Vec<_>>();
    let times = TimestampMicrosecondArray::from(numbers.clone()).with_timezone("UTC");
    vec![
        (Arc::new(StringArray::from(texts)) as ArrayRef, true),
        (Arc::new(StringArray::from(no_texts)), false),
        (Arc::new(Int64Array::from(numbers)), true),
        (Arc::new(Int64Array::from(no_nulls)), false),
        (Arc::new(times), true),
        (Arc::new(BooleanArray::from(flags)), true),
    ]
}

proptest! {
    #[test]
    fn values_are_read_as_they_were_written(
        rows in prop::collection::vec(
            (
                prop_oneof![
                    Just(None),
                    "[ab]{0,2}".prop_map(Some),
                    "\\PC{0,100}".prop_map(Some),
                    "[\u{7f}é\u{10ffff}]{60,70}".prop_map(Some),
                ],
                prop_oneof![Just(None), (-3_i64..3).prop_map(Some), any::<i64>().prop_map(Some)],
                any::<Option<bool>>(),
            ),
            1..300,
        ),
    ) {
        let texts = rows.iter().map(|(text, ..)| text.clone()).collect();
        let numbers = rows.iter().map(|(_, number, _)| *number).collect();
        check(all_types(texts, numbers, rows.iter().map(|(.., flag)| *flag).collect()));
    }
}

#[test]
fn long_columns_have_several_pages() {
    let count = |rows: &RecordBatch, column: usize| {
        let metadata = Arc::clone(reader(&ours(rows)).metadata());
        metadata.offset_index().unwrap()[0][column].page_locations.len()
    };
    let rows = 50_001;
    let texts = (0..rows).map(|n| (n % 3 > 0).then(|| format!("text {}", n % 1000))).collect();
    let numbers = (0..rows).map(|n| (n % 5 > 0).then_some(i64::from(n) * 7)).collect();
    let columns = all_types(texts, numbers, (0..rows).map(|n| Some(n % 7 == 0)).collect());
    check(columns.clone());
    assert_eq!(count(&batch(columns), 0), 3);
    // Texts too large for a dictionary, one of them larger than a page.
    let long =
        |n: usize| Some(format!("{n}{}", "x".repeat(if n == 3 { 3 << 20 } else { 300_000 })));
    let texts = (0..10).map(long).chain([None, long(1)]).collect::<Vec<_>>();
    let texts = (Arc::new(StringArray::from(texts)) as ArrayRef, true);
    check(vec![texts.clone()]);
    assert_eq!(count(&batch(vec![texts]), 0), 5);
}

/// Bounds are cut to 64 bytes, and never within a character.
#[test]
fn an_index_says_that_pages_ascend_only_if_its_own_bounds_do() {
    let order = |second: &str| {
        let long = |end: &str| Some(format!("{}{end}{}", "x".repeat(63), "y".repeat(900_000)));
        let texts = StringArray::from(vec![long("a"), long(second)]);
        let rows = batch(vec![(Arc::new(texts) as ArrayRef, true)]);
        let metadata = Arc::clone(reader(&ours(&rows)).metadata());
        metadata.column_index().unwrap()[0][0].get_boundary_order().unwrap()
    };
    assert_eq!(order("b"), BoundaryOrder::ASCENDING);
    assert_eq!(order("é"), BoundaryOrder::UNORDERED);
}

#[test]
fn nothing_and_no_rows_are_columns_too() {
    check(all_types(vec![None; 9], vec![None; 9], vec![None; 9]));
    let none = batch(all_types(Vec::new(), Vec::new(), Vec::new()));
    assert_eq!(read(&ours(&none), &none), none);
}

#[test]
fn a_chunk_is_stored_in_the_shorter_way() {
    let of = |texts: Vec<Option<String>>| {
        let rows = batch(vec![(Arc::new(StringArray::from(texts)) as ArrayRef, true)]);
        let metadata = Arc::clone(reader(&ours(&rows)).metadata());
        let column = metadata.row_group(0).column(0).clone();
        (
            column.dictionary_page_offset().is_some(),
            column.compression() != Compression::UNCOMPRESSED,
        )
    };
    let number = |n: u32| Some(n.to_string());
    assert_eq!(of((0..1000).map(|n| number(n % 9)).collect()), (true, true));
    for unique in [100, 1000] {
        assert_eq!(of((0..unique).map(number).collect()), (false, true));
    }
    assert_eq!(of(vec![None; 1000]), (false, false));
    assert_eq!(of(vec![number(1); 1000]), (true, false));
}

#[test]
fn what_no_table_has_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let fails = |rows: RecordBatch, schema: &Schema| {
        let target = dir.path().join("x");
        let failed = encode([Ok(rows)], &Arc::new(schema.clone()), Vec::new(), &target);
        failed.unwrap_err().to_string()
    };
    let floats = batch(vec![(Arc::new(Float64Array::from(vec![1.5])) as ArrayRef, true)]);
    assert!(fails(floats.clone(), &floats.schema()).contains("c0 of type Some(Float64)"));
    let nulls = batch(vec![(Arc::new(Int64Array::from(vec![None])) as ArrayRef, true)]);
    let required = batch(vec![(Arc::new(Int64Array::from(vec![1])) as ArrayRef, false)]);
    assert!(fails(nulls, &required.schema()).contains("c0 has to have a value"));
}
