//! Requests held against the description of the API.

use std::path::PathBuf;

use serde_json::json;
use sim::Options;

use crate::desk::Desk;

async fn described() -> Option<Desk> {
    let Ok(folder) = std::env::var("JIRALAKE_TESTDATA") else {
        eprintln!("skipped: JIRALAKE_TESTDATA is not set");
        return None;
    };
    let openapi = Some(PathBuf::from(folder).join("openapi/jira-platform-v3.json"));
    Some(Desk::with(Options { openapi, ..Options::default() }).await)
}

#[tokio::test]
async fn requests_as_described_are_passed_over() {
    let Some(desk) = described().await else { return };
    let key = desk.issue("Well asked");
    for path in [
        format!("/issue/{key}?fields=*all&expand=changelog,renderedFields"),
        format!("/issue/{key}/comment?startAt=0&maxResults=100&orderBy=created"),
        format!("/issue/{key}/changelog?startAt=0"),
        format!("/issue/{key}/worklog?startAt=0"),
        format!("/issue/{key}/remotelink"),
        "/field".to_owned(),
        "/field/search?startAt=0".to_owned(),
        "/myself".to_owned(),
    ] {
        assert_eq!(desk.get(&path).await.status, 200, "{path}");
    }
    let asked = json!({"jql": "project = SUPPORT", "fields": ["id"], "maxResults": 10});
    desk.post("/search/jql", &asked).await;
    desk.post("/issue/bulkfetch", &json!({"issueIdsOrKeys": [key]})).await;
    assert_eq!(desk.sim.callers().deviations(), [""; 0]);
}

#[tokio::test]
async fn deviations_are_told_one_by_one() {
    let Some(desk) = described().await else { return };
    let key = desk.issue("Badly asked");
    desk.get(&format!("/issue/{key}?colour=red")).await;
    desk.get(&format!("/issue/{key}/comment?orderBy=colour")).await;
    desk.get("/field/search?startAt=x").await;
    desk.get("/nothing").await;
    desk.post("/search/jql", &json!({"jql": 5, "total": true})).await;
    desk.post("/issue/bulkfetch", &json!({"fields": ["id"]})).await;
    let told = desk.sim.callers().deviations().join("\n");
    for part in [
        "GET /rest/api/3/issue/{issueIdOrKey}: unknown query parameter `colour`",
        "GET /rest/api/3/issue/{issueIdOrKey}/comment: query parameter `orderBy` is not one of",
        "GET /rest/api/3/field/search: query parameter `startAt` is not an integer: `x`",
        "GET /rest/api/3/nothing is not described",
        "POST /rest/api/3/search/jql: 5 is not of type",
        "POST /rest/api/3/search/jql: Additional properties are not allowed ('total' was unexpected)",
        "POST /rest/api/3/issue/bulkfetch: \"issueIdsOrKeys\" is a required property",
    ] {
        assert!(told.contains(part), "{part}\nnot in\n{told}");
    }
}
