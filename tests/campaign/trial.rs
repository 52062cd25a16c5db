//! A trial: a copy of the prepared folder, a copy of the site, and the supervised binary between them.
//!
//! Jobs that take minutes or days in life come soon here, in proportion; the census does not: what
//! an attack costs MUST be found without waiting for it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use sim::{Options, Sim};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::base::{Base, BaseRows};
use crate::control::Control;
use crate::files;
use crate::plan;
use crate::program::{Launch, Lives, Program};
use crate::shim::Record;
use crate::verdict;
use crate::watch::{Seen, Watch};

/// The webhook's secret in every trial.
pub(crate) const SECRET: &str = "the campaign's secret, of 32 bytes and more";

/// How `serve` starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Start {
    Plain,
    /// With a fault of the shim in the first life, `kill-after fsync raw 3`.
    Fault(String),
}

#[derive(Debug)]
pub(crate) struct Trial {
    pub(crate) sim: Sim,
    pub(crate) dir: TempDir,
    pub(crate) control: Control,
    pub(crate) record: Record,
    pub(crate) http: reqwest::Client,
    /// Deliveries that were acknowledged before the trial.
    pub(crate) acknowledged_before: BTreeSet<String>,
    /// The rows of the prepared folder.
    pub(crate) rows_before: Arc<BaseRows>,
    /// Settings laid over the usual ones.
    pub(crate) env: BTreeMap<String, String>,
    /// The time within which the lake MUST equal the site.
    pub(crate) wait: Duration,
    /// Whether the folder is kept when the trial fails.
    pub(crate) keep: bool,
    binary: PathBuf,
    shim: PathBuf,
    pub(crate) port: u16,
    program: Option<Program>,
    /// What earlier programs of this trial came to.
    lives: Lives,
    watch: Option<Watch>,
}

/// Returns a port that nobody else gets while the listener is closed; see the stories' world.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = u16::try_from(std::process::id() % 89).unwrap() * 220;
    (0..20_000)
        .map(|_| 12_000 + (own + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a port is free")
}

impl Trial {
    /// Returns a trial of the prepared folder and site.
    pub(crate) async fn new(base: &Base, seed: u64) -> Self {
        let options = Options { seed, ..Options::default() };
        let sim = Sim::start_from(options, &base.kept).await.unwrap();
        let mut trial = Self::fresh(sim, &base.shim, base.plan.wait);
        trial.keep = base.plan.keep;
        trial.acknowledged_before.clone_from(&base.acknowledged);
        trial.rows_before = Arc::clone(&base.rows);
        let (from, to) = (base.newer(), trial.data());
        tokio::task::spawn_blocking(move || files::copy(&from, &to)).await.unwrap();
        trial
    }

    /// Returns a trial of an empty folder.
    pub(crate) fn fresh(sim: Sim, shim: &Path, wait: Duration) -> Self {
        sim.knobs().change(|knobs| {
            knobs.webhook.retry_min_ms = 50;
            knobs.webhook.retry_max_ms = 200;
            // Jira's retries outlast a restart.
            knobs.webhook.retries = 400;
            knobs.webhook.give_up_after_ms = 3_600_000;
        });
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        sim.webhooks().register(&format!("http://127.0.0.1:{port}/webhooks/jira"), Some(SECRET));
        Self {
            sim,
            control: Control::new(dir.path().join("control")),
            record: Record::new(dir.path().join("sites")),
            http: reqwest::Client::builder().timeout(Duration::from_secs(5)).build().unwrap(),
            acknowledged_before: BTreeSet::new(),
            rows_before: Arc::default(),
            env: BTreeMap::new(),
            wait,
            keep: false,
            binary: plan::binary(),
            shim: shim.to_owned(),
            port,
            program: None,
            lives: Lives::default(),
            watch: None,
            dir,
        }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub(crate) fn parquet(&self) -> PathBuf {
        self.dir.path().join("data/parquet/jira")
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Returns a call of the binary with the settings of the trial.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let (main, service) = (self.sim.main_account(), self.sim.service_account());
        let (main, service) = (main.unwrap(), service.unwrap());
        let mut command = Command::new(&self.binary);
        command
            .args(args)
            .env_clear()
            .current_dir(self.dir.path())
            .env("JIRA_DOMAIN", "sim.atlassian.net")
            .env("JIRALAKE_JIRA_BASE_URL", self.sim.url())
            .env("JIRALAKE_JIRA_GATEWAY_URL", self.sim.url())
            .env("JIRA_CLOUD_ID", self.sim.cloud_id())
            .env("JIRA_EMAIL", &main.email)
            .env("JIRA_API_TOKEN", &main.token)
            .env("JIRA_SLA_EMAIL", &service.email)
            .env("JIRA_SLA_API_TOKEN", &service.token)
            .env("JIRA_WEBHOOK_SECRET", SECRET)
            .env("JIRALAKE_WEBHOOK_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("JIRALAKE_RECONCILE_BACKOFF_MIN_MS", "50")
            .env("JIRALAKE_RECONCILE_BACKOFF_MAX_MS", "1000")
            .env("JIRALAKE_RECONCILE_CONFIRM_PAUSE_MS", "100")
            .env("JIRALAKE_RECONCILE_PAUSE_MS", "500")
            .env("JIRALAKE_SWEEP_EVERY_MS", "1000")
            .env("JIRALAKE_SWEEP_LONG_EVERY_MS", "60000")
            .env("JIRALAKE_CENSUS_EVERY_MS", "86400000")
            .env("JIRALAKE_VERIFY_EVERY_MS", "3000")
            .env("JIRALAKE_SLA_POLL_EVERY_MS", "0")
            .env("JIRALAKE_DIMENSIONS_EVERY_MS", "86400000")
            .env("JIRALAKE_ATTACHMENTS_EVERY_MS", "500")
            .env("JIRALAKE_ATTACHMENTS_MEDIA_HOSTS", self.sim.media_url())
            .envs(&self.env)
            .kill_on_drop(true);
        command
    }

    /// Returns a call of the binary with the shim loaded.
    pub(crate) fn shimmed(&self, args: &[&str]) -> Command {
        let mut command = self.command(args);
        command.env("LD_PRELOAD", &self.shim).env("FAULTS_CONTROL", self.control.path());
        command
    }

    /// Lets the census come within seconds: for attacks after which nothing is left that could know what
    /// Jira has deleted meanwhile, and that the daily census finds.
    pub(crate) fn census_is_due(&mut self) {
        self.env.insert("JIRALAKE_CENSUS_EVERY_MS".to_owned(), "2000".to_owned());
    }

    /// Starts the supervised `serve`.
    pub(crate) fn start(&mut self, start: Start) {
        let mut first = self.shimmed(&["serve"]);
        if let Start::Fault(fault) = start {
            first.env("FAULTS_AT", fault);
        }
        first.env("FAULTS_RECORD", self.record.path());
        let later = self.shimmed(&["serve"]);
        let log = self.dir.path().join("serve.log");
        let socket = self.dir.path().join("notify");
        self.program = Some(Program::start(Launch { first, later, log, socket }));
    }

    /// Starts a reader of the visible tables.
    pub(crate) fn watch(&mut self) {
        self.watch = Some(Watch::start(self.parquet()));
    }

    /// Damages files: what a reader sees of them until they are repaired is the case's own doing.
    pub(crate) fn damage(&self, paths: &[PathBuf], damage: impl FnOnce()) {
        let excuse = || self.watch.iter().for_each(|watch| watch.excuse(paths));
        excuse();
        damage();
        excuse();
    }

    pub(crate) async fn end_watch(&mut self) -> Seen {
        match self.watch.take() {
            Some(watch) => watch.stop().await,
            None => Seen::default(),
        }
    }

    /// Kills the process; the supervisor starts the next one.
    pub(crate) async fn kill(&self) {
        self.program.as_ref().expect("serve runs").kill().await;
    }

    /// Kills the process; nobody starts another one.
    pub(crate) async fn stop_hard(&mut self) {
        let Some(program) = self.program.take() else { return };
        let lives = program.abandon().await;
        self.lives = merged(&self.lives, lives);
    }

    /// Stops the program.
    pub(crate) async fn stop(&mut self) {
        let Some(program) = self.program.take() else { return };
        let lives = program.stop().await;
        self.lives = merged(&self.lives, lives);
    }

    /// Returns what the supervisors of this trial saw so far.
    pub(crate) fn lives(&self) -> Lives {
        match &self.program {
            Some(program) => merged(&self.lives, program.lives()),
            None => self.lives.clone(),
        }
    }

    /// Waits until the listener answers; returns whether it did in time.
    pub(crate) async fn listens(&self) -> bool {
        let until = Instant::now() + self.wait;
        while Instant::now() < until {
            if self.http.get(self.url("/healthz")).send().await.is_ok() {
                return true;
            }
            if self.lives().given_up.is_some() {
                return false;
            }
            sleep(Duration::from_millis(20)).await;
        }
        false
    }

    /// Waits until the lake equals the site and nothing is open; says what differs otherwise.
    pub(crate) async fn settles(&self) -> Result<(), String> {
        verdict::settles(self).await
    }

    /// Returns all metrics by name with labels; nothing if they cannot be asked for.
    pub(crate) async fn metrics(&self) -> Option<BTreeMap<String, f64>> {
        let answer = self.http.get(self.url("/metrics")).send().await.ok()?;
        let text = answer.text().await.ok()?;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let named = lines.filter_map(|line| line.rsplit_once(' '));
        Some(
            named
                .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
                .collect(),
        )
    }

    /// Returns the answer of `/readyz`, status and body; nothing if there is none.
    pub(crate) async fn readyz(&self) -> Option<(u16, String)> {
        let answer = self.http.get(self.url("/readyz")).send().await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    /// Runs a command of the binary under a fault; the process may die of it.
    pub(crate) async fn runs_with(&self, args: &[&str], start: &Start) -> Output {
        let mut command = self.shimmed(args);
        command.env("FAULTS_RECORD", self.record.path());
        if let Start::Fault(fault) = start {
            command.env("FAULTS_AT", fault);
        }
        bounded(self.wait * 2, command).await
    }

    /// Runs a command of the binary to its end.
    pub(crate) async fn runs(&self, args: &[&str]) -> Output {
        bounded(self.wait, self.command(args)).await
    }

    /// Returns what `serve` logged so far.
    pub(crate) fn log(&self) -> String {
        let bytes = std::fs::read(self.dir.path().join("serve.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Returns the output of a command; one that hangs is killed and has none.
async fn bounded(most: Duration, mut command: Command) -> Output {
    match tokio::time::timeout(most, command.output()).await {
        Ok(output) => output.unwrap(),
        Err(_elapsed) => {
            let stderr = b"killed: it did not end in time\n".to_vec();
            Output { status: ExitStatus::from_raw(9), stdout: Vec::new(), stderr }
        }
    }
}

fn merged(before: &Lives, mut now: Lives) -> Lives {
    now.deaths += before.deaths;
    now.silences += before.silences;
    now.kills += before.kills;
    now.given_up = before.given_up.clone().or(now.given_up);
    now.killed_at_stop |= before.killed_at_stop;
    now.bad_stop = before.bad_stop.clone().or(now.bad_stop);
    now
}
