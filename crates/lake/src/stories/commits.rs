//! What a commit does to the tables.

use std::sync::Arc;
use std::time::Duration;

use jira::id::Subject;
use jira::time::Instant;
use transform::Table;

use super::world::{
    FEBRUARY, GONE, Issue, JANUARY, World, delete, make_old, names, put, visible_rows,
};
use crate::error::Error;
use crate::layout::Style;
use crate::verify::FileState;

#[tokio::test]
async fn changed_issues_replace_their_rows_and_no_others() {
    for style in [Style::Flat, Style::Hive] {
        let world = World::new(style).await;
        let lake = world.open().await;
        let mut issues =
            [Issue::new(10, JANUARY), Issue::new(9, JANUARY), Issue::new(100, FEBRUARY)];
        let first = put(&lake, &issues).await;
        assert_eq!((first.issues, first.files), (3, 8), "four tables of two months");
        world.assert_holds(&lake, &issues).await;
        issues[0].summary = "second".to_owned();
        issues[0].comments = 5;
        let second = put(&lake, &issues[..1]).await;
        assert_eq!((second.issues, second.files), (1, 2), "links and coverage are what they were");
        assert!(second.commit > first.commit);
        world.assert_holds(&lake, &issues).await;
    }
}

#[tokio::test]
async fn the_same_change_again_writes_nothing() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let issues = [Issue::new(1, JANUARY), Issue::new(2, JANUARY)];
    put(&lake, &issues).await;
    let before = world.ledger.catalog().await.unwrap();
    assert_eq!(put(&lake, &issues[1..]).await.files, 0);
    assert_eq!(world.ledger.catalog().await.unwrap(), before);
}

#[tokio::test]
async fn the_views_name_a_table_from_its_first_row_to_its_last() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let silent = Issue { comments: 0, ..Issue::new(1, JANUARY) };
    let has_comments = || {
        let views = std::fs::read_to_string(world.path("parquet/views.sql")).unwrap();
        assert!(views.contains("/issues/"), "{views}");
        views.contains("/comments/")
    };
    for (comments, named) in [(0, false), (2, true), (3, true), (0, false)] {
        put(&lake, &[Issue { comments, ..silent.clone() }]).await;
        assert_eq!(has_comments(), named, "{comments} comments");
    }
}

#[tokio::test]
async fn of_several_changes_of_one_issue_the_last_counts() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let old = Issue::new(1, JANUARY);
    let new = Issue { summary: "newer".to_owned(), ..old.clone() };
    put(&lake, &[old, new.clone()]).await;
    world.assert_holds(&lake, &[new]).await;
}

#[tokio::test]
async fn a_deleted_issue_leaves_and_an_empty_month_disappears() {
    for style in [Style::Flat, Style::Hive] {
        let world = World::new(style).await;
        let lake = world.open().await;
        let issues = [Issue::new(1, JANUARY), Issue::new(2, FEBRUARY), Issue::new(3, FEBRUARY)];
        put(&lake, &issues).await;
        let [one, two, three] = issues;
        delete(&lake, &one).await;
        world.assert_holds(&lake, &[one.gone(), two.clone(), three.clone()]).await;
        assert_eq!(names(&world.path("parquet/issues")).len(), 1);
        delete(&lake, &two).await;
        world.assert_holds(&lake, &[one.gone(), two.gone(), three.clone()]).await;
        let record = world.ledger.issue(&Subject::Id(one.id())).await.unwrap().unwrap();
        assert_eq!(record.deleted_at.map(Instant::iso).as_deref(), Some(GONE));
        let back = put(&lake, std::slice::from_ref(&one)).await;
        assert_eq!(back.files, 4, "an issue that is there again has its rows again");
        world.assert_holds(&lake, &[one.clone(), two.gone(), three]).await;
        let record = world.ledger.issue(&Subject::Id(one.id())).await.unwrap().unwrap();
        assert_eq!(record.deleted_at, None);
    }
}

#[tokio::test]
async fn a_moved_issue_leaves_no_ghost() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let old = Issue::new(1, JANUARY);
    put(&lake, &[old.clone(), Issue::new(2, JANUARY)]).await;
    let folder = world.path("raw/attachments");
    crate::durable::write(&folder.join("A-1/77_x.png"), b"png").unwrap();
    let new = Issue { key: "B-5".to_owned(), ..old.clone() };
    lake.write_raw(&new.key(), new.bytes(), Some(&old.key())).await.unwrap();
    lake.commit(vec![Arc::new(new.snapshot())], Vec::new()).await.unwrap();
    world.assert_holds(&lake, &[new.clone(), Issue::new(2, JANUARY)]).await;
    assert_eq!(names(&world.path("raw/issues")), ["A-2.json", "B-5.json"]);
    assert_eq!(names(&folder), ["B-5"]);
    assert_eq!(names(&folder.join("B-5")), ["77_x.png"]);
    assert!(lake.read_raw(&old.key()).await.unwrap().is_none());
}

#[tokio::test]
async fn an_issue_whose_month_becomes_known_leaves_the_unknown_one() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let unknown = Issue::new(1, None);
    put(&lake, &[unknown.clone(), Issue::new(2, None)]).await;
    world.assert_holds(&lake, &[unknown.clone(), Issue::new(2, None)]).await;
    assert!(world.path("parquet/issues/unknown.parquet").is_file());
    put(&lake, &[Issue::new(1, FEBRUARY)]).await;
    world.assert_holds(&lake, &[Issue::new(1, FEBRUARY), Issue::new(2, None)]).await;
    put(&lake, &[Issue::new(2, FEBRUARY)]).await;
    world.assert_holds(&lake, &[Issue::new(1, FEBRUARY), Issue::new(2, FEBRUARY)]).await;
    assert!(!world.path("parquet/issues/unknown.parquet").exists());
}

/// Breaks the files of a month, commits a change in it, and expects the whole month afterwards.
async fn check_repair(break_it: impl Fn(&std::path::Path)) {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let mut issues = (1..=400).map(|id| Issue::new(id, JANUARY)).collect::<Vec<_>>();
    issues.push(Issue::new(401, FEBRUARY));
    put(&lake, &issues).await;
    for file in world.ledger.catalog().await.unwrap() {
        if file.month.to_string() == "2026-01" && file.table != "issuelinks" {
            break_it(&world.path("store").join(&file.path));
        }
    }
    issues[6].comments = 7;
    put(&lake, &issues[6..7]).await;
    world.assert_holds(&lake, &issues).await;
}

#[tokio::test]
async fn a_torn_file_is_made_from_raw_and_never_taken_for_empty() {
    check_repair(|path| {
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_empty_file_is_made_from_raw_and_never_taken_for_empty() {
    check_repair(|path| crate::durable::write(path, b"").unwrap()).await;
}

#[tokio::test]
async fn a_missing_file_is_made_from_raw() {
    check_repair(|path| std::fs::remove_file(path).unwrap()).await;
}

#[tokio::test]
async fn a_flipped_byte_is_found_by_the_checksum_and_the_month_made_from_raw() {
    check_repair(|path| {
        let mut bytes = std::fs::read(path).unwrap();
        // In the row group of the issue: a commit reads no others of tables that it leaves alone.
        bytes[40] ^= 1;
        crate::durable::write(path, &bytes).unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_repair_that_lacks_a_snapshot_takes_the_rows_from_the_visible_copy() {
    for broken in [Some(&b"{"[..]), None] {
        let world = World::new(Style::Flat).await;
        let lake = world.open().await;
        let mut issues = [Issue::new(1, JANUARY), Issue::new(2, JANUARY), Issue::new(3, JANUARY)];
        put(&lake, &issues).await;
        let catalog = world.ledger.catalog().await.unwrap();
        let file = catalog.iter().find(|file| file.table == "issues").unwrap();
        // The visible name stays whole: it is another file than the broken one.
        let store = world.path("store").join(&file.path);
        crate::durable::write(&store, b"PAR1").unwrap();
        let raw = world.path("raw/issues/A-2.json");
        match broken {
            Some(bytes) => crate::durable::write(&raw, bytes).unwrap(),
            None => std::fs::remove_file(&raw).unwrap(),
        }
        (issues[0].summary, issues[0].comments) = ("edited".to_owned(), 9);
        let committed = put(&lake, &issues[..1]).await;
        assert_eq!(committed.rebuilt, 1);
        world.assert_holds(&lake, &issues).await;
        // The issue is lost, so that its snapshot is fetched again.
        assert!(world.work_left().await);
    }
}

#[tokio::test]
async fn finished_work_is_settled_even_without_changes() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let finished = world.work(&Issue::new(1, JANUARY)).await;
    assert!(world.work_left().await);
    let done = lake.commit(Vec::new(), vec![finished]).await.unwrap();
    assert_eq!((done.issues, done.files), (0, 0));
    assert!(!world.work_left().await);
}

#[tokio::test]
async fn a_second_writer_is_told_who_holds_the_lake() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let Err(Error::Locked { holder, .. }) = world.try_open().await else { panic!("two writers") };
    assert!(holder.starts_with("test (pid "), "{holder}");
    let clone = lake.clone();
    drop(lake);
    assert!(world.try_open().await.is_err(), "a clone still holds it");
    drop(clone);
    world.open().await;
}

#[tokio::test]
async fn replaced_files_stay_for_their_readers_and_go_then() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let mut issue = Issue::new(1, JANUARY);
    let stored = |world: &World| names(&world.path("store/issues/2026-01")).len();
    for n in 0..3 {
        issue.summary = format!("{n}");
        put(&lake, &[issue.clone()]).await;
    }
    assert_eq!(stored(&world), 3);
    world.pass_time(Duration::from_secs(301));
    issue.summary = "last".to_owned();
    put(&lake, &[issue.clone()]).await;
    assert_eq!(stored(&world), 2, "the current one and the one that it replaced just now");
    world.assert_holds(&lake, &[issue]).await;
}

#[tokio::test]
async fn leftovers_are_swept_when_the_lake_is_opened() {
    let world = World::new(Style::Flat).await;
    let issue = Issue::new(1, JANUARY);
    put(&world.open().await, std::slice::from_ref(&issue)).await;
    let old = [
        "raw/issues/.A-1.json.00.tmp",
        "raw/attachments/A-1/.5_x.png.00.tmp",
        "parquet/issues/.2026-01.parquet.00.tmp",
        "parquet/.views.sql.00.tmp",
        "store/issues/2026-01/.rows.parquet.00.tmp",
        // Young ones as well: the lock is ours, so whoever wrote them is dead.
        "parquet/.young.tmp",
        "raw/issues/.x.1.tmp",
    ];
    let kept = ["store/issues/2026-01/8-abc.parquet"];
    let others = ["parquet/notes.txt", "parquet/issues/notes.txt", "parquet/mine/x.parquet"];
    for name in old.iter().chain(&kept).chain(&others) {
        crate::durable::write(&world.path(name), b"x").unwrap();
        make_old(&world.path(name), &world.clock(), if name.contains("young") { 0 } else { 90 });
    }
    make_old(&world.path("parquet/issues/2026-01.parquet"), &world.clock(), 500);
    let lake = world.open().await;
    for (names, there) in [(&old[..], false), (&kept, true), (&others, true)] {
        for name in names {
            assert_eq!(world.path(name).exists(), there, "{name}");
        }
    }
    world.assert_holds(&lake, &[issue]).await;
}

#[tokio::test]
async fn visible_names_follow_the_catalog_when_the_lake_is_opened() {
    let world = World::new(Style::Flat).await;
    let issues = [Issue::new(1, JANUARY), Issue::new(2, FEBRUARY)];
    put(&world.open().await, &issues).await;
    let path = |name: &str| world.path("parquet").join(name);
    std::fs::remove_file(path("issues/2026-01.parquet")).unwrap();
    crate::durable::write(&path("comments/2026-01.parquet"), b"torn").unwrap();
    std::fs::copy(path("issues/2026-02.parquet"), path("issues/2020-01.parquet")).unwrap();
    std::fs::copy(path("issues/2026-02.parquet"), path("issues/ghost.parquet")).unwrap();
    crate::durable::write(&path("issues/month=2026-01/data.parquet"), b"other style").unwrap();
    let lake = world.open().await;
    world.assert_holds(&lake, &issues).await;
    assert!(!path("issues/month=2026-01").exists());
}

#[tokio::test]
async fn another_style_is_taken_on_when_the_lake_is_opened() {
    let mut world = World::new(Style::Flat).await;
    let issues = [Issue::new(1, JANUARY), Issue::new(2, None)];
    put(&world.open().await, &issues).await;
    for style in [Style::Hive, Style::Flat] {
        world.style = style;
        world.assert_holds(&world.open().await, &issues).await;
    }
    assert_eq!(names(&world.path("parquet/issues")), ["2026-01.parquet", "unknown.parquet"]);
}

#[tokio::test]
async fn verify_says_what_differs() {
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    put(&lake, &[Issue::new(1, JANUARY)]).await;
    let visible = world.path("parquet/issues/2026-01.parquet");
    let ghost = world.path("parquet/issues/2019-01.parquet");
    crate::durable::write(&visible, b"something else").unwrap();
    crate::durable::write(&ghost, b"x").unwrap();
    let found = lake.verify().await.unwrap();
    let found = found.into_iter().map(|found| (found.path, found.state)).collect::<Vec<_>>();
    assert_eq!(found, [(visible, FileState::Damaged), (ghost, FileState::Unnamed)]);
}

#[tokio::test]
async fn columns_say_what_they_mean_and_row_groups_hold_whole_issues() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    let world = World::new(Style::Flat).await;
    let lake = world.open().await;
    let issues = (1..=600).map(|id| Issue::new(id, JANUARY)).collect::<Vec<_>>();
    put(&lake, &issues).await;
    let file = std::fs::File::open(world.path("parquet/comments/2026-01.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let meta = reader.metadata();
    let rows = meta.row_groups().iter().map(|group| group.num_rows()).collect::<Vec<_>>();
    assert_eq!(rows, [512, 512, 176]);
    assert!(meta.file_metadata().created_by().unwrap().starts_with("jiralake version "));
    let about = meta.file_metadata().key_value_metadata().unwrap();
    let columns = about.iter().find(|about| about.key == "jiralake.columns").unwrap();
    let columns: serde_json::Value =
        serde_json::from_str(columns.value.as_deref().unwrap()).unwrap();
    for field in Table::Comments.schema(&super::world::mapping().fields).fields() {
        assert!(columns[field.name()].as_str().is_some_and(|about| !about.is_empty()));
    }
    let column = meta.row_group(0).column(0);
    assert!(column.statistics().is_some() && column.column_index_offset().is_some());
    assert_eq!(visible_rows(&world.layout()).len(), 4);
}
