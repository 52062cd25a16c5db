//! All tables of a lake made anew from the snapshots.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jira::id::Subject;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, TestRunner};
use transform::Table;

use super::world::{FEBRUARY, Issue, JANUARY, World, by_turns, delete, put};
use crate::dimension::Shrink;
use crate::error::Error;
use crate::layout::Style;
use crate::lock::LOCK_FILE;
use crate::rebuild::{Phase, Progress};
use crate::steps::Step;

/// The bytes of all files that the catalog names, as checksums.
async fn checksums(world: &World) -> BTreeMap<(String, String), String> {
    let catalog = world.ledger.catalog().await.unwrap().into_iter();
    catalog.map(|file| ((file.table, file.month.to_string()), file.sha256)).collect()
}

#[tokio::test]
async fn a_rebuild_gives_the_same_bytes_as_the_commits_did() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let mut issues = (1..=300).map(|id| Issue::new(id, by_turns(id))).collect::<Vec<_>>();
    for piece in issues.chunks(37) {
        put(&lake, piece).await;
    }
    issues[250].comments = 9;
    put(&lake, &issues[250..251]).await;
    delete(&lake, &issues[0]).await;
    issues[0] = issues[0].gone();
    let before = checksums(&world).await;
    let told = Arc::new(Mutex::new(Vec::<Progress>::new()));
    let tell = Arc::clone(&told);
    let rebuilt = lake.rebuild(move |progress| tell.lock().unwrap().push(progress)).await.unwrap();
    assert_eq!((rebuilt.issues, rebuilt.months, rebuilt.kept), (299, 3, 0));
    assert_eq!(rebuilt.files, before.len() as u64);
    assert!(rebuilt.unreadable.is_empty() && rebuilt.superseded.is_empty());
    assert_eq!(checksums(&world).await, before);
    world.assert_holds(&lake, &issues).await;
    let told = told.lock().unwrap();
    for (phase, total) in [(Phase::Survey, 300), (Phase::Write, 300)] {
        assert!(told.contains(&Progress { phase, done: total, total }), "{told:?}");
    }
}

#[tokio::test]
async fn a_rebuild_that_was_cut_off_is_done_again() {
    let mut world = World::new(Style::Flat).await;
    let issues = [Issue::new(1, JANUARY), Issue::new(2, FEBRUARY), Issue::new(3, FEBRUARY)];
    let lake = world.open().await;
    put(&lake, &issues).await;
    drop(lake);
    // A new ledger, and a crash in the first of two months.
    world.ledger = ledger::Ledger::open(&world.path("other.db"), world.clock()).await.unwrap();
    world.crash_at(Some(Step::Committed));
    assert!(world.try_open().await.is_err());
    world.crash_at(None);
    let lake = world.open().await;
    world.assert_holds(&lake, &issues).await;
}

/// Takes the files of the tables that were not there in the first version out of the lake, as if it
/// had been made by that.
async fn age(world: &World, cursor: &str) {
    let new = [Table::KeyAliases, Table::DeletedIssues, Table::Coverage];
    let files = world.ledger.catalog().await.unwrap().into_iter();
    let files = files.filter(|file| new.iter().any(|table| table.name() == file.table));
    let dropped: Vec<_> = files.map(|file| (file.table, file.month)).collect();
    assert_eq!(dropped.len(), 3);
    let id = world.ledger.next_commit().await.unwrap();
    let (files, issues, finished) = (Vec::new(), Vec::new(), Vec::new());
    let remade = Vec::new();
    let commit = ledger::Commit { id, files, dropped, remade, issues, finished, lost: vec![] };
    world.ledger.commit(commit).await.unwrap();
    world.ledger.set_cursor("lake.rebuild", cursor).await.unwrap();
}

#[tokio::test]
async fn a_lake_of_another_version_is_made_anew_when_it_is_opened() {
    for cursor in ["done", "running", "1", "3"] {
        let world = World::new(Style::Flat).await;
        let lake = world.open().await;
        let issues = [Issue::new(1, JANUARY), Issue::new(2, FEBRUARY), Issue::new(3, FEBRUARY)];
        put(&lake, &issues).await;
        delete(&lake, &issues[2]).await;
        drop(lake);
        age(&world, cursor).await;
        let lake = world.open().await;
        let issues = [issues[0].clone(), issues[1].clone(), issues[2].gone()];
        world.assert_holds(&lake, &issues).await;
        drop(lake);
        let commit = world.ledger.next_commit().await.unwrap().get();
        let lake = world.open().await;
        let next = world.ledger.next_commit().await.unwrap().get();
        assert_eq!(next, commit + 1, "a lake of this version is left as it is");
        world.assert_holds(&lake, &issues).await;
    }
}

#[tokio::test]
async fn an_upgrade_that_was_cut_off_is_done_again() {
    let world = World::new(Style::Flat).await;
    let issues = [Issue::new(1, JANUARY), Issue::new(2, FEBRUARY), Issue::new(3, None)];
    let lake = world.open().await;
    put(&lake, &issues).await;
    drop(lake);
    age(&world, "done").await;
    world.crash_at(Some(Step::Committed));
    assert!(world.try_open().await.is_err());
    world.crash_at(None);
    world.assert_holds(&world.open().await, &issues).await;
}

#[tokio::test]
async fn a_lake_without_issues_is_whole_from_the_start() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    put(&lake, &[Issue::new(1, JANUARY)]).await;
    drop(lake);
    let commit = world.ledger.next_commit().await.unwrap().get();
    drop(world.open().await);
    assert_eq!(world.ledger.next_commit().await.unwrap().get(), commit + 1);
}

#[tokio::test]
async fn a_tombstone_whose_file_is_gone_or_another_issues_keeps_its_row() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let issues = [Issue::new(1, JANUARY), Issue::new(2, JANUARY), Issue::new(3, FEBRUARY)];
    put(&lake, &issues).await;
    delete(&lake, &issues[1]).await;
    delete(&lake, &issues[2]).await;
    // The key is another issue's by now.
    let other = Issue { key: "A-2".to_owned(), ..Issue::new(9, JANUARY) };
    put(&lake, std::slice::from_ref(&other)).await;
    std::fs::remove_file(world.path("raw/issues/A-3.json")).unwrap();
    let wanted = [issues[0].clone(), issues[1].gone(), issues[2].gone(), other];
    world.assert_holds(&lake, &wanted).await;
    let before = checksums(&world).await;
    assert_eq!(lake.rebuild(|_| {}).await.unwrap().kept, 2);
    assert_eq!(checksums(&world).await, before);
    // A torn file of tombstones is made from what the ledger knows of them.
    for file in world.ledger.catalog().await.unwrap() {
        if file.table == "deleted_issues" && file.month.to_string() == "2026-01" {
            crate::durable::write(&world.path("store").join(file.path), b"PAR1").unwrap();
        }
    }
    delete(&lake, &issues[0]).await;
    let rows = &world.visible_rows()[&(Table::DeletedIssues, issues[0].snapshot().month())];
    let of = |issue: &Issue| {
        let mut rows = rows.clone();
        rows.retain(&[issue.id()].into());
        rows
    };
    let whole = super::world::expected(&[issues[0].gone()], lake.raw());
    let whole = &whole[&(Table::DeletedIssues, issues[0].snapshot().month())];
    assert!(of(&issues[0]).same_rows(whole).unwrap());
    assert_eq!(of(&issues[1]).rows(), 1);
}

#[tokio::test]
async fn the_newer_of_a_tombstone_and_a_live_file_counts() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let issue = Issue::new(1, JANUARY);
    put(&lake, std::slice::from_ref(&issue)).await;
    let write = |name: &str, issue: &Issue, synced: &str| {
        let mut json = issue.json();
        json["_synced_at"] = synced.into();
        let json = serde_json::to_vec(&json).unwrap();
        crate::durable::write(&world.path("raw/issues").join(name), &json).unwrap();
    };
    let (old, new) = ("2026-04-01T00:00:00.000Z", "2026-05-01T00:00:00.000Z");
    let moved = Issue { key: "B-2".to_owned(), ..issue.clone() };
    write("A-1.json", &issue.gone(), old);
    write("B-2.json", &moved, new);
    assert_eq!(lake.rebuild(|_| {}).await.unwrap().superseded, ["A-1.json"]);
    world.assert_holds(&lake, std::slice::from_ref(&moved)).await;
    write("A-1.json", &issue.gone(), new);
    write("B-2.json", &moved, old);
    assert_eq!(lake.rebuild(|_| {}).await.unwrap().superseded, ["B-2.json"]);
    world.assert_holds(&lake, &[issue.gone()]).await;
}

#[tokio::test]
async fn a_store_that_is_gone_is_made_anew() {
    let world = World::new(Style::Flat).await;
    let issues = [Issue::new(1, JANUARY), Issue::new(2, FEBRUARY)];
    let lake = world.open().await;
    put(&lake, &issues).await;
    drop(lake);
    std::fs::remove_dir_all(&world.layout().store).unwrap();
    std::fs::remove_dir_all(&world.layout().parquet).unwrap();
    let lake = world.open().await;
    world.assert_holds(&lake, &issues).await;
}

#[tokio::test]
async fn a_lost_ledger_is_refilled_from_the_snapshots() {
    let mut world = World::new(Style::Flat).await;
    let issues = [Issue::new(1, JANUARY), Issue::new(2, FEBRUARY), Issue::new(3, FEBRUARY)];
    let lake = world.open().await;
    put(&lake, &issues).await;
    delete(&lake, &issues[2]).await;
    drop(lake);
    let path = world.path("other.db");
    world.ledger = ledger::Ledger::open(&path, world.clock()).await.unwrap();
    let lake = world.open().await;
    world.assert_holds(&lake, &[issues[0].clone(), issues[1].clone(), issues[2].gone()]).await;
    for (issue, deleted) in [(&issues[0], false), (&issues[2], true)] {
        let record = world.ledger.issue(&Subject::Key(issue.key())).await.unwrap().unwrap();
        assert_eq!((record.id, record.deleted_at.is_some()), (issue.id(), deleted));
        assert_eq!(record.parts, issue.json()["_parts"]);
    }
    // A first commit into a month of the lost ledger does not replace the month.
    let edited = Issue { comments: 4, ..issues[0].clone() };
    put(&lake, std::slice::from_ref(&edited)).await;
    world.assert_holds(&lake, &[edited, issues[1].clone(), issues[2].gone()]).await;
}

#[tokio::test]
async fn tables_of_another_origin_are_not_replaced_by_nothing() {
    let world = World::new(Style::Flat).await;
    let theirs = world.path("parquet/issues/2026-01.parquet");
    crate::durable::write(&theirs, b"somebody's").unwrap();
    assert!(matches!(world.try_open().await, Err(Error::Foreign { .. })));
    assert_eq!(std::fs::read(&theirs).unwrap(), b"somebody's");
}

#[tokio::test]
async fn an_issue_whose_snapshot_is_unreadable_or_missing_keeps_its_rows() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let issues = [
        Issue::new(1, JANUARY),
        Issue::new(2, JANUARY),
        Issue::new(3, JANUARY),
        Issue::new(4, FEBRUARY),
    ];
    put(&lake, &issues).await;
    crate::durable::write(&world.path("raw/issues/A-2.json"), b"{\"id\":").unwrap();
    crate::durable::write(&world.path("raw/issues/A-9.json"), b"[]").unwrap();
    std::fs::remove_file(world.path("raw/issues/A-3.json")).unwrap();
    std::fs::remove_file(world.path("raw/issues/A-4.json")).unwrap();
    let refused = lake.rebuild(|_| {}).await;
    assert!(matches!(refused, Err(Error::Shrinking { known: 4, readable: 1, .. })), "{refused:?}");
    let rebuilt = lake.rebuild_with(|_| {}, Shrink::Allow).await.unwrap();
    let files = rebuilt.unreadable.iter().map(|(file, _)| file.as_str()).collect::<Vec<_>>();
    assert_eq!(files, ["A-2.json", "A-9.json"]);
    assert_eq!((rebuilt.issues, rebuilt.kept), (1, 3));
    crate::durable::write(&world.path("raw/issues/A-3.json"), &issues[2].bytes()).unwrap();
    crate::durable::write(&world.path("raw/issues/A-4.json"), &issues[3].bytes()).unwrap();
    world.assert_holds(&lake, &issues).await;
}

#[tokio::test]
async fn of_two_files_of_one_issue_the_newer_counts_and_the_other_is_reported() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let old = Issue::new(1, JANUARY);
    let moved = Issue { key: "B-2".to_owned(), created: FEBRUARY, ..old.clone() };
    put(&lake, std::slice::from_ref(&old)).await;
    let mut json = old.json();
    json["_synced_at"] = "2026-04-30T00:00:00.000Z".into();
    let json = serde_json::to_vec(&json).unwrap();
    crate::durable::write(&world.path("raw/issues/A-1.json"), &json).unwrap();
    crate::durable::write(&world.path("raw/issues/B-2.json"), &moved.bytes()).unwrap();
    let rebuilt = lake.rebuild(|_| {}).await.unwrap();
    assert_eq!(rebuilt.superseded, ["A-1.json"]);
    assert_eq!(rebuilt.issues, 1);
    world.assert_holds(&lake, &[moved]).await;
}

#[tokio::test]
async fn a_torn_month_is_whole_after_a_rebuild() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let issues = [Issue::new(1, JANUARY), Issue::new(2, JANUARY)];
    put(&lake, &issues).await;
    for file in world.ledger.catalog().await.unwrap() {
        crate::durable::write(&world.path("store").join(file.path), b"PAR1").unwrap();
    }
    assert_eq!(lake.rebuild(|_| {}).await.unwrap().issues, 2);
    world.assert_holds(&lake, &issues).await;
}

#[tokio::test]
async fn one_issue_is_redone_or_taken_out_for_good() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let issues = [Issue::new(1, JANUARY), Issue::new(2, JANUARY)];
    put(&lake, &issues).await;
    let edited = Issue { comments: 6, ..issues[0].clone() };
    lake.write_raw(&edited.key(), edited.bytes(), None).await.unwrap();
    lake.redo(&edited.key()).await.unwrap();
    world.assert_holds(&lake, &[edited.clone(), issues[1].clone()]).await;
    let now: &'static str = world.clock().now().iso().leak();
    let gone = Issue { deleted: Some(now), ..issues[1].clone() };
    lake.bury(&gone.key()).await.unwrap();
    world.assert_holds(&lake, &[edited.clone(), gone.clone()]).await;
    // The first time counts, however often it is said.
    world.pass_time(std::time::Duration::from_secs(60));
    lake.bury(&gone.key()).await.unwrap();
    lake.rebuild(|_| {}).await.unwrap();
    world.assert_holds(&lake, &[edited, gone]).await;
    assert!(lake.redo(&Issue::new(7, None).key()).await.is_err());
    assert!(lake.bury(&Issue::new(7, None).key()).await.is_err());
}

/// One thing that happens to one of a few issues.
#[derive(Debug, Clone)]
enum Event {
    Put { id: i64, month: usize, comments: usize, project: char },
    Delete { id: i64 },
    Reopen,
}

fn event() -> impl Strategy<Value = Event> {
    let put =
        (1..8i64, 0..3usize, 0..4usize, any::<bool>()).prop_map(|(id, month, comments, b)| {
            Event::Put { id, month, comments, project: if b { 'A' } else { 'B' } }
        });
    prop_oneof![6 => put, 2 => (1..8i64).prop_map(|id| Event::Delete { id }), 1 => Just(Event::Reopen)]
}

async fn play(events: Vec<Vec<Event>>) {
    let world = World::new(Style::Flat).await;
    let mut lake = world.open().await;
    let mut there: BTreeMap<i64, Issue> = BTreeMap::new();
    for batch in events {
        let mut changes = Vec::new();
        for event in batch {
            let issue = match event {
                Event::Put { id, month, comments, project } => {
                    let created = [JANUARY, FEBRUARY, None][month];
                    let key = format!("{project}-{id}");
                    Issue { key, comments, ..Issue::new(id, created) }
                }
                Event::Delete { id } => match there.get(&id) {
                    Some(issue) => issue.gone(),
                    None => continue,
                },
                Event::Reopen => {
                    drop(lake);
                    lake = world.open().await;
                    continue;
                }
            };
            let known = world.ledger.issue(&Subject::Id(issue.id())).await.unwrap();
            let before = there.get(&issue.id).map(Issue::key).or(known.map(|known| known.key));
            lake.write_raw(&issue.key(), issue.bytes(), before.as_ref()).await.unwrap();
            there.insert(issue.id, issue.clone());
            let snapshot = lake.read_raw(&issue.key()).await.unwrap().unwrap();
            changes.push(Arc::new(snapshot));
        }
        lake.commit(changes, Vec::new()).await.unwrap();
        world.assert_holds(&lake, &there.values().cloned().collect::<Vec<_>>()).await;
    }
    let committed = checksums(&world).await;
    lake.rebuild(|_| {}).await.unwrap();
    assert_eq!(checksums(&world).await, committed);
    assert!(world.path("parquet").join(LOCK_FILE).is_file());
}

#[test]
fn any_commits_and_a_rebuild_give_the_same_lake() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 24, ..Config::default() });
    let events = vec(vec(event(), 1..5), 1..8);
    runner
        .run(&events, |events| {
            runtime.block_on(play(events));
            Ok(())
        })
        .unwrap();
}
