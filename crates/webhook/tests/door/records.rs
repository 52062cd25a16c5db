//! What the ledger holds after an answer, and what the log says.

use std::collections::BTreeMap;

use futures::future::join_all;
use ledger::Delivery;

use crate::{ISSUE, answer, log, open, soon};

const IDENTIFIER: &str = "X-Atlassian-Webhook-Identifier";

fn subjects(delivery: &Delivery) -> Vec<String> {
    delivery.subjects.iter().map(|found| found.subject.to_string()).collect()
}

#[tokio::test]
async fn a_delivery_is_recorded_with_all_that_came() {
    let door = open().await;
    let request = door
        .signed(ISSUE)
        .header(IDENTIFIER, "4b0c9e8a-1f0d")
        .header("X-Atlassian-Webhook-Retry", "2")
        .header("X-Atlassian-Webhook-Flow", "Secondary");
    assert_eq!(answer(request).await.0, 200);
    let odd = door
        .signed(r#"{"webhookEvent":5,"issueLink":{"sourceIssueId":1,"destinationIssueId":2}}"#)
        .header(IDENTIFIER, "x".repeat(300))
        .header("X-Atlassian-Webhook-Retry", "often")
        .header("X-Atlassian-Webhook-Flow", "../x");
    assert_eq!(answer(odd).await.0, 200);

    let recorded = door.deliveries().await;
    let [first, second] = recorded.as_slice() else { panic!("{recorded:?}") };
    assert_eq!(first.identifier.as_deref(), Some("4b0c9e8a-1f0d"));
    assert_eq!(first.event.as_deref(), Some("jira:issue_updated"));
    assert_eq!(first.retry, Some(2));
    assert_eq!(first.flow.as_deref(), Some("Secondary"));
    assert_eq!(first.received_at.millis(), 1_770_000_000_000);
    assert_eq!(subjects(first), ["10021"]);
    let (_, body) = door.ledger.delivery(first.seq).await.unwrap().unwrap();
    assert_eq!(body, ISSUE.as_bytes(), "the bytes that were signed");

    assert_eq!((&second.identifier, &second.event), (&None, &None));
    assert_eq!((second.retry, &second.flow), (None, &None));
    assert_eq!(subjects(second), ["1", "2"]);
}

#[tokio::test]
async fn a_duplicate_is_answered_and_recorded_once() {
    let door = open().await;
    let first = answer(door.signed(ISSUE).header(IDENTIFIER, "one")).await;
    let again = answer(
        door.signed(ISSUE).header(IDENTIFIER, "one").header("X-Atlassian-Webhook-Retry", "1"),
    )
    .await;
    assert_eq!((first.0, &first), (200, &again));
    assert_eq!(door.recorded().await, 1);
    // Without an identifier nobody can tell, and one look too many does no harm.
    for expected in [2, 3] {
        assert_eq!(answer(door.signed(ISSUE)).await, first);
        assert_eq!(door.recorded().await, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_at_once_are_recorded_once_each() {
    let door = &open().await;
    let posts = (0..400).map(|post| async move {
        let number = post / 2 + 1; // each one twice
        let body =
            format!(r#"{{"webhookEvent":"jira:issue_updated","issue":{{"id":"{number}"}}}}"#);
        // As Jira does: a 503 is sent again.
        loop {
            let request = door.signed(body.clone()).header(IDENTIFIER, format!("n{number}"));
            match answer(request).await.0 {
                200 => break,
                status => assert_eq!(status, 503),
            }
        }
    });
    soon(join_all(posts)).await;

    let mut found = BTreeMap::new();
    let recorded = door.deliveries().await;
    for delivery in &recorded {
        let subjects = subjects(delivery);
        assert_eq!(delivery.identifier, Some(format!("n{}", subjects[0])));
        *found.entry(subjects).or_insert(0) += 1;
    }
    assert_eq!((recorded.len(), found.len()), (200, 200));
    assert!(found.values().all(|times| *times == 1));
}

#[tokio::test]
async fn the_log_tells_of_deliveries_and_never_what_they_say() {
    let door = open().await;
    answer(door.signed(r#"{"webhookEvent":"jira:issue_updated","issue":{"id":"7","key":"A-1","fields":{"summary":"PRIVATE"}}}"#)).await;
    answer(door.signed(
        r#"{"webhookEvent":"PRIVATE\nERROR forged","issue":{"key":"PRIVATE\nERROR forged"}}"#,
    ))
    .await;
    answer(door.signed(r#"{"webhookEvent":"PRIVATE"}"#).header(IDENTIFIER, "PRIVATE")).await;
    answer(door.signed(r#"["PRIVATE"]"#)).await;
    answer(door.unsigned("PRIVATE")).await;

    let text = log::of_this_test();
    let ours: Vec<_> = text.lines().filter(|line| line.contains("webhook::")).collect();
    assert_eq!(ours.len(), 5, "{text}");
    assert!(ours[0].contains("recorded: jira:issue_updated, A-1"), "{text}");
    assert!(ours[0].contains("took_ms="), "{text}");
    assert!(ours[2].contains("recorded: unknown, no issue"), "{text}");
    assert!(ours[3].contains("WARN") && ours[3].contains("status=400"), "{text}");
    assert!(!ours.iter().any(|line| line.contains("PRIVATE") || line.contains("forged")), "{text}");
    assert!(!text.contains(crate::SECRET), "{text}");
}
