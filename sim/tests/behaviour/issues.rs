//! Reading issues.

use serde_json::json;
use sim::{Account, NewComment};

use crate::desk::{Desk, ids};

#[tokio::test]
async fn an_issue_is_read_by_id_and_by_key_in_any_case() {
    let desk = Desk::open().await;
    let key = desk.issue("Printer on fire");
    let id = desk.sim.site().id_of(&key).unwrap();
    for name in [key.clone(), key.to_lowercase(), id.to_string()] {
        let got = desk.get(&format!("/issue/{name}")).await;
        assert_eq!(got.status, 200);
        assert_eq!(got.json["id"], id.to_string());
        assert_eq!(got.json["fields"]["summary"], "Printer on fire");
        assert_eq!(got.json["fields"]["assignee"], json!(null), "unset is null, not absent");
    }
}

#[tokio::test]
async fn a_moved_issue_answers_under_its_old_key_with_the_new_one() {
    let desk = Desk::open().await;
    let old = desk.issue("Wrong desk");
    let new = desk.sim.site().move_to(&old, "OPS").unwrap();
    assert!(new.starts_with("OPS-"));
    let got = desk.get(&format!("/issue/{old}?expand=changelog")).await;
    assert_eq!((got.status, &got.json["key"]), (200, &json!(new)));
    let items = got.json["changelog"]["histories"][0]["items"].as_array().unwrap().clone();
    let key = items.iter().find(|item| item["field"] == "Key").unwrap();
    assert_eq!((&key["fromString"], &key["toString"]), (&json!(old), &json!(new)));
    assert!(key.get("fieldId").is_none());
}

#[tokio::test]
async fn deleted_hidden_and_never_seen_issues_answer_alike() {
    let desk = Desk::open().await;
    let (deleted, hidden) = (desk.issue("a"), desk.issue("b"));
    desk.sim.site().delete(&deleted).unwrap();
    desk.sim.site().hide(&hidden).unwrap();
    for key in [deleted.as_str(), hidden.as_str(), "SUPPORT-99999"] {
        let got = desk.get(&format!("/issue/{key}")).await;
        assert_eq!(got.status, 404);
        let text = "Issue does not exist or you do not have permission to see it.";
        assert_eq!(got.json, json!({"errorMessages": [text], "errors": {}}));
    }
    desk.sim.site().unhide(&hidden).unwrap();
    assert_eq!(desk.get(&format!("/issue/{hidden}")).await.status, 200);
}

#[tokio::test]
async fn comments_are_embedded_up_to_the_newest_hundred() {
    let desk = Desk::open().await;
    for (count, start) in [(0, 0), (1, 0), (99, 0), (100, 0), (101, 1), (250, 150)] {
        let key = desk.issue("Long thread");
        desk.sim.site().seed_comments(&key, count).unwrap();
        let got = desk.get(&format!("/issue/{key}")).await;
        let embedded = &got.json["fields"]["comment"];
        assert_eq!(embedded["total"], count);
        assert_eq!(embedded["startAt"], start);
        let all = ids(&json!(desk.sim.site().truth_of(&key).unwrap().comments));
        assert_eq!(ids(&embedded["comments"]), all[start..], "{count} comments");
    }
}

#[tokio::test]
async fn the_embedded_changelog_is_newest_first_and_cut_and_worklogs_are_the_first_twenty() {
    let desk = Desk::open().await;
    let key = desk.issue("Much history");
    desk.sim.site().seed_histories(&key, 300).unwrap();
    desk.sim.site().seed_worklogs(&key, 30).unwrap();
    let got = desk.get(&format!("/issue/{key}?expand=changelog")).await;
    let truth = desk.sim.site().truth_of(&key).unwrap();
    let mut newest = ids(&json!(truth.histories));
    newest.reverse();
    assert_eq!(ids(&got.json["changelog"]["histories"]), newest[..100]);
    assert_eq!(got.json["changelog"]["total"], 300);
    let worklog = &got.json["fields"]["worklog"];
    assert_eq!(ids(&worklog["worklogs"]), ids(&json!(truth.worklogs))[..20]);
    assert_eq!((&worklog["total"], &worklog["maxResults"]), (&json!(30), &json!(20)));
}

#[tokio::test]
async fn fields_and_expansions_are_what_was_asked_for() {
    let desk = Desk::open().await;
    let key = desk.issue("Chosen");
    let got = desk.get(&format!("/issue/{key}?fields=summary,status&expand=names,schema")).await;
    let fields = got.json["fields"].as_object().unwrap();
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["status", "summary"]);
    assert_eq!(got.json["names"], json!({"summary": "Summary", "status": "Status"}));
    assert_eq!(got.json["schema"]["summary"]["system"], "summary");
    let got = desk.get(&format!("/issue/{key}?fields=-comment&expand=renderedFields")).await;
    assert!(got.json["fields"].get("comment").is_none());
    assert!(got.json["renderedFields"].is_object());
}

#[tokio::test]
async fn timestamps_have_a_colonless_offset_that_is_not_utc() {
    let desk = Desk::open().await;
    desk.sim.clock().stop_at(1_770_116_812_829);
    let key = desk.issue("Time");
    let got = desk.get(&format!("/issue/{key}")).await;
    assert_eq!(got.json["fields"]["created"], "2026-02-03T12:06:52.829+0100");
    assert_eq!(got.header("date"), Some("Tue, 03 Feb 2026 11:06:52 GMT"));
}

#[tokio::test]
async fn updated_moves_with_edits_and_new_comments_only() {
    let desk = Desk::open().await;
    let site = desk.sim.site();
    let key = desk.issue("Moves");
    let updated = || site.truth_of(&key).unwrap().issue["fields"]["updated"].clone();
    let moved = |what: &str, expected: bool, edit: &dyn Fn()| {
        let before = updated();
        desk.sim.clock().advance(std::time::Duration::from_secs(60));
        edit();
        assert_eq!(updated() != before, expected, "{what}");
    };
    desk.sim.clock().stop_at(1_770_116_812_829);
    moved("a field", true, &|| site.set(&key, "summary", json!("new")).unwrap());
    moved("a transition", true, &|| site.transition(&key, "Resolved").unwrap());
    let comment = std::cell::RefCell::new(String::new());
    moved("a comment", true, &|| {
        *comment.borrow_mut() = site.comment(&key, NewComment::text("hi")).unwrap();
    });
    moved("an edited comment", false, &|| {
        site.edit_comment(&key, &comment.borrow(), json!("ho")).unwrap();
    });
    moved("a deleted comment", false, &|| site.delete_comment(&key, &comment.borrow()).unwrap());
    moved("a remote link", false, &|| {
        site.add_remote_link(&key, "https://e.org", "e").unwrap();
    });
    moved("a worklog", true, &|| {
        site.log_work(&key, 60, "w").unwrap();
    });
}

#[tokio::test]
async fn only_the_service_account_reads_sla_values_and_they_grow_with_the_clock() {
    let desk = Desk::open().await;
    desk.sim.clock().stop_at(1_770_116_812_829);
    let key = desk.issue("Hurry");
    let url = format!("{}/rest/api/3/issue/{key}", desk.sim.url());
    let refused = desk.get_as(&Account::main(), &url).await;
    assert!(refused.json["fields"]["customfield_10161"]["errorMessage"].is_string());
    let elapsed = async || {
        let got = desk.get_as(&Account::service(), &url).await;
        got.json["fields"]["customfield_10161"]["ongoingCycle"]["elapsedTime"]["millis"].clone()
    };
    assert_eq!(elapsed().await, 0);
    desk.sim.clock().advance(std::time::Duration::from_secs(5));
    assert_eq!(elapsed().await, 5000);
    desk.sim.site().transition(&key, "Closed").unwrap();
    let got = desk.get_as(&Account::service(), &url).await;
    let sla = &got.json["fields"]["customfield_10161"];
    assert_eq!(sla["completedCycles"][0]["elapsedTime"]["millis"], 5000);
    assert!(sla.get("ongoingCycle").is_none());
    let desk_url = format!("{}/rest/servicedeskapi/request/{key}/sla", desk.sim.url());
    assert_eq!(desk.get_as(&Account::service(), &desk_url).await.json["size"], 2);
    assert_eq!(desk.get_as(&Account::main(), &desk_url).await.status, 403);
}

#[tokio::test]
async fn links_are_shown_on_both_issues_with_their_direction() {
    let desk = Desk::open().await;
    let (one, two) = (desk.issue("one"), desk.issue("two"));
    let link = desk.sim.site().link(&one, &two, "Blocks").unwrap();
    let outward = desk.get(&format!("/issue/{one}")).await.json["fields"]["issuelinks"].clone();
    assert_eq!(outward[0]["outwardIssue"]["key"], json!(two));
    assert_eq!(outward[0]["id"], link.to_string());
    let inward = desk.get(&format!("/issue/{two}")).await.json["fields"]["issuelinks"].clone();
    assert_eq!(inward[0]["inwardIssue"]["fields"]["summary"], "one");
    desk.sim.site().unlink(link).unwrap();
    let none = desk.get(&format!("/issue/{one}")).await.json["fields"]["issuelinks"].clone();
    assert_eq!(none, json!([]));
}
