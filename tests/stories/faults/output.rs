//! Where output goes may be full or closed: a log that cannot be written ends nothing, data that cannot
//! be written is a failed command, and neither is ever a panic.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};

use sim::NewIssue;
use tokio::process::Command;
use tokio::time::timeout;

use crate::world::{PATIENCE, World};

/// Calls that print something on stdout.
const CALLS: [&[&str]; 20] = [
    &["--help"],
    &["--version"],
    &["serve", "--help"],
    &["completions", "bash"],
    &["config", "show"],
    &["config", "show", "--json"],
    &["config", "validate"],
    &["config", "webhook"],
    &["doctor"],
    &["doctor", "--json"],
    &["health"],
    &["events", "list"],
    &["coverage"],
    &["fields"],
    &["projects"],
    &["show", "SUPPORT-1"],
    &["check"],
    &["check", "--json"],
    &["transform", "--dry-run"],
    &["transform", "--output-dir", "elsewhere/jira"],
];

/// Further calls, which print messages alone.
const MESSAGES: [&[&str]; 7] = [
    &["--no-such-flag"],
    &["no-such-command"],
    &["config", "show", "--set", "webhook.lisen=x"],
    &["sync", "SUPPORT-1"],
    &["parked", "list"],
    &["events", "export", "--out", "exported"],
    &["sim", "generate", "--issues", "2", "--out", "corpus"],
];

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

/// A pipe that nobody reads any more.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

async fn ended(mut command: Command) -> ExitStatus {
    timeout(PATIENCE, command.status()).await.expect("it ends").unwrap()
}

fn no_panic(status: ExitStatus, call: &[&str]) {
    assert_eq!(status.signal(), None, "{call:?}: {status}");
    assert_ne!(status.code(), Some(101), "{call:?}: {status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_panics_over_its_output_and_lost_data_is_a_failure() {
    let world = World::new().await;
    world.sim.site().create(NewIssue::new("SUPPORT", "Shown")).unwrap();
    world.quiet().await;
    for call in CALLS.into_iter().chain(MESSAGES) {
        let run = async |stdout: Stdio, stderr: Stdio| {
            let mut command = world.command(call);
            command.stdout(stdout).stderr(stderr);
            let status = ended(command).await;
            no_panic(status, call);
            status.code()
        };
        let usual = run(Stdio::null(), Stdio::null()).await;
        assert_eq!(run(Stdio::null(), full()).await, usual, "{call:?} with a full stderr");
        assert_eq!(run(Stdio::null(), closed()).await, usual, "{call:?} with a closed stderr");
        if CALLS.contains(&call) {
            assert_ne!(run(full(), Stdio::null()).await, Some(0), "{call:?} lost its data");
            assert_ne!(run(full(), full()).await, Some(0), "{call:?} lost all it said");
            assert_ne!(run(closed(), closed()).await, Some(0), "{call:?} lost all it said");
        }
    }
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_goes_on_while_its_log_is_a_full_disk_or_a_closed_pipe() {
    let mut world = World::new().await;
    for (stdout, stderr) in [(full(), full()), (closed(), closed())] {
        world.stop().await;
        let mut command = world.command(&["serve"]);
        command.env("JIRALAKE_LOG_LEVEL", "debug").stdout(stdout).stderr(stderr);
        world.start_unheard(command).await;
        let key = world.sim.site().create(NewIssue::new("SUPPORT", "Unheard")).unwrap().key;
        world.until("its row is visible", async || !world.rows_of("issues", &key).is_empty()).await;
    }
    world.ends_well().await;
}
