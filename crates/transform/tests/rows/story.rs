//! One whole service desk ticket, and what every table says of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use transform::{Catalogue, FieldMap, StoredFile, Table};

use super::{map, objects, oddities, rows, rows_with};

fn person(name: &str) -> Value {
    json!({"accountId": format!("acc-{name}"), "displayName": name,
        "emailAddress": format!("{name}@example.com")})
}

fn doc(nodes: Value) -> Value {
    json!({"type": "doc", "version": 1, "content": nodes})
}

fn paragraph(text: &str) -> Value {
    json!({"type": "paragraph", "content": [{"type": "text", "text": text}]})
}

fn media(id: &str, alt: &str) -> Value {
    json!({"type": "mediaSingle", "content": [
        {"type": "media", "attrs": {"type": "file", "id": id, "alt": alt, "collection": ""}}]})
}

pub(crate) fn cycle(start: i64, breached: bool) -> Value {
    json!({
        "startTime": {"epochMillis": start, "jira": "2026-02-01T00:00:00.000+0100"},
        "breachTime": {"iso8601": "2026-02-02T10:00:00+0100"},
        "breached": breached, "goalDuration": {"millis": 100}, "elapsedTime": {"millis": 40},
        "remainingTime": {"millis": -5},
    })
}

fn noted(rows: usize) -> Value {
    json!({"fetched_at": "2026-02-03T11:06:53.000Z", "complete": true, "have": rows,
        "total": rows, "reason": null})
}

/// A ticket with every part.
pub(crate) fn ticket() -> Value {
    json!({
        "id": "10021", "key": "SUPPORT-15186",
        "_synced_at": "2026-02-03T11:06:53.000Z",
        "_remote_links": [{"id": 10042, "globalId": "g", "relationship": "mentioned on",
            "application": {"name": "Confluence", "type": "com.atlassian.confluence"},
            "object": {"url": "https://x.example/p", "title": "Page", "summary": "s",
                "status": {"resolved": false}}}],
        "_worklogs": [{"id": "7", "author": person("bo"), "comment": doc(json!([paragraph("dug")])),
            "started": "2026-02-03T09:00:00.000+0100", "created": "2026-02-03T10:00:00.000+0100",
            "updated": "2026-02-03T10:00:00.000+0100", "timeSpentSeconds": 3600}],
        "_source": "webhook", "_former_keys": [{"key": "OLD-2", "moved_at": null}],
        "_parts": {"comments": noted(1), "changelog": noted(1), "worklogs": noted(1),
            "remote_links": noted(1), "attachments": noted(2), "sla": noted(2)},
        "_attachments": {"501": {"state": "stored", "sha256": "cd", "media_id": "media-a"},
            "502": {"state": "failed", "reason": "HTTP 500"}},
        "changelog": {"startAt": 0, "total": 1, "histories": [{"id": "900",
            "author": person("ada"), "created": "2026-02-03T12:06:52.829+0100", "items": [
                {"field": "status", "fieldtype": "jira", "fieldId": "status", "from": "1",
                 "fromString": "Open", "to": "3", "toString": "Done"},
                {"field": "Key", "fieldtype": "jira", "from": null, "fromString": "OLD-2",
                 "to": null, "toString": "SUPPORT-15186"}]}]},
        "fields": {
            "summary": "打印机 🖨 no imprime", "description": doc(json!([
                paragraph("first"), media("media-a", "pic.png"), media("media-b", "log.txt")])),
            "issuetype": {"name": "Incident"},
            "status": {"name": "Done", "statusCategory": {"key": "done", "name": "Erledigt"}},
            "priority": {"name": "High"}, "resolution": {"name": "Fixed"},
            "project": {"key": "SUPPORT", "name": "Support"},
            "creator": person("ada"), "reporter": person("cy"), "assignee": person("bo"),
            "created": "2026-02-01T00:30:00.000+0100", "updated": "2026-02-03T12:06:52.829+0100",
            "resolutiondate": "2026-02-03T12:06:52.829+0100", "duedate": "2026-03-01",
            "statuscategorychangedate": "2026-02-03T12:06:52.829+0100",
            "labels": ["vip", "日本"], "components": [{"name": "UI"}], "fixVersions": [],
            "versions": [{"name": "1.0"}], "environment": null, "security": {"name": "Staff"},
            "parent": {"id": "9", "key": "SUPPORT-9"}, "timespent": 3600, "timeestimate": 60,
            "timeoriginalestimate": 7200, "watches": {"watchCount": 3}, "votes": {"votes": 2},
            "attachment": [
                {"id": "501", "filename": "pic.png", "author": person("cy"), "size": 41632,
                 "created": "2026-02-01T00:31:00.000+0100", "mimeType": "image/png",
                 "content": "https://s/c/501", "thumbnail": "https://s/t/501"},
                {"id": "502", "filename": "log.txt", "author": person("cy"), "size": 5,
                 "created": "2026-02-01T00:32:00.000+0100", "mimeType": "text/plain",
                 "content": "https://s/c/502"}],
            "comment": {"total": 1, "comments": [{"id": "77", "author": person("bo"),
                "updateAuthor": person("ada"), "body": doc(json!([paragraph("see"),
                media("media-c", "other.txt")])), "jsdPublic": false, "parentId": 76,
                "created": "2026-02-02T08:00:00.000+0000",
                "updated": "2026-02-02T09:00:00.000+0000"}]},
            "issuelinks": [{"id": "33",
                "type": {"name": "Blocks", "inward": "is blocked by", "outward": "blocks"},
                "inwardIssue": {"id": "44", "key": "OPS-1", "fields": {"summary": "disk",
                    "status": {"name": "Open"}, "priority": {"name": "Low"}}}}],
            "customfield_10010": {"requestType": {"name": "Get help"},
                "currentStatus": {"status": "Waiting"}},
            "customfield_10004": {"value": "S1"}, "customfield_10323": [{"value": "a"}],
            "customfield_10511": [{"value": "Server é"}], "customfield_10156": [person("cy"), {}],
            "customfield_10002": [{"id": 3, "name": "Acme"}], "customfield_10365": {"value": "No"},
            "customfield_10330": doc(json!([paragraph("ctx")])),
            "customfield_10325": "https://c.example", "customfield_10350": {"value": "slack"},
            "customfield_10676": {"value": "Net"}, "customfield_10475": "x@example.com",
            "customfield_10157": {"rating": 4}, "customfield_11831": {"name": "L3-A"},
            "customfield_10328": {"name": "First", "completedCycles": [cycle(1_769_900_000_000, true)]},
            "customfield_10161": {"name": "Resolution",
                "completedCycles": [cycle(1_769_900_000_000, true)],
                "ongoingCycle": cycle(1_769_900_001_000, false)},
            "customfield_1": null, "customfield_2": [],
            "customfield_3": {"errorMessage": "no licence"},
        },
    })
}

#[test]
fn every_column_of_the_issue_is_filled_from_its_place() {
    let rows = rows(&ticket());
    assert_eq!(oddities(&rows), []);
    let mut row = objects(&rows, Table::Issues).remove(0);
    assert_eq!(row["description"].as_str().unwrap().lines().next(), Some("first"));
    row.as_object_mut().unwrap().remove("description");
    let wanted = json!({
        "issue_key": "SUPPORT-15186", "issue_id": "10021",
        "issue_url": "https://example.atlassian.net/browse/SUPPORT-15186",
        "summary": "打印机 🖨 no imprime", "issue_type": "Incident", "status": "Done",
        "status_category": "Erledigt", "priority": "High", "resolution": "Fixed",
        "project_key": "SUPPORT", "project_name": "Support",
        "creator_email": "ada@example.com", "creator_name": "ada",
        "reporter_email": "cy@example.com", "reporter_name": "cy",
        "assignee_email": "bo@example.com", "assignee_name": "bo",
        "created_at": "2026-01-31T23:30:00.000Z", "updated_at": "2026-02-03T11:06:52.829Z",
        "resolved_at": "2026-02-03T11:06:52.829Z", "due_date": "2026-03-01",
        "labels": r#"["vip","日本"]"#, "attachment_count": 2, "comment_count": 1,
        "issuelink_count": 1, "request_type": "Get help", "request_status": "Waiting",
        "severity": "S1", "triage": r#"["a"]"#, "configuration_item": r#"["Server é"]"#,
        "participants": r#"["cy@example.com",null]"#, "organizations": r#"["Acme"]"#,
        "spam": "No", "context": "ctx", "custom_url": "https://c.example", "slack_link": "slack",
        "technical_issue_category": "Net", "email_address": "x@example.com", "satisfaction": 4,
        "first_response_breached": "True", "first_response_goal_millis": 100,
        "first_response_elapsed_millis": 40, "time_to_resolution_breached": "False",
        "time_to_resolution_goal_millis": 100, "time_to_resolution_elapsed_millis": 40,
        "l3_team": "L3-A", "_synced_at": "2026-02-03T11:06:53.000Z",
        "_raw_file": "SUPPORT-15186.json", "organization_ids": r#"["3"]"#,
        "parent_key": "SUPPORT-9", "components": r#"["UI"]"#, "fix_versions": "[]",
        "affects_versions": r#"["1.0"]"#, "environment": null, "security_level": "Staff",
        "creator_account_id": "acc-ada", "reporter_account_id": "acc-cy",
        "assignee_account_id": "acc-bo", "time_spent_seconds": 3600,
        "original_estimate_seconds": 7200, "remaining_estimate_seconds": 60,
        "status_changed_at": "2026-02-03T11:06:52.829Z", "watch_count": 3, "vote_count": 2,
    });
    assert_eq!(row, wanted);
}

#[test]
fn people_say_and_do_what_the_tables_tell() {
    let rows = rows(&ticket());
    let mut comment = objects(&rows, Table::Comments).remove(0);
    assert!(comment["body"].as_str().unwrap().starts_with("see"));
    comment.as_object_mut().unwrap().remove("body");
    let wanted = json!({"comment_id": "77", "issue_key": "SUPPORT-15186",
        "author_email": "bo@example.com", "author_name": "bo",
        "created_at": "2026-02-02T08:00:00.000Z", "updated_at": "2026-02-02T09:00:00.000Z",
        "update_author_email": "ada@example.com", "issue_id": "10021",
        "author_account_id": "acc-bo", "public_visibility": false, "parent_comment_id": "76",
        "position": 0});
    assert_eq!(comment, wanted);
    let change = |item: i64, rest: Value| {
        let mut row = json!({"change_id": "900", "issue_key": "SUPPORT-15186",
            "author_email": "ada@example.com", "author_name": "ada", "field_type": "jira",
            "changed_at": "2026-02-03T11:06:52.829Z", "issue_id": "10021",
            "author_account_id": "acc-ada", "item": item});
        row.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        row
    };
    let wanted = [
        change(
            0,
            json!({"field_name": "status", "field_id": "status", "from_id": "1",
            "from_value": "Open", "to_id": "3", "to_value": "Done"}),
        ),
        change(
            1,
            json!({"field_name": "Key", "field_id": null, "from_id": null,
            "from_value": "OLD-2", "to_id": null, "to_value": "SUPPORT-15186"}),
        ),
    ];
    assert_eq!(objects(&rows, Table::Changelog), wanted);
    let wanted = json!({"worklog_id": "7", "issue_key": "SUPPORT-15186", "issue_id": "10021",
        "author_email": "bo@example.com", "author_name": "bo", "author_account_id": "acc-bo",
        "comment": "dug", "started_at": "2026-02-03T08:00:00.000Z",
        "created_at": "2026-02-03T09:00:00.000Z", "updated_at": "2026-02-03T09:00:00.000Z",
        "time_spent_seconds": 3600});
    assert_eq!(objects(&rows, Table::Worklogs), [wanted]);
}

#[test]
fn links_and_files_lead_where_jira_says() {
    let files = StoredFile { local_path: "a/501_pic.png".into(), sha256: Some("ab".into()) };
    let rows = rows_with(&ticket(), map(None), &BTreeMap::from([("501".to_owned(), files)]));
    let wanted = json!({"issue_key": "SUPPORT-15186", "link_id": "33", "link_type": "Blocks",
        "direction": "inward", "linked_issue_key": "OPS-1", "linked_issue_summary": "disk",
        "linked_issue_status": "Open", "linked_issue_priority": "Low", "issue_id": "10021",
        "linked_issue_id": "44", "relation": "is blocked by"});
    assert_eq!(objects(&rows, Table::Issuelinks), [wanted]);
    let wanted = json!({"issue_key": "SUPPORT-15186", "remote_link_id": "10042",
        "url": "https://x.example/p", "title": "Page", "application_name": "Confluence",
        "application_type": "com.atlassian.confluence", "issue_id": "10021", "global_id": "g",
        "relationship": "mentioned on", "summary": "s", "resolved": false});
    assert_eq!(objects(&rows, Table::RemoteLinks), [wanted]);
    let wanted = [
        json!({"attachment_id": "501", "issue_key": "SUPPORT-15186", "filename": "pic.png",
            "local_path": "a/501_pic.png", "hierarchical_path": "15/186/501_pic.png",
            "size_bytes": 41632, "mime_type": "image/png", "author_email": "cy@example.com",
            "created_at": "2026-01-31T23:31:00.000Z", "content_url": "https://s/c/501",
            "thumbnail_url": "https://s/t/501", "issue_id": "10021",
            "author_account_id": "acc-cy", "media_id": "media-a", "sha256": "ab",
            "state": "stored"}),
        json!({"attachment_id": "502", "issue_key": "SUPPORT-15186", "filename": "log.txt",
            "local_path": null, "hierarchical_path": "15/186/502_log.txt", "size_bytes": 5,
            "mime_type": "text/plain", "author_email": "cy@example.com",
            "created_at": "2026-01-31T23:32:00.000Z", "content_url": "https://s/c/502",
            "thumbnail_url": null, "issue_id": "10021", "author_account_id": "acc-cy",
            "media_id": null, "sha256": null, "state": "failed"}),
    ];
    assert_eq!(objects(&rows, Table::Attachments), wanted);
    let link = |comment: Value, media: &str, attachment: Value, alt: &str| {
        json!({"issue_key": "SUPPORT-15186", "issue_id": "10021", "comment_id": comment,
            "media_id": media, "attachment_id": attachment, "alt": alt})
    };
    let wanted = [
        link(Value::Null, "media-a", json!("501"), "pic.png"),
        link(Value::Null, "media-b", json!("502"), "log.txt"),
        link(json!("77"), "media-c", Value::Null, "other.txt"),
    ];
    assert_eq!(objects(&rows, Table::MediaLinks), wanted);
}

#[test]
fn every_cycle_of_every_metric_is_a_row() {
    let wanted = |field: &str, name: &str, number: i64, state: &str, start: &str, late: bool| {
        json!({"issue_key": "SUPPORT-15186", "issue_id": "10021", "sla_field_id": field,
            "sla_name": name, "cycle": number, "state": state, "started_at": start,
            "stopped_at": null, "breach_at": "2026-02-02T09:00:00.000Z", "breached": late,
            "paused": null, "within_calendar_hours": null, "goal_millis": 100,
            "elapsed_millis": 40, "remaining_millis": -5})
    };
    let (one, two) = ("2026-01-31T22:53:20.000Z", "2026-01-31T22:53:21.000Z");
    let wanted = [
        wanted("customfield_10161", "Resolution", 1, "completed", one, true),
        wanted("customfield_10161", "Resolution", 2, "ongoing", two, false),
        wanted("customfield_10328", "First", 1, "completed", one, true),
    ];
    assert_eq!(objects(&rows(&ticket()), Table::SlaCycles), wanted);
}

#[test]
fn custom_fields_that_say_something_are_rows_with_their_names() {
    let site = Catalogue::of(&[json!({"id": "customfield_10004", "name": "Severity",
        "schema": {"type": "option", "custom": "x:select"}})]);
    let map = FieldMap::new(&BTreeMap::new(), Some(&site)).unwrap();
    let all = objects(&rows_with(&ticket(), map, &BTreeMap::new()), Table::CustomFields);
    let ids: Vec<_> = all.iter().map(|row| row["field_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 16);
    assert_eq!(ids[..3], ["customfield_10002", "customfield_10004", "customfield_10010"]);
    let wanted = json!({"issue_key": "SUPPORT-15186", "issue_id": "10021",
        "field_id": "customfield_10004", "field_name": "Severity", "field_type": "x:select",
        "value_text": "S1", "value_json": r#"{"value":"S1"}"#});
    assert_eq!(all[1], wanted);
    for row in &all {
        let json = row["value_json"].as_str().unwrap();
        let value: Value = serde_json::from_str(json).unwrap();
        assert_eq!(value, ticket()["fields"][row["field_id"].as_str().unwrap()]);
        assert!(!json.contains("\\u"), "{json}");
    }
}
