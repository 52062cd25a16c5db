//! Jira fails, throttles, cuts, lies: late at worst, never wrong.

use serde_json::json;
use sim::{Endpoint, Failure, NewComment, NewIssue, Options};

use crate::world::World;

/// A site with one issue that has everything, copied.
async fn copied(env: &[(&str, &str)]) -> (World, String) {
    let world = World::with(Options { issues: 0, ..Options::default() }, env).await;
    let site = world.sim.site();
    let key = site.create(NewIssue::new("SUPPORT", "Has everything")).unwrap().key;
    site.add_remote_link(&key, "https://example.com/1", "One").unwrap();
    site.add_remote_link(&key, "https://example.com/2", "Two").unwrap();
    site.seed_comments(&key, 120).unwrap();
    site.seed_histories(&key, 130).unwrap();
    site.seed_worklogs(&key, 30).unwrap();
    site.announce(&key).unwrap();
    world.quiet().await;
    (world, key)
}

fn part(world: &World, key: &str, name: &str) -> serde_json::Value {
    let path = world.dir.path().join(format!("data/raw/issues/{key}.json"));
    let raw: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    raw["_parts"][name].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_fails_keeps_its_old_rows_and_says_so() {
    for (endpoint, table, name) in [
        (Endpoint::RemoteLinks, "remote_links", "remote_links"),
        (Endpoint::Comments, "comments", "comments"),
        (Endpoint::Changelog, "changelog", "changelog"),
        (Endpoint::Worklogs, "worklogs", "worklogs"),
    ] {
        // A long back-off, so that the incomplete state can be looked at.
        let slow = [
            ("JIRALAKE_RECONCILE_BACKOFF_MIN_MS", "3600000"),
            ("JIRALAKE_RECONCILE_BACKOFF_MAX_MS", "3600000"),
        ];
        let (mut world, key) = copied(&slow).await;
        let before = world.rows_of(table, &key);
        assert!(before.len() > 1, "{table}");
        world.sim.knobs().fail_next(endpoint, u32::MAX, Failure::Status(500));
        world.sim.site().set(&key, "summary", json!("Edited meanwhile")).unwrap();
        world
            .until("the edit is visible", async || {
                world.rows_of("issues", &key)[0]["summary"] == "Edited meanwhile"
            })
            .await;
        assert!(world.rows_of(table, &key).len() >= before.len(), "{table} kept its rows");
        assert_eq!(part(&world, &key, name)["complete"], json!(false), "{name}");
        assert!(part(&world, &key, name)["reason"].is_string(), "{name}");
        world.sim.knobs().heal();
        world.stop().await;
        world.set("JIRALAKE_RECONCILE_BACKOFF_MIN_MS", "50");
        world.start().await;
        world.sim.site().announce(&key).unwrap();
        world.quiet().await;
        assert_eq!(part(&world, &key, name)["complete"], json!(true), "{name}");
        world.ends_well().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn incomplete_parts_are_looked_at_again_by_themselves() {
    let (world, key) = copied(&[]).await;
    world.sim.knobs().fail_next(Endpoint::RemoteLinks, 3, Failure::Status(503));
    world.sim.site().add_remote_link(&key, "https://example.com/3", "Three").unwrap();
    world.sim.site().announce(&key).unwrap();
    world.quiet().await;
    assert_eq!(world.rows_of("remote_links", &key).len(), 3);
    assert_eq!(part(&world, &key, "remote_links")["complete"], json!(true));
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_failure_is_outlived() {
    let world = World::new().await;
    let site = world.sim.site();
    let throttled = |wait, reason: Option<&str>| Failure::Throttled {
        retry_after: wait,
        reason: reason.map(str::to_owned),
    };
    for failure in [
        Failure::Status(500),
        Failure::Status(502),
        Failure::Unavailable { retry_after: None },
        Failure::Unavailable { retry_after: Some(1) },
        throttled(Some(1), Some("jira-burst-based")),
        throttled(None, None),
        throttled(Some(1), Some("jira-quota-tenant-based")),
        Failure::Cut,
        Failure::Truncated,
        Failure::NotJson,
    ] {
        world.sim.knobs().fail_next(Endpoint::Issue, 3, failure.clone());
        let key = site.create(NewIssue::new("SUPPORT", &format!("{failure:?}"))).unwrap().key;
        site.comment(&key, NewComment::text("Hello")).unwrap();
        world.quiet().await;
        assert_eq!(world.rows_of("issues", &key).len(), 1, "{failure:?}");
    }
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_deletes_nothing_and_the_work_waits() {
    let (world, key) = copied(&[]).await;
    let email = world.sim.main_account().unwrap().email.clone();
    world.sim.knobs().change(|knobs| {
        knobs.expired_tokens.insert(email.clone());
    });
    world.sim.site().set(&key, "summary", json!("Edited while nobody may look")).unwrap();
    world.until("the loop is paused", async || world.metric("jiralake_paused").await == 1.0).await;
    assert_eq!(world.rows_of("issues", &key)[0]["summary"], "Has everything");
    assert_eq!(world.rows_of("comments", &key).len(), 120);
    world.sim.knobs().change(|knobs| knobs.expired_tokens.clear());
    world.quiet().await;
    assert_eq!(world.rows_of("issues", &key)[0]["summary"], "Edited while nobody may look");
    assert_eq!(world.metric("jiralake_paused").await, 0.0);
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sla_values_come_through_the_second_account_and_outlive_its_failure() {
    let world = World::new().await;
    let site = world.sim.site();
    let key = site.create(NewIssue::new("SUPPORT", "With a clock")).unwrap().key;
    world.quiet().await;
    let rows = world.rows_of("issues", &key);
    assert_eq!(rows[0]["first_response_breached"], "False", "{rows:?}");
    assert!(rows[0]["first_response_goal_millis"].is_i64());
    assert!(!world.rows_of("sla_cycles", &key).is_empty());
    assert_eq!(part(&world, &key, "sla")["complete"], json!(true));
    let service = world.sim.service_account().unwrap().email.clone();
    world.sim.knobs().change(|knobs| {
        knobs.expired_tokens.insert(service);
    });
    site.set(&key, "summary", json!("The service account is gone")).unwrap();
    world
        .until("the edit is visible", async || {
            world.rows_of("issues", &key)[0]["summary"] == "The service account is gone"
        })
        .await;
    assert_eq!(world.rows_of("issues", &key)[0]["first_response_breached"], "False");
    assert_eq!(part(&world, &key, "sla")["complete"], json!(false));
    world.sim.knobs().change(|knobs| knobs.expired_tokens.clear());
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_that_come_and_go_while_they_are_paged_are_right_in_the_end() {
    for edit in [sim::PagingEdit::AddComment, sim::PagingEdit::RemoveOldestComment] {
        let world = World::new().await;
        let site = world.sim.site();
        let key = site.create(NewIssue::new("SUPPORT", "Shifting")).unwrap().key;
        site.seed_comments(&key, 350).unwrap();
        world.sim.knobs().change(|knobs| {
            knobs.while_paging = Some(sim::WhilePaging { pages: 2, edit });
        });
        site.announce(&key).unwrap();
        world.ends_well().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_answers_while_jira_hangs() {
    let world = World::new().await;
    world.sim.knobs().fail_next(Endpoint::Issue, 8, Failure::Hang(3_000));
    let site = world.sim.site();
    for n in 0..20 {
        site.create(NewIssue::new("SUPPORT", &format!("While Jira hangs {n}"))).unwrap();
    }
    world.sim.webhooks().settled(crate::world::PATIENCE).await.unwrap();
    let slowest = world.sim.webhooks().deliveries().into_iter();
    let slowest = slowest.flat_map(|delivery| delivery.attempts).map(|it| it.took_ms).max();
    assert!(slowest.unwrap() < 2_500, "the door waited for Jira: {slowest:?} ms");
    world.ends_well().await;
}
