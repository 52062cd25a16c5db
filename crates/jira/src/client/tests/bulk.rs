//! Bulk reads: what is asked for by name, what is left to Jira, and what the answers are read as.

use axum::http::Method;
use serde_json::{Value, json};

use super::{JSON, Stub};
use crate::client::{Error, Fields, History};
use crate::id::IssueId;

fn ids(ids: &[i64]) -> Vec<IssueId> {
    ids.iter().map(|id| IssueId::new(*id).unwrap()).collect()
}

async fn stub(body: Value) -> Stub {
    Stub::always(200, &[JSON], &body.to_string()).await
}

/// The body of the last request, which must have gone to this path.
fn sent(stub: &Stub, path: &str) -> Value {
    let asked = stub.last();
    assert_eq!((asked.method, asked.target.as_str()), (Method::POST, path));
    serde_json::from_str(&asked.body).unwrap()
}

#[tokio::test]
async fn issues_are_asked_for_with_their_fields_by_name() {
    let stub = stub(json!({"issues": [{"id": "7"}], "issueErrors": [{"id": "9"}]})).await;
    let (client, path) = (stub.client(), "/rest/api/3/issue/bulkfetch");
    let bulk = client.bulk_issues(&ids(&[9, 7]), &Fields::All, History::Embed).await.unwrap();
    assert_eq!((bulk.issues, bulk.errors), (vec![json!({"id": "7"})], 1));
    let whole = json!({"issueIdsOrKeys": ["9", "7"], "fields": ["*all"], "expand": ["changelog"]});
    assert_eq!(sent(&stub, path), whole);
    let some = Fields::These(vec!["status".parse().unwrap(), "customfield_10161".parse().unwrap()]);
    client.bulk_issues(&ids(&[7]), &some, History::Leave).await.unwrap();
    let fields = json!(["status", "customfield_10161"]);
    assert_eq!(sent(&stub, path), json!({"issueIdsOrKeys": ["7"], "fields": fields}));
    // No list would be what Jira's own lists show.
    client.bulk_issues(&ids(&[7]), &Fields::These(vec![]), History::Leave).await.unwrap();
    assert_eq!(sent(&stub, path), json!({"issueIdsOrKeys": ["7"], "fields": ["id"]}));
}

#[tokio::test]
async fn changelogs_are_asked_for_page_by_page() {
    let histories = json!([{"id": "1", "created": 1_492_070_429, "items": []}]);
    let log = json!({"issueId": "7", "changeHistories": histories});
    let stub = stub(json!({"issueChangeLogs": [log], "nextPageToken": "t2"})).await;
    let (client, path) = (stub.client(), "/rest/api/3/changelog/bulkfetch");
    let page = client.bulk_changelogs(&ids(&[7, 8]), None).await.unwrap();
    let usual = json!({"id": "1", "created": "2017-04-13T08:00:29.000+0000", "items": []});
    assert_eq!(page.histories, [(IssueId::new(7).unwrap(), vec![usual])]);
    assert_eq!((page.unreadable, page.next.as_deref()), (0, Some("t2")));
    let first = json!({"issueIdsOrKeys": ["7", "8"], "maxResults": 1000});
    assert_eq!(sent(&stub, path), first);
    client.bulk_changelogs(&ids(&[7]), Some("t2")).await.unwrap();
    let second = json!({"issueIdsOrKeys": ["7"], "maxResults": 1000, "nextPageToken": "t2"});
    assert_eq!(sent(&stub, path), second);
}

#[tokio::test]
async fn of_no_issue_nothing_is_asked() {
    let stub = stub(json!({})).await;
    let client = stub.client();
    let bulk = client.bulk_issues(&[], &Fields::All, History::Embed).await.unwrap();
    assert!(bulk.issues.is_empty());
    assert!(client.bulk_changelogs(&[], None).await.unwrap().histories.is_empty());
    assert!(stub.asked().is_empty());
}

#[tokio::test]
async fn an_answer_without_its_list_is_not_an_empty_one() {
    let stub = stub(json!({"issueErrors": [], "nextPageToken": null})).await;
    let client = stub.client();
    let bulk = client.bulk_issues(&ids(&[7]), &Fields::All, History::Embed).await;
    assert!(matches!(bulk, Err(Error::Malformed { .. })), "{bulk:?}");
    let logs = client.bulk_changelogs(&ids(&[7]), None).await;
    assert!(matches!(logs, Err(Error::Malformed { .. })), "{logs:?}");
}
