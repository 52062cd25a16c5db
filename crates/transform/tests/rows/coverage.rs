//! What the copy has of an issue: noted by the writer of the snapshot, else counted.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use transform::{StoredFile, Table};

use super::story::ticket;
use super::{issue, map, objects, oddities, rows, rows_with};

const PARTS: [&str; 6] =
    ["comments", "changelog", "worklogs", "remote_links", "attachments", "sla"];

/// One part: have, total, complete, fetched_at, reason.
fn facts(row: &Value, part: &str) -> Value {
    let names = ["have", "total", "complete", "fetched_at", "reason"];
    names.iter().map(|name| row[format!("{part}_{name}")].clone()).collect()
}

fn coverage(issue: &Value) -> Value {
    let mut all = objects(&rows(issue), Table::Coverage);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

#[test]
fn what_was_noted_is_told() {
    let mut ticket = ticket();
    ticket["_parts"]["remote_links"] = json!({"fetched_at": "2026-02-03T11:06:52.000Z",
        "complete": false, "have": 3, "total": null, "reason": "HTTP 500"});
    let row = coverage(&ticket);
    let head = ["issue_id", "issue_key", "updated_at", "synced_at", "source", "project_key"];
    let head: Value = head.iter().map(|name| row[*name].clone()).collect();
    let wanted = json!([
        "10021",
        "SUPPORT-15186",
        "2026-02-03T11:06:52.829Z",
        "2026-02-03T11:06:53.000Z",
        "webhook",
        "SUPPORT"
    ]);
    assert_eq!(head, wanted);
    assert_eq!(facts(&row, "comments"), json!([1, 1, true, "2026-02-03T11:06:53.000Z", null]));
    let wanted = json!([3, null, false, "2026-02-03T11:06:52.000Z", "HTTP 500"]);
    assert_eq!(facts(&row, "remote_links"), wanted);
    assert_eq!(oddities(&rows(&ticket)), []);
}

#[test]
fn what_another_program_left_is_counted_and_nothing_is_guessed() {
    let entry = |id: i64| json!({"id": id, "created": "2026-02-01T00:00:00.000Z"});
    let mut foreign = issue(json!({
        "comment": {"total": 3, "comments": [entry(1), entry(2), entry(2)]},
        "worklog": {"total": 1, "worklogs": [entry(1)]},
        "customfield_10328": {"ongoingCycle": {}},
        "customfield_10161": {"errorMessage": "licence"},
    }));
    foreign["changelog"] = json!({"histories": [entry(1), entry(2)], "total": 1});
    foreign["_remote_links"] = json!([{"id": 1}, {"id": 2}]);
    let row = coverage(&foreign);
    let null = Value::Null;
    for (part, wanted) in [
        ("comments", json!([2, 3, false, null, null])),
        ("worklogs", json!([1, 1, true, null, null])),
        // More than Jira counts: not decided.
        ("changelog", json!([2, 1, null, null, null])),
        ("remote_links", json!([2, null, null, null, null])),
        ("sla", json!([1, 2, false, null, null])),
        ("attachments", json!([0, null, null, null, null])),
    ] {
        assert_eq!(facts(&row, part), wanted, "{part}");
    }
    assert_eq!((&row["source"], &row["synced_at"]), (&null, &null));
    assert_eq!(oddities(&rows(&foreign)), []);
    let bare = coverage(&issue(json!({})));
    for part in PARTS {
        assert_eq!(facts(&bare, part), json!([0, null, null, null, null]), "{part}");
    }
}

#[test]
fn a_part_that_was_not_noted_is_counted_and_the_others_are_not() {
    let mut ticket = ticket();
    let parts = ticket["_parts"].as_object_mut().unwrap();
    parts.remove("sla");
    parts["comments"] = Value::Null;
    let row = coverage(&ticket);
    assert_eq!(facts(&row, "sla"), json!([2, 2, true, null, null]));
    assert_eq!(facts(&row, "comments"), json!([1, 1, true, null, null]));
    assert_eq!(facts(&row, "worklogs"), json!([1, 1, true, "2026-02-03T11:06:53.000Z", null]));
}

#[test]
fn attachments_are_counted_by_their_bytes() {
    let check = |claims: Value, on_disk: &[&str], wanted: Value| {
        let list = ["1", "2", "3"].map(|id| json!({"id": id}));
        let mut issue = issue(json!({"attachment": list}));
        issue["_attachments"] = claims;
        issue["_parts"] = json!({"attachments": {"fetched_at": "2026-02-03T00:00:00.000Z"}});
        let file = |id: &&str| {
            ((*id).to_owned(), StoredFile { local_path: format!("{id}_x"), sha256: None })
        };
        let files: BTreeMap<_, _> = on_disk.iter().map(file).collect();
        let rows = rows_with(&issue, map(None), &files);
        let mut facts = facts(&objects(&rows, Table::Coverage)[0], "attachments");
        assert_eq!(facts[3].take(), "2026-02-03T00:00:00.000Z");
        assert_eq!(facts, wanted);
    };
    let state = |state: &str| json!({"state": state});
    check(json!(null), &[], json!([0, 3, false, null, "3 pending"]));
    check(json!(null), &["1", "2", "3"], json!([3, 3, true, null, null]));
    let large = json!({"2": state("too_large"), "3": state("stored")});
    check(large.clone(), &["1"], json!([1, 3, false, null, "1 pending, 1 too_large"]));
    check(large, &["1", "3"], json!([2, 3, true, null, "1 too_large"]));
    let failed = json!({"1": state("failed"), "2": state("failed"), "3": state("pending")});
    check(failed, &["2"], json!([1, 3, false, null, "1 pending, 1 failed"]));
}

#[test]
fn a_reason_that_was_noted_stands_behind_the_counts() {
    let mut issue = issue(json!({"attachment": [{"id": "1"}]}));
    issue["_parts"] = json!({"attachments": {"reason": "downloads are off"}});
    let row = coverage(&issue);
    assert_eq!(
        facts(&row, "attachments"),
        json!([0, 1, false, null, "1 pending: downloads are off"])
    );
    issue["fields"]["attachment"] = json!([]);
    assert_eq!(facts(&coverage(&issue), "attachments"), json!([0, 0, true, null, null]));
}

#[test]
fn odd_notes_cost_their_columns_and_are_never_taken_for_counts() {
    let check = |pointer: &str, odd: Value, part: &str, wanted: Value, count: u64| {
        let mut changed = ticket();
        *changed.pointer_mut(pointer).unwrap() = odd.clone();
        let rows = rows(&changed);
        let row = &objects(&rows, Table::Coverage)[0];
        assert_eq!(facts(row, part), wanted, "{pointer} = {odd}");
        let counted =
            oddities(&rows).into_iter().filter(|(column, _)| column.starts_with("coverage."));
        assert_eq!(counted.map(|(_, count)| count).sum::<u64>(), count, "{pointer} = {odd}");
    };
    let at = "2026-02-03T11:06:53.000Z";
    check("/_parts/comments/have", json!("1"), "comments", json!([null, 1, true, at, null]), 1);
    check("/_parts/comments/complete", json!("yes"), "comments", json!([1, 1, null, at, null]), 1);
    check("/_parts/comments/fetched_at", json!(5), "comments", json!([1, 1, true, null, null]), 1);
    check("/_parts/comments/reason", json!(5), "comments", json!([1, 1, true, at, "5"]), 1);
    check("/_parts/comments", json!([]), "comments", json!([null, null, null, null, null]), 5);
    check(
        "/_parts/attachments",
        json!(5),
        "attachments",
        json!([0, 2, false, null, "1 pending, 1 failed"]),
        2,
    );
    // Five columns of five parts, and two of the attachments, which are counted.
    check("/_parts", json!("x"), "sla", json!([null, null, null, null, null]), 27);
    check("/fields/attachment", json!(5), "attachments", json!([0, null, null, at, null]), 1);
    check("/_source", json!(["x"]), "comments", json!([1, 1, true, at, null]), 1);
}

#[test]
fn a_list_of_another_type_is_not_an_empty_list() {
    let mut odd = issue(json!({"comment": {"comments": 5, "total": 0}, "worklog": 7}));
    odd["changelog"] = json!({"histories": "x", "total": "y"});
    odd["_remote_links"] = json!({});
    let row = coverage(&odd);
    assert_eq!(facts(&row, "comments"), json!([null, 0, null, null, null]));
    for part in ["changelog", "worklogs", "remote_links"] {
        assert_eq!(facts(&row, part), json!([null, null, null, null, null]), "{part}");
    }
}
