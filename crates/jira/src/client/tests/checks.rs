//! Status and headers: every class of answer becomes its error, and an answer given to somebody else
//! is believed in no form.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{JSON, Stub, response};
use crate::client::{Error, Fields, History, IssueQuery, Outage, Scope};
use crate::id::{IssueId, Subject};

const ISSUE: &str = r#"{"id":"7","key":"A-1","fields":{}}"#;

fn id() -> IssueId {
    IssueId::new(7).unwrap()
}

fn whole() -> IssueQuery {
    IssueQuery { fields: Fields::All, history: History::Embed }
}

/// The error that a fixed answer to `GET /issue/7` becomes.
async fn error_of(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Error {
    let stub = Stub::always(status, headers, body).await;
    stub.client().issue(&Subject::Id(id()), whole()).await.unwrap_err()
}

#[tokio::test]
async fn each_status_becomes_its_error() {
    let body = r#"{"errorMessages":["no"],"errors":{}}"#;
    assert!(matches!(error_of(401, &[JSON], body).await, Error::Unauthorized));
    assert!(matches!(error_of(403, &[JSON], body).await, Error::Forbidden));
    assert!(matches!(error_of(404, &[JSON], body).await, Error::NotFound));
    for status in [204, 205] {
        assert!(matches!(error_of(status, &[JSON], "").await, Error::Malformed { .. }));
    }
    for expected in [301, 302, 303, 307, 308, 304, 400, 405, 409, 410, 413, 415, 422] {
        match error_of(expected, &[JSON], if expected == 304 { "" } else { body }).await {
            Error::Rejected { status } => assert_eq!(status, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
    for expected in [500, 502, 503, 504, 520] {
        match error_of(expected, &[JSON], body).await {
            Error::Server { status, wait: None } => assert_eq!(status, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
    let timeout = error_of(408, &[], "").await;
    assert!(matches!(timeout, Error::Unreachable { what: Outage::TimedOut, .. }), "{timeout:?}");
}

#[tokio::test]
async fn a_throttled_answer_says_how_long_and_what() {
    let check = async |status,
                       headers: &[(&'static str, &'static str)],
                       seconds: Option<u64>,
                       what| {
        match error_of(status, headers, "slow down").await {
            Error::Throttled { wait, scope } => {
                assert_eq!((wait, scope), (seconds.map(Duration::from_secs), what), "{headers:?}");
            }
            other => panic!("{headers:?}: {other:?}"),
        }
    };
    let quota = ("ratelimit-reason", "jira-quota-global-based");
    check(429, &[("retry-after", "1847"), quota], Some(1847), Scope::Everything).await;
    let burst = ("ratelimit-reason", "jira-burst-based");
    check(429, &[("retry-after", "1"), burst], Some(1), Scope::Endpoint).await;
    let issue = ("ratelimit-reason", "jira-per-issue-on-write");
    check(429, &[issue], None, Scope::Issue).await;
    check(429, &[("beta-retry-after", "9")], None, Scope::Endpoint).await;
    let now = ("date", "Thu, 26 Mar 2026 15:59:30 GMT");
    check(429, &[("x-ratelimit-reset", "2026-03-26T16:00Z"), now], Some(30), Scope::Endpoint).await;
    check(503, &[("retry-after", "5")], Some(5), Scope::Endpoint).await;
    check(503, &[("retry-after", "0")], None, Scope::Endpoint).await;
}

#[tokio::test]
async fn an_answer_to_nobody_is_not_believed() {
    for status in [200, 403, 404, 400] {
        for reason in [
            "AUTHENTICATED_FAILED",
            "authenticated_failed",
            "OUT, AUTHENTICATED_FAILED",
            "AUTHENTICATION_DENIED",
            "OK,Authentication_Denied",
        ] {
            let error = error_of(status, &[JSON, ("x-seraph-loginreason", reason)], ISSUE).await;
            assert!(matches!(error, Error::Anonymous), "{status} {reason}: {error:?}");
        }
        let two = [
            JSON,
            ("x-seraph-loginreason", "OK"),
            ("x-seraph-loginreason", "AUTHENTICATED_FAILED"),
        ];
        assert!(matches!(error_of(status, &two, ISSUE).await, Error::Anonymous));
    }
    let stub = Stub::always(200, &[JSON, ("x-seraph-loginreason", "OK")], ISSUE).await;
    assert!(stub.client().issue(&Subject::Id(id()), whole()).await.is_ok());
}

#[tokio::test]
async fn an_empty_list_given_to_nobody_is_not_an_empty_list() {
    let anonymous = [JSON, ("x-seraph-loginreason", "AUTHENTICATED_FAILED")];
    let stub = Stub::always(200, &anonymous, "[]").await;
    assert!(matches!(stub.client().remote_links(id()).await, Err(Error::Anonymous)));
    assert!(matches!(stub.client().fields().await, Err(Error::Anonymous)));
    let stub = Stub::always(200, &anonymous, r#"{"issues":[],"isLast":true}"#).await;
    assert!(matches!(stub.client().search_keys("project = A", None).await, Err(Error::Anonymous)));
}

/// `/myself` and everything else, each with its own `X-AAccountId`.
async fn two_faced(mine: Option<&'static str>, later: Option<&'static str>, status: u16) -> Stub {
    Stub::start(move |asked| {
        let myself = asked.target.ends_with("/myself");
        let account = if myself { mine } else { later };
        let mut headers = vec![JSON];
        headers.extend(account.map(|id| ("x-aaccountid", id)));
        if myself {
            response(200, &headers, r#"{"accountId":"712020:ada","timeZone":"Asia/Tokyo"}"#)
        } else {
            response(status, &headers, ISSUE)
        }
    })
    .await
}

#[tokio::test]
async fn once_known_the_account_must_be_the_same_in_every_answer() {
    let (ada, eve) = (Some("712020:ada"), Some("712020:eve"));
    let check = async |mine, later, status, anonymous: bool| {
        let stub = two_faced(mine, later, status).await;
        let client = stub.client();
        assert_eq!(client.identify().await.unwrap().myself.account_id, "712020:ada");
        // A clone knows it too.
        let answer = client.clone().issue(&Subject::Id(id()), whole()).await;
        let said = matches!(answer, Err(Error::Anonymous));
        assert_eq!(said, anonymous, "{mine:?} {later:?} {status}: {answer:?}");
    };
    for status in [200, 403, 404] {
        check(ada, ada, status, false).await;
        check(ada, None, status, true).await;
        check(ada, Some(""), status, true).await;
        check(ada, eve, status, true).await;
        // A site (or a proxy) that never tells cannot be asked to.
        check(None, None, status, false).await;
    }
    // What stands before Jira limits and fails without knowing accounts.
    for status in [429, 500, 502] {
        check(ada, None, status, false).await;
    }
}

#[tokio::test]
async fn before_anyone_asked_who_we_are_the_account_is_not_compared() {
    let stub = two_faced(Some("712020:ada"), None, 200).await;
    assert!(stub.client().issue(&Subject::Id(id()), whole()).await.is_ok());
}

#[tokio::test]
async fn who_am_i_is_not_answered_by_an_anonymous_caller() {
    let check = async |status, headers: &[(&'static str, &'static str)], body| {
        let stub = Stub::always(status, headers, body).await;
        stub.client().identify().await.unwrap_err()
    };
    assert!(matches!(check(401, &[JSON], "{}").await, Error::Unauthorized));
    let failed = [JSON, ("x-seraph-loginreason", "AUTHENTICATED_FAILED")];
    assert!(matches!(check(200, &failed, r#"{"accountId":"a"}"#).await, Error::Anonymous));
    for body in ["{}", "[]", r#"{"accountId":""}"#, r#"{"accountId":null}"#] {
        assert!(matches!(check(200, &[JSON], body).await, Error::Malformed { .. }), "{body}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_credentials_stay() {
    let other = Stub::always(200, &[JSON], ISSUE).await;
    let location: &'static str = format!("{}/rest/api/3/issue/7", other.origin).leak();
    for status in [301, 302, 303, 307, 308] {
        let stub = Stub::always(status, &[("location", location)], "").await;
        let error = stub.client().issue(&Subject::Id(id()), whole()).await.unwrap_err();
        assert!(matches!(error, Error::Rejected { status: s } if s == status), "{error:?}");
        assert_eq!(stub.asked().len(), 1);
    }
    assert!(other.asked().is_empty(), "{:?}", other.asked());
}

#[tokio::test]
async fn nothing_is_tried_twice() {
    for status in [200, 401, 404, 408, 429, 500, 503] {
        let count = std::sync::Arc::new(AtomicUsize::new(0));
        let counter = std::sync::Arc::clone(&count);
        let stub = Stub::start(move |_| {
            counter.fetch_add(1, Ordering::SeqCst);
            response(status, &[JSON], "not json")
        })
        .await;
        assert!(stub.client().issue(&Subject::Id(id()), whole()).await.is_err());
        assert_eq!(count.load(Ordering::SeqCst), 1, "{status}");
    }
}
