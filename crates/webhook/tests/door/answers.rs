//! What the sender is told.

use serde_json::{Value, json};
use webhook::{Debug, Limits};

use crate::{ISSUE, OLD_SECRET, SECRET, answer, open, open_with, refused, sign};

#[tokio::test]
async fn a_signed_delivery_is_answered_with_its_event_and_issue() {
    let door = open().await;
    for (body, event, issue) in [
        (ISSUE, json!("jira:issue_updated"), json!("KAN-22")),
        (
            r#"{"webhookEvent":"jira:issue_deleted","issue":{"id":7}}"#,
            json!("jira:issue_deleted"),
            json!("7"),
        ),
        (
            r#"{"webhookEvent":"issuelink_created","issueLink":{"sourceIssueId":8,"destinationIssueId":9}}"#,
            json!("issuelink_created"),
            json!("8"),
        ),
        (
            r#"{"webhookEvent":"worklog_created","worklog":{"issueId":"11"}}"#,
            json!("worklog_created"),
            json!("11"),
        ),
        (
            r#"{"webhookEvent":"comment_created","comment":{"self":"https://s/rest/api/2/issue/12/comment/3"}}"#,
            json!("comment_created"),
            json!("12"),
        ),
        (
            r#"{"webhookEvent":"attachment_created","attachment":{"id":"31819"}}"#,
            json!("attachment_created"),
            Value::Null,
        ),
        (
            r#"{"webhookEvent":"never_heard_of","issue":{"key":"A-1"}}"#,
            json!("never_heard_of"),
            json!("A-1"),
        ),
        (
            r#"{"webhookEvent":"jira:issue_updated","issue":{"id":"13","key":"../../A-1"}}"#,
            json!("jira:issue_updated"),
            json!("13"),
        ),
        ("{}", Value::Null, Value::Null),
        (r#"{"webhookEvent":null}"#, Value::Null, Value::Null),
        (r#"{"webhookEvent":5}"#, Value::Null, Value::Null),
        (r#"{"webhookEvent":["jira:issue_deleted"],"issue":[]}"#, Value::Null, Value::Null),
        (r#"{"webhookEvent":"<script>\u0000\n../","issue":"A-1"}"#, Value::Null, Value::Null),
    ] {
        let told = answer(door.signed(body)).await;
        assert_eq!(told, (200, json!({"status": "ok", "event": event, "issue": issue})), "{body}");
    }
    assert_eq!(door.recorded().await, 13);
}

#[tokio::test]
async fn what_is_signed_but_no_object_is_the_senders_mistake() {
    let door = open().await;
    for body in [
        "",
        " ",
        "[]",
        r#"[{"webhookEvent":"a"}]"#,
        r#""text""#,
        "null",
        "5",
        "{",
        "{}x",
        "\u{feff}{}",
        "not json",
    ] {
        assert_eq!(answer(door.signed(body)).await, (400, refused("not_json")), "{body:?}");
    }
    for body in [&b"{\"a\":\"\xff\"}"[..], b"\x1f\x8b\x08\x00\x00\x00\x00\x00", b"\0"] {
        assert_eq!(answer(door.signed(body)).await, (400, refused("not_json")), "{body:?}");
    }
    assert_eq!(door.recorded().await, 0);
}

#[tokio::test]
async fn nothing_is_looked_at_before_the_signature() {
    let door = open().await;
    let (good, other) = (sign(SECRET, ISSUE.as_bytes()), sign("another secret", ISSUE.as_bytes()));
    for body in [ISSUE, "{}", "garbage", "[]", ""] {
        assert_eq!(answer(door.unsigned(body)).await, (401, refused("unsigned")), "{body}");
        let wrong = door.unsigned(body).header("X-Hub-Signature", &other);
        assert_eq!(answer(wrong).await, (401, refused("wrong_signature")), "{body}");
    }
    let moved = door.unsigned(format!("{ISSUE} ")).header("X-Hub-Signature", &good);
    assert_eq!(answer(moved).await, (401, refused("wrong_signature")));
    let sha1 = door.unsigned(ISSUE).header("X-Hub-Signature", good.replace("sha256", "sha1"));
    assert_eq!(answer(sha1).await, (401, refused("wrong_signature")));
    assert_eq!(door.recorded().await, 0);
}

#[tokio::test]
async fn either_secret_and_either_header_open_the_door() {
    let door = open().await;
    for secret in [SECRET, OLD_SECRET] {
        for header in ["X-Hub-Signature", "x-hub-signature-256"] {
            let request = door.unsigned(ISSUE).header(header, sign(secret, ISSUE.as_bytes()));
            assert_eq!(answer(request).await.0, 200, "{header}");
        }
    }
}

#[tokio::test]
async fn content_types_do_not_matter() {
    let door = open().await;
    for kind in
        ["application/json; charset=utf-8", "text/plain", "application/x-www-form-urlencoded", "?"]
    {
        assert_eq!(answer(door.signed(ISSUE).header("content-type", kind)).await.0, 200, "{kind}");
    }
}

#[tokio::test]
async fn only_posts_are_deliveries() {
    let door = open().await;
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let method = method.parse().unwrap();
        let response =
            door.client.request(method, door.url("/webhooks/jira")).send().await.unwrap();
        assert_eq!(response.headers()["allow"], "POST");
        assert_eq!(crate::read(response).await, (405, refused("not_a_post")));
    }
}

#[tokio::test]
async fn a_ledger_that_cannot_write_is_our_trouble() {
    let door = open().await;
    door.ledger.close().await;
    assert_eq!(answer(door.signed(ISSUE)).await, (503, refused("error")));
    // Even then: what is the sender's mistake stays the sender's mistake.
    assert_eq!(answer(door.signed("[]")).await.0, 400);
    assert_eq!(answer(door.unsigned(ISSUE)).await.0, 401);
}

#[tokio::test]
async fn people_can_hint_only_where_debugging_is_on() {
    let door = open().await;
    let path = door.url("/webhooks/jira/test?issue=SUPPORT-1");
    assert_eq!(door.client.post(path).send().await.unwrap().status(), 404);
    assert_eq!(door.ledger.counts().await.unwrap().work_waiting, 0);

    let door = open_with(Limits::default(), Debug::On).await;
    let ask = |query: &str| door.client.post(door.url("/webhooks/jira/test") + query);
    let told = |key: &str| (200, json!({"status": "ok", "issue": key}));
    assert_eq!(answer(ask("?issue=SUPPORT-1")).await, told("SUPPORT-1"));
    assert_eq!(answer(ask("").json(&json!({"issue_key": "SUPPORT-2"}))).await, told("SUPPORT-2"));
    for bad in ["", "?issue=", "?issue=../A-1", "?issue=A-1%0A", "?other=A-1"] {
        assert_eq!(answer(ask(bad)).await, (400, refused("no_issue_key")), "{bad}");
    }
    assert_eq!(answer(ask("").json(&json!({"issue_key": 5}))).await.0, 400);
    assert_eq!(door.ledger.counts().await.unwrap().work_waiting, 2);

    door.ledger.close().await;
    assert_eq!(answer(ask("?issue=SUPPORT-1")).await, (503, refused("error")));
}

#[tokio::test]
async fn everything_is_counted() {
    let door = open().await;
    answer(door.signed(ISSUE).header("X-Atlassian-Webhook-Identifier", "one")).await;
    answer(door.signed(ISSUE).header("X-Atlassian-Webhook-Identifier", "one")).await;
    answer(door.unsigned(ISSUE)).await;
    answer(door.signed("[]")).await;
    let text = door.metrics();
    for line in [
        r#"jiralake_webhook_requests_total{outcome="ok"} 1"#,
        r#"jiralake_webhook_requests_total{outcome="duplicate"} 1"#,
        r#"jiralake_webhook_requests_total{outcome="unsigned"} 1"#,
        r#"jiralake_webhook_requests_total{outcome="wrong_signature"} 0"#,
        r#"jiralake_webhook_requests_total{outcome="not_json"} 1"#,
        r#"jiralake_webhook_requests_total{outcome="too_large"} 0"#,
        r#"jiralake_webhook_requests_total{outcome="timeout"} 0"#,
        r#"jiralake_webhook_requests_total{outcome="busy"} 0"#,
        r#"jiralake_webhook_requests_total{outcome="error"} 0"#,
        "jiralake_webhook_ack_seconds_count 2",
        "jiralake_webhook_body_bytes_count 3",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}
