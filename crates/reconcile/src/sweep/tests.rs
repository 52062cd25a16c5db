use super::*;
use crate::walk::fake_site::{
    Asked, FakeSite, changed, deleted, held, lines_with, shown, unreadable,
};

fn sweep(site: &FakeSite) -> Sweep {
    Sweep {
        client: site.client.clone(),
        ledger: site.ledger.clone(),
        clock: site.clock.clone(),
        projects: vec![],
    }
}

fn swept(found: u64, hinted: u64, unreadable: u64) -> Swept {
    Swept { found, hinted, unreadable }
}

fn found(key: &str, updated: i64) -> Found {
    Found {
        id: "7".parse().unwrap(),
        key: Some(key.parse().unwrap()),
        updated: Instant::from_millis(updated),
    }
}

fn known(deleted_at: Option<i64>) -> Known {
    Known {
        id: "7".parse().unwrap(),
        key: "A-7".parse().unwrap(),
        updated: Instant::from_millis(1_000),
        deleted_at: deleted_at.and_then(Instant::from_millis),
        complete: true,
        in_work: false,
        lost: false,
    }
}

#[test]
fn what_jira_shows_otherwise_differs() {
    assert!(!differs(&found("A-7", 1_000), Some(&known(None))));
    assert!(differs(&found("A-7", 1_000), None), "unknown");
    assert!(differs(&found("A-7", 1_001), Some(&known(None))), "newer");
    assert!(differs(&found("A-7", 999), Some(&known(None))), "older: the site was restored");
    assert!(differs(&found("B-7", 1_000), Some(&known(None))), "moved");
    assert!(differs(&found("A-7", 1_000), Some(&known(Some(5)))), "back again");
    let silent = Found { key: None, updated: None, ..found("A-7", 0) };
    assert!(!differs(&silent, Some(&known(None))), "what Jira does not tell differs in nothing");
}

#[tokio::test]
async fn only_what_differs_is_hinted_and_all_is_counted_over_all_pages() {
    let site = FakeSite::start().await;
    site.holds(vec![held(1), held(2), deleted(3), held(5)]).await;
    site.shows(&[
        vec![shown(1), changed(2), shown(3)],
        vec![],
        vec![shown(4), unreadable(), shown(5), unreadable()],
    ]);
    assert_eq!(sweep(&site).look_back(Duration::ZERO).await.unwrap(), swept(5, 3, 2));
    assert_eq!(site.hinted(Source::Sweep).await, [2, 3, 4]);
    assert_eq!(lines_with("the sweep found 3 issues that differ"), 1);
}

#[tokio::test]
async fn a_sweep_that_finds_nothing_new_says_nothing() {
    let site = FakeSite::start().await;
    site.holds(vec![held(1)]).await;
    site.shows(&[vec![shown(1)]]);
    assert_eq!(sweep(&site).pass().await.unwrap(), swept(1, 0, 0));
    assert_eq!(site.hinted(Source::Sweep).await, [0; 0]);
    assert_eq!(lines_with("the sweep found"), 0);
}

#[tokio::test]
async fn a_look_back_is_whole_minutes_rounded_up_and_at_least_one() {
    let site = FakeSite::start().await;
    for (seconds, minutes) in [(0, 1), (1, 1), (60, 1), (61, 2), (120, 2), (604_800, 10_080)] {
        sweep(&site).look_back(Duration::from_secs(seconds)).await.unwrap();
        let expected = format!("updated >= \"-{minutes}m\" ORDER BY updated ASC, id ASC");
        assert_eq!(site.one_query(), expected, "{seconds} s");
    }
    let kept = Sweep { projects: vec!["A".into(), "B".into()], ..sweep(&site) };
    kept.look_back(Duration::ZERO).await.unwrap();
    assert!(site.one_query().starts_with("project in (\"A\", \"B\") AND updated >="));
}

#[tokio::test]
async fn a_sweep_asks_when_issues_were_updated() {
    let site = FakeSite::start().await;
    sweep(&site).pass().await.unwrap();
    let asked = site.asked();
    assert!(matches!(&asked[..], [Asked::Search { field, .. }] if field == "updated"), "{asked:?}");
}

/// Runs a pass and returns how many minutes it looked back.
async fn minutes(site: &FakeSite) -> String {
    sweep(site).pass().await.unwrap();
    let query = site.one_query();
    query.split('"').nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn a_pass_looks_back_to_the_start_of_the_last_success_with_an_overlap() {
    let site = FakeSite::start().await;
    assert_eq!(minutes(&site).await, "-65m", "a first pass looks back an hour");
    assert_eq!(minutes(&site).await, "-5m", "the overlap alone");
    site.pass(600_000);
    assert_eq!(minutes(&site).await, "-15m");
    site.pass(601_000);
    assert_eq!(minutes(&site).await, "-16m", "a minute that has begun counts");
    site.pass(365 * 86_400_000);
    assert_eq!(minutes(&site).await, "-525605m", "a stop of any length is covered");
}

#[tokio::test]
async fn a_pass_that_did_not_read_all_is_no_success() {
    let site = FakeSite::start().await;
    minutes(&site).await;
    site.pass(3_600_000);
    site.shows(&[vec![unreadable(), shown(1)]]);
    assert_eq!(sweep(&site).pass().await.unwrap(), swept(1, 1, 1));
    site.fails(None, 500);
    assert!(sweep(&site).pass().await.is_err());
    site.recovers();
    site.shows(&[vec![]]);
    site.asked();
    assert_eq!(minutes(&site).await, "-65m", "the next pass looks back as far");
    assert_eq!(minutes(&site).await, "-5m");
}

#[tokio::test]
async fn a_look_back_moves_no_cursor() {
    let site = FakeSite::start().await;
    sweep(&site).look_back(Duration::from_secs(60)).await.unwrap();
    assert_eq!(site.ledger.cursor(CURSOR).await.unwrap(), None);
    sweep(&site).pass().await.unwrap();
    let began = site.clock.now().millis().to_string();
    assert_eq!(site.ledger.cursor(CURSOR).await.unwrap(), Some(began));
}

#[tokio::test]
async fn an_unreadable_cursor_is_as_good_as_none() {
    let site = FakeSite::start().await;
    for cursor in ["", "yesterday", "9223372036854775807"] {
        site.ledger.set_cursor(CURSOR, cursor).await.unwrap();
        assert_eq!(minutes(&site).await, "-65m", "{cursor:?}");
    }
}

#[test]
fn a_time_before_all_times_is_bounded() {
    let at = |millis| Instant::from_millis(millis).unwrap();
    assert_eq!(earlier(at(5_000), Duration::from_secs(2)), at(3_000));
    assert_eq!(earlier(at(5_000), Duration::MAX), at(5_000), "out of the calendar");
}

#[test]
fn a_pass_looks_back_to_the_last_success_and_over_everything_if_that_is_in_the_future() {
    let now = Instant::from_millis(1_000_000_000).unwrap();
    let at = |millis: i64| Instant::from_millis(now.millis() + millis);
    let minutes = |minutes: u64| LookBack::Span(Duration::from_secs(60 * minutes));
    assert_eq!(look_back(None, now), minutes(65), "the first");
    assert_eq!(look_back(at(0), now), minutes(5));
    assert_eq!(look_back(at(-60_000), now), minutes(6));
    assert_eq!(look_back(at(60_000), now), minutes(6), "the clock was set back by a minute");
    assert_eq!(look_back(at(300_000), now), minutes(10));
    assert_eq!(look_back(at(300_001), now), LookBack::Whole);
    assert_eq!(look_back(Instant::from_millis(4_000_000_000_000), now), LookBack::Whole);
}
