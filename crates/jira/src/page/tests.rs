//! Lists of all lengths, and lists that change, lie or break off while they are walked.

use std::cell::RefCell;

use serde_json::{Value, json};

use super::{Bounds, Outcome, Reason, Walk, walk, walk_within};
use crate::client::Error;
use crate::payload::Page;

fn item(id: usize) -> Value {
    json!({"id": id.to_string()})
}

fn items(count: usize) -> Vec<Value> {
    (1..=count).map(item).collect()
}

fn ids(walk: &Walk) -> Vec<usize> {
    walk.items.iter().map(|item| item["id"].as_str().unwrap().parse().unwrap()).collect()
}

/// The page that a list of pages of at most `size` answers.
fn page(list: &[Value], start: u64, size: usize) -> Page {
    let items = list.iter().skip(usize::try_from(start).unwrap()).take(size).cloned().collect();
    Page { start_at: Some(start), total: Some(list.len() as u64), is_last: None, items }
}

/// Walks with a scripted server that is told the number of the call and where the page starts.
async fn scripted(script: impl Fn(usize, u64) -> Result<Page, Error>) -> (Walk, Vec<u64>) {
    let starts = RefCell::new(Vec::new());
    let walk = walk(|start| {
        let call = starts.borrow().len();
        starts.borrow_mut().push(start);
        std::future::ready(script(call, start))
    })
    .await;
    (walk, starts.into_inner())
}

#[tokio::test]
async fn lists_of_every_length_are_complete_in_order_and_once_each() {
    for count in [0, 1, 99, 100, 101, 250, 5_000] {
        for says_last in [false, true] {
            let list = items(count);
            let (walk, starts) = scripted(|_, start| {
                let mut page = page(&list, start, 100);
                let end = start + page.items.len() as u64;
                page.is_last = says_last.then_some(end >= count as u64);
                Ok(page)
            })
            .await;
            assert!(matches!(walk.outcome, Outcome::Complete), "{count}: {:?}", walk.outcome);
            assert_eq!(walk.items, list, "{count}");
            assert_eq!(walk.total, Some(count as u64));
            assert_eq!(starts.len(), count.div_ceil(100).max(1), "{count}");
        }
    }
}

#[tokio::test]
async fn a_short_page_is_not_the_last() {
    let list = items(250);
    let (walk, starts) =
        scripted(|call, start| Ok(page(&list, start, [7, 100, 1][call % 3]))).await;
    assert!(matches!(walk.outcome, Outcome::Complete), "{:?}", walk.outcome);
    assert_eq!(walk.items, list);
    assert_eq!(starts.get(..4), Some(&[0, 7, 107, 108][..]));
}

#[tokio::test]
async fn without_a_total_the_list_ends_at_an_empty_page() {
    let list = items(250);
    let (walk, starts) =
        scripted(|_, start| Ok(Page { total: None, ..page(&list, start, 100) })).await;
    assert!(matches!(walk.outcome, Outcome::Complete), "{:?}", walk.outcome);
    assert_eq!((walk.items, walk.total), (list, None));
    assert_eq!(starts, [0, 100, 200, 250]);
}

#[tokio::test]
async fn is_last_outranks_a_total_that_is_behind() {
    let list = items(150);
    let (walk, starts) = scripted(|call, start| {
        let page = page(&list, start, 100);
        let last = start + page.items.len() as u64 >= 150;
        // The first answer still counts 100.
        Ok(Page { is_last: Some(last), total: Some(if call == 0 { 100 } else { 150 }), ..page })
    })
    .await;
    assert_eq!(starts, [0, 100, 0, 100]);
    assert!(matches!(walk.outcome, Outcome::Complete), "{:?}", walk.outcome);
    assert_eq!(walk.items, list);
}

#[tokio::test]
async fn a_list_that_shrinks_is_walked_once_more() {
    let (before, mut after) = (items(250), items(250));
    // The first entry goes after the first page: the 101st moves to the page that came already. The
    // count agrees by chance: one too many, one too few.
    after.remove(0);
    let (walk, starts) =
        scripted(|call, start| Ok(page(if call == 0 { &before } else { &after }, start, 100)))
            .await;
    assert!(matches!(walk.outcome, Outcome::Complete), "{:?}", walk.outcome);
    assert_eq!(walk.items, after);
    assert_eq!(starts, [0, 100, 200, 0, 100, 200]);
}

#[tokio::test]
async fn a_list_that_keeps_changing_is_not_complete() {
    let (even, odd) = (items(150), items(151));
    let (walk, starts) =
        scripted(|call, start| Ok(page(if call % 2 == 0 { &even } else { &odd }, start, 100)))
            .await;
    assert!(matches!(walk.outcome, Outcome::Incomplete(Reason::Changing)), "{:?}", walk.outcome);
    assert_eq!((walk.items.len(), starts.len()), (151, 4));
}

#[tokio::test]
async fn a_list_that_grows_is_followed_to_its_new_end() {
    let (before, after) = (items(100), items(230));
    let (walk, starts) = scripted(|call, start| {
        Ok(Page { total: Some(150), ..page(if call == 0 { &before } else { &after }, start, 100) })
    })
    .await;
    // Total lags at 150: the walk goes on by what came, finds 200 by the second page, and does not
    // call that complete.
    let differs = Reason::CountDiffers { have: 200, total: 150 };
    assert!(matches!(walk.outcome, Outcome::Incomplete(reason) if reason == differs));
    assert_eq!(starts.len(), 4);
    let (walk, _) =
        scripted(|call, start| Ok(page(if call == 0 { &before[..99] } else { &after }, start, 90)))
            .await;
    assert!(matches!(walk.outcome, Outcome::Complete), "{:?}", walk.outcome);
    assert_eq!(walk.items, after);
}

#[tokio::test]
async fn a_shifted_page_repeats_nothing_and_keeps_the_newest_copy() {
    let before = items(150);
    let mut after = items(150);
    after.insert(0, item(999));
    after[100] = json!({"id": "100", "edited": true});
    let (walk, _) =
        scripted(|call, start| Ok(page(if call == 0 { &before } else { &after }, start, 100)))
            .await;
    // The new first entry was missed at first (150 of 151), so the second pass settles it.
    assert!(matches!(walk.outcome, Outcome::Complete), "{:?}", walk.outcome);
    assert_eq!(walk.items, after);
    let (walk, _) = scripted(|call, start| {
        let list = if call == 0 { &before } else { &after };
        Ok(Page { total: Some(150), ..page(list, start, 100) })
    })
    .await;
    assert_eq!(walk.items.len(), 150);
    assert_eq!(walk.items[99], json!({"id": "100", "edited": true}));
}

#[tokio::test]
async fn a_count_that_never_agrees_is_not_complete() {
    let list = items(120);
    let (walk, starts) =
        scripted(|_, start| Ok(Page { total: Some(130), ..page(&list, start, 100) })).await;
    let differs = Reason::CountDiffers { have: 120, total: 130 };
    assert!(matches!(walk.outcome, Outcome::Incomplete(reason) if reason == differs));
    assert_eq!(ids(&walk).len(), 120);
    // Twice to the empty page, not for ever.
    assert_eq!(starts, [0, 100, 120, 0, 100, 120]);
}

#[tokio::test]
async fn an_empty_page_before_the_end_is_not_complete() {
    let (walk, _) = scripted(|_, start| Ok(Page { total: Some(3), ..page(&[], start, 100) })).await;
    let differs = Reason::CountDiffers { have: 0, total: 3 };
    assert!(matches!(walk.outcome, Outcome::Incomplete(reason) if reason == differs));
}

#[tokio::test]
async fn a_server_that_ignores_where_to_start_is_noticed() {
    let list = items(250);
    for total in [Some(250), Some(150), None] {
        let (walk, starts) = scripted(|_, _| Ok(Page { total, ..page(&list, 0, 100) })).await;
        assert!(matches!(walk.outcome, Outcome::Incomplete(Reason::Repeats)), "{:?}", walk.outcome);
        assert_eq!((walk.items.len(), starts.len()), (100, 2));
    }
    // Entries without ids are told apart by their text.
    let odd = vec![json!("a"), json!({"x": 1})];
    let (walk, _) = scripted(|_, _| Ok(Page { total: None, ..page(&odd, 0, 100) })).await;
    assert!(matches!(walk.outcome, Outcome::Incomplete(Reason::Repeats)));
    assert_eq!(walk.items, odd);
}

#[tokio::test]
async fn an_error_keeps_what_came_before_it() {
    let list = items(250);
    let (walk, _) = scripted(|call, start| match call {
        2 => Err(Error::Forbidden),
        _ => Ok(page(&list, start, 100)),
    })
    .await;
    assert!(matches!(walk.outcome, Outcome::Failed(Error::Forbidden)));
    assert_eq!((walk.items.len(), walk.total), (200, Some(250)));
    let (walk, _) = scripted(|_, _| Err(Error::NotFound)).await;
    assert!(matches!(walk.outcome, Outcome::Failed(Error::NotFound)));
    assert!(walk.items.is_empty());
}

#[tokio::test]
async fn a_second_pass_that_breaks_off_loses_nothing_of_the_first() {
    let list = items(120);
    let (walk, _) = scripted(|call, start| match call {
        4 => Err(Error::Unauthorized),
        _ => Ok(Page { total: Some(130), ..page(&list, start, 100) }),
    })
    .await;
    assert!(matches!(walk.outcome, Outcome::Failed(Error::Unauthorized)));
    assert_eq!(walk.items.len(), 120);
}

#[tokio::test]
async fn a_walk_is_bounded_in_pages_and_entries() {
    let endless = |start: u64| {
        let start = usize::try_from(start).unwrap();
        let items = (start..start + 10).map(item).collect();
        std::future::ready(Ok(Page { start_at: None, total: None, is_last: Some(false), items }))
    };
    let pages = walk_within(Bounds { pages: 7, items: 1_000 }, endless).await;
    assert!(matches!(pages.outcome, Outcome::Incomplete(Reason::TooManyPages)));
    assert_eq!(pages.items.len(), 70);
    let entries = walk_within(Bounds { pages: 1_000, items: 35 }, endless).await;
    assert!(matches!(entries.outcome, Outcome::Incomplete(Reason::TooManyItems)));
    assert_eq!(entries.items.len(), 35);
    let default = walk(endless).await;
    assert!(matches!(default.outcome, Outcome::Incomplete(Reason::TooManyPages)));
}
