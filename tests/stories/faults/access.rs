//! Who may read what is written, and who may write beside whom.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use sim::{NewIssue, Options};
use tokio::process::Command;
use tokio::time::timeout;

use crate::world::{PATIENCE, World};

/// Asserts that nobody but owner and group may do anything with what is below a folder; answers how
/// many files and folders there are.
fn assert_closed(folder: &Path) -> usize {
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = std::fs::symlink_metadata(&path).unwrap();
        let mode = metadata.permissions().mode() & 0o777;
        let most = if metadata.is_dir() { 0o770 } else { 0o660 };
        assert_eq!(mode & !most, 0, "{} has mode {mode:o}", path.display());
        seen += 1 + if metadata.is_dir() { assert_closed(&path) } else { 0 };
    }
    seen
}

/// The same call under another mask.
fn masked(command: &Command, mask: &str) -> Command {
    let command = command.as_std();
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("umask {mask}; exec \"$0\" \"$@\"")).arg(command.get_program());
    shell.args(command.get_args()).env_clear().current_dir(command.get_current_dir().unwrap());
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_written_is_open_to_others_whatever_the_mask() {
    for mask in ["000", "022", "077"] {
        let options = Options { issues: 12, ..Options::default() };
        let mut world = World::with(options, &[("JIRALAKE_ATTACHMENTS_EVERY_MS", "50")]).await;
        world.stop().await;
        std::fs::remove_dir_all(world.dir.path().join("data")).unwrap();
        let serve = masked(&world.command(&["serve"]), mask);
        world.start_as(serve).await;
        world.sim.site().create(NewIssue::new("SUPPORT", "Busy")).unwrap();
        world.quiet().await;
        for call in [
            &["backfill"][..],
            &["dimensions"],
            &["attachments", "fetch"],
            &["events", "export", "--out", "data/exported"],
            &["transform", "--output-dir", "data/elsewhere/jira"],
            &["sim", "generate", "--issues", "3", "--out", "data/corpus"],
        ] {
            let output = masked(&world.command(call), mask).output().await.unwrap();
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{call:?}: {told}");
        }
        world.quiet().await;
        // While it runs, so that the ledger's log is there as well.
        let data = world.dir.path().join("data");
        assert!(data.join("ledger.db-wal").exists());
        let seen = assert_closed(&data);
        assert!(seen > 100, "only {seen} files and folders");
        world.stop().await;
        assert_closed(&data);
        let mode = std::fs::metadata(&data).unwrap().permissions().mode();
        assert_eq!(mode & 0o007, 0, "data itself has mode {mode:o}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_writers_that_share_anything_are_refused_and_readers_are_not() {
    let world = World::new().await;
    world.sim.site().create(NewIssue::new("SUPPORT", "Shared")).unwrap();
    world.quiet().await;
    let own = [
        ("JIRA_PARQUET_DIR", "other/parquet/jira"),
        ("JIRALAKE_STORAGE_STORE_DIR", "other/store"),
        ("JIRALAKE_STORAGE_LEDGER", "other/ledger.db"),
        ("JIRA_DATA_DIR", "other/raw"),
    ];
    let shared = ["parquet/jira", "store", "ledger.db", "raw"];
    // The second has all places for itself but one.
    for (place, shared) in shared.into_iter().enumerate() {
        let mut command = world.command(&["serve"]);
        command.env("JIRALAKE_WEBHOOK_LISTEN", "127.0.0.1:0").stdout(Stdio::null());
        for (name, value) in own {
            let at_home = name == own[place].0;
            let value = if at_home { format!("data/{shared}") } else { value.to_owned() };
            command.env(name, value);
        }
        let ended = timeout(PATIENCE, command.output()).await.expect("it is refused").unwrap();
        let told = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{shared}: {told}");
        assert!(told.contains("jiralake serve (pid "), "{shared}: {told}");
        assert!(told.contains(&format!("data/{shared}`")), "{shared}: {told}");
    }
    for call in [
        &["transform", "--output-dir", "third/jira"][..],
        &["events", "list"],
        &["coverage"],
        &["sync", "SUPPORT-1"],
    ] {
        let output = world.command(call).output().await.unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{call:?}: {told}");
    }
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_inside_urls_of_settings_are_in_no_output() {
    const MARKER: &str = "hunter2";
    let mut world = World::new().await;
    world.stop().await;
    let public = format!("https://user:{MARKER}@proxy.example.com/jira?token={MARKER}");
    let proxy = format!("http://user:{MARKER}@127.0.0.1:9");
    world.set("JIRALAKE_WEBHOOK_PUBLIC_URL", &public);
    world.set("HTTP_PROXY", &proxy);
    world.set("HTTPS_PROXY", &proxy);
    world.set("JIRALAKE_JIRA_BASE_URL", "https://jira.example.com");
    world.set("JIRALAKE_LOG_LEVEL", "trace");
    // Jira cannot be reached through that proxy: every question fails, and is logged.
    world.start().await;
    world.until("a question failed", async || world.log().contains("WARN")).await;
    let refused = format!("https://user:{MARKER}@jira.example.com");
    let mut told = world.log();
    for (call, setting) in [
        (&["config", "show"][..], None),
        (&["config", "show", "--json"], None),
        (&["config", "validate"], None),
        (&["doctor"], None),
        (&["doctor", "--json"], None),
        (&["serve"], None),
        (&["config", "show"], Some("JIRALAKE_JIRA_BASE_URL")),
        (&["doctor"], Some("JIRALAKE_JIRA_BASE_URL")),
        (&["serve"], Some("JIRALAKE_JIRA_BASE_URL")),
        (&["serve"], Some("JIRALAKE_JIRA_GATEWAY_URL")),
        (&["serve"], Some("JIRALAKE_ATTACHMENTS_MEDIA_HOSTS")),
        (&["serve"], Some("JIRALAKE_WEBHOOK_LISTEN")),
        (&["serve"], Some("JIRALAKE_STORAGE_LEDGER")),
        (&["config", "show", "--set", &refused], None),
        (&["config", "show", "--set", &format!("{refused}=x")], None),
    ] {
        let mut command = world.command(call);
        command.envs(setting.map(|name| (name, refused.as_str())));
        let output = timeout(PATIENCE, command.output()).await.expect("it ends").unwrap();
        told += &String::from_utf8(output.stdout).unwrap();
        told += &String::from_utf8(output.stderr).unwrap();
    }
    assert!(told.contains("https://…@proxy.example.com/jira?…"), "{told}");
    let line = told.lines().find(|line| line.contains(MARKER));
    assert_eq!(line, None, "a secret is told");
    world.stop().await;
}
