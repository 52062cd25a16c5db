//! What every corpus must be, checked over 300 tickets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use chrono::{DateTime, Datelike, Utc};
use serde_json::Value;

use super::{Generated, Generator, Options, raw, write_corpus};

const STAMP: &str = "%Y-%m-%dT%H:%M:%S%.3f%z";

static GENERATOR: LazyLock<Generator> = LazyLock::new(|| Generator::new(Options::default()));
static ISSUES: LazyLock<Vec<Generated>> =
    LazyLock::new(|| (0..300).map(|n| GENERATOR.issue(n)).collect());

fn pretty(generator: &Generator, n: u32) -> Vec<u8> {
    serde_json::to_vec_pretty(&raw(generator, generator.issue(n))).unwrap()
}

fn at(stamp: &Value) -> DateTime<Utc> {
    let text = stamp.as_str().unwrap_or_else(|| panic!("not a timestamp: {stamp}"));
    DateTime::parse_from_str(text, STAMP).unwrap_or_else(|_| panic!("{text}")).to_utc()
}

/// Calls `each` with every value inside, itself included.
fn walk<'a>(value: &'a Value, each: &mut dyn FnMut(&'a Value)) {
    each(value);
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, each)),
        Value::Object(members) => members.values().for_each(|member| walk(member, each)),
        _ => {}
    }
}

fn everything(issue: &Generated) -> Value {
    raw(&GENERATOR, issue.clone())
}

#[test]
fn the_same_seed_gives_the_same_bytes_in_any_order() {
    let (one, two) = (Generator::new(Options::default()), Generator::new(Options::default()));
    let forward: Vec<Vec<u8>> = (0..40).map(|n| pretty(&one, n)).collect();
    for n in (0..40).rev() {
        assert_eq!(forward[n as usize], pretty(&two, n), "ticket {n}");
    }
    let files = |generator: &Generator| generator.issue(7).attachments;
    assert_eq!(files(&one), files(&two));
}

#[test]
fn another_seed_gives_other_tickets() {
    let other = Generator::new(Options { seed: 2, ..Options::default() });
    assert!((0..20).all(|n| pretty(&GENERATOR, n) != pretty(&other, n)));
}

#[test]
fn raw_files_are_as_large_as_real_ones() {
    for (target, low, high) in [(70_000, 55_000, 85_000), (20_000, 14_000, 28_000)] {
        let options = Options { target_bytes: target, ..Options::default() };
        let generator = Generator::new(options);
        let mut sizes: Vec<usize> = (0..300).map(|n| pretty(&generator, n).len()).collect();
        sizes.sort_unstable();
        let (median, small, large) = (sizes[150], sizes[3], sizes[270]);
        eprintln!(
            "target {target}: 1 % {small}, median {median}, 90 % {large}, {:?}",
            sizes.last()
        );
        assert!((low..=high).contains(&median), "median {median} for {target}");
        assert!(small >= target as usize / 4, "1 % are under {small}");
        assert!(large <= target as usize * 15 / 7, "one in ten is over {large}");
    }
}

#[test]
fn threads_and_histories_have_heavy_tails() {
    let generator = Generator::new(Options { issues: 1_500, ..Options::default() });
    let issues: Vec<Generated> = (0..1_500).map(|n| generator.issue(n)).collect();
    let check = |what: &str, counts: Vec<usize>, middle: std::ops::RangeInclusive<usize>| {
        let usual = counts.iter().filter(|count| middle.contains(count)).count();
        assert!(usual > 750, "{what}: only {usual} of 1500 are usual");
        assert!(counts.iter().any(|count| *count > 100), "{what}: none is long");
        assert!(counts.iter().any(|count| *count > 235), "{what}: none is very long");
        let long = counts.iter().filter(|count| **count > 100).count();
        assert!(long < 60, "{what}: {long} of 1500 are long");
    };
    check("comments", issues.iter().map(|issue| issue.comments.len()).collect(), 2..=8);
    check("histories", issues.iter().map(|issue| issue.histories.len()).collect(), 3..=16);
    let worklogs = issues.iter().map(|issue| issue.worklogs.len()).max();
    assert!(worklogs > Some(20), "{worklogs:?}");
}

#[test]
fn every_issue_has_every_field_of_the_catalogue() {
    let mut catalogue = GENERATOR.fields();
    catalogue.extend(GENERATOR.project_fields());
    let apart = ["comment", "worklog", "issuekey", "thumbnail"];
    let ids: BTreeSet<&str> = catalogue
        .iter()
        .filter_map(|field| field["id"].as_str())
        .filter(|id| !apart.contains(id))
        .collect();
    let custom = ids.iter().filter(|id| id.starts_with("customfield_")).count();
    assert_eq!(custom, 150);
    for issue in ISSUES.iter() {
        let have: BTreeSet<&str> = issue.fields.keys().map(String::as_str).collect();
        assert_eq!(have, ids, "{}", issue.key);
        let null = |id: &&&str| id.starts_with("custom") && issue.fields[**id].is_null();
        let nulls = ids.iter().filter(null).count();
        assert!(nulls > 100, "{} has only {nulls} null custom fields", issue.key);
    }
}

#[test]
fn the_catalogue_has_the_fields_of_the_default_mapping() {
    let fields = GENERATOR.fields();
    for (id, custom, name) in [
        ("customfield_10156", "com.atlassian.servicedesk:sd-request-participants", ""),
        ("customfield_10002", "com.atlassian.servicedesk:sd-customer-organizations", ""),
        ("customfield_10010", "com.atlassian.servicedesk:vp-origin", ""),
        ("customfield_10157", "com.atlassian.servicedesk:sd-request-feedback", ""),
        ("customfield_10328", "com.atlassian.servicedesk:sd-sla-field", "Time to first response"),
        ("customfield_10161", "com.atlassian.servicedesk:sd-sla-field", "Time to resolution"),
        ("customfield_10004", "", "Severity"),
        ("customfield_10365", "", "Spam"),
        ("customfield_10323", "", "Triage"),
        ("customfield_10330", "", "Context"),
        ("customfield_10325", "", "Custom URL"),
        ("customfield_10350", "", "Slack link"),
        ("customfield_10475", "", "Email address"),
        ("customfield_10511", "", "Configuration item"),
        ("customfield_10676", "", "Technical issue category"),
    ] {
        let field = fields.iter().find(|field| field["id"] == id).unwrap_or_else(|| panic!("{id}"));
        assert!(custom.is_empty() || field["schema"]["custom"] == custom, "{id}");
        assert!(name.is_empty() || field["name"] == name, "{id}");
    }
    let scoped = GENERATOR.project_fields();
    assert!(scoped.iter().any(|field| field["name"] == "L3 team"));
    assert!(scoped.iter().all(|field| !fields.iter().any(|other| other["id"] == field["id"])));
}

#[test]
fn every_document_is_well_formed_and_all_kinds_of_nodes_occur() {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let mut documents = 0;
    let all: Vec<Value> = ISSUES.iter().map(everything).collect();
    for value in &all {
        walk(value, &mut |value| {
            if value.get("type").is_some_and(|kind| kind == "doc") {
                assert_eq!(value["version"], 1);
                assert!(value["content"].as_array().is_some_and(|blocks| !blocks.is_empty()));
                documents += 1;
                walk(&value["content"], &mut |node| {
                    if let Some(kind) = node.get("type").and_then(Value::as_str) {
                        *kinds.entry(kind).or_default() += 1;
                    }
                    if node.get("type").is_some_and(|kind| kind == "text") {
                        assert!(node["text"].as_str().is_some_and(|text| !text.is_empty()));
                    }
                });
            }
        });
    }
    assert!(documents > 1_000, "{documents}");
    for kind in [
        "paragraph",
        "heading",
        "bulletList",
        "orderedList",
        "codeBlock",
        "panel",
        "expand",
        "table",
        "taskList",
        "decisionList",
        "mediaSingle",
        "mediaGroup",
        "mention",
        "emoji",
        "inlineCard",
        "blockCard",
        "date",
        "status",
        "hardBreak",
        "link",
        "strong",
        "rule",
    ] {
        assert!(kinds.get(kind).is_some_and(|count| *count > 3), "{kind}: {:?}", kinds.get(kind));
    }
}

#[test]
fn media_nodes_lead_to_attachments_of_the_same_issue_once_each() {
    let mut shown = 0;
    for issue in ISSUES.iter() {
        let known: BTreeSet<&str> =
            issue.attachments.iter().map(|file| file.media_id.as_str()).collect();
        let all = everything(issue);
        let mut places = BTreeSet::new();
        walk(&all["fields"], &mut |node| {
            if node.get("type").is_some_and(|kind| kind == "media") {
                let id = node["attrs"]["id"].as_str().unwrap();
                assert!(known.contains(id), "{}: {id}", issue.key);
                assert!(places.insert(id), "{}: {id} is shown twice", issue.key);
                shown += 1;
            }
        });
        let listed = issue.fields["attachment"].as_array().unwrap();
        assert_eq!(listed.len(), issue.attachments.len());
        for (record, file) in listed.iter().zip(&issue.attachments) {
            assert_eq!(record["id"], file.id.to_string());
            assert_eq!(record["size"], file.bytes.len());
            assert!((1_000..=20_500).contains(&file.bytes.len()), "{}", file.bytes.len());
        }
    }
    assert!(shown > 100, "{shown}");
}

#[test]
fn links_and_families_agree_on_both_ends() {
    let by_id: BTreeMap<String, &Generated> =
        ISSUES.iter().map(|issue| (issue.id.to_string(), issue)).collect();
    let ends = |issue: &Generated, end: &str| -> Vec<(String, String, Value)> {
        let links = issue.fields["issuelinks"].as_array().unwrap().clone();
        links
            .iter()
            .filter(|link| link.get(end).is_some())
            .map(|link| {
                let other = link[end]["id"].as_str().unwrap().to_owned();
                (link["id"].as_str().unwrap().to_owned(), other, link[end].clone())
            })
            .collect()
    };
    let (mut links, mut children) = (0, 0);
    for issue in ISSUES.iter() {
        for (this, that) in [("outwardIssue", "inwardIssue"), ("inwardIssue", "outwardIssue")] {
            for (link, other_id, shown) in ends(issue, this) {
                let other = by_id[&other_id];
                let back = ends(other, that).into_iter().find(|(id, ..)| *id == link).unwrap();
                assert_eq!(back.1, issue.id.to_string());
                assert_eq!(shown["key"], other.key);
                for member in ["summary", "status", "priority", "issuetype"] {
                    assert_eq!(shown["fields"][member], other.fields[member], "{}", other.key);
                }
                links += 1;
            }
        }
        for child in issue.fields["subtasks"].as_array().unwrap() {
            let child = by_id[child["id"].as_str().unwrap()];
            assert_eq!(child.fields["parent"]["key"], issue.key);
            assert_eq!(child.fields["issuetype"]["subtask"], true);
            assert_eq!(child.fields["project"], issue.fields["project"]);
            children += 1;
        }
    }
    let parents = ISSUES.iter().filter(|issue| !issue.fields["parent"].is_null()).count();
    assert!(links > 60 && children == parents && children > 3, "{links} {children} {parents}");
}

#[test]
fn histories_lead_to_the_state_of_the_issue() {
    for issue in ISSUES.iter() {
        let mut last: BTreeMap<&str, &Value> = BTreeMap::new();
        for history in &issue.histories {
            for item in history["items"].as_array().unwrap() {
                let field = item["field"].as_str().unwrap();
                let followed = ["status", "priority", "summary", "assignee", "resolution"];
                if let Some(before) = last.insert(field, item)
                    && followed.contains(&field)
                {
                    assert_eq!(before["toString"], item["fromString"], "{} {field}", issue.key);
                }
            }
        }
        for (field, member) in [
            ("status", "name"),
            ("priority", "name"),
            ("resolution", "name"),
            ("assignee", "displayName"),
        ] {
            if let Some(item) = last.get(field) {
                assert_eq!(item["toString"], issue.fields[field][member], "{} {field}", issue.key);
            }
        }
        if let Some(item) = last.get("summary") {
            assert_eq!(item["toString"], issue.fields["summary"]);
        }
        let done = issue.fields["status"]["statusCategory"]["key"] == "done";
        assert_eq!(done, !issue.fields["resolution"].is_null(), "{}", issue.key);
        assert_eq!(done, !issue.fields["resolutiondate"].is_null(), "{}", issue.key);
    }
}

#[test]
fn times_are_ordered_and_end_before_the_present() {
    let until = DateTime::from_timestamp_millis(GENERATOR.options().until).unwrap();
    for issue in ISSUES.iter() {
        let (created, updated) = (at(&issue.fields["created"]), at(&issue.fields["updated"]));
        for list in [&issue.comments, &issue.histories, &issue.worklogs] {
            let times: Vec<_> = list.iter().map(|entry| at(&entry["created"])).collect();
            assert!(times.is_sorted(), "{}", issue.key);
            assert!(times.iter().all(|time| (created..=updated).contains(time)), "{}", issue.key);
            let ids: Vec<i64> =
                list.iter().map(|entry| entry["id"].as_str().unwrap().parse().unwrap()).collect();
            assert!(ids.is_sorted_by(|one, two| one < two), "{}", issue.key);
        }
        assert!(updated <= until, "{} was updated in the future", issue.key);
    }
}

#[test]
fn some_issues_are_created_where_local_and_utc_month_differ() {
    let differ = |issue: &&Generated| {
        let stamp = issue.fields["created"].as_str().unwrap();
        let local = DateTime::parse_from_str(stamp, STAMP).unwrap();
        local.month() != local.to_utc().month()
    };
    let count = ISSUES.iter().filter(differ).count();
    assert!((3..60).contains(&count), "{count}");
    let months: BTreeSet<u32> =
        ISSUES.iter().map(|issue| at(&issue.fields["created"]).month()).collect();
    assert_eq!(months.len(), 12);
    let stamp = &ISSUES[0].fields["created"];
    assert!(stamp.as_str().is_some_and(|stamp| stamp.ends_with("+0100")), "{stamp}");
}

#[test]
fn ids_are_unique_across_issues() {
    let generator = Generator::new(Options { issues: 1_500, ..Options::default() });
    let mut seen: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for n in 0..1_500 {
        let issue = generator.issue(n);
        let mut add = |kind, id: String| {
            assert!(seen.entry(kind).or_default().insert(id.clone()), "{kind} {id} twice");
        };
        add("issue", issue.id.to_string());
        add("key", issue.key.clone());
        issue.former_keys.iter().for_each(|key| add("key", key.clone()));
        for (kind, list) in [
            ("comment", &issue.comments),
            ("history", &issue.histories),
            ("worklog", &issue.worklogs),
            ("remote link", &issue.remote_links),
        ] {
            list.iter().for_each(|entry| add(kind, entry["id"].to_string()));
        }
        for file in &issue.attachments {
            add("attachment", file.id.to_string());
            add("media", file.media_id.clone());
        }
    }
}

#[test]
fn sla_values_come_in_every_form() {
    let mut forms: BTreeMap<&str, usize> = BTreeMap::new();
    for issue in ISSUES.iter() {
        let value = &issue.fields["customfield_10161"];
        let Some(completed) = value.get("completedCycles").and_then(Value::as_array) else {
            assert!(value.is_null());
            *forms.entry("null").or_default() += 1;
            continue;
        };
        let ongoing = value.get("ongoingCycle");
        let form = match (completed.len(), ongoing) {
            (0, None) => "not started",
            (0, Some(_)) => "ongoing",
            (1, None) => "completed",
            (_, None) => "several completed",
            (_, Some(_)) => "both",
        };
        *forms.entry(form).or_default() += 1;
        if let Some(ongoing) = ongoing {
            let left = ongoing["remainingTime"]["millis"].as_i64().unwrap();
            assert_eq!(ongoing["breached"], left < 0, "{}", issue.key);
            *forms.entry(if left < 0 { "breached" } else { "in time" }).or_default() += 1;
        }
    }
    let wanted =
        ["null", "not started", "ongoing", "completed", "several completed", "both", "breached"];
    for form in wanted {
        assert!(forms.get(form).is_some_and(|count| *count > 0), "{form}: {forms:?}");
    }
}

#[test]
fn people_are_missing_or_hidden_at_times() {
    let missing = |list: fn(&Generated) -> &Vec<Value>| {
        ISSUES.iter().flat_map(list).filter(|entry| entry.get("author").is_none()).count()
    };
    assert!(missing(|issue| &issue.comments) > 10);
    assert!(missing(|issue| &issue.histories) > 10);
    let hidden = |issue: &&Generated| issue.fields["reporter"].get("emailAddress").is_none();
    assert!(ISSUES.iter().filter(hidden).count() > 30);
    let public: Vec<bool> = ISSUES
        .iter()
        .flat_map(|issue| &issue.comments)
        .map(|comment| comment["jsdPublic"].as_bool().unwrap())
        .collect();
    assert!(public.contains(&true) && public.contains(&false));
}

#[test]
fn text_of_all_scripts_occurs_and_is_legal() {
    let mut text = String::new();
    for n in 0..300 {
        text.push_str(&String::from_utf8(pretty(&GENERATOR, n)).unwrap());
    }
    assert!(!text.contains("\\u0000"));
    // The serializer escapes control characters only: a surrogate would have to be one.
    assert!(!text.contains("\\ud") && !text.contains("\\uD"));
    for (script, low, high) in [
        ("han", '\u{4e00}', '\u{9fff}'),
        ("kana", '\u{3040}', '\u{30ff}'),
        ("hangul", '\u{ac00}', '\u{d7a3}'),
        ("arabic", '\u{600}', '\u{6ff}'),
        ("hebrew", '\u{590}', '\u{5ff}'),
        ("emoji", '\u{1f300}', '\u{1faff}'),
        ("line separator", '\u{2028}', '\u{2028}'),
        ("direction override", '\u{202e}', '\u{202e}'),
    ] {
        assert!(text.chars().any(|character| (low..=high).contains(&character)), "no {script}");
    }
}

#[test]
fn tickets_beyond_the_corpus_are_newborn() {
    let issue = GENERATOR.issue(300);
    assert!(issue.comments.is_empty() && issue.histories.is_empty());
    assert_eq!(issue.fields["issuelinks"].as_array().map(Vec::len), Some(0));
    assert_eq!(issue.key.rsplit('-').next(), Some("301"));
    assert!(issue.fields["resolution"].is_null());
}

#[test]
fn a_corpus_on_disk_is_whole_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let generator = Generator::new(Options { issues: 25, ..Options::default() });
    let mut told = Vec::new();
    let corpus = write_corpus(&generator, folder.path(), &mut |count| told.push(count)).unwrap();
    assert_eq!(told, (1..=25).collect::<Vec<u32>>());
    let mut bytes = 0;
    for n in 0..25 {
        let issue = generator.issue(n);
        let path = folder.path().join("issues").join(format!("{}.json", issue.key));
        let text = std::fs::read(path).unwrap();
        bytes += text.len() as u64;
        assert_eq!(serde_json::from_slice::<Value>(&text).unwrap(), raw(&generator, issue));
    }
    let names = std::fs::read_dir(folder.path().join("issues")).unwrap().count();
    assert_eq!((corpus.files, corpus.bytes, names), (25, bytes, 25));
    let fields = std::fs::read(folder.path().join("fields.json")).unwrap();
    let fields: Value = serde_json::from_slice(&fields).unwrap();
    assert!(fields["fields"].as_array().is_some_and(|fields| fields.len() > 190));
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("issues");
    std::fs::File::create(&blocked).unwrap();
    let error = write_corpus(&GENERATOR, folder.path(), &mut |_| ()).unwrap_err();
    assert!(error.to_string().contains("issues"), "{error}");
}
