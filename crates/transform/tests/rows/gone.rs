//! Tombstones: one row in `deleted_issues` and none anywhere else.

use std::collections::BTreeMap;
use std::sync::Arc;

use jira::time::Instant;
use serde_json::{Value, json};
use transform::{Deletion, Evidence, FieldMap, Reason, RowBuilders, Rows, Table};

use super::story::ticket;
use super::{objects, oddities, rows, site, snapshot};

fn counts(rows: &Rows) -> BTreeMap<Table, usize> {
    let counts = rows.batches().map(|(table, batch)| (table, batch.num_rows()));
    counts.filter(|(_, count)| *count > 0).collect()
}

pub(crate) fn gone() -> Value {
    let at = Instant::parse("2026-06-01T00:00:00Z").unwrap();
    let deletion = Deletion { at, evidence: Some(Evidence::Webhook), reason: Reason::Deleted };
    snapshot(&ticket()).buried(&deletion).into_json()
}

#[test]
fn a_tombstone_has_one_row_and_only_there() {
    let rows = rows(&gone());
    assert_eq!(counts(&rows), BTreeMap::from([(Table::DeletedIssues, 1)]));
    let wanted = json!({"issue_id": "10021", "issue_key": "SUPPORT-15186",
        "project_key": "SUPPORT", "summary": "打印机 🖨 no imprime",
        "created_at": "2026-01-31T23:30:00.000Z", "deleted_at": "2026-06-01T00:00:00.000Z",
        "evidence": "webhook", "reason": "deleted"});
    assert_eq!(objects(&rows, Table::DeletedIssues), [wanted]);
    assert_eq!(oddities(&rows), []);
}

#[test]
fn an_issue_that_is_there_has_rows_everywhere_else() {
    let rows = rows(&ticket());
    let everywhere = Table::ALL.iter().copied().filter(|table| *table != Table::DeletedIssues);
    assert_eq!(counts(&rows).into_keys().collect::<Vec<_>>(), everywhere.collect::<Vec<_>>());
}

#[test]
fn a_tombstone_that_says_little_has_its_row() {
    let bare = json!({"id": "7", "key": "OLD_A-12", "fields": {},
        "_deleted_at": "2026-06-01T00:00:00.000Z"});
    let wanted = json!({"issue_id": "7", "issue_key": "OLD_A-12", "project_key": "OLD_A",
        "summary": null, "created_at": null, "deleted_at": "2026-06-01T00:00:00.000Z",
        "evidence": null, "reason": null});
    assert_eq!(objects(&rows(&bare), Table::DeletedIssues), [wanted]);
}

#[test]
fn odd_members_of_a_tombstone_cost_their_columns() {
    for (pointer, column, odd, wanted) in [
        ("/_deleted_evidence", "evidence", json!(5), json!("5")),
        ("/_deleted_evidence", "evidence", json!(null), json!(null)),
        ("/_deleted_reason", "reason", json!(["x"]), json!("[\"x\"]")),
        ("/fields/summary", "summary", json!(5), json!("5")),
        ("/fields/created", "created_at", json!("soon"), json!(null)),
        ("/fields/project/key", "project_key", json!({}), json!("{}")),
    ] {
        let mut changed = gone();
        *changed.pointer_mut(pointer).unwrap() = odd.clone();
        let rows = rows(&changed);
        let mut expected = objects(&super::rows(&gone()), Table::DeletedIssues).remove(0);
        expected[column] = wanted;
        assert_eq!(objects(&rows, Table::DeletedIssues), [expected], "{pointer} = {odd}");
        let counted: u64 = oddities(&rows).iter().map(|(_, count)| count).sum();
        assert_eq!(counted, u64::from(!odd.is_null()), "{pointer} = {odd}");
    }
}

#[test]
fn only_a_readable_time_makes_a_tombstone() {
    for odd in [json!(true), json!("yes"), json!(null), json!(1_769_900_000), json!({})] {
        let mut changed = ticket();
        changed["_deleted_at"] = odd.clone();
        assert_eq!(counts(&rows(&changed)), counts(&rows(&ticket())), "{odd}");
    }
}

#[test]
fn burying_again_leaves_nothing_of_the_first_time() {
    let at = Instant::parse("2026-07-01T00:00:00Z").unwrap();
    let again = Deletion { at, evidence: None, reason: Reason::Gone };
    let json = snapshot(&gone()).buried(&again).into_json();
    assert_eq!(json["_deleted_at"], "2026-07-01T00:00:00.000Z");
    assert_eq!(json["_deleted_reason"], "gone");
    assert!(json.get("_deleted_evidence").is_none());
}

#[test]
fn the_operators_columns_stay_beside_the_rows_of_issues() {
    let columns = BTreeMap::from([("team".to_owned(), "customfield_10004".to_owned())]);
    let map = FieldMap::new(&columns, None).unwrap();
    let mut builders = RowBuilders::new(site(), Arc::new(map));
    builders.append(&snapshot(&gone()), &BTreeMap::new());
    builders.append(&snapshot(&ticket()), &BTreeMap::new());
    let rows = builders.finish().unwrap();
    assert_eq!(super::column(&rows, Table::Issues, "team"), ["S1"]);
}
