//! The catalogues: their addresses and their several kinds of pages.

use serde_json::{Value, json};

use super::{JSON, Stub, account};
use crate::client::{Account, BaseUrl, Client, Error, Limits};

async fn stub(body: Value) -> Stub {
    Stub::always(200, &[JSON], &body.to_string()).await
}

#[tokio::test]
async fn projects_say_which_page_is_the_last() {
    let stub =
        stub(json!({"values": [{"id": "1"}], "startAt": 100, "isLast": true, "total": 101})).await;
    let page = stub.client().projects(100).await.unwrap();
    assert_eq!((page.items.len(), page.is_last, page.total), (1, Some(true), Some(101)));
    assert_eq!(stub.last().target, "/rest/api/3/project/search?startAt=100&maxResults=100");
}

#[tokio::test]
async fn statuses_and_users_are_bare_lists() {
    let list = stub(json!([{"id": "1"}, {"id": "2"}])).await;
    let client = list.client();
    assert_eq!(client.statuses().await.unwrap().len(), 2);
    assert_eq!(list.last().target, "/rest/api/3/status");
    let page = client.users(1000).await.unwrap();
    assert_eq!((page.items.len(), page.is_last, page.total), (2, None, None));
    assert_eq!(list.last().target, "/rest/api/3/users/search?startAt=1000&maxResults=1000");
    let object = stub(json!({"values": []})).await;
    let client = object.client();
    assert!(matches!(client.statuses().await, Err(Error::Malformed { .. })));
    assert!(matches!(client.users(0).await, Err(Error::Malformed { .. })));
}

#[tokio::test]
async fn organizations_are_the_service_desks_also_behind_the_gateway() {
    let stub = stub(json!({"values": [{"id": "3"}], "start": 50, "isLastPage": false})).await;
    let page = stub.client().organizations(50).await.unwrap();
    assert_eq!((page.items.len(), page.start_at, page.is_last), (1, Some(50), Some(false)));
    let path = "/rest/servicedeskapi/organization?start=50&limit=50";
    assert_eq!(stub.last().target, path);
    let base = BaseUrl::gateway(&stub.origin, "11111111-2222").unwrap();
    let account = account(&stub.origin, Limits::default());
    let client = Client::new(Account { base, ..account }).unwrap();
    client.organizations(50).await.unwrap();
    assert_eq!(stub.last().target, format!("/ex/jira/11111111-2222{path}"));
}
