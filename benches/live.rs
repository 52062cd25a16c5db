//! The live path in numbers: how fast the door answers, and how soon an edit is readable.
//!
//! `cargo bench --bench live` runs the real binary against the simulator and prints medians and
//! tails. It asserts nothing about time.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    dead_code,
    reason = "a bench may end with a panic and prints its figures; the stories use more of the world"
)]

#[path = "../tests/stories/world.rs"]
mod world;
#[path = "../tests/stories/tables.rs"]
mod tables;
#[path = "../tests/stories/truth.rs"]
mod truth;
#[path = "../tests/stories/signing.rs"]
mod signing;

use std::time::{Duration, Instant};

use serde_json::json;
use sim::{Endpoint, NewIssue, Options};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use world::{SECRET, World};

/// Deliveries a second, for how many seconds, and to how many issues.
const DOORS: [(u32, u32, usize); 2] = [(200, 20, 1), (1_000, 60, 500)];
const BODY_BYTES: usize = 8 * 1024;
const EDITS_A_SECOND: u32 = 10;

#[tokio::main]
async fn main() {
    for (rate, seconds, issues) in DOORS {
        acknowledgements(rate, seconds, issues).await;
    }
    webhook_to_row().await;
    fsync();
}

/// Deliveries at a fixed rate, whatever the answers do: open loop.
async fn acknowledgements(rate: u32, seconds: u32, issues: usize) {
    let world = World::new().await;
    let site = world.sim.site();
    let made: Vec<_> = (0..issues)
        .map(|n| site.create(NewIssue::new("SUPPORT", &format!("Busy {n}"))).unwrap())
        .collect();
    world.quiet().await;
    world.sim.knobs().change(|knobs| knobs.latency_ms = 250);
    let url = format!("http://{}/webhooks/jira", world.address());
    let padding = "x".repeat(BODY_BYTES - 150);
    let begin = tokio::time::Instant::now();
    let mut posts = JoinSet::new();
    for n in 0..rate * seconds {
        sleep_until(begin + Duration::from_secs(1) * n / rate).await;
        let issue = &made[n as usize % made.len()];
        let body = json!({"webhookEvent": "jira:issue_updated", "padding": padding,
            "issue": {"id": issue.id.to_string(), "key": issue.key}});
        let body = body.to_string();
        let post =
            world.http.post(&url).header("X-Hub-Signature", signing::sign(SECRET, body.as_bytes()));
        posts.spawn(async move {
            let began = Instant::now();
            let answer = post.body(body).send().await.unwrap();
            (answer.status().as_u16(), began.elapsed())
        });
    }
    let ended = posts.join_all().await;
    let good = ended.iter().filter(|(status, _)| *status == 200).count();
    let took = ended.into_iter().map(|(_, took)| took).collect();
    println!(
        "door: {good} of {} acknowledged at {rate}/s of {BODY_BYTES} bytes for {issues} issues",
        rate * seconds
    );
    tell("door: answer", took);
    world.quiet().await;
    let counted = world.metrics().await;
    let of = |state: &str| counted[&format!("jiralake_deliveries{{state=\"{state}\"}}")];
    println!("door: {} applied, {} superseded", of("applied"), of("superseded"));
}

/// From a webhook to the row that a reader of the Parquet file sees, by the program's own clock: ten
/// edits a second, each to an issue of its own.
async fn webhook_to_row() {
    // The jobs at their usual rhythms.
    let jobs = [("JIRALAKE_SWEEP_EVERY_MS", "60000"), ("JIRALAKE_ATTACHMENTS_EVERY_MS", "30000")];
    let options = Options { issues: 300, seed: 3, ..Options::default() };
    let world = World::with(options, &jobs).await;
    for key in world.sim.site().keys() {
        world.sim.site().announce(&key).unwrap();
    }
    world.quiet().await;
    world.sim.knobs().change(|knobs| {
        knobs.latency_ms_of.insert(Endpoint::Issue, 250);
        knobs.latency_ms_of.insert(Endpoint::RemoteLinks, 50);
        for pages in [Endpoint::Comments, Endpoint::Changelog, Endpoint::Worklogs] {
            knobs.latency_ms_of.insert(pages, 0);
        }
    });
    let before = world.log().lines().count();
    let begin = tokio::time::Instant::now();
    for (n, key) in (0_u32..).zip(world.sim.site().keys()) {
        sleep_until(begin + Duration::from_secs(1) * n / EDITS_A_SECOND).await;
        world.sim.site().set(&key, "summary", json!(format!("Edit number {n}"))).unwrap();
    }
    world.quiet().await;
    let log = world.log();
    let of = |name: &str| {
        let lines = log.lines().skip(before).filter(|line| line.contains("is committed"));
        let values = lines.filter_map(|line| line.split(&format!(" {name}=")).nth(1));
        let numbers = values.map(|rest| rest.split(' ').next().unwrap().parse().unwrap());
        numbers.map(Duration::from_millis).collect::<Vec<_>>()
    };
    tell(
        "webhook to visible row, 250 ms per issue and per SLA overlay, 50 ms links",
        of("visible_ms"),
    );
    tell("  of which the look", of("look_ms"));
    tell("  of which the commit", of("commit_ms"));
    idle(&world).await;
}

/// What the program takes while nothing happens.
async fn idle(world: &World) {
    let ticks = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", world.pid())).unwrap();
        let of: Vec<u64> = stat
            .rsplit(") ")
            .next()
            .unwrap()
            .split(' ')
            .skip(11)
            .take(2)
            .map(|text| text.parse().unwrap())
            .collect();
        of.iter().sum::<u64>()
    };
    let before = ticks();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let used = ticks() - before;
    let status = std::fs::read_to_string(format!("/proc/{}/status", world.pid())).unwrap();
    let resident = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    println!("idle: {used} ticks of 10 ms of CPU in 60 s, {resident}");
}

/// What the disk itself takes.
fn fsync() {
    let dir = tempfile::tempdir().unwrap();
    let mut file = std::fs::File::create(dir.path().join("probe")).unwrap();
    let took = (0..200)
        .map(|_| {
            std::io::Write::write_all(&mut file, &[b'x'; 4096]).unwrap();
            let began = Instant::now();
            file.sync_all().unwrap();
            began.elapsed()
        })
        .collect();
    tell("fsync of 4 KiB, the disk's own", took);
}

fn tell(what: &str, mut took: Vec<Duration>) {
    took.sort();
    let at =
        |share: f64| took[((took.len() - 1) as f64 * share).round() as usize].as_secs_f64() * 1e3;
    println!(
        "{what}: p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms ({} samples)",
        at(0.5),
        at(0.99),
        at(1.0),
        took.len()
    );
}
