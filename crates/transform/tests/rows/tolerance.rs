//! An odd value costs its own column: the issue and all other columns stay as they were.

use serde_json::{Value, json};
use transform::Table;

use super::story::ticket;
use super::{objects, oddities, rows};

/// Puts `value` at `pointer` of a whole ticket, compares the columns of the first row of `table`
/// with `wanted`, and everything else with what it was before. `odd` are the columns that shall be
/// counted.
fn check(pointer: &str, value: Value, table: Table, wanted: Value, odd: &[&str]) {
    let mut changed = ticket();
    *changed.pointer_mut(pointer).unwrap() = value.clone();
    let (before, after) = (rows(&ticket()), rows(&changed));
    let what = format!("{pointer} = {value}");
    let mut expected = objects(&before, table).remove(0);
    expected.as_object_mut().unwrap().extend(wanted.as_object().unwrap().clone());
    assert_eq!(objects(&after, table)[0], expected, "{what}");
    let odd: Vec<_> = odd.iter().map(|column| ((*column).to_owned(), 1)).collect();
    assert_eq!(oddities(&after), odd, "{what}");
    assert_eq!(after.batch(Table::Issues).unwrap().num_rows(), 1, "{what}");
}

fn issue(pointer: &str, value: Value, wanted: Value, odd: &[&str]) {
    check(&format!("/fields/{pointer}"), value, Table::Issues, wanted, odd);
}

#[test]
fn a_value_of_another_type_becomes_null_or_its_json_text() {
    issue("summary", json!(["a", "é"]), json!({"summary": r#"["a","é"]"#}), &["issues.summary"]);
    issue("summary", json!(5), json!({"summary": "5"}), &["issues.summary"]);
    issue("summary", json!(null), json!({"summary": null}), &[]);
    issue("duedate", json!({"d": 1}), json!({"due_date": r#"{"d":1}"#}), &["issues.due_date"]);
    let updated = ["issues.updated_at", "coverage.updated_at"];
    issue("updated", json!("soon"), json!({"updated_at": null}), &updated);
    issue("updated", json!(1_769_900_000), json!({"updated_at": null}), &updated);
    issue(
        "status",
        json!("Done"),
        json!({"status": null, "status_category": null}),
        &["issues.status", "issues.status_category"],
    );
    issue(
        "timespent",
        json!("60"),
        json!({"time_spent_seconds": null}),
        &["issues.time_spent_seconds"],
    );
    issue("timespent", json!(60.0), json!({"time_spent_seconds": 60}), &[]);
    issue("watches/watchCount", json!(true), json!({"watch_count": null}), &["issues.watch_count"]);
    issue("labels", json!("vip"), json!({"labels": "\"vip\""}), &["issues.labels"]);
    issue("labels", json!(null), json!({"labels": "[]"}), &[]);
    issue("creator/emailAddress", json!(""), json!({"creator_email": null}), &[]);
    issue(
        "environment",
        json!({"x": 1}),
        json!({"environment": r#"{"x":1}"#}),
        &["issues.environment"],
    );
}

#[test]
fn descriptions_are_documents_or_texts_and_null_is_empty() {
    let check = |value: Value, wanted: Value, odd: &[&str]| {
        let mut changed = ticket();
        changed["fields"]["description"] = value;
        let rows = rows(&changed);
        assert_eq!(objects(&rows, Table::Issues)[0]["description"], wanted);
        let odd: Vec<_> = odd.iter().map(|column| ((*column).to_owned(), 1)).collect();
        assert_eq!(oddities(&rows), odd);
    };
    check(json!(null), json!(""), &[]);
    check(json!("h1. Wiki\r\n*text*"), json!("h1. Wiki\r\n*text*"), &[]);
    check(json!(5), json!("5"), &["issues.description"]);
    check(json!({"version": 1}), json!(r#"{"version":1}"#), &["issues.description"]);
}

#[test]
fn options_are_their_value_else_their_name_else_as_they_are() {
    let severity = |value: Value, wanted: Value, odd: &[&str]| {
        issue("customfield_10004", value, json!({"severity": wanted}), odd);
    };
    severity(json!({"value": "High", "name": "x"}), json!("High"), &[]);
    severity(json!({"value": null, "name": "Low"}), json!("Low"), &[]);
    severity(json!("text"), json!("text"), &[]);
    severity(json!(3), json!("3"), &[]);
    severity(json!(["a"]), json!(r#"["a"]"#), &[]);
    severity(json!({"id": "1"}), json!(null), &["issues.severity"]);
    let triage = |value: Value, wanted: Value, odd: &[&str]| {
        issue("customfield_10323", value, json!({"triage": wanted}), odd);
    };
    triage(json!([{"value": "é"}, null, "b", 3]), json!(r#"["é","b","3"]"#), &[]);
    triage(json!([{"id": "1"}, {"name": "n"}]), json!(r#"["n"]"#), &["issues.triage"]);
    triage(json!(null), json!("[]"), &[]);
    triage(json!({"value": "one"}), json!(r#"["one"]"#), &[]);
    triage(json!("text"), json!("\"text\""), &["issues.triage"]);
}

#[test]
fn people_and_organizations_keep_their_places() {
    let participants = |value: Value, wanted: Value, odd: &[&str]| {
        issue("customfield_10156", value, json!({"participants": wanted}), odd);
    };
    let addresses = json!([{"emailAddress": "a@example.com"}, {"emailAddress": null}, {}]);
    participants(addresses, json!(r#"["a@example.com",null,null]"#), &[]);
    participants(json!([]), json!("[]"), &[]);
    participants(json!([5]), json!("[]"), &["issues.participants"]);
    let organizations = json!([{"id": "1", "name": "A"}, {"id": 2}, {"name": "C"}]);
    issue(
        "customfield_10002",
        organizations,
        json!({"organizations": r#"["A","C"]"#, "organization_ids": r#"["1","2"]"#}),
        &["issues.organizations"],
    );
}

#[test]
fn service_desk_values_may_lack_every_member() {
    let satisfaction = |value: Value, wanted: Value, odd: &[&str]| {
        issue("customfield_10157", value, json!({"satisfaction": wanted}), odd);
    };
    satisfaction(json!({"rating": 4.5}), json!(null), &["issues.satisfaction"]);
    satisfaction(json!({"rating": 5.0}), json!(5), &[]);
    satisfaction(json!({}), json!(null), &[]);
    satisfaction(json!(5), json!(null), &["issues.satisfaction"]);
    let no_type = json!({"currentStatus": {"status": "Open"}});
    let wanted = json!({"request_type": null, "request_status": "Open"});
    issue("customfield_10010", no_type, wanted, &[]);
    issue("customfield_10330", json!(""), json!({"context": null}), &[]);
}

#[test]
fn an_sla_metric_is_its_ongoing_cycle_else_its_last_completed_one() {
    let resolution = |value: Value, breached: Value, goal: Value, odd: &[&str]| {
        let mut changed = ticket();
        changed["fields"]["customfield_10161"] = value;
        let rows = rows(&changed);
        let row = &objects(&rows, Table::Issues)[0];
        assert_eq!(row["time_to_resolution_breached"], breached);
        assert_eq!(row["time_to_resolution_goal_millis"], goal);
        let odd: Vec<_> = odd.iter().map(|column| ((*column).to_owned(), 1)).collect();
        assert_eq!(oddities(&rows), odd);
    };
    let cycle =
        |breached: bool, goal: i64| json!({"breached": breached, "goalDuration": {"millis": goal}});
    let (one, two, three) = (cycle(true, 1), cycle(false, 2), cycle(true, 3));
    let null = Value::Null;
    resolution(json!({"completedCycles": [one, two]}), json!("False"), json!(2), &[]);
    resolution(
        json!({"completedCycles": [one, two], "ongoingCycle": three}),
        json!("True"),
        json!(3),
        &[],
    );
    resolution(json!({"completedCycles": []}), null.clone(), null.clone(), &[]);
    resolution(json!({"ongoingCycle": {"goalDuration": null}}), null.clone(), null.clone(), &[]);
    resolution(json!(null), null.clone(), null.clone(), &[]);
    resolution(json!({}), null.clone(), null.clone(), &[]);
    resolution(json!({"errorMessage": "licence"}), null.clone(), null.clone(), &[]);
    let both = json!({"errorMessage": "licence", "completedCycles": [one]});
    resolution(both, null.clone(), null.clone(), &[]);
    let odd = json!({"ongoingCycle": {"breached": "true", "goalDuration": {"millis": 9}}});
    resolution(odd, null, json!(9), &["issues.time_to_resolution_breached", "sla_cycles.breached"]);
}

#[test]
fn a_refused_metric_has_no_cycles_and_no_custom_field_row() {
    let mut changed = ticket();
    changed["fields"]["customfield_10161"] =
        json!({"errorMessage": "licence", "completedCycles": [{"breached": true}]});
    let rows = rows(&changed);
    let of = |table| {
        let id = if table == Table::SlaCycles { "sla_field_id" } else { "field_id" };
        objects(&rows, table).iter().filter(|row| row[id] == "customfield_10161").count()
    };
    assert_eq!((of(Table::SlaCycles), of(Table::CustomFields)), (0, 0));
}

#[test]
fn counts_are_zero_when_the_list_is_absent_and_null_when_it_is_odd() {
    issue("comment", json!(null), json!({"comment_count": 0}), &[]);
    issue("comment", json!({"comments": []}), json!({"comment_count": 0}), &[]);
    issue(
        "comment",
        json!({"total": "3"}),
        json!({"comment_count": null}),
        &["issues.comment_count"],
    );
    issue("attachment", json!(null), json!({"attachment_count": 0}), &[]);
    issue(
        "issuelinks",
        json!("x"),
        json!({"issuelink_count": null}),
        &["issues.issuelink_count", "issuelinks._row"],
    );
    let empty = objects(&rows(&super::issue(json!({}))), Table::Issues).remove(0);
    for count in ["attachment_count", "comment_count", "issuelink_count"] {
        assert_eq!(empty[count], 0, "{count}");
    }
}

#[test]
fn an_odd_element_loses_itself_and_not_its_siblings() {
    let check = |pointer: &str, odd: Value, table: Table, counted: Option<&str>| {
        let mut changed = ticket();
        changed.pointer_mut(pointer).unwrap().as_array_mut().unwrap().insert(0, odd);
        let rows = rows(&changed);
        let before = super::rows(&ticket()).batch(table).unwrap().num_rows();
        assert_eq!(rows.batch(table).unwrap().num_rows(), before, "{pointer}");
        let counted: Vec<_> = counted.iter().map(|column| ((*column).to_owned(), 1)).collect();
        assert_eq!(oddities(&rows), counted, "{pointer}");
    };
    check("/fields/comment/comments", json!(5), Table::Comments, Some("comments._row"));
    check("/fields/comment/comments", json!(null), Table::Comments, Some("comments._row"));
    check("/fields/attachment", json!("x"), Table::Attachments, Some("attachments._row"));
    check("/fields/issuelinks", json!([]), Table::Issuelinks, Some("issuelinks._row"));
    check("/changelog/histories", json!(1), Table::Changelog, Some("changelog._row"));
    check("/changelog/histories/0/items", json!(1), Table::Changelog, Some("changelog._row"));
    check("/changelog/histories", json!({"id": "1"}), Table::Changelog, None);
    check("/_remote_links", json!(false), Table::RemoteLinks, Some("remote_links._row"));
    check("/_worklogs", json!(false), Table::Worklogs, Some("worklogs._row"));
    let cycles = "/fields/customfield_10328/completedCycles";
    check(cycles, json!("x"), Table::SlaCycles, Some("sla_cycles._row"));
}

#[test]
fn a_row_without_identity_is_kept() {
    let check = |pointer: &str, table: Table, id: &str| {
        let mut changed = ticket();
        let list = changed.pointer_mut(pointer).unwrap().as_array_mut().unwrap();
        list.extend([json!({}), json!({})]);
        let before = rows(&ticket()).batch(table).unwrap().num_rows();
        let after = objects(&rows(&changed), table);
        assert_eq!(after.len(), before + 2, "{pointer}");
        assert_eq!(after.last().unwrap()[id], Value::Null);
    };
    check("/fields/comment/comments", Table::Comments, "comment_id");
    check("/fields/attachment", Table::Attachments, "attachment_id");
    check("/fields/issuelinks", Table::Issuelinks, "link_id");
    check("/_remote_links", Table::RemoteLinks, "remote_link_id");
    check("/_worklogs", Table::Worklogs, "worklog_id");
}

#[test]
fn fields_of_another_type_leave_an_issue_with_its_identity() {
    for fields in [json!(null), json!(5), json!([]), json!("x")] {
        let row = objects(&rows(&super::issue(fields)), Table::Issues).remove(0);
        assert_eq!((&row["issue_id"], &row["summary"]), (&json!("10021"), &Value::Null));
    }
}
