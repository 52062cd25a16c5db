//! What the ledger knows of an issue's rows spares looking at them, and is forgotten when it may be
//! wrong.

use std::fs;

use jira::id::Subject;
use ledger::{Commit, IssueRecord};
use transform::Table;

use super::world::{FEBRUARY, Issue, JANUARY, World, delete, expected, put};
use crate::layout::Style;

async fn record(world: &World, issue: &Issue) -> IssueRecord {
    world.ledger.issue(&Subject::Id(issue.id())).await.unwrap().unwrap()
}

/// Cuts a table's file in half.
async fn tear(world: &World, table: &str, month: &str) {
    let catalog = world.ledger.catalog().await.unwrap();
    let is_it =
        |file: &&ledger::CatalogFile| file.table == table && file.month.to_string() == month;
    let file = catalog.iter().find(is_it).unwrap();
    let file = world.path("store").join(&file.path);
    let bytes = fs::read(&file).unwrap();
    crate::durable::write(&file, &bytes[..bytes.len() / 2]).unwrap();
}

#[tokio::test]
async fn rows_that_are_known_to_be_there_are_not_looked_at() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let old = Issue::new(1, JANUARY);
    let new = Issue { comments: 3, ..old.clone() };
    put(&lake, std::slice::from_ref(&new)).await;
    let of_new = record(&world, &new).await;
    put(&lake, std::slice::from_ref(&old)).await;
    let of_old = record(&world, &old).await;
    assert_ne!(of_old.digests, of_new.digests);
    // The ledger is made to say what is not so.
    let id = world.ledger.next_commit().await.unwrap();
    let (files, dropped, remade, finished) = Default::default();
    let issues = vec![of_new];
    world
        .ledger
        .commit(Commit { id, files, dropped, remade, issues, finished, lost: vec![] })
        .await
        .unwrap();
    assert_eq!(put(&lake, std::slice::from_ref(&new)).await.files, 0);
    world.assert_holds(&lake, std::slice::from_ref(&old)).await;
}

#[tokio::test]
async fn a_month_that_was_made_from_raw_is_looked_at_again() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let issues = [Issue::new(1, JANUARY), Issue::new(2, JANUARY), Issue::new(3, FEBRUARY)];
    put(&lake, &issues).await;
    // A snapshot whose commit is still to come is what the repair finds.
    let newer = Issue { summary: "newer".to_owned(), ..issues[0].clone() };
    lake.write_raw(&newer.key(), newer.bytes(), None).await.unwrap();
    tear(&world, "issues", "2026-01").await;
    let two = Issue { summary: "second".to_owned(), ..issues[1].clone() };
    put(&lake, std::slice::from_ref(&two)).await;
    world.assert_holds(&lake, &[newer, two.clone(), issues[2].clone()]).await;
    let known = async |issue: &Issue| record(&world, issue).await.digests.is_some();
    assert!(!known(&issues[0]).await);
    assert!(known(&two).await);
    assert!(known(&issues[2]).await, "of another month");
    // And the next look finds it as it was.
    put(&lake, &issues[..1]).await;
    world.assert_holds(&lake, &[issues[0].clone(), two, issues[2].clone()]).await;
}

#[tokio::test]
async fn rows_that_a_rebuild_lost_come_back_with_the_issue() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let issues = [Issue::new(1, JANUARY), Issue::new(2, JANUARY)];
    put(&lake, &issues).await;
    crate::durable::write(&world.path("raw/issues/A-1.json"), b"{").unwrap();
    tear(&world, "issues", "2026-01").await;
    let rebuilt = lake.rebuild(|_| {}).await.unwrap();
    assert_eq!(rebuilt.unreadable.len(), 2, "a snapshot and a file: {:?}", rebuilt.unreadable);
    assert!(world.visible_rows().values().any(|rows| rows.issues().len() == 1));
    put(&lake, &issues[..1]).await;
    world.assert_holds(&lake, &issues).await;
}

#[tokio::test]
async fn rows_that_are_not_where_they_are_said_to_be_are_never_patched() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let issues = [1, 2, 3].map(|id| Issue::new(id, JANUARY));
    put(&lake, &issues).await;
    let said = record(&world, &issues[1]).await;
    delete(&lake, &issues[1]).await;
    // The ledger is made to say what is not so.
    let id = world.ledger.next_commit().await.unwrap();
    let (files, dropped, remade, finished) = Default::default();
    let issues_of = vec![said];
    let commit = Commit { id, files, dropped, remade, issues: issues_of, finished, lost: vec![] };
    world.ledger.commit(commit).await.unwrap();
    let newer = Issue { summary: "newer".to_owned(), ..issues[1].clone() };
    put(&lake, std::slice::from_ref(&newer)).await;
    assert_eq!(lake.verify().await.unwrap(), []);
    let rows = world.visible_rows();
    let rows = &rows[&(Table::Issues, newer.snapshot().month())];
    let wanted = [issues[0].clone(), newer, issues[2].clone()];
    let wanted = &expected(&wanted, lake.raw())[&(Table::Issues, issues[0].snapshot().month())];
    assert!(rows.same_rows(wanted).unwrap());
}
