//! As a service: what the manager, the health check and the monitoring are told, and that what
//! `deploy/` and the operator's page name is there.

use std::collections::BTreeSet;
use std::time::Duration;

use jira::time::Clock;
use serde_json::Value;
use sim::NewIssue;
use tokio::net::UnixDatagram;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::world::{PATIENCE, World};

const ALERTS: &str = include_str!("../../deploy/prometheus/alerts.yml");
const DASHBOARD: &str = include_str!("../../deploy/grafana/jiralake.json");
const OPERATIONS: &str = include_str!("../../docs/operations.md");

#[tokio::test(flavor = "multi_thread")]
async fn the_manager_is_told_ready_then_alive_then_stopping() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let (heard, mut told) = mpsc::unbounded_channel();
    // Read at once: the sender waits when the queue is full.
    tokio::spawn(async move {
        let mut message = [0; 256];
        while let Ok(length) = socket.recv(&mut message).await {
            heard.send(String::from_utf8(message[..length].to_vec()).unwrap()).unwrap();
        }
    });
    let mut next = async || timeout(PATIENCE, told.recv()).await.expect("it is told").unwrap();

    let mut world = World::new().await;
    world.stop().await;
    world.set("NOTIFY_SOCKET", path.to_str().unwrap());
    world.set("WATCHDOG_USEC", "100000");
    world.start().await;
    assert_eq!(next().await, "READY=1\n");
    for _ in 0..5 {
        assert_eq!(next().await, "WATCHDOG=1\n");
    }
    world.stop().await;
    let mut last = next().await;
    while last == "WATCHDOG=1\n" {
        last = next().await;
    }
    assert_eq!(last, "STOPPING=1\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_expires_soon_is_told_in_metric_log_and_doctor() {
    let soon = Clock::system().now().plus(Duration::from_secs(20 * 24 * 3600)).date();
    let mut world = World::new().await;
    world.stop().await;
    assert!(!world.log().contains("expire"), "{}", world.log());
    world.set("JIRALAKE_JIRA_API_TOKEN_EXPIRES", &soon);
    world.set("JIRALAKE_SLA_API_TOKEN_EXPIRES", "2020-01-31");
    world.start().await;
    let sla = world.metric("jiralake_token_expiry_timestamp_seconds{account=\"sla\"}").await;
    assert_eq!(sla, 1_580_428_800.0);
    world
        .until("both are logged", async || {
            let log = world.log();
            let has = |level: &str, text: &str| {
                log.lines().any(|line| line.contains(level) && line.contains(text))
            };
            has("WARN", &format!("the token of jira.api-token expires on {soon}, in 19 days"))
                && has("ERROR", "the token of sla.api-token expired on 2020-01-31")
        })
        .await;
    let doctor = world.command(&["doctor"]).output().await.unwrap();
    assert_eq!(doctor.status.code(), Some(1));
    let page = String::from_utf8(doctor.stdout).unwrap();
    for line in [
        format!("NOT IN ORDER    jira.api-token expires on {soon}, in 19 days"),
        "NOT IN ORDER    sla.api-token  expired on 2020-01-31".to_owned(),
    ] {
        assert!(page.contains(&line), "{line} is missing:\n{page}");
    }
    world.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_says_by_its_exit_code_whether_serve_is_ready() {
    let mut world = World::new().await;
    let there = format!("http://{}/", world.address());
    for args in [&["health"][..], &["health", "--url", &there]] {
        // A proxy that people have for Jira is not on the way to ourselves.
        let mut command = world.command(args);
        let health = command.env("HTTP_PROXY", "http://127.0.0.1:1").output().await.unwrap();
        let said = String::from_utf8(health.stderr).unwrap();
        assert_eq!(health.status.code(), Some(0), "{args:?}: {said}");
        assert_eq!(health.stdout, b"ready\n");
    }
    world.kill().await;
    let health = world.command(&["health"]).output().await.unwrap();
    let said = String::from_utf8(health.stderr).unwrap();
    assert_eq!(health.status.code(), Some(1), "{said}");
    assert!(said.contains("/readyz is not ready"), "{said}");
}

/// The names in a text that look like metrics of ours.
fn metrics_in(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("jiralake_")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_that_alerts_and_dashboard_name_is_there() {
    let mut world = World::new().await;
    world.stop().await;
    world.set("JIRALAKE_JIRA_API_TOKEN_EXPIRES", "2099-01-31");
    world.set("JIRALAKE_SWEEP_EVERY_MS", "300");
    world.start().await;
    world.sim.site().create(NewIssue::new("SUPPORT", "Seen")).unwrap();
    world.quiet().await;
    world
        .until("the sweep has passed", async || {
            world.metric("jiralake_job_last_success_timestamp_seconds{name=\"sweep\"}").await > 0.0
        })
        .await;
    let metrics = world.metrics().await;
    let names = metrics.keys().map(|name| name.split('{').next().unwrap_or(name));
    // A histogram is spoken of without the suffix of its series.
    let whole = |name| [Some(name), str::strip_suffix(name, "_bucket")];
    let there: BTreeSet<_> = names.flat_map(whole).flatten().collect();
    for (file, text) in
        [("alerts", ALERTS), ("dashboard", DASHBOARD), ("operations.md", OPERATIONS)]
    {
        let named = metrics_in(text);
        assert!(named.len() > 5, "{file} names {named:?}");
        let unknown: Vec<_> = named.difference(&there).collect();
        assert!(unknown.is_empty(), "{file} names {unknown:?}; there are {there:?}");
    }
    world.ends_well().await;
}

#[test]
fn alerts_are_few_and_each_has_a_section_that_says_what_to_do() {
    let alerts: Vec<_> =
        ALERTS.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!((1..=8).contains(&alerts.len()), "{alerts:?}");
    for alert in alerts {
        assert!(OPERATIONS.contains(&format!("### {alert}\n")), "{alert} has no section");
    }
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(panels.iter().all(|panel| panel["title"].is_string() && panel["id"].is_u64()));
}
