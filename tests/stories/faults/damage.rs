//! Damaged files: table files in every way, and snapshots that their repair needs. Nobody helps.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};
use sim::{NewComment, NewIssue, Options};

use crate::tables;
use crate::world::{World, put};

const AT_ONCE: (&str, &str) = ("JIRALAKE_CHECK_GRACE_MS", "0");

fn said(run: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr))
}

/// A copy of a generated site.
async fn copied(issues: u32) -> World {
    let options = Options { issues, issue_bytes: 15_000, ..Options::default() };
    let world = World::with(options, &[AT_ONCE]).await;
    let copied = world.command(&["backfill"]).output().await.unwrap();
    assert!(copied.status.success(), "{}", said(&copied));
    world.quiet().await;
    world
}

/// Every visible table file.
fn table_files(world: &World) -> Vec<PathBuf> {
    let entries = fs::read_dir(world.parquet()).unwrap().map(|entry| entry.unwrap());
    let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
    let mut files: Vec<PathBuf> = folders
        .flat_map(|folder| tables::files(&world.parquet(), folder.file_name().to_str().unwrap()))
        .collect();
    files.sort();
    files
}

/// Changes bytes of a file in place, so that the store's file and the visible name, which are one
/// inode, are both damaged.
fn damage(path: &Path, way: usize) {
    let bytes = fs::read(path).unwrap();
    let mut file = File::options().write(true).open(path).unwrap();
    let mut change = |at: usize, with: &[u8]| {
        file.seek(SeekFrom::Start(at as u64)).unwrap();
        file.write_all(with).unwrap();
    };
    match way % 5 {
        0 => change(40, &[bytes[40] ^ 1]),
        1 => change(bytes.len() - 20, &[bytes[bytes.len() - 20] ^ 1]),
        2 => change(0, &vec![0; bytes.len().min(4096)]),
        3 => file.set_len(bytes.len() as u64 / 2).unwrap(),
        _ => file.set_len(0).unwrap(),
    }
}

async fn check(world: &World, args: &[&str]) -> (Option<i32>, Value, String) {
    let args = [&["check", "--max-age", "all", "--sample", "all", "--json"], args].concat();
    let run = world.command(&args).output().await.unwrap();
    let report = serde_json::from_slice(&run.stdout).unwrap_or_else(|_| panic!("{}", said(&run)));
    (run.status.code(), report, String::from_utf8_lossy(&run.stderr).into_owned())
}

/// Issue 9, fault 4: before, a start repaired none of 98 damaged files, `sync` and an edit ten of
/// them, `check --fix` none.
#[tokio::test(flavor = "multi_thread")]
async fn damage_in_place_is_found_and_repaired_after_a_start() {
    let mut world = copied(20).await;
    world.stop().await;
    let files = table_files(&world);
    files.iter().enumerate().for_each(|(way, path)| damage(path, way));
    world.set("JIRALAKE_VERIFY_EVERY_MS", "3600000");
    world.start().await;
    let damaged = files.len() as f64;
    world
        .until("every file is repaired", async || {
            world.metric("jiralake_verify_repaired_files_total").await >= damaged
        })
        .await;
    assert_eq!(world.metric("jiralake_verify_damaged_files_total").await, damaged);
    assert!(world.log().contains("a table file is damaged"), "{}", world.log());
    world
        .until("the pass is complete", async || {
            world.metric("jiralake_verify_complete_timestamp_seconds").await > 1e9
        })
        .await;
    assert_eq!(world.metric("jiralake_verify_waiting_files").await, 0.0);
    // What the commits know of the rows is forgotten: an edit finds the tables as they are now.
    let key = world.sim.site().keys()[0].clone();
    world.sim.site().comment(&key, NewComment::text("After the repair")).unwrap();
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_finds_damage_in_every_table_and_has_it_repaired_by_the_running_serve() {
    let world = copied(12).await;
    assert_eq!(check(&world, &[]).await.0, Some(0));
    let files = table_files(&world);
    for (way, path) in files.iter().enumerate() {
        match way % 8 {
            5 => fs::remove_file(path).unwrap(),
            6 => {
                fs::remove_file(path).unwrap();
                fs::create_dir(path).unwrap();
            }
            7 => {
                fs::remove_file(path).unwrap();
                std::os::unix::fs::symlink("/nowhere/at/all", path).unwrap();
            }
            way => damage(path, way),
        }
    }
    let (code, report, _) = check(&world, &[]).await;
    let found = report["damaged_files"].as_array().unwrap();
    let found: Vec<&str> = found.iter().map(|file| file["path"].as_str().unwrap()).collect();
    for path in &files {
        let name = path.strip_prefix(world.parquet()).unwrap().to_str().unwrap();
        assert!(found.iter().any(|path| path.ends_with(name)), "{name} of {found:?}");
    }
    assert_eq!(code, Some(4));
    let (code, _, told) = check(&world, &["--fix", "--yes"]).await;
    let wanted = format!("{0} table files were damaged, {0} are repaired", files.len());
    assert!(code == Some(4) && told.contains(&wanted), "{code:?} {told}");
    let (code, report, _) = check(&world, &[]).await;
    assert_eq!((code, &report["damaged_files"]), (Some(0), &json!([])));
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_repairs_damage_when_no_serve_runs() {
    let mut world = copied(6).await;
    world.stop().await;
    for (way, path) in table_files(&world).iter().enumerate() {
        damage(path, way);
    }
    let (code, _, told) = check(&world, &["--fix"]).await;
    assert!(code == Some(4) && told.contains("are repaired"), "{code:?} {told}");
    assert_eq!(check(&world, &[]).await.0, Some(0));
    world.start().await;
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_not_the_snapshots_is_found_in_any_table() {
    let world = copied(12).await;
    let has_comments = |key: &String| !world.rows_of("comments", key).is_empty();
    let key = world.sim.site().keys().into_iter().find(has_comments);
    let raw = world.dir.path().join(format!("data/raw/issues/{}.json", key.unwrap()));
    let mut snapshot: Value = serde_json::from_slice(&fs::read(&raw).unwrap()).unwrap();
    // As many comments as before, one of them other than its row.
    let author = &mut snapshot["fields"]["comment"]["comments"][0]["author"]["displayName"];
    *author = json!("Somebody else");
    put(&raw, snapshot.to_string());
    let (code, report, _) = check(&world, &[]).await;
    let what = report["differences"].to_string();
    assert!(code == Some(4) && what.contains("comments: rows that are not"), "{what}");
    world.stop_and_check_callers().await;
}

/// Issue 9, fault 5: before, every commit of the month failed until a person ran `sync`.
async fn blocked(bad_files: &[&str], bad_snapshots: usize) {
    let mut world = World::new().await;
    let site = world.sim.site();
    let mut keys = Vec::new();
    for n in 0..6 {
        let key = site.create(NewIssue::new("SUPPORT", &format!("Ticket {n}"))).unwrap().key;
        site.comment(&key, NewComment::text("First")).unwrap();
        keys.push(key);
    }
    world.quiet().await;
    // A new process knows nothing of the files that are damaged now.
    world.stop().await;
    world.start().await;
    for table in bad_files {
        for (way, path) in tables::files(&world.parquet(), table).iter().enumerate() {
            damage(path, 3 + way);
        }
    }
    let raw = |key: &str| world.dir.path().join(format!("data/raw/issues/{key}.json"));
    for (n, key) in keys[1..=bad_snapshots].iter().enumerate() {
        match n % 2 {
            0 => put(raw(key), "{"),
            _ => fs::remove_file(raw(key)).unwrap(),
        }
    }
    world.sim.site().set(&keys[0], "summary", json!("Edited")).unwrap();
    world.sim.site().comment(&keys[0], NewComment::text("Second")).unwrap();
    world.quiet().await;
    // Either the look at all snapshots after the start found them, or the commit that they blocked.
    let log = world.log();
    assert!(log.contains("is lost") || log.contains("cannot be rebuilt"), "{log}");
    let parked = world.metric("jiralake_work{state=\"parked\"}").await;
    assert_eq!(parked, 0.0, "nothing is parked for the snapshot of another issue");
    for key in &keys {
        let snapshot: Value = serde_json::from_slice(&fs::read(raw(key)).unwrap()).unwrap();
        assert_eq!(snapshot["key"], json!(key));
    }
    world.ends_well().await;
}

/// Jira can give the snapshot no more, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_snapshot_of_a_deleted_issue_does_not_block_its_month() {
    let mut world = World::new().await;
    let new = |n| NewIssue::new("SUPPORT", &format!("Ticket {n}"));
    let create = |n| world.sim.site().create(new(n)).unwrap().key;
    let keys = (0..3).map(create).collect::<Vec<String>>();
    world.quiet().await;
    world.stop().await;
    world.sim.knobs().change(|knobs| {
        knobs.webhook.drop.insert("*".to_owned(), 1.0);
    });
    world.sim.site().delete(&keys[1]).unwrap();
    let raw = world.dir.path().join(format!("data/raw/issues/{}.json", keys[1]));
    put(&raw, "{");
    world.start().await;
    tables::files(&world.parquet(), "issues").iter().for_each(|path| damage(path, 3));
    world.sim.knobs().change(|knobs| knobs.webhook.drop.clear());
    world.sim.site().set(&keys[0], "summary", json!("Edited")).unwrap();
    world.quiet().await;
    assert!(fs::read_to_string(&raw).unwrap().contains("_deleted_at"), "{}", world.log());
    assert_eq!(world.metric("jiralake_work{state=\"parked\"}").await, 0.0);
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_snapshot_and_one_bad_table_file_do_not_block_a_month() {
    blocked(&["issues"], 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_snapshots_and_bad_table_files_do_not_block_a_month() {
    blocked(&["issues", "comments", "coverage"], 4).await;
}
