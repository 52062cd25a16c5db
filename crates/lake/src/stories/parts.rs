//! A month with more issues than a file may hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::test_runner::{Config, TestRunner};
use transform::Table;

use super::splicing::bound;
use super::world::{Issue, JANUARY, World, delete, mapping, names, put};
use crate::divide::Bounds;
use crate::layout::Style;
use crate::read_back::{Select, Tables};
use crate::steps::Step;

/// Row groups of two issues, files of four.
const SMALL: Bounds = Bounds { row_group: 2, single_rows: 2, file: 4 };

fn issues(ids: impl IntoIterator<Item = i64>) -> Vec<Issue> {
    ids.into_iter().map(|id| Issue::new(id, JANUARY)).collect()
}

/// The visible names of the month in `issues`.
fn visible(world: &World) -> Vec<String> {
    match world.style {
        Style::Flat => names(&world.path("parquet/issues")),
        Style::Hive => names(&world.path("parquet/issues/month=2026-01")),
    }
}

#[tokio::test]
async fn a_month_over_the_bound_has_several_files_in_either_layout() {
    for (style, wanted) in [
        (Style::Flat, ["2026-01.1.parquet", "2026-01.2.parquet", "2026-01.parquet"]),
        (Style::Hive, ["data.1.parquet", "data.2.parquet", "data.parquet"]),
    ] {
        let world = World::new(style).await;
        let mut lake = world.open().await;
        bound(&mut lake, SMALL);
        let mut there = issues(1..=11);
        put(&lake, &there).await;
        assert_eq!(visible(&world), wanted);
        world.assert_holds(&lake, &there).await;
        // A change rewrites the file of its issue alone.
        there[4].comments = 3;
        let done = put(&lake, &there[4..5]).await;
        assert_eq!((done.files, done.row_groups), (2, 2));
        world.assert_holds(&lake, &there).await;
        let tables = Tables::at(&world.layout(), mapping().fields);
        let month = there[0].snapshot().month();
        let rows = tables.read(Table::Comments, &month, Select::default()).unwrap();
        assert_eq!(rows.len(), 11);
        assert_eq!(rows.values().map(Vec::len).sum::<usize>(), 23);
        // A start finds them as they are, a rebuild makes as many.
        drop(lake);
        let mut lake = world.open().await;
        world.assert_holds(&lake, &there).await;
        bound(&mut lake, SMALL);
        let before = world.ledger.catalog().await.unwrap().len() as u64;
        assert_eq!(lake.rebuild(|_| {}).await.unwrap().files, before);
        assert_eq!(visible(&world), wanted);
        world.assert_holds(&lake, &there).await;
        // A rebuild with room for all puts them together.
        drop(lake);
        let lake = world.open().await;
        lake.rebuild(|_| {}).await.unwrap();
        assert_eq!(visible(&world).len(), 1);
        world.assert_holds(&lake, &there).await;
    }
}

#[tokio::test]
async fn files_split_when_they_are_full_and_become_one_again() {
    let world = World::new(Style::Flat).await;
    let mut lake = world.open().await;
    bound(&mut lake, SMALL);
    let mut there = issues([1, 2, 5, 6]);
    put(&lake, &there).await;
    assert_eq!(visible(&world), ["2026-01.parquet"]);
    there.extend(issues([3]));
    let done = put(&lake, &there[4..]).await;
    assert_eq!(visible(&world), ["2026-01.1.parquet", "2026-01.parquet"]);
    assert_eq!(done.row_groups, 4, "the new issue is alone in its row group in each table");
    world.assert_holds(&lake, &there).await;
    delete(&lake, &there[0]).await;
    there[0] = there[0].gone();
    assert_eq!(visible(&world), ["2026-01.parquet"]);
    world.assert_holds(&lake, &there).await;
    for issue in &mut there[1..] {
        delete(&lake, issue).await;
        *issue = issue.gone();
    }
    world.assert_holds(&lake, &there).await;
    assert!(visible(&world).is_empty());
}

#[tokio::test]
async fn a_crash_while_files_split_leaves_each_issue_in_one() {
    for (step, happened) in
        [(Step::Stored, false), (Step::Committed, true), (Step::ChildrenVisible, true)]
    {
        for split in [true, false] {
            let world = World::new(Style::Flat).await;
            let mut lake = world.open().await;
            bound(&mut lake, SMALL);
            let before = issues(if split { 1..=4 } else { 1..=5 });
            put(&lake, &before).await;
            let change = if split { Issue::new(5, JANUARY) } else { before[4].gone() };
            lake.write_raw(&change.key(), change.bytes(), None).await.unwrap();
            world.crash_at(Some(step));
            lake.commit(vec![Arc::new(change.snapshot())], Vec::new()).await.unwrap_err();
            world.crash_at(None);
            drop(lake);
            let lake = world.open().await;
            let mut after = before.clone();
            if happened {
                after.retain(|issue| issue.id != change.id);
                after.push(change);
            }
            world.assert_holds(&lake, &after).await;
        }
    }
}

/// What happens to an issue: so many comments, or it is gone.
type Event = (i64, Option<usize>);

async fn play(style: Style, batches: Vec<Vec<Event>>) {
    let world = World::new(style).await;
    let mut lake = world.open().await;
    bound(&mut lake, Bounds { row_group: 3, single_rows: 5, file: 7 });
    let mut there: BTreeMap<i64, Issue> = BTreeMap::new();
    for (n, batch) in batches.into_iter().enumerate() {
        if n % 3 == 2 {
            // What is copied next was read from a file, not kept since it was written.
            drop(lake);
            lake = world.open().await;
            bound(&mut lake, Bounds { row_group: 3, single_rows: 5, file: 7 });
        }
        let mut changes = Vec::new();
        for (id, comments) in batch {
            let issue = match (comments, there.get(&id)) {
                (Some(comments), _) => Issue { comments, ..Issue::new(id, JANUARY) },
                (None, Some(issue)) => issue.gone(),
                (None, None) => continue,
            };
            lake.write_raw(&issue.key(), issue.bytes(), None).await.unwrap();
            changes.push(Arc::new(issue.snapshot()));
            there.insert(id, issue);
        }
        lake.commit(changes, Vec::new()).await.unwrap();
        world.assert_holds(&lake, &there.values().cloned().collect::<Vec<_>>()).await;
    }
    let committed = contents(&world).await;
    assert_eq!(lake.verify().await.unwrap(), []);
    lake.rebuild(|_| {}).await.unwrap();
    assert_eq!(contents(&world).await, committed, "a rebuild gives the same bytes");
    world.assert_holds(&lake, &there.values().cloned().collect::<Vec<_>>()).await;
}

/// The bytes of all files, as checksums; which number a file has follows from its past.
async fn contents(world: &World) -> BTreeSet<(String, String)> {
    let catalog = world.ledger.catalog().await.unwrap().into_iter();
    catalog.map(|file| (file.table, file.sha256)).collect()
}

#[test]
fn any_commits_and_a_rebuild_divide_a_month_alike() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 32, ..Config::default() });
    let event = (1..48i64, any::<u8>())
        .prop_map(|(id, what)| (id, (what > 90).then_some(usize::from(what % 4))));
    let events = vec(vec(event, 1..12), 1..8);
    runner
        .run(&(any::<bool>(), events), |(hive, events)| {
            let style = if hive { Style::Hive } else { Style::Flat };
            runtime.block_on(play(style, events));
            Ok(())
        })
        .unwrap();
}
