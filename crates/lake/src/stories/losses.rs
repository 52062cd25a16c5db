//! Parts of the data folder are lost or set back a generation, in all combinations. The lake opens, no
//! visible row leaves without a confirmed delete, and once everything that is due was fetched the
//! tables are what the site has.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jira::id::{IssueId, Subject};
use ledger::{Finished, Loss, Source};
use tempfile::TempDir;
use transform::Table;

use super::world::{
    FEBRUARY, Issue, JANUARY, World, assert_rows, by_turns, delete, expected, put, visible_rows,
};
use crate::durable;
use crate::inventory::{Recovery, RecoveryState};
use crate::layout::Style;
use crate::open::Lake;

/// The parts of the data folder.
const PARTS: [&str; 4] = ["raw", "store", "parquet", "ledger.db"];

/// What became of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Present,
    Lost,
    Older,
}

const FATES: [Fate; 3] = [Fate::Present, Fate::Lost, Fate::Older];

/// Two generations of a data folder.
struct Generations {
    older: TempDir,
    newer: TempDir,
    /// The site after both, by issue.
    site: BTreeMap<IssueId, Issue>,
}

impl Generations {
    /// Thirty issues; since the older generation ten came, two changed and one was deleted.
    async fn new() -> Self {
        let world = World::new(Style::Flat).await;
        let lake = world.open().await;
        let mut issues = (1..=30).map(|id| Issue::new(id, by_turns(id))).collect::<Vec<_>>();
        put(&lake, &issues[..20]).await;
        delete(&lake, &issues[4]).await;
        issues[4] = issues[4].gone();
        drop(lake);
        let older = copied(&world).await;
        let world = World::over(world.dir, Style::Flat).await;
        let lake = world.open().await;
        for issue in &mut issues[..2] {
            issue.comments = 4;
            issue.changed = "2026-05-02T00:00:00.000Z";
        }
        put(&lake, &issues[..2]).await;
        put(&lake, &issues[20..]).await;
        delete(&lake, &issues[9]).await;
        issues[9] = issues[9].gone();
        drop(lake);
        let newer = copied(&world).await;
        let site = issues.into_iter().map(|issue| (issue.id(), issue)).collect();
        Self { older, newer, site }
    }

    /// A data folder whose parts have these fates.
    fn assemble(&self, fates: [Fate; 4]) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (part, fate) in PARTS.iter().zip(fates) {
            let from = match fate {
                Fate::Present => self.newer.path(),
                Fate::Older => self.older.path(),
                Fate::Lost => continue,
            };
            copy(&from.join(part), &dir.path().join(part));
        }
        dir
    }
}

async fn copied(world: &World) -> TempDir {
    world.ledger.close().await;
    let dir = tempfile::tempdir().unwrap();
    for part in PARTS {
        copy(&world.path(part), &dir.path().join(part));
    }
    dir
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        std::fs::create_dir_all(to).unwrap();
        for entry in durable::list(from).unwrap() {
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        std::fs::copy(from, to).unwrap();
    }
}

/// The live issues that the visible tables have.
fn visible(world: &World) -> BTreeSet<IssueId> {
    let rows = visible_rows(&world.layout()).into_iter();
    let rows = rows.filter(|((table, _), _)| *table == Table::Issues);
    rows.flat_map(|(_, rows)| rows.issues()).collect()
}

/// Everything that is due is fetched and committed, as the loop would.
async fn fetch_all(world: &World, lake: &Lake, site: &BTreeMap<IssueId, Issue>) -> usize {
    let until = world.clock().now().plus(Duration::from_secs(600));
    let work = world.ledger.lease(1000, until).await.unwrap();
    let mut finished = Vec::new();
    for work in work {
        let Subject::Id(id) = work.subject else { panic!("{work:?}") };
        let issue = &site[&id];
        lake.write_raw(&issue.key(), issue.bytes(), None).await.unwrap();
        finished
            .push((issue, Finished { subject: work.subject, version: work.version, again: None }));
    }
    lake.progress().await.unwrap();
    let count = finished.len();
    for (issue, finished) in finished {
        lake.commit(vec![Arc::new(issue.snapshot())], vec![finished]).await.unwrap();
    }
    count
}

async fn check(generations: &Generations, fates: [Fate; 4]) {
    let dir = generations.assemble(fates);
    let known = known(fates);
    let world = World::over(dir, Style::Flat).await;
    let deleted = |id: &IssueId| generations.site[id].deleted.is_some();
    let before = visible(&world);
    let keeps = |world: &World, when: &str| {
        let left = &before - &visible(world);
        let left = left.iter().filter(|id| !deleted(id)).collect::<Vec<_>>();
        assert!(left.is_empty(), "{fates:?}: {left:?} left the tables {when}");
    };
    let lake = world.try_open().await.unwrap_or_else(|error| panic!("{fates:?}: {error:?}"));
    keeps(&world, "when the lake was opened");
    lake.verify_snapshots().await.unwrap();
    let [raw, store, tree, ledger] = fates;
    let asks_store = tree == Fate::Lost && ledger == Fate::Lost;
    let is_outdated =
        !([raw, tree, ledger].contains(&Fate::Present) || asks_store && store == Fate::Present);
    if is_outdated {
        // Nothing that is here knows what happened since: an older ledger is a damage, after which
        // the copy is compared with Jira.
        let subjects = known.iter().map(|id| Subject::Id(*id)).collect::<Vec<_>>();
        let now = world.clock().now();
        world.ledger.hint(&subjects, Source::Sweep, now).await.unwrap();
    }
    fetch_all(&world, &lake, &generations.site).await;
    keeps(&world, "while it recovered");
    lake.progress().await.unwrap();
    let wanted = generations.site.values().filter(|issue| known.contains(&issue.id()));
    let wanted = wanted.cloned().collect::<Vec<_>>();
    let mut found = world.visible_rows();
    // Of an old tombstone the ledger keeps less than its snapshot says.
    found.retain(|(table, _), _| *table != Table::DeletedIssues);
    let live = wanted.iter().filter(|issue| issue.deleted.is_none()).cloned().collect::<Vec<_>>();
    assert_live(&found, &live, &lake, fates);
    assert_eq!(world.ledger.counts().await.unwrap().issues_lost, 0, "{fates:?}");
    assert_eq!(lake.verify().await.unwrap(), [], "{fates:?}");
}

fn assert_live(
    found: &BTreeMap<(Table, jira::time::Month), crate::splice::Sorted>,
    live: &[Issue],
    lake: &Lake,
    fates: [Fate; 4],
) {
    let ids = |rows: &BTreeMap<(Table, jira::time::Month), crate::splice::Sorted>| {
        let of = rows.iter().filter(|((table, _), _)| *table == Table::Issues);
        of.flat_map(|(_, rows)| rows.issues()).collect::<BTreeSet<_>>()
    };
    assert_eq!(ids(found), ids(&expected(live, lake.raw())), "{fates:?}");
    assert_rows(found, live, lake.raw());
}

/// The issues that any part knows of that jiralake asks.
fn known(fates: [Fate; 4]) -> BTreeSet<IssueId> {
    let ids = |count: i64| (1..=count).map(|id| IssueId::new(id).unwrap());
    let of = |fate| match fate {
        Fate::Present => 30,
        Fate::Older => 20,
        Fate::Lost => 0,
    };
    let [raw, store, tree, ledger] = fates;
    // The store's own names are asked only when there is no catalog, and of months that are not
    // visible.
    let store = if ledger == Fate::Lost && tree == Fate::Lost { of(store) } else { 0 };
    ids([of(raw), of(tree), of(ledger), store].into_iter().max().unwrap()).collect()
}

#[tokio::test]
async fn any_parts_lost_or_older_come_back_without_a_person() {
    let generations = Generations::new().await;
    for raw in FATES {
        for store in FATES {
            for tree in FATES {
                for ledger in FATES {
                    check(&generations, [raw, store, tree, ledger]).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn with_store_and_raw_deleted_every_row_stays_and_every_issue_is_due() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let issues = (1..=60).map(|id| Issue::new(id, by_turns(id))).collect::<Vec<_>>();
    put(&lake, &issues).await;
    drop(lake);
    std::fs::remove_dir_all(world.path("raw")).unwrap();
    std::fs::remove_dir_all(world.path("store")).unwrap();
    let lake = world.open().await;
    assert_eq!(visible(&world).len(), 60);
    assert_eq!(world.ledger.losses().await.unwrap(), [(Loss::RawMissing, 60)]);
    let report = Recovery::of(&world.ledger).await.unwrap().unwrap();
    assert_eq!((report.state, report.lost), (RecoveryState::Fetching, 60));
    let site = issues.iter().map(|issue| (issue.id(), issue.clone())).collect();
    assert_eq!(fetch_all(&world, &lake, &site).await, 60);
    lake.progress().await.unwrap();
    let report = Recovery::of(&world.ledger).await.unwrap().unwrap();
    assert_eq!(report.state, RecoveryState::Ok);
    world.assert_holds(&lake, &issues).await;
}

#[tokio::test]
async fn torn_foreign_and_older_snapshots_are_due() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let issues = (1..=8).map(|id| Issue::new(id, JANUARY)).collect::<Vec<_>>();
    put(&lake, &issues).await;
    let raw = |name: &str| world.path("raw/issues").join(name);
    let whole = std::fs::read(raw("A-1.json")).unwrap();
    durable::write(&raw("A-1.json"), &whole[..whole.len() / 2]).unwrap();
    durable::write(&raw("A-2.json"), b"").unwrap();
    durable::write(&raw("A-3.json"), &issues[3].bytes()).unwrap();
    let older = Issue { changed: "2026-04-30T00:00:00.000Z", ..issues[4].clone() };
    durable::write(&raw("A-5.json"), &older.bytes()).unwrap();
    std::fs::remove_file(raw("A-6.json")).unwrap();
    assert_eq!(lake.verify_snapshots().await.unwrap(), 5);
    let losses = world.ledger.losses().await.unwrap();
    assert_eq!(
        losses,
        [
            (Loss::RawForeign, 1),
            (Loss::RawMissing, 1),
            (Loss::RawOlder, 1),
            (Loss::RawUnreadable, 2)
        ]
    );
    assert_eq!(lake.verify_snapshots().await.unwrap(), 0, "they have work by now");
    let site = issues.iter().map(|issue| (issue.id(), issue.clone())).collect();
    assert_eq!(fetch_all(&world, &lake, &site).await, 5);
    assert_eq!(world.ledger.counts().await.unwrap().issues_lost, 0);
    world.assert_holds(&lake, &issues).await;
}

#[tokio::test]
async fn a_held_rebuild_leaves_the_tables_and_goes_ahead_when_half_is_back() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let issues = (1..=10).map(|id| Issue::new(id, by_turns(id))).collect::<Vec<_>>();
    put(&lake, &issues).await;
    drop(lake);
    // Another version has to rebuild, and finds two of ten snapshots.
    world.ledger.set_cursor("lake.rebuild", "another").await.unwrap();
    for issue in &issues[2..] {
        std::fs::remove_file(world.path("raw/issues").join(format!("{}.json", issue.key))).unwrap();
    }
    let lake = world.open().await;
    world.assert_holds(&lake, &issues).await;
    let report = Recovery::of(&world.ledger).await.unwrap().unwrap();
    assert_eq!((report.state, report.known, report.readable), (RecoveryState::Held, 10, 2));
    // Deliveries are applied meanwhile.
    let mut issues = issues;
    issues[0].comments = 7;
    put(&lake, &issues[..1]).await;
    world.assert_holds(&lake, &issues).await;
    lake.progress().await.unwrap();
    let report = Recovery::of(&world.ledger).await.unwrap().unwrap();
    assert_eq!(report.state, RecoveryState::Held);
    let site = issues.iter().map(|issue| (issue.id(), issue.clone())).collect();
    assert_eq!(fetch_all(&world, &lake, &site).await, 8);
    lake.progress().await.unwrap();
    let report = Recovery::of(&world.ledger).await.unwrap().unwrap();
    assert_eq!(report.state, RecoveryState::Ok);
    world.assert_holds(&lake, &issues).await;
}

#[tokio::test]
async fn leftovers_of_dead_processes_go_at_once_and_unnamed_files_after_the_grace() {
    let world = World::new(Style::Hive).await;
    let lake = world.open().await;
    let issues = [Issue::new(1, JANUARY), Issue::new(2, FEBRUARY)];
    put(&lake, &issues).await;
    drop(lake);
    let mut left = Vec::new();
    for folder in [
        "raw/issues",
        "raw/attachments",
        "raw/dimensions",
        "store/issues/2026-01",
        "parquet",
        "parquet/issues",
        "parquet/issues/month=2026-01",
    ] {
        std::fs::create_dir_all(world.path(folder)).unwrap();
        let path = world.path(folder).join(".rows.parquet.0123.tmp");
        durable::write(&path, b"x").unwrap();
        left.push(path);
    }
    let unnamed = world.path("store/issues/2026-01/9-abc.parquet");
    durable::write(&unnamed, b"x").unwrap();
    let lake = world.open().await;
    for path in left {
        assert!(!path.exists(), "{}", path.display());
    }
    assert!(unnamed.exists(), "a reader may have it open");
    world.pass_time(Duration::from_secs(301));
    lake.inner.writing.lock().await.retired.remove_old(world.clock().now());
    assert!(!unnamed.exists());
    world.assert_holds(&lake, &issues).await;
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_no_regular_file_is_named_and_never_opened() {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let issues = (1..=9).map(|id| Issue::new(id, JANUARY)).collect::<Vec<_>>();
    put(&lake, &issues).await;
    drop(lake);
    let raw = world.path("raw/issues");
    let outside = world.path("outside.json");
    durable::write(&outside, &issues[1].bytes()).unwrap();
    let fifo = |path: &Path| {
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    for name in ["A-1", "A-2", "A-3", "A-4"] {
        std::fs::remove_file(raw.join(format!("{name}.json"))).unwrap();
    }
    fifo(&raw.join("A-1.json"));
    symlink(&outside, raw.join("A-2.json")).unwrap();
    symlink("nowhere", raw.join("A-3.json")).unwrap();
    std::fs::create_dir(raw.join("A-4.json")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(raw.join("B-1.json")).unwrap();
    durable::write(&raw.join(std::ffi::OsStr::from_bytes(b"\xff.json")), b"{}").unwrap();
    durable::write(&raw.join("notes.txt"), b"x").unwrap();
    fifo(&world.path("raw/fields.json"));
    std::fs::create_dir_all(world.path("raw/dimensions")).unwrap();
    fifo(&world.path("raw/dimensions/users.json"));
    symlink("nowhere", world.path("store/issues/2026-01/7-dangling.parquet")).unwrap();
    fifo(&world.path("store/issues/8-fifo.parquet"));
    fifo(&world.path("parquet/users.parquet"));
    let opened = tokio::time::timeout(Duration::from_secs(60), world.open());
    let lake = opened.await.expect("nothing hangs");
    assert!(lake.raw().read_catalogue().is_err());
    let rebuilt = lake.rebuild(|_| {}).await.unwrap();
    let named: BTreeMap<_, _> = rebuilt.unreadable.into_iter().collect();
    for (name, reason) in [
        ("A-1.json", "a FIFO"),
        ("A-2.json", "a symbolic link"),
        ("A-3.json", "a symbolic link"),
        ("A-4.json", "a folder"),
        ("B-1.json", "a socket"),
        ("\u{fffd}.json", "not UTF-8"),
        ("dimensions/users.json", "a FIFO"),
    ] {
        assert!(named[name].contains(reason), "{name}: {}", named[name]);
    }
    assert_eq!(rebuilt.ignored, ["notes.txt"]);
    assert_eq!((rebuilt.issues, rebuilt.kept), (5, 4), "a link is not followed");
    assert_eq!(visible(&world).len(), 9);
    assert_eq!(world.ledger.losses().await.unwrap(), [(Loss::RawUnreadable, 4)]);
}
