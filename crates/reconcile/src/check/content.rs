//! Whether two readings of an issue say the same, field by field. Pure.
//!
//! What legitimately differs between two readings of an unchanged issue is left out, each with its
//! reason; everything else counts, also what moves no `updated`. `null` and absent are the same, as
//! they are to the tables.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use transform::FieldMap;

use crate::assemble::is_refused;

/// Jira's own fields that are not compared, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("lastViewed", "when the asking account last opened the issue"),
    ("updated", "compared as a time, before anything else"),
    ("aggregateprogress", "sums over sub-tasks, which change without this issue"),
    ("aggregatetimeestimate", "as aggregateprogress"),
    ("aggregatetimeoriginalestimate", "as aggregateprogress"),
    ("aggregatetimespent", "as aggregateprogress"),
];

/// Types of custom fields that are not compared, and why. SLA values, which run on without an edit
/// and are refused to accounts without a licence, are known by the field map.
const TYPES_LEFT_OUT: &[(&str, &str)] = &[
    ("com.atlassian.servicedesk:sd-sla-field", "clocks run; the SLA poll follows them"),
    (
        "com.atlassian.jira.plugins.jira-development-integration-plugin:devsummarycf",
        "a cached summary of commits, which changes without the issue",
    ),
    ("com.pyxis.greenhopper.jira:gh-lexo-rank", "rebalanced by boards without the issue"),
];

/// Members at any depth that are not compared, and why.
const MEMBERS_LEFT_OUT: &[(&str, &str)] = &[
    ("self", "depends on the host that was asked"),
    ("avatarUrls", "pictures have addresses that change"),
    ("avatarId", "as avatarUrls"),
    ("iconUrl", "as avatarUrls"),
    ("_links", "addresses"),
    ("expand", "what could be asked, too"),
    ("isWatching", "about the asking account"),
    ("hasVoted", "about the asking account"),
    ("watchers", "listed to some accounts only"),
    ("voters", "listed to some accounts only"),
    ("active", "about a person, not the issue; no column has it"),
    ("timeZone", "as active"),
    ("friendly", "a time in words such as `Today`, which change by themselves"),
];

/// Fields that embed other issues, whose own fields change without this one.
const OTHER_ISSUES: &[&str] = &["issuelinks", "parent", "subtasks"];

/// Fields that are lists without an order.
const UNORDERED: &[&str] = &["attachment", "issuelinks", "subtasks"];

/// The names of the fields in which a fresh answer differs from a snapshot, both whole issues.
pub(super) fn differences(fresh: &Value, known: &Value, map: &FieldMap) -> Vec<String> {
    let (Some(new), Some(old)) = (fields(fresh), fields(known)) else {
        return vec!["fields".to_owned()];
    };
    let slas: BTreeSet<&str> = map.sla_fields().collect();
    let names: BTreeSet<&String> = new.keys().chain(old.keys()).collect();
    let counts = |name: &&String| !slas.contains(name.as_str()) && !is_left_out(name, map);
    let differs = |name: &&String| {
        let (new, old) = (new.get(*name), old.get(*name));
        match name.as_str() {
            "comment" => !same_window(new, "comments", list(known, "/fields/comment/comments")),
            "worklog" => !same_window(new, "worklogs", worklogs(known)),
            _ if new.is_some_and(is_refused) => false,
            name => canonical_field(name, new) != canonical_field(name, old),
        }
    };
    names.into_iter().filter(counts).filter(differs).cloned().collect()
}

fn fields(issue: &Value) -> Option<&Map<String, Value>> {
    issue.get("fields")?.as_object()
}

fn is_left_out(name: &str, map: &FieldMap) -> bool {
    let custom = map.field(name).and_then(|field| field.custom.as_deref());
    LEFT_OUT.iter().any(|(field, _)| *field == name)
        || TYPES_LEFT_OUT.iter().any(|(kind, _)| Some(*kind) == custom)
}

fn list<'v>(issue: &'v Value, path: &str) -> Option<&'v Vec<Value>> {
    issue.pointer(path)?.as_array()
}

/// The complete list beside the fields; another program's snapshot has only the embedded one.
fn worklogs(issue: &Value) -> Option<&Vec<Value>> {
    list(issue, "/_worklogs").or_else(|| list(issue, "/fields/worklog/worklogs"))
}

/// A bulk answer embeds some entries of a list and its length: as many entries must be known, and
/// each one that is shown must be as it is known.
fn same_window(shown: Option<&Value>, name: &str, known: Option<&Vec<Value>>) -> bool {
    let Some(shown) = shown.filter(|shown| !shown.is_null()) else { return true };
    let known = known.map_or(&[][..], Vec::as_slice);
    let by_id: BTreeMap<String, Value> =
        known.iter().filter_map(|entry| Some((id(entry)?, canonical(entry)))).collect();
    let total = shown.get("total").and_then(Value::as_u64);
    let embedded = shown.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    total.is_none_or(|total| total == known.len() as u64)
        && embedded
            .iter()
            .all(|entry| id(entry).is_some_and(|id| by_id.get(&id) == Some(&canonical(entry))))
}

fn id(entry: &Value) -> Option<String> {
    match entry.get("id")? {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn canonical_field(name: &str, value: Option<&Value>) -> Value {
    let mut value = value.map(canonical).unwrap_or_default();
    if OTHER_ISSUES.contains(&name) {
        forget_other_issues(&mut value);
    }
    if let (true, Value::Array(entries)) = (UNORDERED.contains(&name), &mut value) {
        entries.sort_by_key(id);
    }
    // An empty list and none are the same to every table.
    if value.as_array().is_some_and(Vec::is_empty) { Value::Null } else { value }
}

/// Without what is left out, and without nulls.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Array(entries) => Value::Array(entries.iter().map(canonical).collect()),
        Value::Object(members) => {
            let left_out = |name: &str| MEMBERS_LEFT_OUT.iter().any(|(member, _)| *member == name);
            let kept = members.iter().filter(|(name, value)| !left_out(name) && !value.is_null());
            Value::Object(kept.map(|(name, value)| (name.clone(), canonical(value))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn forget_other_issues(value: &mut Value) {
    match value {
        Value::Array(entries) => entries.iter_mut().for_each(forget_other_issues),
        Value::Object(members) => {
            members.remove("fields");
            members.values_mut().for_each(forget_other_issues);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(fresh: Value, known: Value, wanted: &[&str]) {
        let map = FieldMap::new(&BTreeMap::new(), None).unwrap();
        let whole = |fields: &Value| json!({"id": "7", "fields": fields});
        let found = differences(&whole(&fresh), &whole(&known), &map);
        assert_eq!(found, wanted, "{fresh} against {known}");
    }

    #[test]
    fn a_changed_field_is_named_and_an_unchanged_one_is_not() {
        check(json!({"summary": "a", "x": 1}), json!({"summary": "b", "x": 1}), &["summary"]);
        check(json!({"x": null}), json!({}), &[]);
        check(json!({"labels": []}), json!({"labels": null}), &[]);
        check(json!({}), json!({"labels": ["a"]}), &["labels"]);
        check(json!({"labels": ["a", "b"]}), json!({"labels": ["b", "a"]}), &["labels"]);
    }

    #[test]
    fn what_differs_between_two_readings_by_itself_does_not_count() {
        check(json!({"lastViewed": "now"}), json!({"lastViewed": null}), &[]);
        let person = |picture: &str| json!({"assignee": {"accountId": "a", "avatarUrls": picture}});
        check(person("1"), person("2"), &[]);
        check(
            json!({"watches": {"watchCount": 1, "isWatching": true}}),
            json!({"watches": {"watchCount": 1, "isWatching": false}}),
            &[],
        );
        check(
            json!({"watches": {"watchCount": 2}}),
            json!({"watches": {"watchCount": 1}}),
            &["watches"],
        );
        let link = |id: &str, summary: &str| json!({"id": id, "outwardIssue": {"key": "A-2", "fields": {"summary": summary}}});
        check(
            json!({"issuelinks": [link("1", "a"), link("2", "a")]}),
            json!({"issuelinks": [link("2", "b"), link("1", "b")]}),
            &[],
        );
        check(json!({"issuelinks": [link("1", "a")]}), json!({"issuelinks": []}), &["issuelinks"]);
        // Refused to the asking account, known through the other one.
        check(
            json!({"customfield_10161": {"errorMessage": "no"}}),
            json!({"customfield_10161": {}}),
            &[],
        );
    }

    #[test]
    fn a_window_of_comments_is_compared_with_the_whole_thread() {
        let thread = |texts: &[&str]| {
            let comments = texts.iter().enumerate();
            let comments = comments.map(|(id, text)| json!({"id": id.to_string(), "body": text}));
            comments.collect::<Vec<_>>()
        };
        let known = json!({"comment": {"comments": thread(&["a", "b", "c"])}});
        let shown = |total: u32, texts: &[&str]| json!({"comment": {"total": total, "comments": thread(texts)[1..]}});
        check(shown(3, &["a", "b", "c"]), known.clone(), &[]);
        check(shown(3, &["a", "edited", "c"]), known.clone(), &["comment"]);
        check(shown(4, &["a", "b", "c"]), known.clone(), &["comment"]);
        check(shown(3, &["a", "b", "c", "d"]), known, &["comment"]);
    }
}
