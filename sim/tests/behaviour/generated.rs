//! A site that starts with generated tickets.

use std::time::Duration;

use serde_json::json;
use sim::{Account, Options};

use crate::desk::{Desk, ids};
use crate::receiver::Receiver;

async fn generated(issues: u32) -> Desk {
    Desk::with(Options { issues, issue_bytes: 20_000, ..Options::default() }).await
}

#[tokio::test]
async fn generated_tickets_are_served_as_the_truth_has_them() {
    let desk = generated(40).await;
    let found =
        desk.post("/search/jql", &json!({"jql": "created >= -400d", "maxResults": 100})).await;
    let truth = desk.sim.site().truth();
    assert_eq!((truth.len(), ids(&found.json["issues"]).len()), (40, 40));
    for issue in &truth {
        let url = format!("{}/rest/api/3/issue/{}", desk.sim.url(), issue.id);
        let got = desk.get_as(&Account::service(), &format!("{url}?expand=renderedFields")).await;
        let fields = &issue.issue["fields"];
        assert_eq!(got.json["key"], issue.key);
        for part in ["summary", "description", "attachment", "labels", "status"] {
            assert_eq!(got.json["fields"][part], fields[part], "{part} of {}", issue.key);
        }
        assert_eq!(got.json["fields"]["comment"]["total"], issue.comments.len());
        let changelog = desk.get(&format!("/issue/{}/changelog", issue.id)).await;
        let most = issue.histories.len().min(100);
        assert_eq!(changelog.json["values"], json!(issue.histories[..most]));
        for former in &issue.former_keys {
            assert_eq!(desk.get(&format!("/issue/{former}")).await.json["key"], issue.key);
        }
    }
}

#[tokio::test]
async fn a_burst_of_edits_on_a_generated_site_is_announced_and_its_ids_are_new() {
    let desk = generated(20).await;
    let receiver = Receiver::open().await;
    desk.sim.webhooks().register(&receiver.url, Some("s3cret"));
    let before: Vec<i64> =
        desk.sim.site().truth().iter().flat_map(|it| ids(&json!(it.comments))).collect();
    let edits = desk.sim.editor().burst(80).unwrap();
    assert_eq!(edits.len(), 80);
    desk.sim.webhooks().settled(Duration::from_secs(20)).await.unwrap();
    let quiet = edits.iter().filter(|edit| edit.what == "linked to the wiki").count();
    assert_eq!(receiver.heard().len(), 80 - quiet);
    let after = desk.sim.site().truth();
    let after: Vec<i64> = after.iter().flat_map(|it| ids(&json!(it.comments))).collect();
    let mut unique = after.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), after.len(), "no comment id is given twice");
    assert!(after.len() > before.len());
}
