//! The verdict on a trial, the same for every attack.
//!
//! Within the stated time and without a person the lake MUST equal the site. Every delivery that got
//! a 2xx MUST be in the ledger; if the ledger itself was damaged, its loss MUST be reported. No row of
//! an issue that exists may have disappeared at any moment, and no read may have been torn. Jira MUST
//! have got no 4xx for a delivery of its own, and MUST have been asked nothing that it does not know.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sim::Truth;
use tokio::time::{Instant, sleep, timeout};

use crate::base::BaseRows;
use crate::outcome::Outcome;
use crate::tables::{self, Row};
use crate::trial::{SECRET, Start, Trial};
use crate::truth::{self, Of};

/// What the attack of a case excuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Ledger {
    /// The ledger was not touched.
    #[default]
    Whole,
    /// The ledger was damaged: deliveries may be missing if that is reported.
    Damaged,
}

/// Ends a trial and adds what was found to the outcome.
pub(crate) async fn conclude(trial: &mut Trial, ledger: Ledger, outcome: &mut Outcome) {
    judge(trial, ledger, outcome).await;
    trial.stop().await;
    if trial.lives().killed_at_stop {
        // The shim's kill hit the stop: the next life has to be in order as well.
        trial.start(Start::Plain);
        judge(trial, ledger, outcome).await;
        trial.stop().await;
    }
    rows(trial, outcome).await;
    let lives = trial.lives();
    outcome.count("deaths", lives.deaths.into());
    outcome.count("silences", lives.silences.into());
    outcome.count("kills", lives.kills.into());
    if let Some(text) = lives.given_up {
        outcome.failure(format!("needs a person: {text}: {}", last_lines(trial)));
    }
    if let Some(text) = lives.bad_stop {
        outcome.failure(format!("did not stop cleanly: {text}: {}", last_lines(trial)));
    }
    caller(trial, outcome);
    secrets(trial, outcome);
    if let Some(line) = trial.log().lines().find(|line| line.contains("panicked at")) {
        outcome.failure(format!("a panic: {}", shortened(line, 200)));
    }
    if trial.keep && !outcome.faults.is_empty() {
        println!("kept: {}", trial.dir.path().display());
        trial.dir.disable_cleanup(true);
    }
}

async fn judge(trial: &Trial, ledger: Ledger, outcome: &mut Outcome) {
    let settled = settles(trial).await;
    if let Err(differences) = &settled {
        outcome.failure(format!("not equal to the site after {:?}: {differences}", trial.wait));
    }
    if ledger == Ledger::Damaged || settled.is_ok() {
        deliveries(trial, ledger, outcome).await;
    }
}

/// Waits until nothing is open and the lake equals the site, at most as long as the plan says.
pub(crate) async fn settles(trial: &Trial) -> Result<(), String> {
    let until = Instant::now() + trial.wait;
    let mut last = "webhooks are still on their way".to_owned();
    let left = until.saturating_duration_since(Instant::now());
    if trial.sim.webhooks().settled(left).await.is_err() {
        return Err(format!("{last}; {}", last_lines(trial)));
    }
    let mut pause = Duration::from_millis(40);
    while Instant::now() < until {
        let supervised = trial.lives();
        if let Some(text) = supervised.given_up {
            return Err(format!("{text}: {}", last_lines(trial)));
        }
        last = match timeout(Duration::from_secs(10), open(trial)).await {
            Ok(None) => match differences(trial).await {
                None => return Ok(()),
                Some(differences) => differences,
            },
            Ok(Some(open)) => open,
            Err(_elapsed) => "it does not answer".to_owned(),
        };
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(500));
    }
    Err(format!("{last}; {}", last_lines(trial)))
}

/// Returns what is still open; nothing if nothing is.
async fn open(trial: &Trial) -> Option<String> {
    let Some(metrics) = trial.metrics().await else { return Some("it does not answer".to_owned()) };
    let names = [
        "jiralake_work{state=\"waiting\"}",
        "jiralake_work{state=\"leased\"}",
        "jiralake_work{state=\"parked\"}",
        "jiralake_in_hand",
        "jiralake_deliveries{state=\"pending\"}",
    ];
    names.iter().find_map(|name| {
        let value = metrics.get(*name).copied().unwrap_or(0.0);
        (value != 0.0).then(|| format!("{name} is {value}"))
    })
}

/// Returns how the lake differs from the site; nothing if it does not.
async fn differences(trial: &Trial) -> Option<String> {
    let truth = trial.sim.site().truth();
    let (parquet, before) = (trial.parquet(), Arc::clone(&trial.rows_before));
    let compared = tokio::task::spawn_blocking(move || {
        // A table file that cannot be read is a difference, and not the end of the campaign.
        let mut all = BTreeMap::new();
        for table in TABLES {
            match read(&parquet, table) {
                Ok(rows) => drop(all.insert(table, rows)),
                Err(error) => return vec![error],
            }
        }
        let table = |table: &str| all.get(table).cloned().unwrap_or_default();
        let mut differences = truth::differences(&truth, Of::All, table);
        if differences.is_empty() {
            differences = changed(&before, &truth, &all);
        }
        differences
    });
    let differences = compared.await.unwrap();
    let first: Vec<String> = differences.into_iter().take(3).collect();
    (!first.is_empty()).then(|| shortened(&first.join("; "), 400))
}

/// Tables whose rows stay the same until the issue is edited.
const SETTLED_TABLES: [&str; 8] = [
    "issues",
    "comments",
    "attachments",
    "changelog",
    "issuelinks",
    "remote_links",
    "worklogs",
    "custom_fields",
];

/// Returns a row without the columns that depend on the time of a fetch.
fn settled_part(table: &str, row: &Row) -> Row {
    let depends = |column: &str| {
        column.starts_with("_synced")
            || column.contains("first_response")
            || column.contains("time_to_resolution")
            // The bytes of an attachment come later than its row.
            || (table == "attachments" && ["state", "path", "local"].iter().any(|it| column.contains(it)))
    };
    row.iter().filter(|(column, _)| !depends(column)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// Returns the settled parts of all rows by table and issue.
pub(crate) fn base_rows(rows_of: impl Fn(&str) -> Vec<Row>) -> BaseRows {
    let mut rows = BaseRows::new();
    for table in SETTLED_TABLES {
        // Values of SLA fields say how much time has passed.
        let is_settled = |row: &Row| !row.values().any(|value| value.to_string().contains("Cycle"));
        for row in rows_of(table).iter().filter(|row| table != "custom_fields" || is_settled(row)) {
            let issue = row["issue_id"].as_str().unwrap_or_default().to_owned();
            rows.entry((table, issue)).or_default().push(settled_part(table, row));
        }
    }
    rows
}

/// Returns how rows of issues that nobody edited differ from those of the prepared folder.
fn changed(
    before: &BaseRows,
    truth: &[Truth],
    all: &BTreeMap<&'static str, Vec<Row>>,
) -> Vec<String> {
    let now = base_rows(|table| all.get(table).cloned().unwrap_or_default());
    let exist: BTreeSet<String> = truth.iter().map(|issue| issue.id.to_string()).collect();
    let updated = |rows: &BaseRows, issue: &String| {
        let row = rows.get(&("issues", issue.clone())).and_then(|rows| rows.first().cloned());
        row.map(|row| row["updated_at"].clone())
    };
    let unedited =
        |issue: &String| exist.contains(issue) && updated(before, issue) == updated(&now, issue);
    let differs =
        before.iter().filter(|(key, rows)| unedited(&key.1) && now.get(*key) != Some(*rows));
    differs
        .map(|((table, issue), _)| format!("{table} of issue {issue} is not what it was"))
        .collect()
}

/// Every table with months; all of them MUST be readable in the end.
const TABLES: [&str; 13] = [
    "issues",
    "comments",
    "attachments",
    "changelog",
    "issuelinks",
    "remote_links",
    "worklogs",
    "sla_cycles",
    "custom_fields",
    "media_links",
    "key_aliases",
    "deleted_issues",
    "coverage",
];

fn read(parquet: &std::path::Path, table: &str) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for path in tables::files(parquet, table) {
        let is_file = std::fs::metadata(&path).is_ok_and(|data| data.is_file());
        if !is_file {
            return Err(format!("{} is not a readable file", path.display()));
        }
        let file = std::fs::File::open(&path).map_err(|error| error.to_string())?;
        let read = std::panic::catch_unwind(|| tables::try_rows(file));
        let read = read.unwrap_or_else(|_| Err("the reader panicked".to_owned()));
        let name = path.file_name().unwrap_or_default().display().to_string();
        rows.extend(read.map_err(|error| format!("{table}/{name} cannot be read: {error}"))?);
    }
    Ok(rows)
}

/// Every delivery that got a 2xx is in the ledger, once.
async fn deliveries(trial: &Trial, ledger: Ledger, outcome: &mut Outcome) {
    let mut acknowledged: BTreeSet<String> = trial.acknowledged_before.clone();
    acknowledged.extend(trial.sim.webhooks().acknowledged());
    outcome.count("acknowledged", acknowledged.len() as u64);
    let listed = trial.runs(&["events", "list", "--json", "--limit", "100000"]).await;
    let text = String::from_utf8_lossy(&listed.stdout);
    let rows: Vec<Value> =
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let all: Vec<&str> = rows.iter().filter_map(|row| row["identifier"].as_str()).collect();
    let recorded: BTreeSet<&str> = all.iter().copied().collect();
    if recorded.len() != all.len() {
        outcome.failure("a delivery is recorded twice");
    }
    let missing = acknowledged.iter().filter(|it| !recorded.contains(it.as_str())).count();
    if missing == 0 {
        return;
    }
    let text = format!(
        "{missing} of {} acknowledged deliveries are not in the ledger",
        acknowledged.len()
    );
    match ledger {
        Ledger::Whole => outcome.loss(text),
        Ledger::Damaged => {
            let unreported = unreported(trial).await;
            if unreported.is_empty() {
                outcome.count("reported", 1);
            } else {
                outcome.loss(format!("{text}, and {} does not say so", unreported.join(" and ")));
            }
        }
    }
}

/// Returns which of the places where a damage of the ledger MUST be reported do not report it.
async fn unreported(trial: &Trial) -> Vec<&'static str> {
    let mut silent = Vec::new();
    let ready =
        trial.readyz().await.and_then(|(_, body)| serde_json::from_str::<Value>(&body).ok());
    if !ready.is_some_and(|ready| ready["damage"].is_object()) {
        silent.push("/readyz");
    }
    let is_told = |line: &str| {
        let line = line.to_lowercase();
        let is_serious = line.contains("warn") || line.contains("error");
        is_serious && line.contains("ledger") && names_damage(&line)
    };
    if !trial.log().lines().any(is_told) {
        silent.push("the log");
    }
    let doctor = trial.runs(&["doctor", "--json", "--no-webhook"]).await;
    let doctor: Value = serde_json::from_slice(&doctor.stdout).unwrap_or_default();
    let reports = |finding: &Value| {
        let text = finding["text"].as_str().unwrap_or_default();
        finding["check"] == "ledger" && text.contains("ledger") && !text.contains("no damage")
    };
    if !doctor["checks"].as_array().is_some_and(|checks| checks.iter().any(reports)) {
        silent.push("doctor");
    }
    silent
}

fn names_damage(text: &str) -> bool {
    [
        "damage",
        "lost",
        "missing",
        "rebuilt",
        "older",
        "replaced",
        "empty",
        "behind",
        "not there",
        "malformed",
    ]
    .iter()
    .any(|word| text.contains(word))
}

/// No row of an issue that exists disappeared, and no read was torn.
async fn rows(trial: &mut Trial, outcome: &mut Outcome) {
    let seen = trial.end_watch().await;
    outcome.count("reads", seen.reads);
    for torn in seen.torn.iter().take(3) {
        outcome.loss(format!("a torn read: {torn}"));
    }
    let exist: BTreeSet<String> =
        trial.sim.site().truth().iter().map(|issue| issue.id.to_string()).collect();
    let lost: Vec<_> = seen.lost.intersection(&exist).collect();
    if !lost.is_empty() {
        outcome.loss(format!("rows of {} issues disappeared: {lost:?}", lost.len()));
    }
}

/// Jira was answered no 4xx, and asked nothing that it does not know.
fn caller(trial: &Trial, outcome: &mut Outcome) {
    for delivery in trial.sim.webhooks().deliveries() {
        if let Some(status) =
            delivery.attempts.iter().filter_map(|it| it.status).find(|it| it / 100 == 4)
        {
            outcome.loss(format!("a delivery from Jira was answered {status}"));
            break;
        }
    }
    let unknown = trial.sim.callers().unknown_requests();
    if !unknown.is_empty() {
        outcome.failure(format!("requests that Jira does not know: {unknown:?}"));
    }
}

/// No secret is in the log.
fn secrets(trial: &Trial, outcome: &mut Outcome) {
    let log = trial.log();
    let accounts = [trial.sim.main_account(), trial.sim.service_account()];
    let tokens = accounts.into_iter().flatten().map(|account| account.token.as_str());
    if tokens.chain([SECRET]).any(|secret| log.contains(secret)) {
        outcome.loss("a secret is in the log");
    }
}

pub(crate) fn last_lines(trial: &Trial) -> String {
    let log = trial.log();
    let lines: Vec<&str> =
        log.lines().rev().filter(|line| !line.trim().is_empty()).take(3).collect();
    shortened(&format!("log: {}", lines.into_iter().rev().collect::<Vec<_>>().join(" | ")), 500)
}

fn shortened(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
