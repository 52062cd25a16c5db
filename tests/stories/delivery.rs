//! Deliveries come twice, late, in another order, without an issue, or not at all.

use serde_json::json;
use sim::{NewComment, NewIssue};

use crate::signing::sign;
use crate::world::{SECRET, World};

/// Posts a body as Jira would; answers status and body.
async fn post(world: &World, body: &str, identifier: Option<&str>) -> (u16, serde_json::Value) {
    let url = format!("http://{}/webhooks/jira", world.address());
    let mut request = world.http.post(url).header("X-Hub-Signature", sign(SECRET, body.as_bytes()));
    if let Some(identifier) = identifier {
        request = request.header("X-Atlassian-Webhook-Identifier", identifier);
    }
    let answer = request.body(body.to_owned()).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicates_and_disorder_change_nothing() {
    let world = World::new().await;
    world.sim.knobs().change(|knobs| {
        knobs.webhook.duplicates = 0.5;
        knobs.webhook.reorder_ms = 60;
    });
    let site = world.sim.site();
    let key = site.create(NewIssue::new("SUPPORT", "Busy")).unwrap().key;
    for round in 0..40 {
        site.set(&key, "summary", json!(format!("Round {round}"))).unwrap();
        site.comment(&key, NewComment::text(&format!("Comment {round}"))).unwrap();
    }
    world.quiet().await;
    let metrics = world.metrics().await;
    let state = |name: &str| metrics[&format!("jiralake_deliveries{{state=\"{name}\"}}")];
    let sent = world.sim.webhooks().deliveries();
    let total: f64 =
        ["applied", "superseded", "parked", "pending", "noted"].map(state).iter().sum();
    assert_eq!(total, sent.len() as f64, "every delivery is recorded once, whatever came twice");
    assert!(sent.iter().any(|delivery| delivery.attempts.len() > 1), "some did come twice");
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_comment_events_are_made_good_by_the_next_hint() {
    let world = World::new().await;
    world.sim.knobs().change(|knobs| {
        knobs.webhook.drop.insert("comment_created".into(), 1.0);
        knobs.webhook.drop.insert("worklog_created".into(), 1.0);
        knobs.webhook.drop.insert("issuelink_created".into(), 1.0);
    });
    let site = world.sim.site();
    let one = site.create(NewIssue::new("SUPPORT", "One")).unwrap().key;
    let two = site.create(NewIssue::new("SUPPORT", "Two")).unwrap().key;
    site.comment(&one, NewComment::text("Nobody hears this")).unwrap();
    site.log_work(&one, 60, "Nor this").unwrap();
    site.link(&one, &two, "Relates").unwrap();
    for key in [&one, &two] {
        site.announce(key).unwrap();
    }
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_without_an_issue_are_accepted_and_lead_where_they_can() {
    let world = World::new().await;
    let site = world.sim.site();
    let one = site.create(NewIssue::new("SUPPORT", "One")).unwrap();
    let two = site.create(NewIssue::new("SUPPORT", "Two")).unwrap();
    world.quiet().await;
    let old = format!("https://x/rest/api/2/issue/{}/comment/7", one.id);
    for (body, issue) in [
        (
            json!({"webhookEvent": "worklog_created", "worklog": {"issueId": one.id.to_string()}}),
            json!(one.id.to_string()),
        ),
        (
            json!({"webhookEvent": "issuelink_created",
            "issueLink": {"sourceIssueId": one.id, "destinationIssueId": two.id}}),
            json!(one.id.to_string()),
        ),
        (
            json!({"webhookEvent": "comment_created", "comment": {"self": old, "id": "7"}}),
            json!(one.id.to_string()),
        ),
        (json!({"webhookEvent": "attachment_created", "attachment": {"id": "9"}}), json!(null)),
        (json!({"webhookEvent": "board_created", "board": {"id": 1}}), json!(null)),
        (json!({"webhookEvent": "something_new"}), json!(null)),
        (json!({"webhookEvent": null}), json!(null)),
        (json!({}), json!(null)),
    ] {
        let (status, answer) = post(&world, &body.to_string(), None).await;
        assert_eq!((status, &answer["issue"]), (200, &issue), "{body}");
    }
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_sender_gets_wrong_is_his_and_never_a_5xx() {
    let world = World::new().await;
    for body in ["[]", "\"text\"", "null", "7", "", "{", "{\"a\":1}}", "\u{feff}{}"] {
        assert_eq!(post(&world, body, None).await.0, 400, "{body:?}");
    }
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_identifier_is_recorded_once() {
    let world = World::new().await;
    let made = world.sim.site().create(NewIssue::new("SUPPORT", "One")).unwrap();
    world.quiet().await;
    let before = world.sim.webhooks().deliveries().len();
    let body = json!({"webhookEvent": "jira:issue_updated",
        "issue": {"id": made.id.to_string(), "key": made.key}});
    for _ in 0..5 {
        assert_eq!(post(&world, &body.to_string(), Some("the-same")).await.0, 200);
    }
    let listed = world.command(&["events", "list", "--json", "--limit", "1000"]).output().await;
    let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
    assert_eq!(listed.lines().count(), before + 1, "{listed}");
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_body_is_never_a_source_of_rows() {
    let world = World::new().await;
    let made = world.sim.site().create(NewIssue::new("SUPPORT", "The truth")).unwrap();
    world.quiet().await;
    let lie = json!({"webhookEvent": "jira:issue_updated", "issue": {
        "id": made.id.to_string(), "key": made.key,
        "fields": {"summary": "A lie", "comment": {"comments": [], "total": 0}}}});
    assert_eq!(post(&world, &lie.to_string(), None).await.0, 200);
    world.quiet().await;
    assert_eq!(world.rows_of("issues", &made.key)[0]["summary"], "The truth");
    world.ends_well().await;
}
