//! The dimensions: replaced whole, kept beside the snapshots, made again from there.

use std::path::Path;

use arrow::array::AsArray;
use serde_json::{Value, json};
use transform::Dimension;

use super::world::{Issue, JANUARY, World, names, put};
use crate::decode::decode;
use crate::dimension::{Replaced, Shrink};
use crate::durable;
use crate::error::Error;
use crate::layout::Style;
use crate::open::Lake;
use crate::steps::Step;

fn users(range: std::ops::Range<usize>) -> Vec<Value> {
    range
        .map(|n| json!({"accountId": format!("acc-{n}"), "displayName": format!("N {n}")}))
        .collect()
}

async fn replace(lake: &Lake, entries: Vec<Value>, shrink: Shrink) -> Result<Replaced, Error> {
    lake.replace_dimension(Dimension::Users, entries, shrink).await
}

/// The ids in a dimension's file.
fn ids(file: &Path, dimension: Dimension) -> Vec<String> {
    let batches = decode(file, None, &dimension.schema()).unwrap();
    let columns = batches.iter().map(|batch| batch.column(0).as_string::<i32>());
    columns.flat_map(|column| column.iter().flatten().map(str::to_owned)).collect()
}

fn file(world: &World) -> std::path::PathBuf {
    world.path("parquet/users.parquet")
}

#[tokio::test]
async fn a_dimension_is_replaced_whole_in_either_layout() {
    for style in [Style::Flat, Style::Hive] {
        let world = World::new(style).await;
        let lake = world.open().await;
        let mut entries = users(0..3);
        entries.push(json!({"displayName": "nobody", "active": 5}));
        entries[0]["active"] = json!("yes");
        let first = replace(&lake, entries, Shrink::Refuse).await.unwrap();
        assert_eq!(first, Replaced { before: None, rows: 3, lost: 1, odd_values: 1 });
        let second = replace(&lake, users(2..5), Shrink::Refuse).await.unwrap();
        assert_eq!(second, Replaced { before: Some(3), rows: 3, lost: 0, odd_values: 0 });
        assert_eq!(ids(&file(&world), Dimension::Users), ["acc-2", "acc-3", "acc-4"]);
        let views = std::fs::read_to_string(world.path("parquet/views.sql")).unwrap();
        assert!(views.contains("'/users.parquet'"), "{views}");
        assert!(!views.contains("'/projects.parquet'"), "there is none yet");
        // It is no table of a month, and a commit leaves it alone.
        put(&lake, &[Issue::new(1, JANUARY)]).await;
        world.assert_holds(&lake, &[Issue::new(1, JANUARY)]).await;
        assert_eq!(ids(&file(&world), Dimension::Users).len(), 3);
    }
}

#[tokio::test]
async fn a_list_of_less_than_half_is_refused_unless_a_person_allows_it() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    replace(&lake, users(0..10), Shrink::Refuse).await.unwrap();
    let raw = std::fs::read(world.path("raw/dimensions/users.json")).unwrap();
    for (count, twice) in [(4, false), (0, false), (4, true)] {
        // The same account twice is one row.
        let entries = if twice { [users(0..4), users(0..4)].concat() } else { users(0..count) };
        match replace(&lake, entries, Shrink::Refuse).await {
            Err(Error::Shrunk { dimension, before, after }) => {
                assert_eq!((dimension, before, after), ("users", 10, count as u64));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(ids(&file(&world), Dimension::Users).len(), 10);
        assert_eq!(std::fs::read(world.path("raw/dimensions/users.json")).unwrap(), raw);
    }
    assert_eq!(replace(&lake, users(0..5), Shrink::Refuse).await.unwrap().rows, 5);
    assert_eq!(replace(&lake, Vec::new(), Shrink::Allow).await.unwrap().before, Some(5));
    assert!(ids(&file(&world), Dimension::Users).is_empty());
    assert_eq!(replace(&lake, users(0..1), Shrink::Refuse).await.unwrap().before, Some(0));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_replaced() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    replace(&lake, users(0..10), Shrink::Refuse).await.unwrap();
    durable::write(&file(&world), b"PAR1").unwrap();
    let replaced = replace(&lake, users(0..2), Shrink::Refuse).await.unwrap();
    assert_eq!((replaced.before, replaced.rows), (None, 2));
    assert_eq!(ids(&file(&world), Dimension::Users), ["acc-0", "acc-1"]);
}

#[tokio::test]
async fn the_entries_are_kept_and_the_file_is_made_from_them_again() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let mut entries = users(0..2);
    entries[0]["more"] = json!({"than": ["we", "use"]});
    replace(&lake, entries.clone(), Shrink::Refuse).await.unwrap();
    let kept = std::fs::read(world.path("raw/dimensions/users.json")).unwrap();
    assert_eq!(serde_json::from_slice::<Vec<Value>>(&kept).unwrap(), entries);
    let before = std::fs::read(file(&world)).unwrap();
    // By a rebuild, in the place of a torn one, and by a start, in the place of none.
    durable::write(&file(&world), b"torn").unwrap();
    assert!(lake.rebuild(|_| {}).await.unwrap().unreadable.is_empty());
    assert_eq!(std::fs::read(file(&world)).unwrap(), before);
    std::fs::remove_file(file(&world)).unwrap();
    drop(lake);
    let lake = world.open().await;
    assert_eq!(std::fs::read(file(&world)).unwrap(), before);
    let views = std::fs::read_to_string(world.path("parquet/views.sql")).unwrap();
    assert!(views.contains("'/users.parquet'"), "{views}");
    drop(lake);
}

#[tokio::test]
async fn entries_that_cannot_be_read_are_reported_and_the_file_stays() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    replace(&lake, users(0..2), Shrink::Refuse).await.unwrap();
    for bad in [&b"{"[..], b"{}", b"5"] {
        durable::write(&world.path("raw/dimensions/users.json"), bad).unwrap();
        let rebuilt = lake.rebuild(|_| {}).await.unwrap();
        let files = rebuilt.unreadable.iter().map(|(file, _)| file.as_str()).collect::<Vec<_>>();
        assert_eq!(files, ["dimensions/users.json"]);
        assert_eq!(ids(&file(&world), Dimension::Users).len(), 2);
    }
    drop(lake);
    world.open().await;
    assert_eq!(ids(&file(&world), Dimension::Users).len(), 2);
}

#[tokio::test]
async fn a_crash_between_the_entries_and_the_file_is_finished_by_the_next_start() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    replace(&lake, users(0..2), Shrink::Refuse).await.unwrap();
    world.crash_at(Some(Step::Listed));
    assert!(replace(&lake, users(0..3), Shrink::Refuse).await.is_err());
    assert_eq!(ids(&file(&world), Dimension::Users).len(), 2, "the old one until then");
    world.crash_at(None);
    drop(lake);
    let _lake = world.open().await;
    assert_eq!(ids(&file(&world), Dimension::Users).len(), 3);
    assert_eq!(names(&world.path("raw/dimensions")), ["users.json"]);
}
