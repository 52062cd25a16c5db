//! The commands as a person or a script calls them.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use sim::{NewComment, NewIssue};

use crate::tables;
use crate::world::{World, put};

async fn run(world: &World, args: &[&str]) -> Output {
    world.command(args).output().await.unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn snapshot(folder: &Path, name: &str, json: &Value) {
    std::fs::create_dir_all(folder).unwrap();
    put(folder.join(name), serde_json::to_vec_pretty(json).unwrap());
}

fn issue(id: u32, key: &str, created: &str) -> Value {
    json!({"id": id.to_string(), "key": key, "fields": {
        "summary": format!("Issue {key}"), "created": created, "updated": created,
        "comment": {"total": 1, "comments": [{"id": (id * 10).to_string(), "body": "Hello", "created": created}]}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn transform_rebuilds_a_folder_that_another_program_filled() {
    let world = World::new().await;
    let raw = world.dir.path().join("theirs");
    let issues = raw.join("issues");
    snapshot(&issues, "SUPPORT-1.json", &issue(1, "SUPPORT-1", "2026-02-03T12:06:52.829+0100"));
    // rivals-bugs 17: the UTC month, whatever the zone.
    snapshot(&issues, "SUPPORT-2.json", &issue(2, "SUPPORT-2", "2026-03-01T00:30:00.000+0100"));
    snapshot(&issues, "SUPPORT-3.json", &issue(3, "SUPPORT-3", "not a date"));
    put(issues.join("SUPPORT-4.json"), "{\"id\": \"4\", \"key\"");
    let out = world.dir.path().join("out");
    let args = [
        "transform",
        "--raw-dir",
        raw.to_str().unwrap(),
        "--output-dir",
        out.to_str().unwrap(),
        "--json",
    ];
    let ended = run(&world, &args).await;
    assert_eq!(ended.status.code(), Some(3), "{}", text(&ended.stderr));
    let told: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(told["issues"], 3);
    assert_eq!(told["unreadable"][0]["file"], "SUPPORT-4.json");
    let months: Vec<String> = tables::files(&out, "issues")
        .iter()
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(months, ["2026-02", "unknown"]);
    assert_eq!(tables::read(&out, "comments").len(), 3);
    // Months that have no rows any more disappear; a single issue can leave.
    std::fs::remove_file(issues.join("SUPPORT-4.json")).unwrap();
    let gone = [&args[..5], &["--issue", "SUPPORT-3", "--deleted"]].concat();
    assert!(run(&world, &gone).await.status.success());
    assert_eq!(tables::files(&out, "issues").len(), 1);
    assert_eq!(tables::read(&out, "issues").len(), 2);
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transform_of_a_live_lake_changes_no_row() {
    let mut world = World::new().await;
    world.sim.editor().burst(30).unwrap();
    world.quiet().await;
    let before = ["issues", "comments", "changelog"].map(|table| world.table(table));
    world.stop().await;
    let ended = run(&world, &["transform"]).await;
    assert!(ended.status.success(), "{}", text(&ended.stderr));
    assert_eq!(["issues", "comments", "changelog"].map(|table| world.table(table)), before);
    world.start().await;
    world.ends_well_after_silent_edits().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn show_prints_the_whole_ticket() {
    let world = World::new().await;
    let site = world.sim.site();
    let key = site.create(NewIssue::new("SUPPORT", "Printer on fire")).unwrap().key;
    site.comment(&key, NewComment::text("Use \u{1b}[31mwater\u{202e}")).unwrap();
    site.add_remote_link(&key, "https://example.com/runbook", "Runbook").unwrap();
    site.transition(&key, "Work in progress").unwrap();
    world.quiet().await;
    let shown = run(&world, &["show", &key]).await;
    let page = text(&shown.stdout);
    for part in ["# ", "Printer on fire", "## Comments (1)", "Runbook", "## History"] {
        assert!(page.contains(part), "{part} is missing:\n{page}");
    }
    assert!(
        !page.contains('\u{1b}') && !page.contains('\u{202e}'),
        "no control characters:\n{page}"
    );
    let none = run(&world, &["show", "SUPPORT-999999"]).await;
    assert_eq!(none.status.code(), Some(1), "{}", text(&none.stderr));
    let bad = run(&world, &["show", "../../etc/passwd"]).await;
    assert_eq!(bad.status.code(), Some(2), "{}", text(&bad.stderr));
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_listed_shown_replayed_and_exported() {
    let world = World::new().await;
    let key = world.sim.site().create(NewIssue::new("SUPPORT", "Heard")).unwrap().key;
    world.quiet().await;
    let listed = text(&run(&world, &["events", "list", "--json", "--issue", &key]).await.stdout);
    let first: Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    assert_eq!(first["event"], "jira:issue_created");
    let seq = first["seq"].to_string();
    let shown: Value =
        serde_json::from_slice(&run(&world, &["events", "show", &seq]).await.stdout).unwrap();
    assert_eq!(shown["body"]["issue"]["key"], json!(key));
    let looks = world.metric("jiralake_looks_total{outcome=\"ready\"}").await;
    assert!(run(&world, &["events", "replay", &seq]).await.status.success());
    world
        .until("the issue is looked at again", async || {
            world.metric("jiralake_looks_total{outcome=\"ready\"}").await > looks
        })
        .await;
    let out = world.dir.path().join("exported");
    assert!(
        run(&world, &["events", "export", "--out", out.to_str().unwrap()]).await.status.success()
    );
    let names: Vec<String> = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.iter().any(|name| name.ends_with("_jira_issue_created.json")), "{names:?}");
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_finds_what_is_in_order_and_what_is_not() {
    let mut world = World::new().await;
    let well = run(&world, &["doctor"]).await;
    assert!(well.status.success(), "{}{}", text(&well.stdout), text(&well.stderr));
    let page = text(&well.stdout);
    for part in
        ["takes signed deliveries", "signed in as account", "fsync", "# environment JIRA_EMAIL"]
    {
        assert!(page.contains(part), "{part} is missing:\n{page}");
    }
    world.set("JIRA_API_TOKEN", "expired");
    let ill = run(&world, &["doctor"]).await;
    assert_eq!(ill.status.code(), Some(1));
    assert!(text(&ill.stdout).contains("NOT IN ORDER    account"), "{}", text(&ill.stdout));
    let token = world.sim.main_account().unwrap().token.clone();
    world.set("JIRA_API_TOKEN", &token);
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn config_webhook_prints_what_to_paste() {
    let world = World::new().await;
    let printed = text(&run(&world, &["config", "webhook"]).await.stdout);
    assert!(
        printed.contains("/webhooks/jira") && printed.contains(crate::world::SECRET),
        "{printed}"
    );
    assert!(run(&world, &["config", "validate"]).await.status.success());
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_windows_tell_of_health() {
    let world = World::new().await;
    let get = async |path: &str| {
        let url = format!("http://{}{path}", world.address());
        let answer = world.http.get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(get("/healthz").await.0, 200);
    assert_eq!(get("/readyz").await.0, 200);
    let (status, health) = get("/webhooks/jira/health").await;
    assert_eq!(status, 200);
    assert_eq!(
        serde_json::from_str::<Value>(&health).unwrap(),
        json!({"status": "ok", "configured": true, "webhook_secret_set": true, "jira_domain": "sim.atlassian.net"})
    );
    assert_eq!(get("/webhooks/jira/test").await.0, 404, "only with --debug");
    let metrics = get("/metrics").await.1;
    assert!(
        metrics.ends_with("# EOF\n") && metrics.contains("jiralake_webhook_ack_seconds"),
        "{metrics}"
    );
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_runs_once_and_ends() {
    let world = World::new().await;
    let dir = world.dir.path().join("demo");
    let args = ["demo", "--once", "--issues", "25", "--dir", dir.to_str().unwrap()];
    let ended = run(&world, &args).await;
    assert!(ended.status.success(), "{}", text(&ended.stderr));
    let counts = text(&ended.stdout);
    assert!(counts.lines().any(|line| line.starts_with("issues")), "{counts}");
    assert!(tables::read(&dir.join("parquet/jira"), "issues").len() >= 25);
    world.ends_well().await;
}
