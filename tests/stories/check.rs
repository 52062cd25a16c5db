//! `jiralake check`: equal, differs, could not check; and `--fix`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Output;

use serde_json::{Value, json};
use sim::{Endpoint, Failure, Fault, NewComment, NewIssue, Options};

use crate::tables;
use crate::world::{World, put};

/// What the check says of a change does not depend on how long ago it was.
const AT_ONCE: (&str, &str) = ("JIRALAKE_CHECK_GRACE_MS", "0");

async fn world(issues: u32) -> World {
    let options = Options { issues, issue_bytes: 15_000, ..Options::default() };
    World::with(options, &[AT_ONCE]).await
}

async fn run(world: &World, args: &[&str]) -> Output {
    world.command(&[&["check"], args].concat()).output().await.unwrap()
}

/// The exit code and the report.
async fn checked(world: &World, args: &[&str]) -> (Option<i32>, Value) {
    let run =
        run(world, &[&["--max-age", "all", "--sample", "all", "--json"], args].concat()).await;
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    let report = serde_json::from_slice(&run.stdout).unwrap_or_else(|_| panic!("{said}"));
    (run.status.code(), report)
}

fn said(run: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr))
}

/// What differs, by key: the kind and the words.
fn differences(report: &Value) -> BTreeMap<String, (String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let each = report["differences"].as_array().unwrap().iter();
    each.map(|one| (text(&one["key"]), (text(&one["kind"]), one["what"].to_string()))).collect()
}

fn silence(world: &World) {
    world.sim.knobs().change(|knobs| {
        knobs.webhook.drop.insert("*".to_owned(), 1.0);
    });
}

fn raw(world: &World, key: &str) -> PathBuf {
    world.dir.path().join(format!("data/raw/issues/{key}.json"))
}

fn create(world: &World, count: usize) -> Vec<String> {
    let site = world.sim.site();
    let new = |n| NewIssue::new("SUPPORT", &format!("Ticket {n}"));
    (0..count).map(|n| site.create(new(n)).unwrap().key).collect()
}

fn sum(report: &Value, count: &str) -> u64 {
    report["months"].as_array().unwrap().iter().map(|month| month[count].as_u64().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_equals_jira_is_said_to() {
    let world = world(40).await;
    let copied = world.command(&["backfill"]).output().await.unwrap();
    assert!(copied.status.success(), "{}", said(&copied));
    world.quiet().await;
    let (code, report) = checked(&world, &[]).await;
    assert_eq!(
        (code, &report["differences"], &report["not_seen"]),
        (Some(0), &json!([]), &json!([]))
    );
    assert_eq!(["jira", "raw", "lake"].map(|place| sum(&report, place)), [40, 40, 40]);
    assert_eq!(report["sampled"], 40);
    assert_eq!(world.metric("jiralake_check_differences").await, 0.0);
    assert!(world.metric("jiralake_check_last_timestamp_seconds").await > 1e9);
    // The usual check covers a month, and the seed repeats its sample.
    let usual = run(&world, &["--seed", "7", "--sample", "5"]).await;
    let text = said(&usual);
    assert!(usual.status.success() && text.contains("--seed 7"), "{text}");
    assert!(text.starts_with("project  month"), "{text}");
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_difference_is_found_told_and_repaired() {
    let world = world(0).await;
    let site = world.sim.site();
    let keys = create(&world, 8);
    let comment = site.comment(&keys[3], NewComment::text("First")).unwrap();
    world.quiet().await;
    assert_eq!(checked(&world, &[]).await.0, Some(0));
    silence(&world);
    let missing = create(&world, 1).remove(0);
    site.set(&keys[1], "summary", json!("Changed in silence")).unwrap();
    site.delete(&keys[2]).unwrap();
    site.edit_comment(&keys[3], &comment, json!("First, edited")).unwrap();
    site.set_in_silence(&keys[4], "summary", json!("Changed without a trace")).unwrap();
    let moved = site.move_to(&keys[5], "OPS").unwrap();
    let mut torn: Value =
        serde_json::from_slice(&std::fs::read(raw(&world, &keys[6])).unwrap()).unwrap();
    torn["fields"]["summary"] = json!("Written and never committed");
    put(raw(&world, &keys[6]), torn.to_string());
    let (code, report) = checked(&world, &[]).await;
    let found = differences(&report);
    let check = |key: &str, kind: &str, words: &str| {
        let (is, what) = found.get(key).unwrap_or_else(|| panic!("{key} in {report}"));
        assert!(is == kind && what.contains(words), "{key}: {is} {what}");
    };
    check(&missing, "missing_here", "no snapshot");
    check(&keys[1], "stale", "updated");
    check(&keys[2], "gone_there", "Jira shows it no more");
    check(&keys[3], "stale", "fields: comment");
    check(&keys[4], "stale", "fields: summary");
    check(&moved, "stale", "key");
    check(&keys[6], "stale", "columns against the snapshot: summary");
    assert_eq!((code, found.len()), (Some(4), 7), "{report}");
    assert_eq!(["missing_here", "gone_there", "stale"].map(|kind| sum(&report, kind)), [1, 1, 5]);
    assert_eq!(world.metric("jiralake_check_differences").await, 7.0);
    let told = run(&world, &["--sample", "all", "--fix"]).await;
    assert_eq!(told.status.code(), Some(4));
    assert!(said(&told).contains("7 issues are due"), "{}", said(&told));
    world.quiet().await;
    let (code, report) = checked(&world, &[]).await;
    assert_eq!((code, &report["differences"]), (Some(0), &json!([])));
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fix_is_bounded_unless_a_person_says_yes() {
    let world = world(0).await;
    silence(&world);
    create(&world, 23);
    let fixed = run(&world, &["--fix"]).await;
    let text = said(&fixed);
    assert_eq!(fixed.status.code(), Some(4), "{text}");
    assert!(text.contains("20 issues are due") && text.contains("3 more differ"), "{text}");
    world.quiet().await;
    assert_eq!(world.table("issues").len(), 20);
    create(&world, 20);
    let fixed = run(&world, &["--fix", "--yes"]).await;
    assert!(said(&fixed).contains("23 issues are due"), "{}", said(&fixed));
    world.quiet().await;
    assert_eq!(checked(&world, &[]).await.0, Some(0));
    world.ends_well().await;
}

// rivals-bugs 7 and 8: what cannot be read is no difference, and nothing is rewritten for it.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_not_a_difference() {
    let world = world(0).await;
    let keys = create(&world, 3);
    world.quiet().await;
    put(raw(&world, &keys[1]), "{\"id\": \"1");
    let (code, report) = checked(&world, &["--fix"]).await;
    assert_eq!((code, &report["differences"]), (Some(5), &json!([])), "{report}");
    let unseen = report["not_seen"].to_string();
    assert!(unseen.contains(&format!("{}.json", keys[1])), "{unseen}");
    assert_eq!(report["not_seen"].as_array().unwrap().len(), 1, "it is said once: {unseen}");
    assert_eq!(world.metric("jiralake_check_not_seen").await, 1.0);
    assert_eq!(
        std::fs::read(raw(&world, &keys[1])).unwrap(),
        b"{\"id\": \"1",
        "nothing was repaired"
    );
    world.sim.site().announce(&keys[1]).unwrap();
    world.quiet().await;
    // The names are hard links: a new file leaves the store as it is.
    let file = tables::files(&world.parquet(), "issues").remove(0);
    let whole = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    put(&file, &whole[..whole.len() / 2]);
    let (code, report) = checked(&world, &[]).await;
    // The file is damaged for certain; of its rows nothing is known.
    assert_eq!((code, &report["differences"]), (Some(4), &json!([])), "{report}");
    assert_eq!(report["damaged_files"].as_array().unwrap().len(), 1, "{report}");
    let unseen = report["not_seen"].as_array().unwrap();
    assert!(unseen.len() == 1 && unseen[0]["name"].as_str().unwrap().starts_with("issues/"));
    assert_eq!(sum(&report, "not_seen"), 3, "{report}");
    std::fs::remove_file(&file).unwrap();
    put(&file, &whole);
    assert_eq!(checked(&world, &[]).await.0, Some(0));
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_jira_nothing_is_said_about_the_copy() {
    let world = world(0).await;
    create(&world, 3);
    world.quiet().await;
    let email = world.sim.main_account().unwrap().email.clone();
    let refuse = |endpoint, failure| {
        let fault = Fault { endpoint, issue: None, times: None, share: 1.0, failure };
        world.sim.knobs().fail(fault);
    };
    let ended = async |why: &str| {
        let run = run(&world, &[]).await;
        assert_eq!(run.status.code(), Some(5), "{why}: {}", said(&run));
        assert!(run.stdout.is_empty() && said(&run).contains("could not check"), "{}", said(&run));
        world.sim.knobs().heal();
    };
    refuse(None, Failure::Status(500));
    ended("jira is down").await;
    refuse(Some(Endpoint::Search), Failure::NotJson);
    ended("the walk breaks off").await;
    world.sim.knobs().change(|knobs| {
        knobs.expired_tokens.insert(email.clone());
    });
    ended("the token has expired").await;
    assert_eq!(world.metric("jiralake_check_last_timestamp_seconds").await, 0.0);
    world.sim.knobs().change(|knobs| {
        knobs.expired_tokens.remove(&email);
    });
    assert_eq!(checked(&world, &[]).await.0, Some(0));
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_lags_is_no_difference() {
    let world = world(0).await;
    let keys = create(&world, 2);
    world.quiet().await;
    world.sim.knobs().change(|knobs| knobs.search_lag_ms = 1_000);
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    world.sim.knobs().change(|knobs| knobs.search_lag_ms = 3_600_000);
    create(&world, 2);
    world.sim.site().set(&keys[0], "summary", json!("Not yet in the index")).unwrap();
    world.quiet().await;
    let (code, report) = checked(&world, &[]).await;
    assert_eq!((code, &report["differences"]), (Some(0), &json!([])), "{report}");
    assert_eq!(["jira", "raw", "lake"].map(|place| sum(&report, place)), [4, 4, 4], "{report}");
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_a_moment_ago_or_is_due_is_in_work() {
    let mut world = World::new().await;
    let keys = create(&world, 2);
    world.quiet().await;
    silence(&world);
    world.sim.site().set(&keys[0], "summary", json!("On its way")).unwrap();
    let (code, report) = checked(&world, &[]).await;
    assert_eq!((code, &report["differences"]), (Some(0), &json!([])), "{report}");
    assert_eq!(report["in_work"][0]["key"], json!(keys[0]));
    // Without the grace it differs, unless the loop is about to look at it.
    world.set(AT_ONCE.0, AT_ONCE.1);
    assert_eq!(checked(&world, &[]).await.0, Some(4));
    world.stop().await;
    assert_eq!(checked(&world, &["--fix"]).await.0, Some(4));
    let (code, report) = checked(&world, &[]).await;
    assert_eq!((code, sum(&report, "in_work")), (Some(0), 1), "{report}");
    world.start().await;
    world.ends_well().await;
}
