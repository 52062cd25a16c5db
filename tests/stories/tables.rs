//! The tables as a reader without any of our code sees them: Parquet files below a folder.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

/// A row: column name → value; timestamps are microseconds.
pub(crate) type Row = BTreeMap<String, Value>;

/// All rows of a table, in the order of the files and of the rows in them.
pub(crate) fn read(parquet: &Path, table: &str) -> Vec<Row> {
    // A month whose last issue has just left is listed and then not there any more.
    let opened = files(parquet, table).into_iter().filter_map(|path| match File::open(&path) {
        Ok(file) => Some((path, file)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("{}: {error}", path.display()),
    });
    opened.flat_map(|(path, file)| rows_in(&path, file)).collect()
}

/// The table's files, by name.
pub(crate) fn files(parquet: &Path, table: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parquet.join(table)) else { return Vec::new() };
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "parquet"))
        .collect();
    files.sort();
    files
}

/// The rows of one file. A torn file fails the story.
pub(crate) fn rows(path: &Path) -> Vec<Row> {
    rows_in(path, File::open(path).unwrap())
}

fn rows_in(path: &Path, file: File) -> Vec<Row> {
    try_rows(file).unwrap_or_else(|error| panic!("{} is not readable: {error}", path.display()))
}

/// Returns the rows of an open file, or why it cannot be read.
pub(crate) fn try_rows(file: File) -> Result<Vec<Row>, String> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(|builder| builder.build())
        .map_err(|error| error.to_string())?;
    let batches: Result<Vec<RecordBatch>, _> = reader.collect();
    Ok(batches.map_err(|error| error.to_string())?.iter().flat_map(of_batch).collect())
}

fn of_batch(batch: &RecordBatch) -> Vec<Row> {
    let schema = batch.schema();
    (0..batch.num_rows())
        .map(|row| {
            let columns = schema.fields().iter().zip(batch.columns());
            columns.map(|(field, column)| (field.name().clone(), value(column, row))).collect()
        })
        .collect()
}

fn value(column: &dyn Array, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Utf8 => json!(column.as_string::<i32>().value(row)),
        DataType::Int64 => json!(column.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => json!(column.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => json!(column.as_boolean().value(row)),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            json!(column.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        other => panic!("a column of type {other} is not part of the contract"),
    }
}
