//! The mapping from outside: a snapshot in, rows out.

// The whole ticket is one `json!` of many members.
#![recursion_limit = "256"]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "all of this crate is tests, also the functions that they share"
)]

mod contract;
mod mapping;
mod story;
mod tolerance;
mod tables;
mod aliases;
mod gone;
mod coverage;
mod dimensions;
mod arbitrary;
mod lean;
mod real;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use jira::time::Instant;
use serde_json::{Value, json};
use transform::{Catalogue, FieldMap, RowBuilders, Rows, Site, Snapshot, StoredFile, Table};

fn site() -> Site {
    Site { domain: "example.atlassian.net".to_owned() }
}

/// A mapping without configuration: the defaults, or what the catalogue says.
fn map(catalogue: Option<&Catalogue>) -> FieldMap {
    FieldMap::new(&BTreeMap::new(), catalogue).unwrap()
}

fn snapshot(issue: &Value) -> Snapshot {
    Snapshot::from_json(issue.clone(), "SUPPORT-15186.json").unwrap()
}

/// The rows of one issue under the built-in mapping.
fn rows(issue: &Value) -> Rows {
    rows_with(issue, map(None), &BTreeMap::new())
}

fn rows_with(issue: &Value, map: FieldMap, files: &BTreeMap<String, StoredFile>) -> Rows {
    let mut builders = RowBuilders::new(site(), Arc::new(map));
    builders.append(&snapshot(issue), files);
    builders.finish().unwrap()
}

/// A table's rows as JSON objects, instants as ISO texts.
fn objects(rows: &Rows, table: Table) -> Vec<Value> {
    let batch = rows.batch(table).unwrap();
    (0..batch.num_rows()).map(|row| object(batch, row)).collect()
}

fn object(batch: &RecordBatch, row: usize) -> Value {
    let schema = batch.schema();
    let names = schema.fields().iter().map(|field| field.name().clone());
    names.zip(batch.columns().iter().map(|column| cell(column, row))).collect()
}

fn cell(column: &dyn Array, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row).into(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).into(),
        DataType::Boolean => column.as_boolean().value(row).into(),
        DataType::Timestamp(..) => {
            let micros = column.as_primitive::<TimestampMicrosecondType>().value(row);
            Instant::from_millis(micros / 1000).unwrap().iso().into()
        }
        other => panic!("no column has the type {other}"),
    }
}

/// The values of one column.
fn column(rows: &Rows, table: Table, name: &str) -> Vec<Value> {
    objects(rows, table).into_iter().map(|row| row[name].clone()).collect()
}

/// The odd values as `table.column` and count.
fn oddities(rows: &Rows) -> Vec<(String, u64)> {
    let odd = rows.oddities.iter();
    odd.map(|(table, column, count)| (format!("{}.{column}", table.name()), count)).collect()
}

/// An issue with these fields and nothing else.
fn issue(fields: Value) -> Value {
    json!({"id": "10021", "key": "SUPPORT-15186", "fields": fields})
}
