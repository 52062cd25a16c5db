//! Real issues: every count is what a plain count over the JSON gives, and what was odd about them
//! is known. Runs where JIRALAKE_TESTDATA names the shared data.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::GzDecoder;
use serde_json::Value;
use transform::{Catalogue, RowBuilders, Rows, Snapshot, Table, issue_ids};

use super::{map, oddities, site};

pub(crate) fn fixtures() -> Option<PathBuf> {
    let folder = std::env::var_os("JIRALAKE_TESTDATA").map(|at| PathBuf::from(at).join("fixtures"));
    if folder.is_none() {
        eprintln!("skipped: JIRALAKE_TESTDATA is not set");
    }
    folder
}

/// Plain counts over an issue's JSON.
fn count(issue: &Value, counts: &mut BTreeMap<Table, usize>) {
    let length = |at: &str| issue.pointer(at).and_then(Value::as_array).map_or(0, Vec::len);
    let items = issue.pointer("/changelog/histories").and_then(Value::as_array);
    let items =
        items.into_iter().flatten().map(|change| change["items"].as_array().map_or(0, Vec::len));
    let custom = issue["fields"].as_object().into_iter().flatten().filter(|(id, value)| {
        id.starts_with("customfield_") && !value.is_null() && **value != Value::Array(vec![])
    });
    for (table, rows) in [
        (Table::Issues, 1),
        (Table::Comments, length("/fields/comment/comments")),
        (Table::Attachments, length("/fields/attachment")),
        (Table::Issuelinks, length("/fields/issuelinks")),
        (Table::Changelog, items.sum()),
        (Table::Worklogs, length("/fields/worklog/worklogs")),
        (Table::RemoteLinks, length("/_remote_links")),
        (Table::CustomFields, custom.count()),
        (Table::Coverage, 1),
    ] {
        *counts.entry(table).or_default() += rows;
    }
}

fn check_counts(rows: &Rows, counts: &BTreeMap<Table, usize>) {
    for (table, wanted) in counts {
        let batch = rows.batch(*table).unwrap();
        assert_eq!(batch.num_rows(), *wanted, "{}", table.name());
        assert_eq!(issue_ids(batch).unwrap().len(), *wanted, "{}", table.name());
    }
}

#[test]
fn public_issues_give_as_many_rows_as_their_json_has() {
    let Some(fixtures) = fixtures() else { return };
    let mut builders = RowBuilders::new(site(), Arc::new(map(None)));
    let mut counts = BTreeMap::new();
    for file in ["AC.jsonl.gz", "ALOY.jsonl.gz"] {
        let file = fs::File::open(fixtures.join("issues-public").join(file)).unwrap();
        for line in BufReader::new(GzDecoder::new(file)).lines() {
            let line = line.unwrap();
            let snapshot = Snapshot::parse(line.as_bytes(), "line.json").unwrap();
            assert_ne!(snapshot.month().to_string(), "unknown");
            count(&serde_json::from_str(&line).unwrap(), &mut counts);
            builders.append(&snapshot, &BTreeMap::new());
        }
    }
    assert_eq!(counts[&Table::Issues], 5870);
    assert_eq!(counts[&Table::Comments], 17_625);
    let rows = builders.finish().unwrap();
    check_counts(&rows, &counts);
    assert_eq!(oddities(&rows), []);
}

/// Every object with `id`, `key` and `fields` in a JSON file or in the lines of one.
pub(crate) fn issues_of(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let values = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    let mut found = Vec::new();
    values.map_while(Result::ok).for_each(|value| collect(value, &mut found));
    found
}

fn collect(value: Value, found: &mut Vec<Value>) {
    let is_issue = value["id"].is_string() && value["key"].is_string();
    if is_issue && value["fields"].get("issuetype").is_some() {
        found.push(value);
    } else if let Some(Value::Array(issues)) = value.get("issues") {
        issues.iter().for_each(|issue| collect(issue.clone(), found));
    }
}

pub(crate) fn files(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, all) } else { all.push(path) }
    }
}

#[test]
fn issues_of_other_sites_are_read_whole() {
    let Some(fixtures) = fixtures() else { return };
    for (folder, least) in
        [("graph-jira-cloud-v3", 15), ("jirametrics", 12), ("jira-ruby", 10), ("devlake", 30)]
    {
        let mut paths = Vec::new();
        files(&fixtures.join("rest").join(folder), &mut paths);
        let mut builders = RowBuilders::new(site(), Arc::new(map(None)));
        let mut counts = BTreeMap::new();
        let issues: Vec<_> = paths.iter().flat_map(|path| issues_of(path)).collect();
        assert!(issues.len() >= least, "{folder}: {}", issues.len());
        for issue in issues {
            count(&issue, &mut counts);
            builders.append(&Snapshot::from_json(issue, "x.json").unwrap(), &BTreeMap::new());
        }
        let rows = builders.finish().unwrap();
        check_counts(&rows, &counts);
        assert_eq!(oddities(&rows), [], "{folder}");
    }
}

#[test]
fn a_real_catalogue_is_read() {
    let Some(fixtures) = fixtures() else { return };
    let path = fixtures.join("rest/graph-jira-cloud-v3/stepsCloud.04.200.rest_api_3_field.json");
    let json = fs::read(path).unwrap();
    let listed: Vec<Value> = serde_json::from_slice(&json).unwrap();
    let catalogue = Catalogue::parse(&json, "fields.json").unwrap();
    assert_eq!(catalogue.fields().count(), listed.len());
    let explained = map(Some(&catalogue)).explain();
    assert!(explained.len() >= listed.len());
}
