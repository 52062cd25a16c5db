//! A history to the rows of the changelog and of former keys, which later tables replay.

#![no_main]

use std::collections::BTreeSet;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use transform::Table;

fuzz_target!(|histories: &[u8]| {
    let Ok(histories) = serde_json::from_slice::<Value>(histories) else { return };
    let snapshot = json!({"id": "10021", "key": "SUPPORT-15186", "fields": {},
        "changelog": {"histories": histories}});
    let snapshot = serde_json::to_vec(&snapshot).expect("a value is JSON");
    // Deeper than a snapshot may be.
    let Some(rows) = fuzz::rows(&snapshot) else { return };
    changes(&histories, rows.batch(Table::Changelog).expect("a table of all"));
    aliases(rows.batch(Table::KeyAliases).expect("a table of all"));
});

/// Oldest first, changes without a time last; the items of a change together and in their order.
fn changes(histories: &Value, rows: &RecordBatch) {
    let items = |change: &Value| {
        let items = change.get("items").and_then(Value::as_array);
        items.map_or(0, |items| items.iter().filter(|item| item.is_object()).count())
    };
    let most: usize = histories.as_array().into_iter().flatten().map(items).sum();
    assert!(rows.num_rows() <= most, "{} rows of {most} items", rows.num_rows());
    let times = times(rows, "changed_at");
    let readable: Vec<_> = times.iter().flatten().collect();
    assert!(readable.is_sorted());
    let numbers = rows.column_by_name("item").expect("a column").as_primitive::<Int64Type>();
    let mut before: Option<(i64, Option<i64>)> = None;
    for (number, time) in numbers.values().iter().zip(times) {
        let follows = before.is_some_and(|(last, at)| *number == last + 1 && at == time);
        assert!(*number == 0 || follows, "item {number} behind {before:?}");
        before = Some((*number, time));
    }
}

/// Each former key once, oldest first, never the current one.
fn aliases(rows: &RecordBatch) {
    let keys = rows.column_by_name("former_key").expect("a column").as_string::<i32>();
    let keys: Vec<_> = keys.iter().flatten().collect();
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), rows.num_rows());
    assert!(!keys.contains(&"SUPPORT-15186"));
    let moved = times(rows, "moved_at");
    let known = moved.iter().take_while(|time| time.is_some()).count();
    assert!(moved[known..].iter().all(Option::is_none) && moved[..known].is_sorted());
}

fn times(rows: &RecordBatch, column: &str) -> Vec<Option<i64>> {
    let column = rows.column_by_name(column).expect("a column");
    column.as_primitive::<TimestampMicrosecondType>().iter().collect()
}
