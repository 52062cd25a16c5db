use serde_json::Value;

use super::*;
use crate::walk::fake_site::{
    Asked, FakeSite, changed, deleted, held, lines_with, shown, unreadable,
};

fn census(site: &FakeSite) -> Census {
    Census {
        client: site.client.clone(),
        ledger: site.ledger.clone(),
        clock: site.clock.clone(),
        projects: vec![],
    }
}

async fn cursor(site: &FakeSite) -> Option<String> {
    site.ledger.cursor(CURSOR).await.unwrap()
}

#[tokio::test]
async fn a_census_hints_what_is_missing_on_either_side_and_counts_all_of_it() {
    let site = FakeSite::start().await;
    site.holds(vec![held(1), held(2), deleted(3), held(4), deleted(5)]).await;
    site.shows(&[vec![shown(1), changed(4)], vec![shown(3), shown(6), shown(6)]]);
    let began = site.clock.now().millis().to_string();
    let counted = census(&site).pass().await.unwrap();
    // A census asks for keys only; an answer that tells `updated` all the same is compared too.
    let expected =
        Counted { in_jira: 4, here: 3, missing_here: 4, missing_there: 1, unreadable: 0 };
    assert_eq!(counted, expected);
    assert_eq!(site.hinted(Source::Sweep).await, [2, 3, 4, 6]);
    assert_eq!(cursor(&site).await, Some(began));
}

#[tokio::test]
async fn equal_sides_give_no_hint() {
    let site = FakeSite::start().await;
    site.holds(vec![held(1), held(2), deleted(3)]).await;
    site.shows(&[vec![shown(2), shown(1)]]);
    let counted = census(&site).pass().await.unwrap();
    assert_eq!(counted, Counted { in_jira: 2, here: 2, ..Counted::default() });
    assert_eq!(site.hinted(Source::Sweep).await, [0; 0]);
}

#[tokio::test]
async fn a_census_asks_for_all_issues_of_the_projects_and_then_who_it_is() {
    let site = FakeSite::start().await;
    let kept = Census { projects: vec!["A".into(), "B".into()], ..census(&site) };
    for (census, within) in [(census(&site), ""), (kept, "project in (\"A\", \"B\") AND ")] {
        census.pass().await.unwrap();
        let jql = format!("{within}created >= \"1971-01-01 00:00\" ORDER BY created ASC, id ASC");
        let search = Asked::Search { jql, field: "key".into(), token: None };
        assert_eq!(site.asked(), [search, Asked::Myself]);
    }
}

#[tokio::test]
async fn nothing_is_missing_in_jira_before_it_is_known_who_was_answered() {
    let site = FakeSite::start().await;
    site.holds(vec![held(1), held(2)]).await;
    site.shows(&[vec![shown(1)]]);
    site.refuses_the_account();
    let refused = census(&site).pass().await;
    assert!(matches!(refused, Err(Error::Jira(jira::client::Error::Unauthorized))), "{refused:?}");
    assert_eq!(site.hinted(Source::Sweep).await, [0; 0]);
    assert_eq!(cursor(&site).await, None, "it is no success");
}

#[tokio::test]
async fn nothing_is_missing_in_jira_unless_every_entry_was_readable() {
    let site = FakeSite::start().await;
    site.holds(vec![held(1), held(2)]).await;
    site.shows(&[vec![shown(1), unreadable()], vec![unreadable(), unreadable(), shown(3)]]);
    let counted = census(&site).pass().await.unwrap();
    let expected =
        Counted { in_jira: 2, here: 0, missing_here: 1, missing_there: 0, unreadable: 3 };
    assert_eq!(counted, expected);
    assert_eq!(
        site.hinted(Source::Sweep).await,
        [3],
        "what is missing here is hinted all the same"
    );
    assert_eq!(cursor(&site).await, None, "it is no success");
    assert!(!site.asked().contains(&Asked::Myself));
}

#[tokio::test]
async fn nothing_is_missing_in_jira_unless_the_walk_came_to_its_end() {
    let site = FakeSite::start().await;
    site.holds(vec![held(1), held(2)]).await;
    site.shows(&[vec![shown(1)], vec![]]);
    site.fails(Some("1"), 500);
    assert!(census(&site).pass().await.is_err());
    assert_eq!(site.hinted(Source::Sweep).await, [0; 0]);
    assert_eq!(cursor(&site).await, None);
}

#[tokio::test]
async fn what_is_in_work_is_looked_at_anyway() {
    let site = FakeSite::start().await;
    site.holds(vec![held(1), held(2), held(3)]).await;
    site.in_work(2).await;
    site.shows(&[vec![shown(3)]]);
    let counted = census(&site).pass().await.unwrap();
    assert_eq!((counted.here, counted.missing_there), (3, 1));
    assert_eq!(site.hinted(Source::Sweep).await, [1]);
    assert_eq!(site.hinted(Source::Person).await, [2]);
}

#[tokio::test]
async fn every_page_of_the_known_is_compared() {
    let site = FakeSite::start().await;
    let page = i64::from(PAGE);
    site.holds((1..=2 * page).map(held).collect()).await;
    let missing = [1, page, page + 1, 2 * page];
    let all: Vec<Value> = (1..=2 * page).filter(|id| !missing.contains(id)).map(shown).collect();
    site.shows(&[all]);
    let counted = census(&site).pass().await.unwrap();
    assert_eq!((counted.here, counted.missing_there), (4_000, 4));
    assert_eq!(site.hinted(Source::Sweep).await, missing);
}

/// Counts a site that shows none of the `missing` first of the issues that are held.
async fn with_missing(held_issues: i64, missing: i64) -> (Counted, Vec<i64>, usize) {
    let site = FakeSite::start().await;
    site.holds((1..=held_issues).map(held).collect()).await;
    site.shows(&[(missing + 1..=held_issues).map(shown).collect()]);
    let counted = census(&site).pass().await.unwrap();
    let alarms = lines_with("issues are not shown by Jira any more");
    (counted, site.hinted(Source::Sweep).await, alarms)
}

fn up_to(last: i64) -> Vec<i64> {
    (1..=last).collect()
}

#[tokio::test]
async fn as_many_as_can_be_right_are_all_hinted() {
    let (counted, hinted, alarms) = with_missing(250, 100).await;
    assert_eq!((counted.missing_there, hinted, alarms), (100, up_to(100), 0));
}

#[tokio::test]
async fn of_one_more_than_can_be_right_only_enough_for_the_breaker_is_hinted() {
    let (counted, hinted, alarms) = with_missing(250, 101).await;
    assert_eq!((counted.missing_there, hinted, alarms), (101, up_to(100), 1));
}

#[tokio::test]
async fn on_a_large_site_two_in_a_hundred_can_be_right() {
    let (counted, hinted, alarms) = with_missing(5_149, 102).await;
    assert_eq!((counted.missing_there, hinted, alarms), (102, up_to(102), 0));
}

#[tokio::test]
async fn on_a_large_site_more_than_two_in_a_hundred_cannot_be_right() {
    let (counted, hinted, alarms) = with_missing(5_149, 300).await;
    assert_eq!((counted.missing_there, hinted, alarms), (300, up_to(102), 1));
}
