//! Damaged files: found by a pass, repaired from whatever is intact, and never taken for empty.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use jira::id::{IssueId, Subject};
use ledger::{CatalogFile, Loss};
use proptest::collection::btree_set;
use proptest::prelude::any;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use transform::{Dimension, Table};

use super::world::{FEBRUARY, Issue, JANUARY, World, delete, put};
use crate::dimension::Shrink;
use crate::divide::Bounds;
use crate::durable;
use crate::error::Error;
use crate::layout::Style;
use crate::open::Lake;
use crate::verify::{FileState, VerifyReport, VerifyTempo};

/// A way in which a file is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// A byte in the middle of the row groups.
    Flip,
    /// A byte of the footer.
    FlipEnd,
    Truncate,
    Empty,
    ZeroPage,
    /// The bytes of the same table of another month.
    Swapped,
    Removed,
    Folder,
    FullFolder,
    Fifo,
    DanglingLink,
}

const WAYS: [Way; 11] = [
    Way::Flip,
    Way::FlipEnd,
    Way::Truncate,
    Way::Empty,
    Way::ZeroPage,
    Way::Swapped,
    Way::Removed,
    Way::Folder,
    Way::FullFolder,
    Way::Fifo,
    Way::DanglingLink,
];

/// Which name of a file is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    /// Both: they are one inode, or both are replaced.
    Both,
    Stored,
    Visible,
}

fn damage(path: &Path, way: Way, other: &[u8]) {
    let length = fs::metadata(path).unwrap().len();
    let change = |at: u64, bytes: &[u8]| {
        let mut file = File::options().write(true).open(path).unwrap();
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(bytes).unwrap();
    };
    let byte = |at: u64| fs::read(path).unwrap()[usize::try_from(at).unwrap()];
    match way {
        Way::Flip => change(40, &[byte(40) ^ 1]),
        Way::FlipEnd => change(length - 20, &[byte(length - 20) ^ 1]),
        Way::Truncate => {
            File::options().write(true).open(path).unwrap().set_len(length / 2).unwrap()
        }
        Way::Empty => File::options().write(true).open(path).unwrap().set_len(0).unwrap(),
        Way::ZeroPage => change(0, &vec![0; usize::try_from(length.min(4096)).unwrap()]),
        Way::Swapped => {
            change(0, other);
            let file = File::options().write(true).open(path).unwrap();
            file.set_len(other.len() as u64).unwrap();
        }
        Way::Removed => fs::remove_file(path).unwrap(),
        Way::Folder | Way::FullFolder => {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
            if way == Way::FullFolder {
                durable::write(&path.join("kept.txt"), b"somebody's").unwrap();
            }
        }
        Way::Fifo => {
            fs::remove_file(path).unwrap();
            assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        }
        Way::DanglingLink => {
            fs::remove_file(path).unwrap();
            std::os::unix::fs::symlink("/nowhere/at/all", path).unwrap();
        }
    }
}

/// Makes the visible name a file of its own, as where links are not possible.
fn separate(path: &Path) {
    let bytes = fs::read(path).unwrap();
    durable::write(path, &bytes).unwrap();
}

async fn pass(lake: &Lake) -> VerifyReport {
    lake.verify_pass(VerifyTempo::AtOnce, &|_| {}).await.unwrap()
}

fn paths(world: &World, file: &CatalogFile) -> (PathBuf, PathBuf) {
    let table = Table::named(&file.table).unwrap();
    let name = world.layout().visible().part(table, &file.month, file.part);
    (world.path("store").join(&file.path), name)
}

/// Two months of issues with rows in every table, some of them deleted.
async fn rich(style: Style) -> (World, Lake, Vec<Issue>) {
    let world = World::new(style).await;
    let lake = world.open().await;
    let of = |id| Issue::new(id, if id % 2 == 0 { JANUARY } else { FEBRUARY }).rich();
    let mut issues = (1..=8).map(of).collect::<Vec<_>>();
    put(&lake, &issues).await;
    for issue in &mut issues[6..] {
        delete(&lake, issue).await;
        *issue = issue.gone();
    }
    world.assert_holds(&lake, &issues).await;
    (world, lake, issues)
}

async fn check_each_way(style: Style, name: Name) {
    let (world, lake, issues) = rich(style).await;
    let tables = world.ledger.catalog().await.unwrap().into_iter().map(|file| file.table);
    assert_eq!(tables.collect::<BTreeSet<_>>().len(), Table::ALL.len(), "every table has rows");
    for table in Table::ALL {
        for way in WAYS {
            let catalog = world.ledger.catalog().await.unwrap();
            let mut files = catalog.iter().filter(|file| file.table == table.name());
            let (file, other) = (files.next().unwrap(), files.next().unwrap());
            let (stored, visible) = paths(&world, file);
            let other = fs::read(paths(&world, other).0).unwrap();
            match name {
                Name::Stored | Name::Visible => separate(&visible),
                Name::Both => {}
            }
            match name {
                Name::Stored => damage(&stored, way, &other),
                Name::Visible => damage(&visible, way, &other),
                Name::Both => {
                    damage(&stored, way, &other);
                    let is_name = matches!(
                        way,
                        Way::Removed
                            | Way::Folder
                            | Way::FullFolder
                            | Way::Fifo
                            | Way::DanglingLink
                    );
                    if is_name {
                        damage(&visible, way, &other);
                    }
                }
            }
            let case = format!("{} {way:?} {name:?}", table.name());
            assert_ne!(lake.verify().await.unwrap(), [], "{case}: `check` finds it");
            let report = pass(&lake).await;
            assert_eq!((report.damaged, report.repaired), (1, 1), "{case}");
            assert_eq!((report.unread, report.waiting.len()), (0, 0), "{case}");
            assert_eq!(report.files, (catalog.len() + Dimension::ALL.len()) as u64, "{case}");
            world.assert_holds(&lake, &issues).await;
            assert_eq!(pass(&lake).await.damaged, 0, "{case}: once");
        }
    }
    // Nor does what is left of the damage hold up the next start.
    drop(lake);
    world.pass_time(std::time::Duration::from_secs(7200));
    let lake = world.open().await;
    world.assert_holds(&lake, &issues).await;
}

#[tokio::test]
async fn a_file_of_any_table_damaged_in_any_way_is_found_and_repaired() {
    check_each_way(Style::Flat, Name::Both).await;
}

#[tokio::test]
async fn a_damaged_file_of_the_store_is_restored_from_the_copy_that_is_visible() {
    check_each_way(Style::Flat, Name::Stored).await;
}

#[tokio::test]
async fn a_damaged_visible_file_is_linked_again() {
    check_each_way(Style::Hive, Name::Visible).await;
}

/// The start and the commit do not wait for a pipe either.
#[tokio::test]
async fn a_pipe_in_the_store_hangs_neither_a_commit_nor_a_start() {
    let (world, lake, mut issues) = rich(Style::Flat).await;
    let catalog = world.ledger.catalog().await.unwrap();
    for file in catalog.iter().filter(|file| file.month.to_string() == "2026-01") {
        damage(&paths(&world, file).0, Way::Fifo, &[]);
    }
    issues[1].comments = 5;
    put(&lake, &issues[1..2]).await;
    assert_eq!(pass(&lake).await.waiting, []);
    world.assert_holds(&lake, &issues).await;
}

#[tokio::test]
async fn a_damaged_dimension_is_made_again_from_its_entries() {
    let (world, lake, _) = rich(Style::Flat).await;
    let entries = vec![json!({"id": "1", "key": "A", "name": "Alpha"})];
    lake.replace_dimension(Dimension::Projects, entries, Shrink::Refuse).await.unwrap();
    let path = world.layout().visible().dimension(Dimension::Projects);
    let whole = fs::read(&path).unwrap();
    for way in WAYS.into_iter().filter(|way| *way != Way::FlipEnd) {
        damage(&path, way, b"PAR1");
        let found = world.layout().verify(&[], &super::world::mapping().fields).unwrap();
        assert!(found.iter().any(|found| found.path == path), "{way:?}: {found:?}");
        let report = pass(&lake).await;
        assert_eq!((report.damaged, report.repaired, report.lists_lost), (1, 1, 0), "{way:?}");
        assert_eq!(fs::read(&path).unwrap(), whole, "{way:?}");
    }
    // Without entries it is told, and whoever has them is asked.
    durable::write(&world.path("raw/dimensions/projects.json"), b"[{").unwrap();
    damage(&path, Way::Truncate, &[]);
    let report = pass(&lake).await;
    assert_eq!((report.damaged, report.repaired, report.lists_lost), (1, 0, 1));
}

/// A lake with row groups of four issues, all in one month.
async fn grouped(count: i64) -> (World, Lake, Vec<Issue>) {
    let world = World::new(Style::Flat).await;
    let mut lake = world.open().await;
    let inner = Arc::get_mut(&mut lake.inner).unwrap();
    inner.store.bounds = Bounds { row_group: 4, single_rows: 4, file: 16 };
    let issues = (1..=count).map(|id| Issue::new(id, JANUARY)).collect::<Vec<_>>();
    put(&lake, &issues).await;
    (world, lake, issues)
}

fn lose(world: &World, issue: &Issue, n: usize) -> Loss {
    let raw = world.path(&format!("raw/issues/{}.json", issue.key));
    match n % 3 {
        0 => {
            fs::remove_file(raw).unwrap();
            Loss::RawMissing
        }
        1 => {
            durable::write(&raw, b"{").unwrap();
            Loss::RawUnreadable
        }
        _ => {
            let other = Issue { key: issue.key.clone(), ..Issue::new(9999, JANUARY) };
            durable::write(&raw, &other.bytes()).unwrap();
            Loss::RawForeign
        }
    }
}

async fn due(world: &World) -> BTreeSet<i64> {
    let until = world.clock().now().plus(std::time::Duration::from_secs(60));
    let work = world.ledger.lease(1000, until).await.unwrap();
    world.ledger.release_leases().await.unwrap();
    let ids = work.into_iter().map(|work| match work.subject {
        Subject::Id(id) => id.get(),
        Subject::Key(key) => panic!("{key}"),
    });
    ids.collect()
}

#[tokio::test]
async fn rows_in_intact_row_groups_are_carried_over_and_their_issues_are_due() {
    let (world, lake, issues) = grouped(12).await;
    let catalog = world.ledger.catalog().await.unwrap();
    let file = catalog.iter().find(|file| file.table == "comments").unwrap();
    // The first row group; what is lost is in the last one.
    damage(&paths(&world, file).0, Way::Flip, &[]);
    for n in 0..3 {
        lose(&world, &issues[9 + n], n);
    }
    let report = pass(&lake).await;
    assert_eq!((report.damaged, report.repaired), (1, 1));
    world.assert_holds(&lake, &issues).await;
    assert_eq!(due(&world).await, BTreeSet::from([10, 11, 12]), "they are fetched");
}

#[tokio::test]
async fn a_commit_that_is_blocked_names_every_issue_and_succeeds_once_they_are_fetched() {
    let (world, lake, mut issues) = grouped(12).await;
    let before = world.ledger.catalog().await.unwrap();
    let file = before.iter().find(|file| file.table == "issues").unwrap();
    damage(&paths(&world, file).0, Way::Truncate, &[]);
    // As after a start: nothing of the file is known.
    lake.inner.store.footers.forget(&file.path);
    let wanted = (0..3).map(|n| (issues[4 + n].id(), lose(&world, &issues[4 + n], n)));
    let wanted = wanted.collect::<Vec<(IssueId, Loss)>>();
    issues[0].summary = "edited".to_owned();
    let edited = Arc::new(issues[0].snapshot());
    lake.write_raw(&issues[0].key(), issues[0].bytes(), None).await.unwrap();
    match lake.commit(vec![Arc::clone(&edited)], Vec::new()).await {
        Err(Error::Blocked { months, issues }) => {
            assert_eq!((months.len(), issues), (1, wanted));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.ledger.catalog().await.unwrap(), before, "nothing is changed");
    for issue in &issues[4..7] {
        lake.write_raw(&issue.key(), issue.bytes(), None).await.unwrap();
    }
    let committed = lake.commit(vec![edited], Vec::new()).await.unwrap();
    assert_eq!(committed.rebuilt, 1);
    world.assert_holds(&lake, &issues).await;
}

#[tokio::test]
async fn a_folder_of_snapshots_that_is_not_there_makes_no_issue_lost() {
    let (world, lake, issues) = grouped(4).await;
    let catalog = world.ledger.catalog().await.unwrap();
    let file = catalog.iter().find(|file| file.table == "issues").unwrap();
    damage(&paths(&world, file).0, Way::Empty, &[]);
    lake.inner.store.footers.forget(&file.path);
    durable::rename(&world.path("raw/issues"), &world.path("raw/unmounted")).unwrap();
    let failed = lake.verify_pass(VerifyTempo::AtOnce, &|_| {}).await;
    assert!(matches!(failed, Err(Error::Disk { .. })), "{failed:?}");
    assert_eq!(due(&world).await, BTreeSet::new());
    durable::rename(&world.path("raw/unmounted"), &world.path("raw/issues")).unwrap();
    assert_eq!(pass(&lake).await.repaired, 1);
    world.assert_holds(&lake, &issues).await;
}

/// Any bad files and any bad snapshots of a month: the pass repairs what it can, names what blocks
/// the rest, and all is right once that is fetched.
async fn bad_files_and_snapshots(files: BTreeSet<usize>, bad: BTreeSet<usize>, seed: usize) {
    let (world, lake, issues) = grouped(24).await;
    let catalog = world.ledger.catalog().await.unwrap();
    for (n, at) in files.iter().enumerate() {
        let Some(file) = catalog.get(at % catalog.len()).filter(|_| *at < catalog.len()) else {
            continue;
        };
        damage(&paths(&world, file).0, WAYS[(seed + n) % 5], &[]);
        if (seed + n).is_multiple_of(2) {
            lake.inner.store.footers.forget(&file.path);
        }
    }
    let losses = bad.iter().map(|at| (issues[*at].id(), lose(&world, &issues[*at], seed + at)));
    let losses = losses.collect::<std::collections::BTreeMap<_, _>>();
    let mut report = pass(&lake).await;
    for (id, loss) in &report.blocking {
        assert_eq!(losses.get(id), Some(loss), "only lost issues block");
    }
    assert_eq!(report.waiting.is_empty(), report.blocking.is_empty());
    if !report.waiting.is_empty() {
        for id in report.blocking.keys() {
            let issue = issues.iter().find(|issue| issue.id() == *id).unwrap();
            lake.write_raw(&issue.key(), issue.bytes(), None).await.unwrap();
        }
        report = lake.verify_again(report.waiting, &|_| {}).await.unwrap();
    }
    assert_eq!(report.waiting, []);
    world.assert_holds(&lake, &issues).await;
}

#[test]
fn any_bad_files_and_snapshots_of_a_month_end_well() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 48, ..Config::default() });
    let cases = (btree_set(0..9_usize, 1..4), btree_set(0..24_usize, 0..6), any::<u8>());
    runner
        .run(&cases, |(files, bad, seed)| {
            runtime.block_on(bad_files_and_snapshots(files, bad, usize::from(seed)));
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn a_pass_goes_on_behind_the_cursor_and_still_sees_every_file() {
    let (world, lake, issues) = rich(Style::Flat).await;
    let catalog = world.ledger.catalog().await.unwrap();
    for cursor in ["", "2026-01/comments/000000", "zzz"] {
        world.ledger.set_cursor("verify.next", cursor).await.unwrap();
        damage(&paths(&world, &catalog[0]).0, Way::Flip, &[]);
        let report = pass(&lake).await;
        assert_eq!(report.files, (catalog.len() + Dimension::ALL.len()) as u64);
        assert_eq!(report.repaired, u64::from(cursor.is_empty()), "its file has another name then");
        world.assert_holds(&lake, &issues).await;
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_not_called_damaged() {
    use crate::decode::Unfit;
    let errors = [
        (std::io::Error::from_raw_os_error(13), false),
        (std::io::Error::from_raw_os_error(24), false),
        (std::io::Error::from_raw_os_error(5), true),
    ];
    for (error, is_damage) in errors {
        let state = FileState::of(&Unfit::Disk(error));
        assert_eq!(state == FileState::Damaged, is_damage, "{state:?}");
    }
}
