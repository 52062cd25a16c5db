use ledger::IssueRecord;

use super::*;
use crate::walk::fake_site::{Asked, FakeSite, changed, deleted, held, shown, unreadable};

fn backfill(site: &FakeSite, existing: Existing) -> Backfill {
    let (client, ledger) = (site.client.clone(), site.ledger.clone());
    Backfill { client, ledger, jql: "project = A".into(), existing, presence: None }
}

async fn run(backfill: &Backfill, run: Run) -> Result<Walked, Error> {
    backfill.run(run, |_| {}).await
}

fn walked(issues: u64, hinted: u64, unreadable: u64) -> Walked {
    Walked { issues, hinted, unreadable }
}

fn incomplete(id: i64) -> IssueRecord {
    IssueRecord { complete: false, ..held(id) }
}

/// A site whose first page brings one issue and whose second one brings two.
async fn two_pages() -> FakeSite {
    let site = FakeSite::start().await;
    site.shows(&[vec![shown(1)], vec![shown(2), shown(3)]]);
    site
}

/// The token of the second page.
fn second() -> Option<String> {
    Some("1".to_owned())
}

fn tokens(asked: &[Asked]) -> Vec<Option<String>> {
    let token = |asked: &Asked| match asked {
        Asked::Search { token, .. } => token.clone(),
        Asked::Myself => panic!("a backfill does not ask who it is"),
    };
    asked.iter().map(token).collect()
}

#[tokio::test]
async fn issues_that_are_here_whole_and_as_new_as_in_jira_are_skipped() {
    let site = FakeSite::start().await;
    site.holds(vec![held(1), held(2), deleted(3), incomplete(4), incomplete(5)]).await;
    site.in_work(5).await;
    site.shows(&[
        vec![shown(1), changed(2), shown(3), unreadable()],
        vec![shown(4), shown(5), shown(6), unreadable()],
    ]);
    let mut seen = Vec::new();
    let skip = backfill(&site, Existing::Skip);
    let found = skip.run(Run::Real, |found| seen.push(found)).await.unwrap();
    assert_eq!(found, walked(6, 4, 2));
    assert_eq!(seen, [walked(3, 2, 1), walked(6, 4, 2)], "the counts so far, after each page");
    assert_eq!(site.hinted(Source::Backfill).await, [2, 3, 4, 6]);
    let asked = site.asked();
    assert!(asked.iter().all(|asked| matches!(asked,
        Asked::Search { jql, field, .. } if jql == "project = A" && field == "updated")));
}

#[tokio::test]
async fn a_person_can_have_everything_fetched_again() {
    let site = two_pages().await;
    site.holds(vec![held(1), held(2), held(3)]).await;
    assert_eq!(run(&backfill(&site, Existing::Fetch), Run::Real).await.unwrap(), walked(3, 3, 0));
    assert_eq!(site.hinted(Source::Backfill).await, [1, 2, 3]);
    let asked = site.asked();
    let keys = |asked: &Asked| matches!(asked, Asked::Search { field, .. } if field == "key");
    assert!(asked.iter().all(keys), "nobody compares `updated`: {asked:?}");
}

#[tokio::test]
async fn a_dry_run_counts_and_leaves_no_trace() {
    let site = two_pages().await;
    site.holds(vec![held(1)]).await;
    let skip = backfill(&site, Existing::Skip);
    assert_eq!(run(&skip, Run::Dry).await.unwrap(), walked(3, 2, 0));
    assert_eq!(site.hinted(Source::Backfill).await, [0; 0]);
    assert_eq!(site.ledger.cursor(CURSOR).await.unwrap(), None);
    // Nor does it go on where a real one was cut off.
    site.fails(Some("1"), 500);
    run(&skip, Run::Real).await.unwrap_err();
    site.recovers();
    site.asked();
    assert_eq!(run(&skip, Run::Dry).await.unwrap(), walked(3, 2, 0));
    assert_eq!(tokens(&site.asked()), [None, second()]);
}

#[tokio::test]
async fn a_walk_that_was_cut_off_goes_on_with_its_counts() {
    let site = two_pages().await;
    site.fails(Some("1"), 500);
    let skip = backfill(&site, Existing::Skip);
    run(&skip, Run::Real).await.unwrap_err();
    assert_eq!(site.hinted(Source::Backfill).await, [1], "a page is hinted before the next");
    site.recovers();
    site.asked();
    assert_eq!(run(&skip, Run::Real).await.unwrap(), walked(3, 3, 0));
    assert_eq!(tokens(&site.asked()), [second()]);
    assert_eq!(site.hinted(Source::Backfill).await, [2, 3]);
    assert_eq!(run(&skip, Run::Real).await.unwrap(), walked(3, 3, 0));
    assert_eq!(tokens(&site.asked()), [None, second()], "what is done begins again");
}

#[tokio::test]
async fn a_walk_does_not_go_on_with_another_question() {
    let site = two_pages().await;
    let skip = backfill(&site, Existing::Skip);
    let others = [
        Backfill { jql: "project = B".into(), ..skip.clone() },
        Backfill { existing: Existing::Fetch, ..skip.clone() },
    ];
    for other in others {
        site.fails(Some("1"), 500);
        run(&skip, Run::Real).await.unwrap_err();
        site.recovers();
        site.asked();
        assert_eq!(run(&other, Run::Real).await.unwrap(), walked(3, 3, 0));
        assert_eq!(tokens(&site.asked()), [None, second()]);
    }
}

#[tokio::test]
async fn a_token_that_has_expired_starts_the_walk_and_its_counts_over() {
    let site = two_pages().await;
    site.fails(Some("1"), 500);
    let skip = backfill(&site, Existing::Skip);
    run(&skip, Run::Real).await.unwrap_err();
    site.shows(&[vec![shown(4), shown(5)]]);
    site.fails(Some("1"), 400);
    site.asked();
    assert_eq!(run(&skip, Run::Real).await.unwrap(), walked(2, 2, 0));
    assert_eq!(tokens(&site.asked()), [second(), None]);
}

#[tokio::test]
async fn a_query_that_jira_rejects_is_not_asked_twice() {
    let site = two_pages().await;
    site.fails(None, 400);
    let rejected = run(&backfill(&site, Existing::Skip), Run::Real).await;
    let bad = matches!(rejected, Err(Error::Jira(JiraError::Rejected { status: 400 })));
    assert!(bad, "{rejected:?}");
    assert_eq!(tokens(&site.asked()), [None]);
}
