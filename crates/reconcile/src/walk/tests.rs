use serde_json::json;

use super::fake_site::{Asked, FakeSite, shown, unreadable};
use super::*;

fn walk(site: &FakeSite, ask: Ask, token: Option<&str>) -> Walk {
    Walk::new(site.client.clone(), "project = A".into(), ask, token.map(str::to_owned))
}

/// The ids of every page, and how the walk ended.
async fn pages(walk: &mut Walk) -> (Vec<Vec<i64>>, Result<(), Error>) {
    let mut pages = Vec::new();
    loop {
        match walk.next().await {
            Ok(Some(page)) => {
                pages.push(page.found.iter().map(|found| found.id.get()).collect());
            }
            Ok(None) => return (pages, Ok(())),
            Err(error) => return (pages, Err(error)),
        }
    }
}

#[test]
fn a_query_is_bound_to_the_projects_that_are_kept() {
    let check = |projects: &[&str], expected: &str| {
        let projects: Vec<String> = projects.iter().map(|key| (*key).to_owned()).collect();
        assert_eq!(within(&projects, "updated >= \"-5m\""), expected);
    };
    check(&[], "updated >= \"-5m\"");
    check(&["A"], "project in (\"A\") AND updated >= \"-5m\"");
    check(&["A", "B"], "project in (\"A\", \"B\") AND updated >= \"-5m\"");
}

#[tokio::test]
async fn a_walk_follows_the_tokens_to_the_last_page_and_asks_no_further() {
    let site = FakeSite::start().await;
    site.shows(&[vec![shown(1), unreadable()], vec![], vec![shown(2)]]);
    let mut whole = walk(&site, Ask::Keys, None);
    let (ids, ended) = pages(&mut whole).await;
    assert_eq!((ids, ended.is_ok()), (vec![vec![1], vec![], vec![2]], true));
    assert!(whole.next().await.unwrap().is_none(), "the end stays the end");
    let page = |field: &str, token: Option<&str>| Asked::Search {
        jql: "project = A".into(),
        field: field.into(),
        token: token.map(str::to_owned),
    };
    assert_eq!(site.asked(), [page("key", None), page("key", Some("1")), page("key", Some("2"))]);
    let (ids, _) = pages(&mut walk(&site, Ask::Updated, Some("2"))).await;
    assert_eq!(ids, [vec![2]], "from a token on");
    assert_eq!(site.asked(), [page("updated", Some("2"))]);
}

#[tokio::test]
async fn a_token_that_leads_to_itself_is_an_endless_search() {
    let site = FakeSite::start().await;
    let again = json!({"issues": [shown(1)], "nextPageToken": "1", "isLast": false});
    site.answers(vec![again.clone(), again]);
    let (ids, ended) = pages(&mut walk(&site, Ask::Keys, None)).await;
    assert_eq!(ids, [vec![1]], "the first page leads on, the second to itself");
    assert!(matches!(ended, Err(Error::EndlessSearch)), "{ended:?}");
}

#[tokio::test]
async fn more_without_a_token_is_a_search_that_broke_off_and_silence_is_the_end() {
    for (is_last, broke_off) in [(json!(false), true), (json!(null), false), (json!(true), false)] {
        let site = FakeSite::start().await;
        site.answers(vec![json!({"issues": [shown(1)], "isLast": is_last})]);
        let (_, ended) = pages(&mut walk(&site, Ask::Keys, None)).await;
        assert_eq!(matches!(ended, Err(Error::SearchBrokeOff)), broke_off, "{is_last}");
        assert_eq!(ended.is_ok(), !broke_off, "{is_last}");
    }
}

#[tokio::test]
async fn a_walk_is_bounded() {
    let site = FakeSite::start().await;
    site.shows(&[vec![shown(1)], vec![shown(2)]]);
    let mut long = walk(&site, Ask::Keys, None);
    long.pages = MOST_PAGES - 1;
    let (ids, ended) = pages(&mut long).await;
    assert_eq!(ids, [vec![1]], "the last page that is allowed");
    assert!(matches!(ended, Err(Error::EndlessSearch)), "{ended:?}");
    assert_eq!(site.asked().len(), 1, "no page beyond the bound is asked for");
}
