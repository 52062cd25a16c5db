//! An issue is created, edited, commented, linked, worked on: each shows in the tables.

use serde_json::{Value, json};
use sim::{NewComment, NewIssue};

use crate::tables::Row;
use crate::world::World;

fn column(rows: &[Row], name: &str) -> Vec<Value> {
    rows.iter().map(|row| row[name].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_is_created_edited_and_resolved() {
    let world = World::new().await;
    let site = world.sim.site();
    let made = site.create(NewIssue::new("SUPPORT", "Printer on fire")).unwrap();
    world.quiet().await;
    assert_eq!(column(&world.rows_of("issues", &made.key), "summary"), ["Printer on fire"]);
    site.set(&made.key, "summary", json!("Printer out, carpet on fire")).unwrap();
    site.transition(&made.key, "Work in progress").unwrap();
    world.quiet().await;
    let rows = world.rows_of("issues", &made.key);
    assert_eq!(column(&rows, "summary"), ["Printer out, carpet on fire"]);
    assert_eq!(column(&rows, "status"), ["Work in progress"]);
    assert_eq!(column(&rows, "_raw_file"), [json!(format!("{}.json", made.key))]);
    let fields = column(&world.rows_of("changelog", &made.key), "field_name");
    assert!(fields.contains(&json!("status")), "{fields:?}");
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_come_edited_and_go() {
    let world = World::new().await;
    let site = world.sim.site();
    let key = site.create(NewIssue::new("SUPPORT", "Talk")).unwrap().key;
    let first = site.comment(&key, NewComment::text("First, with café ☕ and 漢字")).unwrap();
    let second = site.comment(&key, NewComment::text("Second")).unwrap();
    world.quiet().await;
    let rows = world.rows_of("comments", &key);
    assert_eq!(column(&rows, "comment_id"), [json!(first), json!(second)]);
    assert_eq!(rows[0]["body"], "First, with café ☕ and 漢字");
    site.edit_comment(
        &key,
        &second,
        json!({"type": "doc", "version": 1, "content": [
        {"type": "paragraph", "content": [{"type": "text", "text": "Second, corrected"}]}]}),
    )
    .unwrap();
    site.delete_comment(&key, &first).unwrap();
    world.quiet().await;
    assert_eq!(column(&world.rows_of("comments", &key), "body"), ["Second, corrected"]);
    // rivals-bugs 9: an event whose name contains "deleted" deletes no issue.
    assert_eq!(world.rows_of("issues", &key).len(), 1);
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn threads_of_any_length_arrive_whole_in_order_and_once_each() {
    let world = World::new().await;
    let site = world.sim.site();
    for count in [0, 1, 99, 100, 101, 250, 5000] {
        let key = site.create(NewIssue::new("SUPPORT", "Long thread")).unwrap().key;
        site.seed_comments(&key, count).unwrap();
        site.announce(&key).unwrap();
    }
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn histories_and_worklogs_of_any_length_arrive_whole() {
    let world = World::new().await;
    let site = world.sim.site();
    for (histories, worklogs) in [(99, 19), (100, 20), (101, 21), (300, 250), (1000, 5001)] {
        let key = site.create(NewIssue::new("SUPPORT", "Long history")).unwrap().key;
        site.seed_histories(&key, histories).unwrap();
        site.seed_worklogs(&key, worklogs).unwrap();
        site.announce(&key).unwrap();
        world.quiet().await;
        assert!(world.rows_of("changelog", &key).len() >= histories, "{key}");
        assert_eq!(world.rows_of("worklogs", &key).len(), worklogs, "{key}");
    }
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_shows_on_both_issues_and_leaves_both() {
    let world = World::new().await;
    let site = world.sim.site();
    let one = site.create(NewIssue::new("SUPPORT", "One")).unwrap().key;
    let two = site.create(NewIssue::new("SUPPORT", "Two")).unwrap().key;
    world.quiet().await;
    let link = site.link(&one, &two, "Blocks").unwrap();
    world.quiet().await;
    for (key, other) in [(&one, &two), (&two, &one)] {
        let rows = world.rows_of("issuelinks", key);
        assert_eq!(column(&rows, "linked_issue_key"), [json!(other)], "{key}");
        assert_eq!(column(&rows, "link_id"), [json!(link.to_string())], "{key}");
    }
    site.unlink(link).unwrap();
    world.quiet().await;
    assert!(world.table("issuelinks").is_empty());
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_remote_links_and_attachments_show() {
    let world = World::new().await;
    let site = world.sim.site();
    let key = site.create(NewIssue::new("SUPPORT", "Everything")).unwrap().key;
    let work = site.log_work(&key, 5400, "Looked at it").unwrap();
    site.add_remote_link(&key, "https://example.com/runbook", "Runbook").unwrap();
    site.attach(&key, "trace.log", "text/plain", b"trace".to_vec()).unwrap();
    // Remote links send no event and bump nothing; the next look brings them.
    site.announce(&key).unwrap();
    world.quiet().await;
    let rows = world.rows_of("worklogs", &key);
    assert_eq!(column(&rows, "worklog_id"), [json!(work)]);
    assert_eq!(column(&rows, "time_spent_seconds"), [json!(5400)]);
    assert_eq!(column(&world.rows_of("remote_links", &key), "title"), ["Runbook"]);
    let rows = world.rows_of("attachments", &key);
    assert_eq!(column(&rows, "filename"), ["trace.log"]);
    assert_eq!(column(&rows, "state"), ["pending"]);
    world.ends_well().await;
}
