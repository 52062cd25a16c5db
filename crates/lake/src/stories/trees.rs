//! The tables as a plain folder.

use std::path::Path;

use arrow::array::AsArray;
use jira::time::Clock;
use transform::Table;

use super::world::{
    FEBRUARY, Issue, JANUARY, assert_rows, by_turns, deletion, mapping, names, visible_rows,
};
use crate::dimension::Shrink;
use crate::durable;
use crate::error::Error;
use crate::layout::{Layout, Style};
use crate::raw::Raw;
use crate::tree::{Output, RebuildBounds, Tree};

struct Folders {
    dir: tempfile::TempDir,
    style: Style,
}

impl Folders {
    fn new(style: Style, issues: &[Issue]) -> Self {
        let folders = Self { dir: tempfile::tempdir().unwrap(), style };
        durable::create_folder(&folders.raw()).unwrap();
        issues.iter().for_each(|issue| folders.put(issue));
        folders
    }

    fn raw(&self) -> std::path::PathBuf {
        self.dir.path().join("raw")
    }

    fn put(&self, issue: &Issue) {
        durable::write(&self.raw().join(format!("{}.json", issue.key)), &issue.bytes()).unwrap();
    }

    fn output(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join("out").join(name)
    }

    async fn open(&self) -> Tree {
        self.try_open().await.unwrap()
    }

    async fn try_open(&self) -> Result<Tree, Error> {
        let output = Output { folder: self.output(""), style: self.style };
        let raw = Raw::at(&self.raw()).unwrap();
        let clock = Clock::new(|| deletion().at);
        Tree::open(raw, output, mapping(), "transform", clock).await
    }

    fn assert_holds(&self, issues: &[Issue]) {
        let layout = Layout {
            raw: self.raw(),
            parquet: self.output(""),
            store: "nowhere".into(),
            ledger: "nowhere/ledger.db".into(),
            style: self.style,
        };
        assert_rows(&visible_rows(&layout), issues, &Raw::at(&self.raw()).unwrap());
    }
}

fn tear(path: &Path) {
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() - 9).unwrap();
}

#[tokio::test]
async fn a_folder_of_snapshots_becomes_tables() {
    for style in [Style::Flat, Style::Hive] {
        let mut issues = (1..=150).map(|id| Issue::new(id, by_turns(id))).collect::<Vec<_>>();
        let folders = Folders::new(style, &issues);
        let tree = folders.open().await;
        let rebuilt = tree.rebuild(|_| {}).await.unwrap();
        assert_eq!((rebuilt.issues, rebuilt.months, rebuilt.files), (150, 3, 12));
        folders.assert_holds(&issues);
        assert!(folders.output("views.sql").is_file());
        // Only the tables of months without rows go.
        durable::write(&folders.output("issues/notes.txt"), b"x").unwrap();
        for gone in issues.extract_if(.., |issue| issue.created == FEBRUARY) {
            std::fs::remove_file(folders.raw().join(format!("{}.json", gone.key))).unwrap();
        }
        // What has no snapshot stays until a person says that it is gone.
        let rebuilt = tree.rebuild(|_| {}).await.unwrap();
        assert_eq!((rebuilt.issues, rebuilt.kept, rebuilt.months), (100, 50, 3));
        let bounds = RebuildBounds { memory: 0, shrink: Shrink::Allow };
        assert_eq!(tree.rebuild_as(bounds, |_| {}).await.unwrap().months, 2);
        folders.assert_holds(&issues);
        assert!(folders.output("issues/notes.txt").is_file());
    }
}

#[tokio::test]
async fn attachments_that_are_on_disk_are_found_by_a_rebuild() {
    let issues = [Issue::new(1, JANUARY), Issue::new(2, JANUARY)];
    let folders = Folders::new(Style::Flat, &issues);
    for issue in &issues {
        let mut json = issue.json();
        json["fields"]["attachment"] = serde_json::json!([{"id": "7", "filename": "a.txt"}]);
        let path = folders.raw().join(format!("{}.json", issue.key));
        durable::write(&path, json.to_string().as_bytes()).unwrap();
    }
    let raw = Raw::at(&folders.raw()).unwrap();
    durable::write(&raw.attachments().join("A-1/7_a.txt"), b"bytes").unwrap();
    let tree = folders.open().await;
    tree.rebuild(|_| {}).await.unwrap();
    let rows = tree.inner.read(Table::Attachments, &"2026-01".parse().unwrap()).unwrap();
    let rows = rows.all().unwrap().unwrap();
    let paths = rows.column_by_name("local_path").unwrap().as_string::<i32>();
    assert_eq!(paths.iter().collect::<Vec<_>>(), [Some("attachments/A-1/7_a.txt"), None]);
}

#[tokio::test]
async fn dimensions_are_made_from_the_entries_beside_the_snapshots() {
    let folders = Folders::new(Style::Flat, &[Issue::new(1, JANUARY)]);
    let tree = folders.open().await;
    durable::write(&folders.raw().join("dimensions/projects.json"), br#"[{"id":"7"}]"#).unwrap();
    durable::write(&folders.raw().join("dimensions/users.json"), b"[").unwrap();
    let rebuilt = tree.rebuild(|_| {}).await.unwrap();
    assert_eq!((rebuilt.issues, rebuilt.unreadable.len()), (1, 1));
    assert!(folders.output("projects.parquet").is_file());
    assert!(!folders.output("users.parquet").exists());
    folders.assert_holds(&[Issue::new(1, JANUARY)]);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_reported_and_its_issue_keeps_its_rows() {
    let issues = [Issue::new(1, JANUARY), Issue::new(2, JANUARY), Issue::new(3, FEBRUARY)];
    let folders = Folders::new(Style::Flat, &issues);
    let tree = folders.open().await;
    tree.rebuild(|_| {}).await.unwrap();
    for name in ["A-2.json", "A-3.json", "A-77.json"] {
        durable::write(&folders.raw().join(name), b"{\"id\":\"2\",").unwrap();
    }
    let refused = tree.rebuild(|_| {}).await;
    assert!(matches!(refused, Err(Error::Shrinking { known: 3, readable: 1, .. })), "{refused:?}");
    let bounds = RebuildBounds { memory: 0, shrink: Shrink::Allow };
    let rebuilt = tree.rebuild_as(bounds, |_| {}).await.unwrap();
    let files = rebuilt.unreadable.iter().map(|(file, _)| file.as_str()).collect::<Vec<_>>();
    assert_eq!(files, ["A-2.json", "A-3.json", "A-77.json"]);
    assert_eq!((rebuilt.issues, rebuilt.kept), (1, 2));
    folders.assert_holds(&issues);
}

#[tokio::test]
async fn tables_are_not_replaced_by_nothing() {
    let folders = Folders::new(Style::Flat, &[Issue::new(1, JANUARY)]);
    let tree = folders.open().await;
    tree.rebuild(|_| {}).await.unwrap();
    std::fs::remove_file(folders.raw().join("A-1.json")).unwrap();
    assert!(matches!(tree.rebuild(|_| {}).await, Err(Error::Foreign { .. })));
    std::fs::remove_dir_all(folders.raw()).unwrap();
    assert!(matches!(tree.rebuild(|_| {}).await, Err(Error::Disk { .. })));
    durable::create_folder(&folders.raw()).unwrap();
    folders.assert_holds(&[Issue::new(1, JANUARY)]);
}

#[tokio::test]
async fn one_issue_is_redone_in_place() {
    for style in [Style::Flat, Style::Hive] {
        let mut issues = vec![Issue::new(1, JANUARY), Issue::new(2, JANUARY), Issue::new(3, None)];
        let folders = Folders::new(style, &issues);
        let tree = folders.open().await;
        tree.rebuild(|_| {}).await.unwrap();
        issues[1].comments = 8;
        folders.put(&issues[1]);
        let redone = tree.redo(&issues[1].key()).await.unwrap();
        assert_eq!((redone.issues, redone.files), (1, 2), "links and coverage are what they were");
        folders.assert_holds(&issues);
        // Out of the unknown month, with another key.
        issues[2] = Issue { key: "B-3".to_owned(), created: FEBRUARY, ..issues[2].clone() };
        std::fs::remove_file(folders.raw().join("A-3.json")).unwrap();
        folders.put(&issues[2]);
        tree.redo(&issues[2].key()).await.unwrap();
        folders.assert_holds(&issues);
    }
}

#[tokio::test]
async fn one_issue_is_taken_out_of_the_folder_and_noted_as_gone() {
    for style in [Style::Flat, Style::Hive] {
        let issues = [Issue::new(1, JANUARY), Issue::new(2, JANUARY), Issue::new(3, FEBRUARY)];
        let folders = Folders::new(style, &issues);
        let tree = folders.open().await;
        tree.rebuild(|_| {}).await.unwrap();
        let [one, two, three] = issues;
        tree.bury(&one.key()).await.unwrap();
        folders.assert_holds(&[one.gone(), two.clone(), three.clone()]);
        // Again, by its row alone, and out of a month that is empty then.
        tree.bury(&one.key()).await.unwrap();
        std::fs::remove_file(folders.raw().join("A-3.json")).unwrap();
        tree.bury(&three.key()).await.unwrap();
        tree.bury(&three.key()).await.unwrap();
        folders.assert_holds(&[one.gone(), two.clone(), three.gone()]);
        assert!(tree.redo(&three.key()).await.is_err());
        // Back, into another month.
        let back = Issue { created: None, ..three };
        folders.put(&back);
        tree.redo(&back.key()).await.unwrap();
        folders.assert_holds(&[one.gone(), two, back]);
    }
}

#[tokio::test]
async fn a_month_from_before_a_table_existed_is_made_whole_when_an_issue_is_redone() {
    let issues = [Issue::new(1, JANUARY), Issue::new(2, JANUARY)];
    let folders = Folders::new(Style::Flat, &issues);
    let tree = folders.open().await;
    tree.rebuild(|_| {}).await.unwrap();
    std::fs::remove_file(folders.output("coverage/2026-01.parquet")).unwrap();
    tree.redo(&issues[0].key()).await.unwrap();
    folders.assert_holds(&issues);
}

#[tokio::test]
async fn redoing_one_issue_never_makes_a_month_of_it_alone() {
    let mut issues = vec![Issue::new(1, JANUARY), Issue::new(2, JANUARY), Issue::new(3, FEBRUARY)];
    let folders = Folders::new(Style::Flat, &issues);
    let tree = folders.open().await;
    // Nothing was built yet: the month of the issue is built whole.
    tree.redo(&issues[0].key()).await.unwrap();
    folders.assert_holds(&issues[..2]);
    tree.rebuild(|_| {}).await.unwrap();
    for table in ["issues", "comments"] {
        tear(&folders.output(table).join("2026-01.parquet"));
    }
    issues[0].comments = 5;
    folders.put(&issues[0]);
    tree.redo(&issues[0].key()).await.unwrap();
    folders.assert_holds(&issues);
    std::fs::remove_file(folders.output("issues/2026-01.parquet")).unwrap();
    tree.redo(&issues[0].key()).await.unwrap();
    folders.assert_holds(&issues);
}

#[tokio::test]
async fn a_second_writer_of_the_folder_is_told_who_holds_it() {
    let folders = Folders::new(Style::Flat, &[]);
    let _tree = folders.open().await;
    let Err(Error::Locked { holder, .. }) = folders.try_open().await else { panic!("two") };
    assert!(holder.starts_with("transform (pid "), "{holder}");
    assert_eq!(names(&folders.output("")), [".jiralake.lock"]);
}

#[tokio::test]
async fn a_month_over_the_bound_has_several_files_in_the_folder() {
    let mut issues = (1..=10).map(|id| Issue::new(id, JANUARY)).collect::<Vec<_>>();
    let folders = Folders::new(Style::Flat, &issues);
    let bounded = |mut tree: Tree, file| {
        let inner = std::sync::Arc::get_mut(&mut tree.inner).unwrap();
        inner.bounds = crate::divide::Bounds { row_group: 2, single_rows: 2, file };
        tree
    };
    let tree = bounded(folders.open().await, 4);
    tree.rebuild(|_| {}).await.unwrap();
    let wanted = ["2026-01.1.parquet", "2026-01.2.parquet", "2026-01.parquet"];
    assert_eq!(names(&folders.output("issues")), wanted);
    folders.assert_holds(&issues);
    issues[9].comments = 5;
    folders.put(&issues[9]);
    tree.redo(&issues[9].key()).await.unwrap();
    folders.assert_holds(&issues);
    drop(tree);
    let tree = bounded(folders.open().await, 16);
    tree.rebuild(|_| {}).await.unwrap();
    assert_eq!(names(&folders.output("issues")), ["2026-01.parquet"]);
    folders.assert_holds(&issues);
}

#[tokio::test]
async fn rows_that_waited_in_the_file_are_the_same_as_those_that_waited_in_memory() {
    let mut issues = (1..=300).map(|id| Issue::new(id, by_turns(id))).collect::<Vec<_>>();
    let folders = Folders::new(Style::Flat, &issues);
    // Keys that say nothing of the ids, an issue with an old file, and one that is no snapshot.
    let mut moved = Issue::new(7, by_turns(7));
    moved.key = "MOVED-1".to_owned();
    folders.put(&moved);
    durable::write(&folders.raw().join("TORN-1.json"), b"{\"id\": \"999\"").unwrap();
    let tree = folders.open().await;
    let mut seen = Vec::new();
    for memory in [usize::MAX, 0, 100_000] {
        let rebuilt = tree.rebuild_within(memory, |_| {}).await.unwrap();
        assert_eq!((rebuilt.issues, rebuilt.superseded.len()), (300, 1));
        assert_eq!(rebuilt.unreadable.len(), 1);
        let mut bytes = Vec::new();
        for table in Table::ALL {
            for entry in durable::list(&folders.output(table.name())).unwrap() {
                bytes.push((entry.path(), std::fs::read(entry.path()).unwrap()));
            }
        }
        seen.push((rebuilt.rows, bytes));
        assert_eq!(names(&folders.output("")).iter().filter(|n| n.ends_with("tmp")).count(), 0);
    }
    assert!(seen.iter().all(|one| *one == seen[0]));
    let superseded = tree.rebuild(|_| {}).await.unwrap().superseded;
    let old = issues.iter_mut().find(|issue| issue.id == 7).unwrap();
    if superseded[0] != "MOVED-1.json" {
        *old = moved;
    }
    folders.assert_holds(&issues);
}
