//! The order and identity of rows, the parsing of snapshots, and batches of several issues.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use serde_json::{Value, json};
use transform::{Arena, RowBuilders, Rows, Snapshot, StoredFile, Table, Unreadable, issue_ids};

use super::{column, issue, map, objects, oddities, rows, rows_with, site, snapshot};

fn comment(id: Value, created: &str) -> Value {
    json!({"id": id, "created": created, "body": format!("{id} at {created}")})
}

fn thread(comments: &[Value]) -> Rows {
    rows(&issue(json!({"comment": {"comments": comments, "total": comments.len()}})))
}

#[test]
fn comments_stand_in_the_order_of_their_creation_once_each() {
    let (one, two) = ("2026-02-01T10:00:00.000+0100", "2026-02-01T09:30:00.000+0000");
    let mut edited = comment(json!("9"), one);
    edited["updated"] = json!("2026-02-05T00:00:00.000+0000");
    edited["body"] = json!("edited");
    let comments =
        [comment(json!(10), two), comment(json!("9"), one), comment(json!("8"), two), edited];
    for turn in 0..comments.len() {
        let mut turned = comments.clone();
        turned.rotate_left(turn);
        let rows = thread(&turned);
        assert_eq!(column(&rows, Table::Comments, "comment_id"), ["9", "8", "10"]);
        assert_eq!(column(&rows, Table::Comments, "position"), [0, 1, 2]);
        assert_eq!(column(&rows, Table::Comments, "body")[0], "edited");
        assert_eq!(column(&rows, Table::Issues, "comment_count"), [4]);
    }
}

#[test]
fn long_threads_are_whole_in_order_and_once_each() {
    for count in [0, 1, 99, 100, 101, 250, 5000] {
        let at = |i: usize| {
            format!("2026-02-01T{:02}:{:02}:{:02}.000+0000", i / 3600, i / 60 % 60, i % 60)
        };
        let mut comments: Vec<_> =
            (0..count).map(|i| comment(json!((i + 1).to_string()), &at(i))).collect();
        comments.reverse();
        comments.extend(comments.clone().into_iter().take(100));
        let ids = column(&thread(&comments), Table::Comments, "comment_id");
        let wanted: Vec<_> = (1..=count).map(|id| json!(id.to_string())).collect();
        assert_eq!(ids, wanted);
    }
}

#[test]
fn visibility_is_true_false_or_unknown() {
    let comments = [json!(true), json!(false), json!(null), json!("false"), json!(1)];
    let comments = comments.map(|flag| json!({"jsdPublic": flag}));
    let rows = thread(&comments);
    let wanted = [json!(true), json!(false), json!(null), json!(null), json!(null)];
    assert_eq!(column(&rows, Table::Comments, "public_visibility"), wanted);
    assert_eq!(oddities(&rows), [("comments.public_visibility".to_owned(), 2)]);
    let none = thread(&[json!({"id": "1"})]);
    assert_eq!(column(&none, Table::Comments, "public_visibility"), [Value::Null]);
}

#[test]
fn changes_stand_in_order_whichever_end_jira_gives_first() {
    let change = |id: &str, second: u32| {
        json!({"id": id, "created": format!("2026-02-01T00:00:{second:02}.000+0000"),
            "items": [{"field": "a"}, {"field": "b"}]})
    };
    let mut histories = vec![change("9", 1), change("10", 1), change("5", 2), change("10", 1)];
    for _ in 0..2 {
        let mut issue = issue(json!({}));
        issue["changelog"] = json!({"histories": histories});
        let rows = rows(&issue);
        let ids = column(&rows, Table::Changelog, "change_id");
        assert_eq!(ids, ["9", "9", "10", "10", "5", "5"]);
        assert_eq!(column(&rows, Table::Changelog, "item"), [0, 1, 0, 1, 0, 1]);
        assert_eq!(column(&rows, Table::Changelog, "author_name"), vec![Value::Null; 6]);
        histories.reverse();
    }
}

#[test]
fn a_link_may_have_two_directions_or_none() {
    let kind = json!({"name": "Blocks", "inward": "is blocked by", "outward": "blocks"});
    let links = json!([
        {"id": "2", "type": kind, "inwardIssue": {"key": "A-1"}, "outwardIssue": {"key": "A-2"}},
        {"id": "1", "type": kind, "outwardIssue": {"key": "A-3"}, "inwardIssue": null},
        {"id": "3", "type": kind},
    ]);
    let all = objects(&rows(&issue(json!({"issuelinks": links}))), Table::Issuelinks);
    let seen = all.iter().map(|row| {
        ["link_id", "direction", "relation", "linked_issue_key"].map(|name| row[name].clone())
    });
    let wanted = [
        ["1".into(), "outward".into(), "blocks".into(), "A-3".into()],
        ["2".into(), "inward".into(), "is blocked by".into(), "A-1".into()],
        ["2".into(), "outward".into(), "blocks".into(), "A-2".into()],
        ["3".into(), Value::Null, Value::Null, Value::Null],
    ];
    assert_eq!(seen.collect::<Vec<_>>(), wanted);
}

#[test]
fn the_fetched_worklogs_go_before_the_embedded_ones() {
    let mut issue = issue(json!({"worklog": {"worklogs": [{"id": "1"}]}}));
    assert_eq!(column(&rows(&issue), Table::Worklogs, "worklog_id"), ["1"]);
    issue["_worklogs"] = json!([{"id": "3"}, {"id": 2}]);
    assert_eq!(column(&rows(&issue), Table::Worklogs, "worklog_id"), ["2", "3"]);
    issue["_worklogs"] = json!([]);
    assert_eq!(rows(&issue).batch(Table::Worklogs).unwrap().num_rows(), 0);
}

#[test]
fn media_of_a_name_or_an_id_that_two_files_have_is_not_guessed() {
    let node = json!({"type": "media", "attrs": {"id": "m-1", "alt": "a.png"}});
    let document = json!({"type": "doc", "content": [{"type": "mediaSingle", "content": [node]}]});
    let mut issue = issue(json!({"description": document, "attachment": [
        {"id": "1", "filename": "a.png"}, {"id": "2", "filename": "a.png"}]}));
    assert_eq!(column(&rows(&issue), Table::MediaLinks, "attachment_id"), [Value::Null]);
    issue["_attachments"] = json!({"2": {"media_id": "m-1"}, "1": {"media_id": "m-2"},
        "3": {"media_id": 5}, "4": "m-1", "5": null});
    assert_eq!(column(&rows(&issue), Table::MediaLinks, "attachment_id"), ["2"]);
    assert_eq!(column(&rows(&issue), Table::Attachments, "media_id"), ["m-2", "m-1"]);
    issue["_attachments"]["1"]["media_id"] = json!("m-1");
    assert_eq!(column(&rows(&issue), Table::MediaLinks, "attachment_id"), [Value::Null]);
    issue["_attachments"] = json!(["m-1"]);
    assert_eq!(column(&rows(&issue), Table::MediaLinks, "attachment_id"), [Value::Null]);
}

/// State, checksum, path and media id of an attachment, and how many of them were odd.
fn bytes(claim: Value, on_disk: Option<StoredFile>) -> (Value, u64) {
    let mut issue = issue(json!({"attachment": [{"id": 501, "filename": "a.png"}]}));
    issue["_attachments"] = json!({"501": claim});
    let files = on_disk.into_iter().map(|file| ("501".to_owned(), file)).collect();
    let rows = rows_with(&issue, map(None), &files);
    let row = objects(&rows, Table::Attachments).remove(0);
    let names = ["state", "sha256", "local_path", "media_id"];
    let odd = oddities(&rows).into_iter().filter(|(column, _)| column.starts_with("attachments."));
    (names.iter().map(|name| row[*name].clone()).collect(), odd.map(|(_, count)| count).sum())
}

#[test]
fn the_disk_decides_whether_bytes_are_stored() {
    let file = |sha256: Option<&str>| {
        Some(StoredFile { local_path: "a/501_a.png".into(), sha256: sha256.map(Into::into) })
    };
    let claim = |state: &str| json!({"state": state, "sha256": "cd", "media_id": "m"});
    for state in ["stored", "pending", "too_large", "failed"] {
        let wanted = json!(["stored", "cd", "a/501_a.png", "m"]);
        assert_eq!(bytes(claim(state), file(None)), (wanted, 0), "{state}");
    }
    let wanted = json!(["stored", "ab", "a/501_a.png", "m"]);
    assert_eq!(bytes(claim("stored"), file(Some("ab"))), (wanted, 0));
    let wanted = json!(["stored", null, "a/501_a.png", null]);
    assert_eq!(bytes(json!(null), file(None)), (wanted, 0));
    for (claimed, state) in [
        ("stored", "pending"),
        ("pending", "pending"),
        ("too_large", "too_large"),
        ("failed", "failed"),
    ] {
        assert_eq!(bytes(claim(claimed), None), (json!([state, null, null, "m"]), 0), "{claimed}");
    }
    assert_eq!(bytes(json!({}), None), (json!(["pending", null, null, null]), 0));
}

#[test]
fn odd_claims_cost_their_columns() {
    let file = Some(StoredFile { local_path: "p".into(), sha256: None });
    let pending = |media: Value| json!(["pending", null, null, media]);
    assert_eq!(bytes(json!({"state": "lost", "media_id": "m"}), None), (pending(json!("m")), 1));
    assert_eq!(bytes(json!({"state": 5, "media_id": "m"}), None), (pending(json!("m")), 1));
    assert_eq!(bytes(json!({"media_id": 7}), None), (pending(json!("7")), 1));
    assert_eq!(bytes(json!("stored"), None), (pending(Value::Null), 2));
    let stored = |sha256: Value| json!(["stored", sha256, "p", null]);
    assert_eq!(bytes(json!({"sha256": 7}), file.clone()), (stored(json!("7")), 1));
    assert_eq!(bytes(json!([1]), file), (stored(Value::Null), 2));
}

#[test]
fn a_metric_is_known_by_its_catalogue_or_by_its_looks() {
    let cycles =
        json!({"completedCycles": [{"startTime": {"jira": "2026-02-01T00:00:00.5+0100"}}]});
    let fields = json!({"customfield_77": cycles, "customfield_78": {"ongoingCycle": {}},
        "customfield_10328": {"ongoingCycle": {"startTime": {"epochMillis": "x"}}}});
    let rows = rows(&issue(fields));
    let seen = objects(&rows, Table::SlaCycles).into_iter();
    let seen: Vec<_> =
        seen.map(|row| (row["sla_field_id"].clone(), row["started_at"].clone())).collect();
    let wanted = [
        (json!("customfield_77"), json!("2026-01-31T23:00:00.500Z")),
        (json!("customfield_10328"), Value::Null),
    ];
    assert_eq!(seen, wanted);
    assert_eq!(oddities(&rows), [("sla_cycles.started_at".to_owned(), 1)]);
}

#[test]
fn bodies_of_the_old_api_are_read_as_they_are() {
    let fields = json!({
        "creator": {"name": "ada", "key": "ada", "displayName": "Ada L"},
        "description": "h1. Title\r\n{code}x{code}", "environment": "Linux",
        "comment": {"comments": [{"id": "1", "author": {"name": "bo"}, "body": "*wiki*"}]},
    });
    let rows = rows(&issue(fields));
    let row = objects(&rows, Table::Issues).remove(0);
    assert_eq!((&row["creator_name"], &row["creator_email"]), (&json!("Ada L"), &Value::Null));
    assert_eq!(row["description"], "h1. Title\r\n{code}x{code}");
    assert_eq!(row["environment"], "Linux");
    assert_eq!(column(&rows, Table::Comments, "body"), ["*wiki*"]);
    assert_eq!(column(&rows, Table::Comments, "author_name"), [Value::Null]);
    assert!(rows.oddities.is_empty());
}

#[test]
fn the_month_is_the_utc_month_of_creation() {
    let month = |created: Value| snapshot(&issue(json!({"created": created}))).month().to_string();
    for (created, wanted) in [
        ("2026-03-01T00:30:00.000+0100", "2026-02"),
        ("2026-02-28T23:30:00.000-0100", "2026-03"),
        ("2025-12-31T23:59:59.999+0000", "2025-12"),
        ("2026-01-01T00:00:00.000+0000", "2026-01"),
        ("2026-01-01T05:44:59.999+0545", "2025-12"),
        ("2026-01-01T05:45:00.000+0545", "2026-01"),
        ("2024-02-29T12:30:00.000-1200", "2024-03"),
        ("2026-03-01T13:59:59.999+1400", "2026-02"),
        ("2026-02-31T00:00:00.000+0000", "unknown"),
        ("2026-02", "unknown"),
        ("", "unknown"),
    ] {
        assert_eq!(month(json!(created)), wanted, "{created}");
    }
    for odd in [json!(null), json!(1_769_900_000), json!(["2026-02-01T00:00:00.000+0000"])] {
        assert_eq!(month(odd.clone()), "unknown", "{odd}");
    }
    assert_eq!(snapshot(&issue(json!(null))).month().to_string(), "unknown");
}

#[test]
fn a_snapshot_has_an_identity_or_is_unreadable() {
    let check = |json: &str, readable: bool| {
        let parsed = Snapshot::parse(json.as_bytes(), "X-1.json");
        assert_eq!(parsed.is_ok(), readable, "{json}");
        let Err(error) = parsed else { return };
        let text = format!("{error} {:?}", error.source().map(ToString::to_string));
        assert!(text.contains("X-1.json") && !text.contains("secret"), "{text}");
    };
    check(r#"{"id": "1", "key": "X-1"}"#, true);
    check(r#"{"id": 1, "key": "X-1", "fields": 5}"#, true);
    for bad in [
        "",
        "{",
        "[]",
        "5",
        "null",
        "\"secret\"",
        r#"{"id": "1", "key": "X-1""#,
        r#"{"key": "X-1"}"#,
        r#"{"id": "1"}"#,
        r#"{"id": "secret", "key": "X-1"}"#,
        r#"{"id": 1.5, "key": "X-1"}"#,
        r#"{"id": "0", "key": "X-1"}"#,
        r#"{"id": ["secret"], "key": "X-1"}"#,
        r#"{"id": "1", "key": "secret"}"#,
        r#"{"id": "1", "key": "../X-1"}"#,
        r#"{"id": "1", "key": "X-1\n"}"#,
        r#"{"id": "1", "key": "X-١"}"#,
        r#"{"id": "1", "key": null}"#,
        r#"{"id": "1", "key": "X-1", secret}"#,
    ] {
        check(bad, false);
    }
    check(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)), false);
    let cut = Snapshot::parse(b"{\"id\": \"1\"", "X-1.json").unwrap_err();
    assert!(matches!(cut, Unreadable::NotJson { .. }));
}

#[test]
fn a_snapshot_tells_what_its_writer_knew() {
    let full = json!({"id": "1", "key": "X-1", "_synced_at": "2026-02-03T10:52:03.123456+00:00",
        "_deleted_at": "2026-02-04T00:00:00.000Z", "_parts": {"comments": {"complete": true}},
        "fields": {"updated": "2026-02-03T12:06:52.829+0100",
            "status": {"statusCategory": {"key": "done"}}}});
    let full = snapshot(&full);
    let iso = |at: Option<jira::time::Instant>| at.map(jira::time::Instant::iso);
    assert_eq!(iso(full.synced_at()).as_deref(), Some("2026-02-03T10:52:03.123Z"));
    assert_eq!(iso(full.deleted_at()).as_deref(), Some("2026-02-04T00:00:00.000Z"));
    assert_eq!(iso(full.updated()).as_deref(), Some("2026-02-03T11:06:52.829Z"));
    assert_eq!(full.view(&Arena::new()).status_category(), Some("done"));
    assert_eq!(full.parts(), Some(&json!({"comments": {"complete": true}})));
    let bare = snapshot(&json!({"id": "1", "key": "X-1", "_parts": 5}));
    assert_eq!((bare.synced_at(), bare.deleted_at(), bare.parts()), (None, None, None));
    assert_eq!(
        (bare.id().get(), bare.key().as_str(), bare.file()),
        (1, "X-1", "SUPPORT-15186.json")
    );
}

#[test]
fn builders_are_empty_after_finishing_and_rows_can_be_joined() {
    let mapping = map(None);
    let mut builders = RowBuilders::new(site(), Arc::new(mapping.clone()));
    let make = |builders: &mut RowBuilders, id: i64| {
        let odd = json!({"id": id, "key": format!("X-{id}"), "fields": {"summary": 5,
            "comment": {"comments": [{"id": "1"}, {"id": "2"}]}}});
        builders.append(&snapshot(&odd), &BTreeMap::new());
    };
    make(&mut builders, 30);
    make(&mut builders, 4);
    assert!(builders.bytes() > 0);
    let first = builders.finish().unwrap();
    assert_eq!(builders.bytes(), 0);
    make(&mut builders, 5);
    let second = builders.finish().unwrap();
    let none = builders.finish().unwrap();
    assert_eq!(none.batch(Table::Issues).unwrap().num_rows(), 0);
    assert!(none.oddities.is_empty());
    let all = Rows::concat(&mapping, &[first, none, second]).unwrap();
    assert_eq!(issue_ids(all.batch(Table::Issues).unwrap()), Some(vec![30, 4, 5]));
    assert_eq!(issue_ids(all.batch(Table::Comments).unwrap()), Some(vec![30, 30, 4, 4, 5, 5]));
    assert_eq!(oddities(&all), [("issues.summary".to_owned(), 3)]);
    let nothing = Rows::concat(&mapping, &[]).unwrap();
    assert_eq!(nothing.batches().map(|(_, batch)| batch.num_rows()).sum::<usize>(), 0);
}

#[test]
fn a_batch_without_readable_issue_ids_is_not_a_table() {
    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    let batch =
        |name: &str, column: ArrayRef| RecordBatch::try_from_iter([(name, column)]).unwrap();
    let text = |ids: Vec<Option<&str>>| Arc::new(StringArray::from(ids)) as ArrayRef;
    assert_eq!(issue_ids(&batch("issue_id", text(vec![Some("7"), Some("7")]))), Some(vec![7, 7]));
    assert_eq!(issue_ids(&batch("issue_id", text(vec![]))), Some(vec![]));
    assert_eq!(issue_ids(&batch("issue_id", text(vec![Some("")]))), None);
    assert_eq!(issue_ids(&batch("issue_id", text(vec![Some("7"), None]))), None);
    assert_eq!(issue_ids(&batch("issue_id", text(vec![Some("x")]))), None);
    assert_eq!(issue_ids(&batch("id", text(vec![Some("7")]))), None);
    assert_eq!(issue_ids(&batch("issue_id", Arc::new(Int64Array::from(vec![7])))), None);
}
