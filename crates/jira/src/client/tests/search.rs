//! Searches: what the body says, and how the answer is read.

use axum::http::Method;
use serde_json::{Value, json};

use super::{JSON, Stub};
use crate::client::Error;
use crate::time::Instant;

const JQL: &str = r#"project = "A" ORDER BY updated ASC, id ASC"#;

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
async fn a_search_sends_query_fields_and_token_in_the_body() {
    let stub =
        stub(json!({"issues": [{"id": "7", "key": "A-1", "fields": {}}], "nextPageToken": "t2"}))
            .await;
    let client = stub.client();
    let fields = ["summary".parse().unwrap(), "customfield_10161".parse().unwrap()];
    let page = client.search(JQL, &fields, 50, None).await.unwrap();
    assert_eq!(page.issues, [json!({"id": "7", "key": "A-1", "fields": {}})]);
    assert_eq!((page.next.as_deref(), page.is_last), (Some("t2"), None));
    let body = sent(&stub, "/rest/api/3/search/jql");
    let fields = json!(["summary", "customfield_10161"]);
    assert_eq!(body, json!({"jql": JQL, "maxResults": 50, "fields": fields}));
    client.search(JQL, &[], 0, Some("t2")).await.unwrap();
    let body = sent(&stub, "/rest/api/3/search/jql");
    let bare = json!({"jql": JQL, "maxResults": 1, "fields": ["id"], "nextPageToken": "t2"});
    assert_eq!(body, bare);
    client.search(JQL, &[], 9_999, None).await.unwrap();
    assert_eq!(sent(&stub, "/rest/api/3/search/jql")["maxResults"], 5_000);
}

#[tokio::test]
async fn identities_come_with_or_without_the_time_of_the_last_change() {
    let updated = "2026-02-03T12:06:52.829+0100";
    let entry = json!({"id": "7", "key": "A-1", "fields": {"updated": updated}});
    let stub = stub(json!({"issues": [entry, {"key": "A-2"}], "isLast": false})).await;
    let client = stub.client();
    let page = client.search_updated(JQL, Some("t")).await.unwrap();
    assert_eq!((page.found.len(), page.unreadable, page.is_last), (1, 1, Some(false)));
    assert_eq!(page.found[0].updated, Instant::parse(updated));
    let body = sent(&stub, "/rest/api/3/search/jql");
    let all = json!({"jql": JQL, "maxResults": 5000, "fields": ["updated"], "nextPageToken": "t"});
    assert_eq!(body, all);
    let page = client.search_keys(JQL, None).await.unwrap();
    assert_eq!(page.found[0].key.as_ref().map(ToString::to_string).as_deref(), Some("A-1"));
    let body = sent(&stub, "/rest/api/3/search/jql");
    assert_eq!(body, json!({"jql": JQL, "maxResults": 5000, "fields": ["key"]}));
}

#[tokio::test]
async fn a_count_is_a_number_or_it_is_not_believed() {
    let stub = stub(json!({"count": 153_000})).await;
    assert_eq!(stub.client().approximate_count(JQL).await.unwrap(), 153_000);
    assert_eq!(sent(&stub, "/rest/api/3/search/approximate-count"), json!({"jql": JQL}));
    for bad in [json!({}), json!([]), json!({"count": -1}), json!({"count": "7"})] {
        let stub = Stub::always(200, &[JSON], &bad.to_string()).await;
        let count = stub.client().approximate_count(JQL).await;
        assert!(matches!(count, Err(Error::Malformed { .. })), "{bad}: {count:?}");
    }
}

#[tokio::test]
async fn an_answer_without_its_list_is_not_an_empty_one() {
    let stub = stub(json!({"isLast": true})).await;
    let client = stub.client();
    let malformed = |error| matches!(error, Some(Error::Malformed { .. }));
    assert!(malformed(client.search(JQL, &[], 50, None).await.err()));
    assert!(malformed(client.search_updated(JQL, None).await.err()));
    assert!(malformed(client.search_keys(JQL, None).await.err()));
}
