//! The client keeps to the pace: with a real server and a real clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{JSON, Stub, account, response};
use crate::client::{Account, BaseUrl, Client, Error, Limits, Scope};
use crate::id::{AttachmentId, IssueId};
use crate::pace::{Pace, Priority, Rates};

fn id() -> IssueId {
    IssueId::new(7).unwrap()
}

/// A site that throttles its first answer with these headers, and is well afterwards.
async fn throttles_once(status: u16, headers: &'static [(&'static str, &'static str)]) -> Stub {
    let count = AtomicUsize::new(0);
    Stub::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => response(status, headers, "slow down"),
        _ => response(200, &[JSON], "[]"),
    })
    .await
}

fn is_throttled<T>(answer: &Result<T, Error>, what: Scope) -> bool {
    matches!(answer, Err(Error::Throttled { wait: Some(_), scope }) if *scope == what)
}

#[tokio::test]
async fn no_request_reaches_the_server_during_a_pause() {
    let quota = [("retry-after", "600"), ("ratelimit-reason", "jira-quota-tenant-based")];
    let stub = throttles_once(429, quota.to_vec().leak()).await;
    let pace = Pace::default();
    let client = Client::with_pace(account(&stub.origin, Limits::default()), pace.clone()).unwrap();
    let base = BaseUrl::gateway(&stub.origin, "11111111-2222").unwrap();
    let other = Account { base, ..account(&stub.origin, Limits::default()) };
    let other = Client::with_pace(other, pace.clone()).unwrap();
    assert!(is_throttled(&client.remote_links(id()).await, Scope::Everything));
    let began = Instant::now();
    for client in [&client, &client.at(Priority::Backfill), &other] {
        assert!(is_throttled(&client.remote_links(id()).await, Scope::Everything));
        assert!(is_throttled(&client.fields().await, Scope::Everything));
        assert!(is_throttled(&client.search_keys("id = 7", None).await, Scope::Everything));
        assert!(is_throttled(&client.identify().await, Scope::Everything));
        assert!(is_throttled(&client.tenant_info().await, Scope::Everything));
        let place = client.attachment_place(AttachmentId::new(7).unwrap()).await;
        assert!(is_throttled(&place, Scope::Everything));
    }
    assert!(began.elapsed() < Duration::from_secs(2), "a long pause is not waited for");
    assert_eq!(stub.asked().len(), 1);
    let state = pace.state();
    assert_eq!((state.held_back, state.in_flight, state.waiting), (18, 0, 0));
    assert!(state.paused > Duration::from_secs(590), "{state:?}");
}

#[tokio::test]
async fn a_short_pause_of_one_endpoint_is_waited_for() {
    for (status, reason) in [(429, "jira-burst-based"), (503, "")] {
        let headers = [("retry-after", "1"), ("ratelimit-reason", reason)];
        let stub = throttles_once(status, headers.to_vec().leak()).await;
        let client = stub.client();
        assert!(is_throttled(&client.remote_links(id()).await, Scope::Endpoint));
        let began = Instant::now();
        client.fields().await.unwrap();
        assert!(began.elapsed() < Duration::from_millis(900), "another endpoint goes on");
        client.remote_links(id()).await.unwrap();
        assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
        assert_eq!(stub.asked().len(), 3);
    }
}

#[tokio::test]
async fn the_limit_of_one_issue_and_failures_hold_nobody_back() {
    let issue = [("retry-after", "600"), ("ratelimit-reason", "jira-per-issue-on-write")];
    for (status, headers) in [(429, &issue[..]), (500, &[]), (503, &[]), (404, &[])] {
        let stub = throttles_once(status, headers.to_vec().leak()).await;
        let client = stub.client();
        assert!(client.remote_links(id()).await.is_err());
        assert!(client.remote_links(id()).await.is_ok(), "{status}");
    }
}

#[tokio::test]
async fn clients_of_one_pace_share_its_buckets() {
    let stub = Stub::always(200, &[JSON], "[]").await;
    let pace = Pace::new(Rates { in_flight: 1, ..Rates::default() });
    let ada = account(&stub.origin, Limits::default());
    let eve = Account { email: "eve@example.com".to_owned(), ..ada.clone() };
    for account in [ada, eve] {
        let client = Client::with_pace(account, pace.clone()).unwrap();
        client.remote_links(id()).await.unwrap();
        client.at(Priority::Sweep).remote_links(id()).await.unwrap();
        assert_eq!(client.pace().state().in_flight, 0);
    }
    let [links] = &pace.state().endpoints[..] else { panic!("{pace:?}") };
    assert_eq!((links.name, links.method.as_str(), links.sent), ("remote_links", "GET", 4));
    assert!(!format!("{pace:?}").contains("example.com"), "{pace:?}");
}

#[tokio::test]
async fn the_priority_of_a_client_is_the_priority_of_its_calls() {
    let stub = Stub::start(|_| {
        std::thread::sleep(Duration::from_millis(200));
        response(200, &[JSON], "[]")
    })
    .await;
    let pace = Pace::new(Rates { in_flight: 1, ..Rates::default() });
    let client = Client::with_pace(account(&stub.origin, Limits::default()), pace).unwrap();
    let asks = |priority| {
        let client = client.at(priority);
        tokio::spawn(async move { client.statuses().await.map(drop) })
    };
    let first = asks(Priority::Webhook);
    while client.pace().state().in_flight == 0 {
        tokio::task::yield_now().await;
    }
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for (waiting, priority) in
        [Priority::Backfill, Priority::Sla, Priority::Webhook].into_iter().enumerate()
    {
        let (task, order) = (asks(priority), Arc::clone(&order));
        tasks.push(tokio::spawn(async move {
            task.await.unwrap().unwrap();
            order.lock().unwrap().push(priority);
        }));
        while client.pace().state().waiting <= waiting && !first.is_finished() {
            tokio::task::yield_now().await;
        }
    }
    first.await.unwrap().unwrap();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), [Priority::Webhook, Priority::Sla, Priority::Backfill]);
}
