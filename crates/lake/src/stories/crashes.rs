//! The process ends between two durable steps. After the next start the lake is as it was or as it
//! was to be, the visible tables agree with the catalog, and the work is retired if and only if
//! its rows are there.

use std::sync::Arc;

use super::world::{FEBRUARY, Issue, JANUARY, World, put};
use crate::error::Error;
use crate::layout::Style;
use crate::steps::Step;

/// Whether the new rows are to be there after a crash at this step.
async fn check(style: Style, step: Step, happened: bool) {
    let world = World::new(style).await;
    let before = [
        Issue::new(1, JANUARY),
        Issue::new(2, JANUARY),
        Issue::new(3, FEBRUARY),
        Issue::new(4, None),
    ];
    let lake = world.open().await;
    put(&lake, &before).await;

    let edited = Issue { summary: "edited".to_owned(), comments: 3, ..before[0].clone() };
    let dated = Issue { created: FEBRUARY, ..before[3].clone() };
    let deleted = before[2].gone();
    let mut finished = Vec::new();
    for issue in [&edited, &dated, &deleted] {
        finished.push(world.work(issue).await);
    }
    let changes = [&edited, &dated, &deleted].map(|issue| Arc::new(issue.snapshot())).to_vec();
    world.crash_at(Some(step));
    let crashed = lake.commit(changes, finished).await;
    assert_eq!(matches!(crashed, Err(Error::Behind { .. })), happened, "{step:?}: {crashed:?}");
    assert!(crashed.is_err());
    drop(lake);

    world.crash_at(None);
    let lake = world.open().await;
    let after = [edited, before[1].clone(), dated, deleted];
    let wanted = if happened { &after[..] } else { &before[..] };
    world.assert_holds(&lake, wanted).await;
    assert_eq!(world.work_left().await, !happened, "{step:?}");
}

#[tokio::test]
async fn a_crash_before_the_transaction_leaves_everything_as_it_was() {
    for step in [Step::Staged, Step::Stored, Step::AllStored] {
        check(Style::Flat, step, false).await;
        check(Style::Hive, step, false).await;
    }
}

#[tokio::test]
async fn a_crash_after_the_transaction_leaves_everything_as_it_was_to_be() {
    for step in [Step::Committed, Step::ChildrenVisible, Step::Visible] {
        check(Style::Flat, step, true).await;
        check(Style::Hive, step, true).await;
    }
}

#[tokio::test]
async fn names_that_are_behind_are_caught_up_by_the_next_commit() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    world.crash_at(Some(Step::ChildrenVisible));
    let one = Issue::new(1, JANUARY);
    let behind = lake.commit(vec![Arc::new(one.snapshot())], Vec::new()).await;
    assert!(matches!(behind, Err(Error::Behind { .. })), "{behind:?}");
    assert!(!world.path("parquet/issues/2026-01.parquet").exists());
    world.crash_at(None);
    lake.write_raw(&one.key(), one.bytes(), None).await.unwrap();
    put(&lake, &[Issue::new(2, FEBRUARY)]).await;
    world.assert_holds(&lake, &[one, Issue::new(2, FEBRUARY)]).await;
}

#[tokio::test]
async fn a_commit_that_failed_can_be_done_again() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let issue = Issue::new(1, JANUARY);
    for step in [Step::Staged, Step::Stored, Step::AllStored] {
        world.crash_at(Some(step));
        assert!(lake.commit(vec![Arc::new(issue.snapshot())], Vec::new()).await.is_err());
    }
    world.crash_at(None);
    put(&lake, std::slice::from_ref(&issue)).await;
    world.assert_holds(&lake, &[issue]).await;
}
