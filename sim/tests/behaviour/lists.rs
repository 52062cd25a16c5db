//! The paged lists of an issue.

use serde_json::json;
use sim::{PagingEdit, WhilePaging};

use crate::desk::{Desk, ids};

#[tokio::test]
async fn comments_come_a_hundred_at_most_and_oldest_first() {
    let desk = Desk::open().await;
    let key = desk.issue("Thread");
    desk.sim.site().seed_comments(&key, 250).unwrap();
    let all = ids(&json!(desk.sim.site().truth_of(&key).unwrap().comments));
    for (query, length, expected) in [
        ("", 100, &all[..100]),
        ("?startAt=100&maxResults=1000", 100, &all[100..200]),
        ("?startAt=240", 100, &all[240..]),
        ("?startAt=900", 100, &[]),
        ("?startAt=-5&maxResults=0", 1, &all[..1]),
    ] {
        let got = desk.get(&format!("/issue/{key}/comment{query}")).await;
        assert_eq!(got.json["maxResults"], length, "{query}");
        assert_eq!(got.json["total"], 250);
        assert_eq!(ids(&got.json["comments"]), expected, "{query}");
        assert!(got.json.get("isLast").is_none());
    }
    let last = desk.get(&format!("/issue/{key}/comment?orderBy=-created&maxResults=1")).await;
    assert_eq!(ids(&last.json["comments"]), all[249..]);
    assert_eq!(desk.get("/issue/NONE-1/comment?orderBy=colour").await.status, 400);
}

#[tokio::test]
async fn the_changelog_is_oldest_first_with_a_next_page_while_there_is_one() {
    let desk = Desk::open().await;
    let key = desk.issue("History");
    desk.sim.site().seed_histories(&key, 130).unwrap();
    let all = ids(&json!(desk.sim.site().truth_of(&key).unwrap().histories));
    let first = desk.get(&format!("/issue/{key}/changelog?maxResults=500")).await;
    assert_eq!(ids(&first.json["values"]), all[..100]);
    assert_eq!(first.json["isLast"], false);
    let next = first.json["nextPage"].as_str().unwrap();
    let last = desk.get_as(&sim::Account::main(), next).await;
    assert_eq!(ids(&last.json["values"]), all[100..]);
    assert_eq!(last.json["isLast"], true);
    assert!(last.json.get("nextPage").is_none());
}

#[tokio::test]
async fn worklogs_come_in_large_pages_and_remote_links_in_none() {
    let desk = Desk::open().await;
    let key = desk.issue("Work");
    desk.sim.site().seed_worklogs(&key, 30).unwrap();
    let link = desk.sim.site().add_remote_link(&key, "https://e.org/1", "One").unwrap();
    let got = desk.get(&format!("/issue/{key}/worklog")).await;
    assert_eq!(got.json["worklogs"].as_array().unwrap().len(), 30);
    assert_eq!(got.json["maxResults"], 5000);
    let got = desk.get(&format!("/issue/{key}/remotelink")).await;
    assert_eq!(got.json[0]["id"], link);
    assert_eq!(got.json[0]["object"]["url"], "https://e.org/1");
}

#[tokio::test]
async fn the_server_can_ignore_where_a_page_should_start() {
    let desk = Desk::open().await;
    let key = desk.issue("Stuck");
    desk.sim.site().seed_comments(&key, 150).unwrap();
    desk.sim.knobs().change(|knobs| knobs.ignore_start_at = true);
    let got = desk.get(&format!("/issue/{key}/comment?startAt=100")).await;
    assert_eq!(got.json["startAt"], 0);
    assert_eq!(got.json["comments"].as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn a_comment_can_go_between_two_pages() {
    let desk = Desk::open().await;
    let key = desk.issue("Moving target");
    desk.sim.site().seed_comments(&key, 150).unwrap();
    let edit = PagingEdit::RemoveOldestComment;
    desk.sim.knobs().change(|knobs| knobs.while_paging = Some(WhilePaging { pages: 1, edit }));
    let first = desk.get(&format!("/issue/{key}/comment")).await;
    let second = desk.get(&format!("/issue/{key}/comment?startAt=100")).await;
    assert_eq!((&first.json["total"], &second.json["total"]), (&json!(150), &json!(149)));
    assert_eq!(second.json["comments"].as_array().unwrap().len(), 49);
}

#[tokio::test]
async fn bulk_reads_answer_in_their_own_order_and_leave_out_what_is_not_there() {
    let desk = Desk::open().await;
    let (one, two) = (desk.issue("one"), desk.issue("two"));
    let moved = desk.sim.site().move_to(&one, "OPS").unwrap();
    desk.sim.site().seed_histories(&two, 60).unwrap();
    let asked = json!({"issueIdsOrKeys": [two, "NONE-1", one], "fields": ["summary"], "expand": ["changelog"]});
    let got = desk.post("/issue/bulkfetch", &asked).await;
    let keys: Vec<_> = got.json["issues"].as_array().unwrap().iter().map(|it| &it["key"]).collect();
    assert_eq!(keys, [&json!(moved), &json!(two)]);
    assert_eq!(got.json["issues"][1]["changelog"]["histories"].as_array().unwrap().len(), 40);
    assert_eq!(got.json["issueErrors"], json!([]));
    let many: Vec<String> = (0..101).map(|n| n.to_string()).collect();
    assert_eq!(desk.post("/issue/bulkfetch", &json!({"issueIdsOrKeys": many})).await.status, 400);
    let asked = json!({"issueIdsOrKeys": [two], "maxResults": 25});
    let got = desk.post("/changelog/bulkfetch", &asked).await;
    let logs = &got.json["issueChangeLogs"][0]["changeHistories"];
    assert_eq!(logs.as_array().unwrap().len(), 25);
    assert!(got.json["nextPageToken"].is_string());
}

#[tokio::test]
async fn some_fields_are_only_found_by_searching_the_catalogue() {
    let desk = Desk::open().await;
    let listed = desk.get("/field").await.json;
    let ids_of = |list: &serde_json::Value| -> Vec<String> {
        let rows = list.as_array().unwrap();
        rows.iter().map(|field| field["id"].as_str().unwrap().to_owned()).collect()
    };
    let mut found = Vec::new();
    loop {
        let page = desk.get(&format!("/field/search?startAt={}&maxResults=100", found.len())).await;
        assert_eq!(page.json["maxResults"], 50);
        found.extend(ids_of(&page.json["values"]));
        if page.json["isLast"] == true {
            break;
        }
    }
    assert!(found.len() > ids_of(&listed).len());
    assert!(found.contains(&"customfield_11831".to_owned()));
    assert!(!ids_of(&listed).contains(&"customfield_11831".to_owned()));
}
