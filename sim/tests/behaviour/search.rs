//! Searching.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::desk::{Desk, ids};

/// Walks all pages and answers the length of each with all ids.
async fn walk(desk: &Desk, mut asked: Value) -> (Vec<usize>, Vec<i64>) {
    let (mut lengths, mut all) = (Vec::new(), Vec::new());
    loop {
        let got = desk.post("/search/jql", &asked).await;
        assert_eq!(got.status, 200, "{}", got.json);
        assert!(got.json.get("total").is_none() && got.json.get("startAt").is_none());
        let page = ids(&got.json["issues"]);
        lengths.push(page.len());
        all.extend(page);
        match got.json.get("nextPageToken") {
            Some(token) => {
                assert_eq!(got.json["isLast"], false);
                asked["nextPageToken"] = token.clone();
            }
            None => {
                assert_eq!(got.json["isLast"], true);
                return (lengths, all);
            }
        }
    }
}

#[tokio::test]
async fn pages_with_fields_hold_a_hundred_and_pages_of_ids_as_many_as_asked() {
    let desk = Desk::open().await;
    for n in 0..230 {
        desk.issue(&format!("Issue {n}"));
    }
    let jql = "project = SUPPORT ORDER BY updated ASC, id ASC";
    let (lengths, with_fields) =
        walk(&desk, json!({"jql": jql, "fields": ["summary"], "maxResults": 5000})).await;
    assert_eq!(lengths, [100, 100, 30]);
    let (lengths, only_ids) = walk(&desk, json!({"jql": jql, "maxResults": 5000})).await;
    assert_eq!(lengths, [230]);
    assert_eq!(with_fields, only_ids);
    assert!(only_ids.is_sorted());
    let first = desk.post("/search/jql", &json!({"jql": jql, "maxResults": 1})).await;
    assert_eq!(first.json["issues"][0].as_object().unwrap().len(), 1, "only the id by default");
}

#[tokio::test]
async fn short_pages_are_not_the_last_ones() {
    let desk = Desk::open().await;
    for n in 0..120 {
        desk.issue(&format!("Issue {n}"));
    }
    desk.sim.knobs().change(|knobs| knobs.short_pages = 1.0);
    let (lengths, all) =
        walk(&desk, json!({"jql": "project = SUPPORT", "fields": ["id"], "maxResults": 50})).await;
    assert!(lengths.iter().rev().skip(1).any(|length| *length < 50), "{lengths:?}");
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 120);
    assert_eq!(all.len(), 120);
}

#[tokio::test]
async fn bad_searches_get_jiras_answers() {
    let desk = Desk::open().await;
    let jql = "project = SUPPORT";
    for (asked, message) in [
        (
            json!({"jql": ""}),
            "Unbounded JQL queries are not allowed here. Add a search restriction to the query.",
        ),
        (
            json!({"jql": "ORDER BY id"}),
            "Unbounded JQL queries are not allowed here. Add a search restriction to the query.",
        ),
        (
            json!({"jql": jql, "maxResults": 0}),
            "The maxResults parameter must be between 1 and 5,000.",
        ),
        (
            json!({"jql": jql, "maxResults": 5001}),
            "The maxResults parameter must be between 1 and 5,000.",
        ),
        (
            json!({"jql": "", "maxResults": 0, "nextPageToken": "x"}),
            "The provided nextPageToken is invalid or has expired.",
        ),
        (json!({"jql": "project = X"}), "The value 'X' does not exist for the field 'project'."),
        (
            json!({"jql": jql, "startAt": 5}),
            "Invalid request payload. Refer to the REST API documentation and try again.",
        ),
    ] {
        let got = desk.post("/search/jql", &asked).await;
        assert_eq!((got.status, &got.json["errorMessages"][0]), (400, &json!(message)), "{asked}");
    }
    let got = desk.get("/search/jql?jql=project%20%3D%20SUPPORT&maxResults=abc").await;
    assert_eq!(got.header("content-type"), Some("application/problem+json"));
    assert_eq!(got.json["detail"], "Failed to convert 'maxResults' with value: 'abc'");
    let refused = desk.sim.callers().unknown_requests();
    assert_eq!(refused.len(), 6, "bad requests are remembered, the same ones once: {refused:?}");
    assert!(refused[0].starts_with("POST /rest/api/3/search/jql: {\"errorMessages\":[\"Unbounded"));
    let got = desk.get("/search?jql=project=SUPPORT").await;
    assert_eq!(got.status, 410);
}

#[tokio::test]
async fn the_index_lags_unless_issues_are_reconciled() {
    let desk = Desk::open().await;
    desk.sim.clock().stop_at(1_770_116_812_829);
    desk.sim.knobs().change(|knobs| knobs.search_lag_ms = 30_000);
    let key = desk.issue("Fresh");
    let id = desk.sim.site().id_of(&key).unwrap();
    let search = json!({"jql": "project = SUPPORT"});
    assert_eq!(walk(&desk, search.clone()).await.1, [0_i64; 0]);
    let reconciled = json!({"jql": "project = SUPPORT", "reconcileIssues": [id]});
    assert_eq!(walk(&desk, reconciled).await.1, [id]);
    desk.sim.clock().advance(Duration::from_secs(31));
    assert_eq!(walk(&desk, search).await.1, [id]);
    assert_eq!(desk.get(&format!("/issue/{key}")).await.status, 200, "reading never lags");
}

#[tokio::test]
async fn dates_are_read_in_the_callers_zone() {
    let desk = Desk::open().await;
    // 11:06:52 UTC is 16:36:52 for the caller, in Kolkata.
    desk.sim.clock().stop_at(1_770_116_812_829);
    desk.issue("Now");
    for (jql, found) in [
        ("updated >= \"2026-02-03 16:36\"", 1),
        ("updated >= \"2026-02-03 16:37\"", 0),
        ("updated >= -1m", 1),
        ("created >= \"2026-02-04\"", 0),
    ] {
        assert_eq!(walk(&desk, json!({"jql": jql})).await.1.len(), found, "{jql}");
    }
}

#[tokio::test]
async fn embedded_lists_of_a_search_are_shorter_than_those_of_an_issue() {
    let desk = Desk::open().await;
    let key = desk.issue("Long");
    desk.sim.site().seed_comments(&key, 70).unwrap();
    desk.sim.site().seed_histories(&key, 70).unwrap();
    let asked =
        json!({"jql": format!("key = {key}"), "fields": ["comment"], "expand": "changelog"});
    let got = desk.post("/search/jql", &asked).await;
    let issue = &got.json["issues"][0];
    assert_eq!(issue["fields"]["comment"]["comments"].as_array().unwrap().len(), 20);
    assert_eq!(issue["fields"]["comment"]["startAt"], 50);
    assert_eq!(issue["changelog"]["histories"].as_array().unwrap().len(), 40);
}
