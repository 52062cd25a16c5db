//! Who may call, and what is known of them.

use serde_json::json;
use sim::{Account, Endpoint, Options, TokenKind};

use crate::desk::{Desk, got};

#[tokio::test]
async fn the_caller_is_named_in_a_header() {
    let desk = Desk::open().await;
    let got = desk.get("/myself").await;
    assert_eq!(got.status, 200);
    assert_eq!(got.header("x-aaccountid"), Some(Account::main().account_id.as_str()));
    assert_eq!(got.json["accountId"], Account::main().account_id);
    assert_eq!(got.json["timeZone"], "Asia/Kolkata");
}

#[tokio::test]
async fn wrong_credentials_are_nobody_and_everything_looks_gone() {
    let desk = Desk::open().await;
    let key = desk.issue("Still there");
    let wrong = Account { token: "wrong".to_owned(), ..Account::main() };
    let base = format!("{}/rest/api/3", desk.sim.url());
    let got = desk.get_as(&wrong, &format!("{base}/issue/{key}")).await;
    assert_eq!(got.status, 404);
    assert_eq!(got.header("x-seraph-loginreason"), Some("AUTHENTICATED_FAILED"));
    assert_eq!(got.header("x-aaccountid"), None);
    let url = format!("{base}/search/jql?jql=project%20%3D%20SUPPORT");
    let got = desk.get_as(&wrong, &url).await;
    assert_eq!((got.status, got.json), (200, json!({"issues": [], "isLast": true})));
    assert_eq!(desk.get_as(&wrong, &format!("{base}/myself")).await.status, 401);
    assert_eq!(desk.get_as(&wrong, &format!("{base}/serverInfo")).await.status, 200);
}

#[tokio::test]
async fn a_token_can_expire() {
    let desk = Desk::open().await;
    let email = Account::main().email;
    desk.sim.knobs().change(|knobs| {
        knobs.expired_tokens.insert(email);
    });
    assert_eq!(desk.get("/myself").await.status, 401);
    desk.sim.knobs().change(|knobs| knobs.expired_tokens.clear());
    assert_eq!(desk.get("/myself").await.status, 200);
}

#[tokio::test]
async fn bearer_tokens_are_refused_on_the_site() {
    let desk = Desk::open().await;
    for (token, status) in [("opaque", 403), ("a.b.c", 401)] {
        let url = format!("{}/rest/api/3/myself", desk.sim.url());
        assert_eq!(got(desk.http.get(url).bearer_auth(token)).await.status, status);
    }
}

#[tokio::test]
async fn the_gateway_serves_the_same_site_and_refuses_wrong_credentials() {
    let scoped = Account { token_kind: TokenKind::Scoped, ..Account::main() };
    let accounts = vec![scoped.clone(), Account::service()];
    let desk = Desk::with(Options { accounts, ..Options::default() }).await;
    let key = desk.issue("Through the gateway");
    let gateway = desk.sim.gateway_url();
    let got = desk.get_as(&scoped, &format!("{gateway}/rest/api/3/issue/{key}")).await;
    assert_eq!(got.status, 200);
    let own = got.json["self"].as_str().unwrap();
    assert!(own.starts_with(desk.sim.url()) && !own.contains("/ex/jira/"), "{own}");
    let on_site = format!("{}/rest/api/3/issue/{key}", desk.sim.url());
    assert_eq!(desk.get_as(&scoped, &on_site).await.status, 404, "scoped tokens are nobody here");
    let wrong = Account { token: "wrong".to_owned(), ..Account::main() };
    let url = format!("{gateway}/rest/api/3/issue/{key}");
    assert_eq!(desk.get_as(&wrong, &url).await.status, 401);
    let other = format!(
        "{}/ex/jira/00000000-0000-0000-0000-000000000000/rest/api/3/myself",
        desk.sim.url()
    );
    let got = desk.get_as(&scoped, &other).await;
    assert_eq!((got.status, &got.json["error"]), (404, &json!("Not Found")));
    let url = format!("{}/_edge/tenant_info", desk.sim.url());
    let tenant = crate::desk::got(desk.http.get(url)).await;
    assert_eq!(tenant.json["cloudId"], desk.sim.cloud_id());
}

#[tokio::test]
async fn requests_are_counted_and_unknown_ones_remembered() {
    let desk = Desk::open().await;
    desk.get("/myself").await;
    desk.get("/myself").await;
    assert_eq!(desk.sim.callers().count_of(Endpoint::Myself), 2);
    assert!(desk.sim.callers().unknown_requests().is_empty());
    let got = desk.get("/nothing/here").await;
    assert_eq!((got.status, &got.json["status-code"]), (404, &json!(404)));
    let got = desk.post("/issue/SUPPORT-1", &json!({})).await;
    assert_eq!((got.status, got.header("allow")), (405, Some("GET")));
    assert_eq!(
        desk.sim.callers().unknown_requests(),
        ["GET /rest/api/3/nothing/here", "POST /rest/api/3/issue/SUPPORT-1"]
    );
}
