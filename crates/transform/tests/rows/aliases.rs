//! Former keys: from the snapshot's own list and from the changelog, each once, oldest first.

use serde_json::{Value, json};
use transform::Table;

use super::{issue, objects, oddities, rows};

fn moved(created: &str, items: Value) -> Value {
    json!({"id": created, "created": created, "items": items})
}

fn key_item(from: Value) -> Value {
    json!({"field": "Key", "fieldtype": "jira", "fromString": from, "toString": "X-1"})
}

/// Former key and when it was left.
type Alias = (Value, Value);

/// What the table tells, and what was odd.
fn aliases(former: Value, histories: Value) -> (Vec<Alias>, Vec<(String, u64)>) {
    let mut issue = issue(json!({}));
    issue["_former_keys"] = former;
    issue["changelog"] = json!({"histories": histories});
    let rows = rows(&issue);
    let all = objects(&rows, Table::KeyAliases);
    for row in &all {
        assert_eq!(
            (&row["issue_id"], &row["issue_key"]),
            (&json!("10021"), &json!("SUPPORT-15186"))
        );
    }
    let all = all.into_iter().map(|row| (row["former_key"].clone(), row["moved_at"].clone()));
    (all.collect(), oddities(&rows))
}

fn at(key: &str, moved_at: &str) -> Alias {
    (json!(key), json!(moved_at))
}

#[test]
fn former_keys_of_both_origins_are_rows_oldest_first() {
    let own = json!([{"key": "C-3", "moved_at": "2026-03-01T00:00:00.000Z"},
        {"key": "D-4", "moved_at": null}, {"key": "E-5"}]);
    let histories = json!([
        moved("2026-04-01T00:00:00.000+0200", json!([key_item(json!("B-2"))])),
        moved("2026-02-01T00:00:00.000+0100", json!([{"field": "status"}, key_item(json!("A-1"))])),
    ]);
    let (found, odd) = aliases(own, histories);
    let wanted = [
        at("A-1", "2026-01-31T23:00:00.000Z"),
        at("C-3", "2026-03-01T00:00:00.000Z"),
        at("B-2", "2026-03-31T22:00:00.000Z"),
        (json!("D-4"), Value::Null),
        (json!("E-5"), Value::Null),
    ];
    assert_eq!((found, odd), (wanted.to_vec(), vec![]));
}

#[test]
fn a_former_key_is_a_row_once_and_the_current_one_is_none() {
    let own = json!([{"key": "A-1", "moved_at": null}, {"key": "SUPPORT-15186", "moved_at": null},
        {"key": "B-2", "moved_at": "2026-09-01T00:00:00.000Z"}]);
    // A-1 → B-2 → A-1 → SUPPORT-15186, and the same page twice.
    let histories = json!([
        moved("2026-01-01T00:00:00.000Z", json!([key_item(json!("A-1"))])),
        moved("2026-02-01T00:00:00.000Z", json!([key_item(json!("B-2"))])),
        moved("2026-03-01T00:00:00.000Z", json!([key_item(json!("A-1"))])),
        moved("2026-03-01T00:00:00.000Z", json!([key_item(json!("A-1"))])),
        moved("2026-01-05T00:00:00.000Z", json!([key_item(json!("SUPPORT-15186"))])),
    ]);
    let (found, odd) = aliases(own, histories);
    let wanted = [at("A-1", "2026-03-01T00:00:00.000Z"), at("B-2", "2026-09-01T00:00:00.000Z")];
    assert_eq!((found, odd), (wanted.to_vec(), vec![]));
}

#[test]
fn the_id_of_a_changed_field_goes_before_its_name() {
    let check = |item: Value, counts: bool| {
        let mut item = item;
        item["fromString"] = json!("A-1");
        let found = aliases(json!(null), json!([moved("2026-01-01T00:00:00.000Z", json!([item]))]));
        assert_eq!(!found.0.is_empty(), counts, "{found:?}");
    };
    check(json!({"field": "Key"}), true);
    check(json!({"field": "KEY", "fieldId": null}), true);
    check(json!({"field": "Schlüssel", "fieldId": "key"}), true);
    check(json!({"field": "key", "fieldId": "customfield_10001"}), false);
    check(json!({"field": "Keyboard"}), false);
    check(json!({"field": 5, "fieldId": ["key"]}), false);
}

#[test]
fn what_is_no_key_is_lost_and_counted_alone() {
    let row = |count: u64| ("key_aliases._row".to_owned(), count);
    let good = json!([moved("2026-01-01T00:00:00.000Z", json!([key_item(json!("A-1"))]))]);
    let wanted = vec![at("A-1", "2026-01-01T00:00:00.000Z")];
    for (odd, count) in [
        (json!(5), 1),
        (json!({"key": "B-2"}), 1),
        (json!(["B-2", null]), 2),
        (json!([{"key": 7}, {"key": "b-2"}, {"moved_at": null}]), 3),
    ] {
        assert_eq!(aliases(odd, good.clone()), (wanted.clone(), vec![row(count)]));
    }
    let histories = |from: Value| {
        json!([moved("2026-01-01T00:00:00.000Z", json!([key_item(from), key_item(json!("A-1"))]))])
    };
    for from in [json!(null), json!("no key"), json!(["A-1"])] {
        let (found, odd) = aliases(json!([]), histories(from.clone()));
        assert_eq!(found, wanted);
        assert!(odd.contains(&row(1)), "{from}: {odd:?}");
    }
    let (found, odd) = aliases(json!([{"key": "B-2", "moved_at": 17}]), json!([]));
    assert_eq!(found, [(json!("B-2"), Value::Null)]);
    assert_eq!(odd, [("key_aliases.moved_at".to_owned(), 1)]);
}
