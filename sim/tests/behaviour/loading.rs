//! Issues that came from elsewhere.

use serde_json::json;

use crate::desk::Desk;

/// As an API of version 2 gives it: wiki text, users by name, absent in place of null.
fn line(id: i64, comments: usize) -> String {
    let comments: Vec<_> = (0..comments)
        .map(|n| json!({"id": (90_000 + n).to_string(), "body": format!("h1. {n}"), "author": {"name": "ada"}}))
        .collect();
    json!({"id": id.to_string(), "key": format!("OLD-{id}"), "fields": {
        "summary": "From elsewhere", "description": "*wiki* text",
        "created": "2015-04-24T12:04:05.000+0000", "updated": "2015-05-12T21:25:49.000+0000",
        "project": {"id": "12217", "key": "OLD", "name": "Old desk"},
        "attachment": [{"id": "55078", "filename": "b.png", "size": 41632, "mimeType": "image/png"}],
        "comment": {"comments": comments, "maxResults": 1, "total": 1, "startAt": 0},
    }})
    .to_string()
}

#[tokio::test]
async fn loaded_issues_are_served_as_they_are_within_the_embed_limits() {
    let desk = Desk::open().await;
    let lines = format!("{}\n\n{}\n", line(1, 130), line(2, 0));
    assert_eq!(desk.sim.site().load_jsonl(lines.as_bytes()).unwrap(), 2);
    let got = desk.get("/issue/OLD-1").await;
    assert_eq!(got.json["fields"]["description"], "*wiki* text");
    assert!(got.json["fields"].get("assignee").is_none(), "absent stays absent");
    assert_eq!(got.json["fields"]["comment"]["total"], 130);
    assert_eq!(got.json["fields"]["comment"]["comments"].as_array().unwrap().len(), 100);
    let page = desk.get("/issue/OLD-1/comment?startAt=100").await;
    assert_eq!(page.json["comments"].as_array().unwrap().len(), 30);
    let found = desk.post("/search/jql", &json!({"jql": "project = OLD"})).await;
    assert_eq!(found.json["issues"].as_array().unwrap().len(), 2);
    let url = format!("{}/rest/api/3/attachment/content/55078?redirect=false", desk.sim.url());
    let account = sim::Account::main();
    let answer = desk.http.get(url).basic_auth(account.email, Some(account.token)).send().await;
    assert_eq!(answer.unwrap().bytes().await.unwrap().len(), 41632);
}

#[tokio::test]
async fn a_line_that_is_no_issue_is_named() {
    let desk = Desk::open().await;
    let lines = format!("{}\n{{\"id\": 5}}\n", line(1, 0));
    let error = desk.sim.site().load_jsonl(lines.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "line 2 is not an issue");
}

#[tokio::test]
async fn real_issues_are_served_whole() {
    let Ok(folder) = std::env::var("JIRALAKE_TESTDATA") else {
        eprintln!("skipped: JIRALAKE_TESTDATA is not set");
        return;
    };
    let desk = Desk::open().await;
    let path = format!("{folder}/fixtures/issues-public/AC.jsonl.gz");
    let file = flate2::read::MultiGzDecoder::new(std::fs::File::open(path).unwrap());
    let count = desk.sim.site().load_jsonl(std::io::BufReader::new(file)).unwrap();
    assert!(count > 1000, "{count}");
    assert_eq!(desk.sim.site().truth().len(), count);
    for key in desk.sim.site().keys().iter().take(50) {
        let got = desk.get(&format!("/issue/{key}")).await;
        let truth = desk.sim.site().truth_of(key).unwrap();
        assert_eq!(got.json["fields"]["comment"]["total"], truth.comments.len());
        assert_eq!(got.json["fields"]["summary"], truth.issue["fields"]["summary"]);
    }
}
