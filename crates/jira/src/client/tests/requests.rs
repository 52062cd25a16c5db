//! What is sent: to which URL, with which headers, as whom; and what the answers are read as.

use serde_json::{Value, json};

use super::{JSON, Stub, account, response};
use crate::client::{Account, BaseUrl, Client, Error, Fields, History, IssueQuery, Limits};
use crate::id::{IssueId, Subject};
use crate::time::Instant;

const CLOUD_ID: &str = "11111111-2222-3333-4444-555555555555";
/// `ada@example.com:s3cr3t-token`
const BASIC: &str = "Basic YWRhQGV4YW1wbGUuY29tOnMzY3IzdC10b2tlbg==";

fn id() -> IssueId {
    IssueId::new(7).unwrap()
}

async fn stub(body: Value) -> Stub {
    Stub::always(200, &[JSON], &body.to_string()).await
}

async fn ask(stub: &Stub, subject: &str, fields: Fields, history: History) -> String {
    let query = IssueQuery { fields, history };
    stub.client().issue(&subject.parse::<Subject>().unwrap(), query).await.unwrap();
    stub.last().target
}

#[tokio::test]
async fn an_issue_is_asked_by_id_or_key_with_what_is_wanted() {
    let stub = stub(json!({"id": "7", "key": "A-1", "fields": {}})).await;
    let some = |names: &[&str]| Fields::These(names.iter().map(|n| n.parse().unwrap()).collect());
    let whole = ask(&stub, "7", Fields::All, History::Embed).await;
    assert_eq!(whole, "/rest/api/3/issue/7?fields=*all&expand=changelog");
    let two = ask(&stub, "A-1", some(&["customfield_10161", "fixVersions"]), History::Leave).await;
    assert_eq!(two, "/rest/api/3/issue/A-1?fields=customfield_10161%2CfixVersions");
    // No list would be all fields.
    assert_eq!(
        ask(&stub, "A-1", some(&[]), History::Leave).await,
        "/rest/api/3/issue/A-1?fields=id"
    );
}

#[tokio::test]
async fn every_request_carries_the_account_and_asks_for_english() {
    let stub = stub(json!({"id": "7"})).await;
    ask(&stub, "7", Fields::All, History::Leave).await;
    let asked = stub.last();
    assert_eq!(asked.header("authorization"), Some(BASIC));
    assert_eq!(asked.header("user-agent"), Some(concat!("jiralake/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(asked.header("x-force-accept-language"), Some("true"));
    assert_eq!(asked.header("accept-language"), Some("en"));
    assert_eq!(asked.header("accept"), Some("application/json"));
    assert_eq!(asked.header("cookie"), None);
}

#[tokio::test]
async fn the_gateway_prefixes_every_call() {
    let stub = stub(json!([])).await;
    let base = BaseUrl::gateway(&stub.origin, CLOUD_ID).unwrap();
    let account = account(&stub.origin, Limits::default());
    let client = Client::new(Account { base, ..account }).unwrap();
    client.remote_links(id()).await.unwrap();
    let path = format!("/ex/jira/{CLOUD_ID}/rest/api/3/issue/7/remotelink");
    assert_eq!(stub.last().target, path);
}

#[tokio::test]
async fn lists_are_asked_in_order_and_by_page() {
    let page = stub(json!({
        "startAt": 100, "maxResults": 100, "total": 250, "isLast": false,
        "comments": [{"id": "1"}], "values": [{"id": "2"}], "worklogs": [{"id": "3"}],
    }))
    .await;
    let client = page.client();
    let comments = client.comments(id(), 100).await.unwrap();
    assert_eq!(comments.items, [json!({"id": "1"})]);
    assert_eq!(
        (comments.start_at, comments.total, comments.is_last),
        (Some(100), Some(250), Some(false))
    );
    let target = "/rest/api/3/issue/7/comment?orderBy=created&startAt=100&maxResults=100";
    assert_eq!(page.last().target, target);
    assert_eq!(client.changelog(id(), 0).await.unwrap().items, [json!({"id": "2"})]);
    let target = "/rest/api/3/issue/7/changelog?startAt=0&maxResults=100";
    assert_eq!(page.last().target, target);
    assert_eq!(client.worklogs(id(), 20).await.unwrap().items, [json!({"id": "3"})]);
    let target = "/rest/api/3/issue/7/worklog?startAt=20&maxResults=5000";
    assert_eq!(page.last().target, target);
    client.field_search(50).await.unwrap();
    assert_eq!(page.last().target, "/rest/api/3/field/search?startAt=50&maxResults=50");
    let none = stub(json!({"total": 3})).await;
    assert!(matches!(none.client().comments(id(), 0).await, Err(Error::Malformed { .. })));
}

#[tokio::test]
async fn remote_links_are_a_list_or_one_object() {
    let check = async |body: Value, count: Option<usize>| {
        let links = stub(body.clone()).await.client().remote_links(id()).await;
        assert_eq!(links.as_ref().ok().map(Vec::len), count, "{body}: {links:?}");
    };
    check(json!([]), Some(0)).await;
    check(json!([{"id": 1}, {"id": 2}]), Some(2)).await;
    check(json!({"id": 1, "object": {"url": "https://example.com"}}), Some(1)).await;
    check(json!({"errorMessages": ["no"], "errors": {}}), None).await;
    check(json!({}), None).await;
    check(json!(null), None).await;
}

#[tokio::test]
async fn anybody_may_ask_for_the_cloud_id_and_nobody_is_told_who_does() {
    let stub = stub(json!({"cloudId": CLOUD_ID, "more": 1})).await;
    assert_eq!(stub.client().tenant_info().await.unwrap().cloud_id, CLOUD_ID);
    let asked = stub.last();
    assert_eq!(asked.target, "/_edge/tenant_info");
    assert_eq!(asked.header("authorization"), None);
}

#[tokio::test]
async fn jira_tells_its_time_and_who_asks() {
    let date = ("date", "Thu, 26 Mar 2026 15:59:30 GMT");
    let stub = Stub::start(move |asked| {
        let body = match asked.target.as_str() {
            "/rest/api/3/myself" => json!({
                "accountId": "712020:ada", "displayName": "Ada", "timeZone": "Asia/Tokyo", "active": true,
            }),
            "/rest/api/3/serverInfo" => json!({
                "baseUrl": "https://x.atlassian.net", "deploymentType": "Cloud", "version": "1001.0.0",
                "serverTime": "2026-03-26T16:59:31.500+0100", "buildNumber": 100,
            }),
            "/rest/api/3/field" => json!([{"id": "summary", "name": "Summary"}, {"name": "no id"}, 3]),
            other => panic!("{other}"),
        };
        response(200, &[JSON, date], body.to_string())
    })
    .await;
    let client = stub.client();
    let identity = client.identify().await.unwrap();
    assert_eq!(identity.myself.time_zone.as_deref(), Some("Asia/Tokyo"));
    assert_eq!(identity.date, Instant::parse("2026-03-26T15:59:30Z"));
    assert_eq!(client.myself().await.unwrap(), identity.myself);
    let info = client.server_info().await.unwrap();
    assert_eq!(info.server_time, Instant::parse("2026-03-26T15:59:31.500Z"));
    assert_eq!(info.base_url.as_deref(), Some("https://x.atlassian.net"));
    let fields = client.fields().await.unwrap();
    assert_eq!(fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(), ["Summary"]);
}
