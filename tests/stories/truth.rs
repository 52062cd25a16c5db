//! Compares the lake with the simulated site, by code that shares nothing with the mapping.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sim::Truth;

use crate::tables::Row;

/// What a comparison covers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    /// Everything.
    All,
    /// What Jira sends webhooks about: remote links change without one.
    Announced,
}

/// Returns how the tables differ from the site; empty if every visible issue is in the lake whole,
/// once, with its present state, and nothing else is.
pub(crate) fn differences(
    truth: &[Truth],
    of: Of,
    table: impl Fn(&str) -> Vec<Row>,
) -> Vec<String> {
    let mut found = Vec::new();
    let issues = by_issue(table("issues"));
    let wanted: BTreeSet<String> = truth.iter().map(|issue| issue.id.to_string()).collect();
    let have: BTreeSet<String> = issues.keys().cloned().collect();
    let missing: Vec<_> = wanted.difference(&have).collect();
    let excess: Vec<_> = have.difference(&wanted).collect();
    if !missing.is_empty() || !excess.is_empty() {
        found.push(format!(
            "issues that Jira shows are missing: {missing:?}, in excess: {excess:?}"
        ));
    }
    for (id, rows) in &issues {
        if rows.len() != 1 {
            found.push(format!("issue {id} is there {} times", rows.len()));
        }
    }
    let tables: BTreeMap<&str, BTreeMap<String, Vec<Row>>> =
        ["comments", "changelog", "worklogs", "remote_links", "issuelinks", "attachments"]
            .into_iter()
            .map(|name| (name, by_issue(table(name))))
            .collect();
    for (table, rows) in &tables {
        let strangers: Vec<_> = rows.keys().filter(|id| !wanted.contains(*id)).collect();
        if !strangers.is_empty() {
            found.push(format!("{table} has rows of issues that are gone: {strangers:?}"));
        }
    }
    for issue in truth {
        let id = issue.id.to_string();
        let Some(row) = issues.get(&id).and_then(|rows| rows.first()) else { continue };
        compare_issue(issue, row, &mut found);
        let rows = |table: &str| tables[table].get(&id).map_or(&[][..], Vec::as_slice);
        compare_lists(issue, of, rows, &mut found);
    }
    found
}

fn by_issue(rows: Vec<Row>) -> BTreeMap<String, Vec<Row>> {
    let mut grouped: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in rows {
        let id = row["issue_id"].as_str().expect("every row has its issue").to_owned();
        grouped.entry(id).or_default().push(row);
    }
    grouped
}

fn compare_issue(truth: &Truth, row: &Row, found: &mut Vec<String>) {
    let at = |path: &str| truth.issue.pointer(path).cloned().unwrap_or(Value::Null);
    let mut check = |column: &str, wanted: Value| {
        if row[column] != wanted {
            let have = &row[column];
            found.push(format!("{}: issues.{column} is {have}, in Jira {wanted}", truth.key));
        }
    };
    check("issue_key", json!(truth.key));
    check("summary", at("/fields/summary"));
    check("status", at("/fields/status/name"));
    check("status_category", at("/fields/status/statusCategory/name"));
    check("project_key", at("/fields/project/key"));
    check("assignee_account_id", at("/fields/assignee/accountId"));
    check("created_at", micros(&at("/fields/created")));
    check("updated_at", micros(&at("/fields/updated")));
    check("resolved_at", micros(&at("/fields/resolutiondate")));
    check("comment_count", json!(truth.comments.len()));
    check("issue_url", json!(format!("https://sim.atlassian.net/browse/{}", truth.key)));
}

fn compare_lists<'a>(
    truth: &Truth,
    of: Of,
    rows: impl Fn(&str) -> &'a [Row],
    found: &mut Vec<String>,
) {
    let mut check = |table: &str, column: &str, wanted: Vec<Value>| {
        let have: Vec<Value> = rows(table).iter().map(|row| row[column].clone()).collect();
        if have != wanted {
            found.push(format!("{}: {table}.{column} is {have:?}, in Jira {wanted:?}", truth.key));
        }
    };
    let ids = |list: &[Value]| list.iter().map(|entry| text(&entry["id"])).collect::<Vec<_>>();
    check("comments", "comment_id", ids(&truth.comments));
    check("comments", "position", (0..truth.comments.len()).map(|n| json!(n)).collect());
    check("comments", "updated_at", truth.comments.iter().map(|c| micros(&c["updated"])).collect());
    check("worklogs", "worklog_id", ids(&truth.worklogs));
    let items = |entry: &Value| entry["items"].as_array().map_or(0, Vec::len);
    let changes = |entry: &Value| vec![text(&entry["id"]); items(entry)];
    check("changelog", "change_id", truth.histories.iter().flat_map(changes).collect());
    let list = |name: &str| truth.issue["fields"][name].as_array().cloned().unwrap_or_default();
    // These have no order of their own.
    let mut check_set = |table: &str, column: &str, wanted: Vec<Value>| {
        let set = |values: Vec<Value>| {
            let mut texts: Vec<String> = values.iter().map(ToString::to_string).collect();
            texts.sort();
            texts
        };
        let have: Vec<Value> = rows(table).iter().map(|row| row[column].clone()).collect();
        if set(have.clone()) != set(wanted.clone()) {
            found.push(format!("{}: {table}.{column} is {have:?}, in Jira {wanted:?}", truth.key));
        }
    };
    if of == Of::All {
        check_set("remote_links", "remote_link_id", ids(&truth.remote_links));
    }
    check_set("issuelinks", "link_id", ids(&list("issuelinks")));
    check_set("attachments", "attachment_id", ids(&list("attachment")));
}

fn text(id: &Value) -> Value {
    match id {
        Value::Number(number) => json!(number.to_string()),
        other => other.clone(),
    }
}

/// A Jira timestamp in microseconds UTC, computed here by hand: `2026-02-03T12:06:52.829+0100`.
fn micros(stamp: &Value) -> Value {
    let Some(stamp) = stamp.as_str() else { return Value::Null };
    let number = |range: std::ops::Range<usize>| stamp.get(range).unwrap().parse::<i64>().unwrap();
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    let shifted = (month + 9) % 12;
    let year = year - i64::from(month <= 2);
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    let era_days = year * 365 + year / 4 - year / 100 + year / 400;
    let days = era_days + of_year - 719_468;
    let millis = ((days * 24 + number(11..13)) * 60 + number(14..16)) * 60_000
        + number(17..19) * 1000
        + number(20..23);
    let offset = (number(24..26) * 60 + number(26..28)) * 60_000;
    let sign = if stamp.get(23..24) == Some("-") { -1 } else { 1 };
    json!((millis - sign * offset) * 1000)
}

#[test]
fn the_hand_made_clock_is_right() {
    let check = |stamp: &str, wanted: i64| assert_eq!(micros(&json!(stamp)), json!(wanted * 1000));
    check("1970-01-01T00:00:00.000+0000", 0);
    check("2026-07-06T18:02:13.432+0900", 1_783_328_533_432);
    check("2024-02-29T23:59:59.999-0330", 1_709_263_799_999);
}
