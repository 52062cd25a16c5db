//! A snapshot to the rows of all tables.

#![no_main]

use arrow::array::AsArray;
use arrow::datatypes::DataType;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use transform::Table;

/// Columns that hold JSON wherever they hold anything, with their tables.
const JSON: [(Table, &str); 9] = [
    (Table::Issues, "labels"),
    (Table::Issues, "triage"),
    (Table::Issues, "configuration_item"),
    (Table::Issues, "participants"),
    (Table::Issues, "organizations"),
    (Table::Issues, "organization_ids"),
    (Table::Issues, "components"),
    (Table::Issues, "fix_versions"),
    (Table::CustomFields, "value_json"),
];

fuzz_target!(|snapshot: &[u8]| {
    let Some(rows) = fuzz::rows(snapshot) else { return };
    let (mut bytes, mut live) = (0, 0);
    for (table, batch) in rows.batches() {
        if table != Table::DeletedIssues {
            live += batch.num_rows();
        }
        for column in batch.columns() {
            bytes += match column.data_type() {
                DataType::Utf8 => column.as_string::<i32>().values().len(),
                _ => 8 * column.len(),
            };
        }
    }
    fuzz::assert_bounded(snapshot.len(), bytes, 160);
    let count = |table| rows.batch(table).map_or(0, |batch| batch.num_rows());
    let gone = count(Table::DeletedIssues);
    assert_eq!(count(Table::Issues) + gone, 1);
    assert!(gone == 0 || live == 0, "a tombstone has rows");
    for (table, name) in JSON {
        let column = rows.batch(table).and_then(|batch| batch.column_by_name(name));
        for text in column.expect("a column of the contract").as_string::<i32>().iter().flatten() {
            assert!(serde_json::from_str::<Value>(text).is_ok(), "{name}: {text}");
        }
    }
});
