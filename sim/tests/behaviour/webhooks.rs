//! Webhooks, as they arrive.

use std::collections::BTreeMap;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use sim::{NewComment, NewIssue, Outcome, Sim};

use crate::desk::Desk;
use crate::receiver::Receiver;

const SECRET: &str = "s3cret";

async fn listening() -> (Desk, Receiver) {
    let desk = Desk::open().await;
    let receiver = Receiver::open().await;
    desk.sim.knobs().change(|knobs| {
        knobs.webhook.without_changelog = 0.0;
        knobs.webhook.retry_min_ms = 5;
        knobs.webhook.retry_max_ms = 15;
    });
    desk.sim.webhooks().register(&receiver.url, Some(SECRET));
    (desk, receiver)
}

async fn settled(sim: &Sim) {
    sim.webhooks().settled(Duration::from_secs(20)).await.unwrap();
}

#[tokio::test]
async fn a_created_issue_is_announced_with_v2_strings_a_changelog_and_no_comments() {
    let (desk, receiver) = listening().await;
    let mut new = NewIssue::new("SUPPORT", "Hello");
    new.description = "First line\nsecond line".to_owned();
    let made = desk.sim.site().create(new).unwrap();
    settled(&desk.sim).await;
    let body = receiver.one("jira:issue_created").json;
    assert_eq!(body["issue"]["id"], made.id.to_string());
    assert_eq!(body["issue"]["key"], made.key);
    assert_eq!(body["issue"]["self"], format!("{}/rest/api/2/{}", desk.sim.url(), made.id));
    assert_eq!(body["issue"]["fields"]["description"], "First line\n\nsecond line");
    assert!(body["issue"]["fields"].get("comment").is_none());
    assert!(body["issue"]["fields"].get("worklog").is_none());
    assert!(body["changelog"]["items"].as_array().unwrap().len() > 1);
    assert!(body["timestamp"].is_i64());
    assert!(body["user"]["accountId"].is_string() && body["user"].get("emailAddress").is_none());
    assert!(!body.to_string().contains("/rest/api/3/"));
}

#[tokio::test]
async fn the_headers_and_the_signature_are_jiras() {
    let (desk, receiver) = listening().await;
    desk.issue("Signed");
    settled(&desk.sim).await;
    let heard = receiver.one("jira:issue_created");
    assert_eq!(heard.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(heard.header("user-agent"), Some("Atlassian Webhook HTTP Client"));
    assert_eq!(heard.header("x-atlassian-webhook-flow"), Some("Primary"));
    assert_eq!(heard.header("x-atlassian-webhook-retry"), None);
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(&heard.body);
    let expected = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
    assert_eq!(heard.header("x-hub-signature"), Some(expected.as_str()));
}

#[tokio::test]
async fn every_operation_sends_its_events_in_their_shapes() {
    let (desk, receiver) = listening().await;
    let site = desk.sim.site();
    let (key, other) = (desk.issue("One"), desk.issue("Two"));
    let id = site.id_of(&key).unwrap();
    site.set(&key, "summary", json!("One, edited")).unwrap();
    let comment = site.comment(&key, NewComment::text("said")).unwrap();
    site.edit_comment(&key, &comment, json!("meant")).unwrap();
    site.delete_comment(&key, &comment).unwrap();
    let link = site.link(&key, &other, "Blocks").unwrap();
    site.unlink(link).unwrap();
    let worklog = site.log_work(&key, 900, "worked").unwrap();
    site.delete_worklog(&key, &worklog).unwrap();
    let file = site.attach(&other, "a.txt", "text/plain", "x").unwrap();
    site.add_remote_link(&key, "https://e.org", "nobody is told").unwrap();
    settled(&desk.sim).await;

    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for event in receiver.events() {
        *counts.entry(event).or_default() += 1;
    }
    let expected = [
        ("attachment_created", 1),
        ("comment_created", 1),
        ("comment_deleted", 1),
        ("comment_updated", 1),
        ("issuelink_created", 1),
        ("issuelink_deleted", 1),
        ("jira:issue_created", 2),
        ("jira:issue_updated", 2),
        ("worklog_created", 1),
        ("worklog_deleted", 1),
    ];
    assert_eq!(counts, expected.map(|(event, count)| (event.to_owned(), count)).into());

    let said = receiver.one("comment_created").json;
    assert_eq!(said["comment"]["body"], "said");
    let short: Vec<&String> = said["issue"]["fields"].as_object().unwrap().keys().collect();
    assert_eq!(short, ["assignee", "issuetype", "priority", "project", "status", "summary"]);
    assert!(said.get("user").is_none() && said.get("changelog").is_none());
    assert_eq!(receiver.one("comment_deleted").json["comment"]["body"], "meant");

    let linked = receiver.one("issuelink_created").json;
    assert!(linked.get("issue").is_none() && linked.get("user").is_none());
    assert_eq!(linked["issueLink"]["sourceIssueId"], id);
    assert_eq!(linked["issueLink"]["id"], link);

    let worked = receiver.one("worklog_created").json;
    assert!(worked.get("issue").is_none());
    assert_eq!(worked["worklog"]["issueId"], id.to_string());
    assert_eq!(worked["worklog"]["comment"], "worked");

    let attached = receiver.one("attachment_created").json;
    assert!(attached.get("issue").is_none() && !attached.to_string().contains(&other));
    assert_eq!(attached["attachment"]["id"], file.to_string());
    let update = receiver
        .heard()
        .into_iter()
        .find(|heard| heard.json["changelog"]["items"][0]["field"] == "Attachment");
    assert_eq!(update.unwrap().json["issue"]["key"], other);
}

#[tokio::test]
async fn an_edit_says_what_changed_from_and_to() {
    let (desk, receiver) = listening().await;
    let key = desk.issue("Before");
    desk.sim.site().set(&key, "summary", json!("After")).unwrap();
    desk.sim.site().transition(&key, "Resolved").unwrap();
    settled(&desk.sim).await;
    let heard = receiver.heard();
    let of = |kind: &str| {
        heard.iter().find(|it| it.json["issue_event_type_name"] == kind).unwrap().json.clone()
    };
    let item = &of("issue_updated")["changelog"]["items"][0];
    assert_eq!(
        item,
        &json!({"field": "summary", "fieldtype": "jira", "fieldId": "summary", "from": null,
            "fromString": "Before", "to": null, "toString": "After"})
    );
    let moved = of("issue_generic");
    let fields: Vec<&Value> =
        moved["changelog"]["items"].as_array().unwrap().iter().map(|it| &it["field"]).collect();
    assert_eq!(fields, ["status", "resolution"]);
    assert_eq!(moved["issue"]["fields"]["status"]["name"], "Resolved");
}

#[tokio::test]
async fn a_deleted_issue_takes_its_comments_and_links_along_as_fallout() {
    let (desk, receiver) = listening().await;
    let (key, other) = (desk.issue("Gone"), desk.issue("Stays"));
    desk.sim.site().comment(&key, NewComment::text("last words")).unwrap();
    desk.sim.site().link(&key, &other, "Relates").unwrap();
    desk.sim.site().delete(&key).unwrap();
    settled(&desk.sim).await;
    let deleted = receiver.one("jira:issue_deleted");
    assert_eq!(deleted.json["issue"]["fields"]["comment"]["total"], 0);
    assert!(deleted.json.get("changelog").is_none());
    assert_eq!(deleted.header("x-atlassian-webhook-flow"), Some("Primary"));
    for fallout in ["comment_deleted", "issuelink_deleted"] {
        let heard = receiver.one(fallout);
        assert_eq!(heard.header("x-atlassian-webhook-flow"), Some("Secondary"), "{fallout}");
    }
}

#[tokio::test]
async fn own_trouble_is_retried_with_the_same_identifier_and_a_rising_count() {
    let (desk, receiver) = listening().await;
    receiver.answer_next(&[503, 429, 408]);
    desk.issue("Retried");
    settled(&desk.sim).await;
    let heard = receiver.heard();
    let retries: Vec<_> = heard.iter().map(|it| it.header("x-atlassian-webhook-retry")).collect();
    assert_eq!(retries, [None, Some("1"), Some("2"), Some("3")]);
    let identifier = heard[0].header("x-atlassian-webhook-identifier").unwrap();
    assert!(heard.iter().all(|it| it.header("x-atlassian-webhook-identifier") == Some(identifier)));
    let delivery = desk.sim.webhooks().deliveries().remove(0);
    assert_eq!(delivery.outcome, Outcome::Delivered);
    assert_eq!(desk.sim.webhooks().acknowledged(), [identifier]);
}

#[tokio::test]
async fn refusals_are_not_retried_and_retries_end() {
    let (desk, receiver) = listening().await;
    receiver.answer_next(&[400]);
    desk.issue("Refused");
    settled(&desk.sim).await;
    assert_eq!(receiver.heard().len(), 1);
    receiver.answer_next(&[500; 6]);
    desk.issue("Never");
    settled(&desk.sim).await;
    assert_eq!(receiver.heard().len(), 7);
    let outcomes: Vec<_> = desk.sim.webhooks().deliveries().iter().map(|it| it.outcome).collect();
    assert_eq!(outcomes, [Outcome::Refused, Outcome::GivenUp]);
    assert!(desk.sim.webhooks().acknowledged().is_empty());
}

#[tokio::test]
async fn nobody_listening_is_retried_and_given_up() {
    let desk = Desk::open().await;
    desk.sim.knobs().change(|knobs| {
        knobs.webhook.retry_min_ms = 1;
        knobs.webhook.retry_max_ms = 2;
    });
    desk.sim.webhooks().register("http://127.0.0.1:9/closed", Some(SECRET));
    desk.issue("Unheard");
    settled(&desk.sim).await;
    let delivery = desk.sim.webhooks().deliveries().remove(0);
    assert_eq!((delivery.attempts.len(), delivery.outcome), (6, Outcome::GivenUp));
}

#[tokio::test]
async fn a_destination_that_failed_for_long_gets_one_attempt_until_a_success() {
    let (desk, receiver) = listening().await;
    desk.sim.knobs().change(|knobs| knobs.webhook.give_up_after_ms = 0);
    receiver.answer_next(&[500, 500]);
    for (summary, attempts) in [("first", 1), ("second", 2), ("heard", 3)] {
        desk.issue(summary);
        settled(&desk.sim).await;
        assert_eq!(receiver.heard().len(), attempts, "{summary}");
    }
    desk.sim.knobs().change(|knobs| knobs.webhook.give_up_after_ms = 60_000);
    receiver.answer_next(&[500]);
    desk.issue("retried again");
    settled(&desk.sim).await;
    assert_eq!(receiver.heard().len(), 5);
}

#[tokio::test]
async fn a_webhook_can_be_for_some_events_and_unsigned() {
    let desk = Desk::open().await;
    let receiver = Receiver::open().await;
    let (url, events) = (receiver.url.clone(), vec!["comment_created".to_owned()]);
    desk.sim.webhooks().register_for(sim::Registration { url, secret: None, events });
    let key = desk.issue("Chosen");
    desk.sim.site().comment(&key, NewComment::text("only this")).unwrap();
    settled(&desk.sim).await;
    assert_eq!(receiver.events(), ["comment_created"]);
    assert_eq!(receiver.heard()[0].header("x-hub-signature"), None);
}

#[tokio::test]
async fn an_edit_that_cannot_be_made_changes_and_announces_nothing() {
    let (desk, receiver) = listening().await;
    desk.sim.clock().stop_at(1_770_116_812_829);
    let key = desk.issue("As it was");
    settled(&desk.sim).await;
    let site = desk.sim.site();
    let before = site.truth_of(&key).unwrap().issue;
    let values = ["summary", "colour"].map(|field| (field.to_owned(), json!("x"))).to_vec();
    assert_eq!(
        site.set_all(&key, values).unwrap_err().to_string(),
        "the site has no field `colour`"
    );
    assert!(site.transition(&key, "Nowhere").is_err());
    assert!(site.edit_comment(&key, "1", json!("x")).is_err());
    assert!(site.move_to(&key, "NONE").is_err());
    assert!(site.link(&key, "NONE-1", "Blocks").is_err());
    settled(&desk.sim).await;
    assert_eq!(site.truth_of(&key).unwrap().issue, before);
    assert_eq!(receiver.events(), ["jira:issue_created"]);
}

#[tokio::test]
async fn deliveries_are_dropped_and_doubled_as_told() {
    let (desk, receiver) = listening().await;
    desk.sim.knobs().change(|knobs| {
        knobs.webhook.drop.insert("jira:issue_created".to_owned(), 1.0);
        knobs.webhook.duplicates = 1.0;
    });
    let key = desk.issue("Unannounced");
    desk.sim.site().set(&key, "summary", json!("Twice")).unwrap();
    settled(&desk.sim).await;
    assert_eq!(receiver.events(), ["jira:issue_updated", "jira:issue_updated"]);
    let heard = receiver.heard();
    let identifier = |n: usize| heard[n].header("x-atlassian-webhook-identifier");
    assert_eq!(identifier(0), identifier(1));
    assert_eq!(heard[1].header("x-atlassian-webhook-retry"), Some("1"));
    assert_eq!(desk.sim.webhooks().deliveries()[0].outcome, Outcome::Dropped);
}

#[tokio::test]
async fn deliveries_overtake_one_another_within_the_window() {
    let (desk, receiver) = listening().await;
    desk.sim.knobs().change(|knobs| knobs.webhook.reorder_ms = 80);
    let key = desk.issue("0");
    for n in 1..30 {
        desk.sim.site().set(&key, "summary", json!(n.to_string())).unwrap();
    }
    settled(&desk.sim).await;
    let order: Vec<u32> = receiver
        .heard()
        .iter()
        .map(|heard| heard.json["issue"]["fields"]["summary"].as_str().unwrap().parse().unwrap())
        .collect();
    assert_eq!(order.len(), 30);
    assert!(!order.is_sorted(), "{order:?}");
}

#[tokio::test]
async fn the_same_seed_makes_the_same_edits() {
    let run = async || {
        let desk = Desk::open().await;
        desk.sim.clock().stop_at(1_770_116_812_829);
        let edits = desk.sim.editor().burst(60).unwrap();
        edits.into_iter().map(|edit| (edit.key, edit.what)).collect::<Vec<_>>()
    };
    let first = run().await;
    assert_eq!(first, run().await);
    assert!(first.iter().any(|(_, what)| *what == "commented"));
}
