//! Attachments: their bytes come later than the rows, whole or not at all, and from where they may.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sim::{Endpoint, Failure, NewIssue, Options, Sim};

use crate::tables::Row;
use crate::world::World;

/// Downloads begin at once here.
const EAGER: (&str, &str) = ("JIRALAKE_ATTACHMENTS_EVERY_MS", "50");

/// A site with one issue, and downloads on.
async fn world(env: &[(&str, &str)]) -> (World, String) {
    let env = [&[EAGER], env].concat();
    let world = World::with(Options { issues: 0, ..Options::default() }, &env).await;
    let key = world.sim.site().create(NewIssue::new("SUPPORT", "With files")).unwrap().key;
    (world, key)
}

fn row(world: &World, attachment: i64) -> Row {
    let rows = world.table("attachments");
    let id = attachment.to_string();
    let found = rows.into_iter().find(|row| row["attachment_id"] == id.as_str());
    found.unwrap_or_else(|| Row::from([("state".to_owned(), Value::Null)]))
}

/// Waits until the tables say this of an attachment.
async fn until(world: &World, attachment: i64, state: &str) -> Row {
    let what = format!("attachment {attachment} is {state}");
    let is_so = async || {
        let row = row(world, attachment);
        // A file may be seen before its checksum is.
        row["state"] == state && (state != "stored" || row["sha256"].is_string())
    };
    world.until(&what, is_so).await;
    row(world, attachment)
}

fn raw(world: &World) -> PathBuf {
    world.dir.path().join("data/raw")
}

/// The bytes where the table says that they are.
fn bytes(world: &World, row: &Row) -> Vec<u8> {
    std::fs::read(raw(world).join(row["local_path"].as_str().unwrap())).unwrap()
}

fn check_bytes(world: &World, row: &Row, wanted: &[u8]) {
    assert!(bytes(world, row) == wanted, "the bytes of {:?} differ", row["filename"]);
    assert_eq!(row["sha256"], json!(hex::encode(Sha256::digest(wanted))));
    let file = raw(world).join(row["local_path"].as_str().unwrap());
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o660);
}

/// Everything below the folder of attachments, hidden files too.
fn files(world: &World) -> Vec<String> {
    let root = raw(world).join("attachments");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&root).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_file() {
            found.push(name);
            continue;
        }
        let inner = std::fs::read_dir(entry.path()).unwrap().map(Result::unwrap);
        found.extend(inner.map(|file| format!("{name}/{}", file.file_name().to_str().unwrap())));
    }
    found.sort();
    found
}

async fn asked(world: &World, args: &[&str]) -> Value {
    let args = [&["attachments"], args, &["--json"]].concat();
    let run = world.command(&args).output().await.unwrap();
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    serde_json::from_slice(&run.stdout).unwrap_or_else(|_| panic!("{said}"))
}

fn shows(media: &[Option<String>]) -> Value {
    let nodes: Vec<Value> = media
        .iter()
        .flatten()
        .map(|id| json!({"type": "media", "attrs": {"type": "file", "id": id, "collection": ""}}))
        .collect();
    json!({"type": "doc", "version": 1, "content": [{"type": "mediaGroup", "content": nodes}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_of_all_sizes_and_names_arrive_as_they_are_and_texts_name_them() {
    let (world, key) = world(&[("JIRALAKE_ATTACHMENTS_MAX_BYTES", "1000")]).await;
    let site = world.sim.site();
    let long = format!("{}.png", "é".repeat(200));
    let some: Vec<(&str, Vec<u8>)> = vec![
        ("empty.txt", Vec::new()),
        ("limit.bin", vec![7; 1000]),
        ("same.txt", b"first".to_vec()),
        ("same.txt", b"second, and longer".to_vec()),
        ("../../../etc/passwd", b"up".to_vec()),
        ("a/b\\c\nd", b"slashes".to_vec()),
        ("스크린샷 🎉.png", b"emoji".to_vec()),
        (&long, b"long".to_vec()),
    ];
    let ids: Vec<i64> = some
        .iter()
        .map(|(name, bytes)| site.attach(&key, name, "text/plain", bytes.clone()).unwrap())
        .collect();
    let large = site.attach(&key, "large.bin", "text/plain", vec![7; 1001]).unwrap();
    let shown: Vec<i64> = ids.iter().copied().chain([large]).collect();
    let media: Vec<_> = shown.iter().map(|id| site.media_id(*id)).collect();
    site.set(&key, "description", shows(&media)).unwrap();
    for (id, (_, wanted)) in ids.iter().zip(&some) {
        let row = until(&world, *id, "stored").await;
        check_bytes(&world, &row, wanted);
        let path = row["local_path"].as_str().unwrap();
        assert!(path.starts_with(&format!("attachments/{key}/{id}_")), "{path}");
    }
    let row = until(&world, large, "too_large").await;
    assert_eq!((&row["local_path"], &row["sha256"]), (&Value::Null, &Value::Null));
    world.quiet().await;
    let named = |id: &i64| json!({"media": site.media_id(*id), "attachment": id.to_string()});
    let wanted: Vec<Value> = shown.iter().map(named).collect();
    let links = world.rows_of("media_links", &key);
    let have =
        links.iter().map(|r| json!({"media": r["media_id"], "attachment": r["attachment_id"]}));
    assert_eq!(have.collect::<Vec<_>>(), wanted, "texts name their files");
    assert_eq!(files(&world).len(), some.len(), "and nothing else: {:?}", files(&world));
    assert_eq!(world.sim.callers().count_of(Endpoint::Media), some.len() as u64, "once each");
    assert_eq!(world.metric("jiralake_attachments{state=\"stored\"}").await, some.len() as f64);
    assert_eq!(world.metric("jiralake_attachments{state=\"too_large\"}").await, 1.0);
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_megabytes_are_stored_and_one_byte_more_is_not() {
    let (mut world, key) = world(&[]).await;
    let limit: Vec<u8> = (0..50 * 1024 * 1024).map(|n: u32| (n % 251) as u8).collect();
    let site = world.sim.site();
    let stored = site.attach(&key, "limit.bin", "application/zip", limit.clone()).unwrap();
    let large = site.attach(&key, "more.bin", "application/zip", [&*limit, b"x"].concat()).unwrap();
    let row = until(&world, stored, "stored").await;
    check_bytes(&world, &row, &limit);
    until(&world, large, "too_large").await;
    assert_eq!(world.sim.callers().count_of(Endpoint::Media), 1);
    world.stop().await;
    world.set("JIRALAKE_ATTACHMENTS_MAX_BYTES", "52428801");
    world.start().await;
    until(&world, large, "stored").await;
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_off_is_fetched_again_and_never_half_there() {
    let (world, key) = world(&[]).await;
    let throttled = Failure::Throttled { retry_after: Some(1), reason: None };
    for (n, failure) in [
        Failure::Truncated,
        Failure::Cut,
        Failure::Status(500),
        Failure::Status(403),
        Failure::Unavailable { retry_after: None },
        throttled,
    ]
    .into_iter()
    .enumerate()
    {
        let wanted = vec![u8::try_from(n).unwrap(); 300_000];
        world.sim.knobs().fail_next(Endpoint::Media, 2, failure.clone());
        let of_jira = !matches!(failure, Failure::Status(403));
        if of_jira {
            world.sim.knobs().fail_next(Endpoint::AttachmentContent, 2, failure.clone());
        }
        let name = format!("{n}.bin");
        let id = world.sim.site().attach(&key, &name, "text/plain", wanted.clone()).unwrap();
        let row = until(&world, id, "stored").await;
        check_bytes(&world, &row, &wanted);
    }
    assert_eq!(files(&world).len(), 6, "{:?}", files(&world));
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_fails_with_the_reason_until_a_person_asks() {
    let (mut world, key) = world(&[]).await;
    let site = world.sim.site();
    let knobs = world.sim.knobs();
    knobs.fail_next(Endpoint::AttachmentContent, u32::MAX, Failure::Status(404));
    let id = site.attach(&key, "expired.txt", "text/plain", "late").unwrap();
    until(&world, id, "failed").await;
    world.quiet().await;
    let asked_once = world.sim.callers().count_of(Endpoint::AttachmentContent);
    site.set(&key, "summary", json!("Seen to list it still")).unwrap();
    world.quiet().await;
    assert_eq!(row(&world, id)["state"], "failed");
    assert_eq!(world.sim.callers().count_of(Endpoint::AttachmentContent), asked_once);
    let snapshot = std::fs::read(raw(&world).join(format!("issues/{key}.json"))).unwrap();
    let snapshot: Value = serde_json::from_slice(&snapshot).unwrap();
    let reason = &snapshot["_attachments"][id.to_string()]["reason"];
    assert!(reason.as_str().unwrap().contains("404"), "{reason}");
    assert_eq!(snapshot["_parts"]["attachments"]["complete"], json!(false));
    knobs.heal();
    let said = asked(&world, &["fetch", "--issue", &key]).await;
    assert_eq!(said, json!({"stored": 1, "too_large": 0, "failed": 0, "pending": 0}));
    check_bytes(&world, &until(&world, id, "stored").await, b"late");
    // Also without a program that runs, and also what somebody has removed from the disk.
    world.quiet().await;
    world.stop().await;
    let file = raw(&world).join(row(&world, id)["local_path"].as_str().unwrap());
    std::fs::remove_file(&file).unwrap();
    for _ in 0..2 {
        asked(&world, &["fetch", "--issue", &key]).await;
    }
    assert_eq!(std::fs::read(&file).unwrap(), b"late");
    world.start().await;
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_host_is_never_asked() {
    let elsewhere = Sim::start(Options { issues: 0, ..Options::default() }).await.unwrap();
    let (world, key) = world(&[]).await;
    let there = elsewhere.media_url().to_owned();
    world.sim.knobs().change(|knobs| knobs.media_elsewhere = Some(there.clone()));
    let id = world.sim.site().attach(&key, "a.txt", "text/plain", "a").unwrap();
    until(&world, id, "failed").await;
    assert_eq!(elsewhere.callers().count_of(Endpoint::Media), 0, "nobody asked the other host");
    assert!(!world.log().contains(&there), "nor is its address told");
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_issue_takes_its_files_along_and_those_that_are_on_their_way() {
    let (world, key) = world(&[]).await;
    let site = world.sim.site();
    let first = site.attach(&key, "first.txt", "text/plain", "first").unwrap();
    until(&world, first, "stored").await;
    world.sim.knobs().change(|knobs| {
        knobs.latency_ms_of.insert(Endpoint::Media, 400);
    });
    let second = site.attach(&key, "second.txt", "text/plain", "second").unwrap();
    let on_its_way = async || world.sim.callers().count_of(Endpoint::Media) == 2;
    world.until("the second is on its way", on_its_way).await;
    let new = site.move_to(&key, "OPS").unwrap();
    for (id, name, wanted) in [(first, "first.txt", "first"), (second, "second.txt", "second")] {
        world
            .until("it is below the new key", async || {
                let row = row(&world, id);
                row["sha256"].is_string()
                    && row["local_path"] == format!("attachments/{new}/{id}_{name}")
            })
            .await;
        check_bytes(&world, &row(&world, id), wanted.as_bytes());
    }
    assert_eq!(files(&world).len(), 2, "{:?}", files(&world));
    let said = asked(&world, &["path", &key]).await;
    assert!(said["path"].as_str().unwrap().ends_with(&format!("attachments/{new}")), "{said}");
    let run = world.command(&["attachments", "path", "SUPPORT-99999"]).output().await.unwrap();
    assert_eq!(run.status.code(), Some(2));
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_attachment_leaves_with_its_file() {
    let (world, key) = world(&[]).await;
    let site = world.sim.site();
    let stays = site.attach(&key, "stays.txt", "text/plain", "stays").unwrap();
    let leaves = site.attach(&key, "leaves.txt", "text/plain", "leaves").unwrap();
    for id in [stays, leaves] {
        until(&world, id, "stored").await;
    }
    site.detach(&key, leaves).unwrap();
    let left = vec![format!("{key}/{stays}_stays.txt")];
    world.until("its file is gone", async || files(&world) == left).await;
    world.quiet().await;
    assert_eq!(row(&world, leaves)["state"], Value::Null);
    assert_eq!(world.metric("jiralake_attachments{state=\"stored\"}").await, 1.0);
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_a_download_costs_that_download() {
    let (mut world, key) = world(&[]).await;
    world.sim.knobs().change(|knobs| {
        knobs.latency_ms_of.insert(Endpoint::Media, 300);
    });
    let site = world.sim.site();
    let wanted = vec![3; 2_000_000];
    let ids: Vec<i64> = (0..6)
        .map(|n| site.attach(&key, &format!("{n}"), "text/plain", wanted.clone()).unwrap())
        .collect();
    for n in 1..=3 {
        let begun = async || world.sim.callers().count_of(Endpoint::Media) >= n;
        world.until("a download has begun", begun).await;
        world.kill().await;
        for name in files(&world).iter().filter(|name| name.contains('/')) {
            let file = raw(&world).join("attachments").join(name);
            assert!(std::fs::read(file).unwrap() == wanted, "{name} is whole");
        }
        world.start().await;
    }
    for id in ids {
        check_bytes(&world, &until(&world, id, "stored").await, &wanted);
    }
    world.ends_well().await;
}
