//! A world for one story: a simulated site, a folder, and the real binary serving it.
//!
//! Waiting is always for a state that the binary itself reports, with a bound; never for a time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use sim::{Options, Sim};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::tables::{self, Row};
use crate::truth;

/// The webhook's secret in every world.
pub(crate) const SECRET: &str = "It's a Secret to Everybody";

/// Nothing in a story takes longer, unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The simulated site and the binary that follows it.
pub(crate) struct World {
    pub(crate) sim: Sim,
    pub(crate) dir: TempDir,
    pub(crate) http: reqwest::Client,
    /// Settings of this world, laid over the usual ones.
    env: BTreeMap<String, String>,
    /// Where the door opens, again and again.
    port: u16,
    /// Whether the simulator knows the door.
    registered: bool,
    serve: Option<Serve>,
}

struct Serve {
    child: Child,
    address: String,
}

/// Where the real data is; says that the test is skipped when it is not there.
pub(crate) fn testdata() -> Option<PathBuf> {
    let folder = std::env::var_os("JIRALAKE_TESTDATA").filter(|folder| !folder.is_empty());
    if folder.is_none() {
        eprintln!("skipped: JIRALAKE_TESTDATA is not set");
    }
    folder.map(PathBuf::from)
}

/// Writes a story's own input.
#[expect(clippy::disallowed_methods, reason = "a test's own input need not be durable")]
pub(crate) fn put(path: impl AsRef<std::path::Path>, text: impl AsRef<[u8]>) {
    std::fs::write(path, text).unwrap();
}

/// A port for a door that closes and opens again. Below the range from which systems give ports to
/// whoever does not ask for one (32768 and up on Linux): nobody else gets it while the door is closed.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = u16::try_from(std::process::id() % 97).unwrap() * 200;
    (0..20_000)
        .map(|_| 12_000 + (own + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000)
        .find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a port is free")
}

impl World {
    /// A site without tickets, followed by webhook.
    pub(crate) async fn new() -> Self {
        Self::with(Options { issues: 0, ..Options::default() }, &[]).await
    }

    /// A world with the simulator's options and settings of the binary (environment names).
    pub(crate) async fn with(options: Options, env: &[(&str, &str)]) -> Self {
        let openapi = std::env::var_os("JIRALAKE_TESTDATA").filter(|folder| !folder.is_empty());
        let openapi = openapi.map(|dir| PathBuf::from(dir).join("openapi/jira-platform-v3.json"));
        let sim = Sim::start(Options { openapi, ..options }).await.unwrap();
        // Retries come soon here; in life they take minutes.
        sim.knobs().change(|knobs| {
            knobs.webhook.retry_min_ms = 50;
            knobs.webhook.retry_max_ms = 150;
        });
        let http = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let env = env.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let (port, registered) = (free_port(), false);
        let mut world = Self { sim, dir, http, env, port, registered, serve: None };
        world.start().await;
        world
    }

    /// Sets a setting for the next start.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.env.insert(name.to_owned(), value.to_owned());
    }

    /// A call of the binary with this world's settings.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let (main, service) = (self.sim.main_account(), self.sim.service_account());
        let (main, service) = (main.unwrap(), service.unwrap());
        let mut command = Command::new(env!("CARGO_BIN_EXE_jiralake"));
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
            .env("JIRALAKE_RECONCILE_BACKOFF_MAX_MS", "500")
            .env("JIRALAKE_RECONCILE_CONFIRM_PAUSE_MS", "100")
            .env("JIRALAKE_RECONCILE_PAUSE_MS", "200")
            // What webhooks do not tell stays untold, unless a story turns these on.
            .env("JIRALAKE_SWEEP_EVERY_MS", "0")
            .env("JIRALAKE_SWEEP_LONG_EVERY_MS", "0")
            .env("JIRALAKE_CENSUS_EVERY_MS", "0")
            .env("JIRALAKE_VERIFY_EVERY_MS", "0")
            .env("JIRALAKE_SLA_POLL_EVERY_MS", "0")
            .env("JIRALAKE_DIMENSIONS_EVERY_MS", "0")
            .env("JIRALAKE_ATTACHMENTS_EVERY_MS", "0")
            .env("JIRALAKE_ATTACHMENTS_MEDIA_HOSTS", self.sim.media_url())
            .envs(&self.env)
            .kill_on_drop(true);
        command
    }

    /// Starts `serve`. The first start registers its door with the simulator; later ones open it at
    /// the same address, so that Jira's retries find it.
    pub(crate) async fn start(&mut self) {
        let serve = self.command(&["serve"]);
        self.start_as(serve).await;
    }

    /// Starts `serve` by a command of the story's own.
    pub(crate) async fn start_as(&mut self, mut serve: Command) {
        let log = self.dir.path().join("serve.log");
        let mut log = std::fs::File::options().create(true).append(true).open(log).unwrap();
        serve.stderr(Stdio::piped()).stdout(Stdio::null()).kill_on_drop(true);
        let mut child = serve.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let address = loop {
            let line = timeout(PATIENCE, lines.next_line()).await.expect("serve starts in time");
            let Some(line) = line.unwrap() else { panic!("serve did not start: {said}") };
            if let Some(address) = line.strip_prefix("listening on ") {
                break address.trim().to_owned();
            }
            said += &format!("{line}\n");
        };
        std::io::Write::write_all(&mut log, said.as_bytes()).unwrap();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                std::io::Write::write_all(&mut log, format!("{line}\n").as_bytes()).unwrap();
            }
        });
        if !self.registered {
            self.sim.webhooks().register(&format!("http://{address}/webhooks/jira"), Some(SECRET));
            self.registered = true;
        }
        self.serve = Some(Serve { child, address });
    }

    /// Starts a `serve` that cannot say that it listens; returns once it is ready.
    pub(crate) async fn start_unheard(&mut self, mut serve: Command) {
        let (child, address) = (serve.spawn().unwrap(), format!("127.0.0.1:{}", self.port));
        let url = format!("http://{address}/readyz");
        self.serve = Some(Serve { child, address });
        let ready = async || {
            self.http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success())
        };
        self.until("it is ready", ready).await;
    }

    /// The address of the running door.
    pub(crate) fn address(&self) -> &str {
        &self.serve.as_ref().expect("serve runs").address
    }

    /// The process of the running door.
    pub(crate) fn pid(&self) -> u32 {
        self.serve.as_ref().and_then(|serve| serve.child.id()).expect("serve runs")
    }

    /// Kills `serve` without warning.
    pub(crate) async fn kill(&mut self) {
        let mut serve = self.serve.take().expect("serve runs");
        serve.child.kill().await.unwrap();
    }

    /// Asks `serve` to stop and waits for it; the exit code must be 0.
    pub(crate) async fn stop(&mut self) {
        let pid = self.pid().to_string();
        let mut serve = self.serve.take().expect("serve runs");
        let sent = Command::new("kill").args(["-TERM", &pid]).status().await.unwrap();
        assert!(sent.success());
        let ended = timeout(Duration::from_secs(10), serve.child.wait()).await;
        let ended = ended.expect("serve stops within 10 s of SIGTERM").unwrap();
        assert!(ended.success(), "serve ended with {ended}: {}", self.log());
    }

    /// What `serve` logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("serve.log")).unwrap_or_default()
    }

    /// A metric's value; 0 when it was never counted.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        self.metrics().await.get(name).copied().unwrap_or(0.0)
    }

    /// All metrics by name with labels, as `/metrics` tells them.
    pub(crate) async fn metrics(&self) -> BTreeMap<String, f64> {
        let url = format!("http://{}/metrics", self.address());
        let text = self.http.get(url).send().await.unwrap().text().await.unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .filter_map(|line| line.rsplit_once(' '))
            .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
            .collect()
    }

    /// Waits until all webhooks are delivered and no work is left that is not parked.
    pub(crate) async fn quiet(&self) {
        self.sim.webhooks().settled(PATIENCE).await.unwrap();
        self.until("no work is left", async || {
            let metrics = self.metrics().await;
            let get = |name: &str| metrics.get(name).copied().unwrap_or(0.0);
            get("jiralake_work{state=\"waiting\"}") == 0.0
                && get("jiralake_work{state=\"leased\"}") == 0.0
                && get("jiralake_in_hand") == 0.0
                && get("jiralake_deliveries{state=\"pending\"}") == 0.0
        })
        .await;
    }

    /// Waits for a state, bounded.
    pub(crate) async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let waited = timeout(PATIENCE, async {
            while !is_so().await {
                sleep(Duration::from_millis(10)).await;
            }
        });
        if waited.await.is_err() {
            panic!("waited in vain until {what}\n{}", self.log());
        }
    }

    /// Waits until every visible issue is in the lake with its key and `updated`, and no other is.
    pub(crate) async fn same(&self) {
        self.until("the lake has what Jira shows", async || {
            let truth = self.sim.site().truth();
            let wanted: BTreeMap<String, (String, i64)> = truth
                .iter()
                .map(|issue| {
                    let updated = issue.issue["fields"]["updated"].as_str().unwrap();
                    let updated = jira::time::Instant::parse(updated).unwrap().micros();
                    (issue.id.to_string(), (issue.key.clone(), updated))
                })
                .collect();
            let rows = self.table("issues");
            let have: BTreeMap<String, (String, i64)> = rows
                .iter()
                .map(|row| {
                    let text = |name: &str| row[name].as_str().unwrap().to_owned();
                    (text("issue_id"), (text("issue_key"), row["updated_at"].as_i64().unwrap_or(0)))
                })
                .collect();
            have == wanted
        })
        .await;
    }

    /// The folder of the visible tables.
    pub(crate) fn parquet(&self) -> PathBuf {
        self.dir.path().join("data/parquet/jira")
    }

    /// All rows of a table.
    pub(crate) fn table(&self, table: &str) -> Vec<Row> {
        tables::read(&self.parquet(), table)
    }

    /// The rows of one issue in a table, by its key now.
    pub(crate) fn rows_of(&self, table: &str, key: &str) -> Vec<Row> {
        let mut rows = self.table(table);
        rows.retain(|row| row["issue_key"] == key);
        rows
    }

    /// Every visible issue is in the lake whole, once, with its present state; nothing else is.
    pub(crate) fn equals_the_site(&self, of: truth::Of) {
        let truth = self.sim.site().truth();
        let differences = truth::differences(&truth, of, |table| self.table(table));
        assert!(differences.is_empty(), "{}\n{}", differences.join("\n"), self.log());
    }

    /// Ends a story in which remote links were edited, which no webhook tells: first compares all
    /// else, then has every issue looked at once more.
    pub(crate) async fn ends_well_after_silent_edits(self) {
        self.quiet().await;
        self.equals_the_site(truth::Of::Announced);
        for key in self.sim.site().keys() {
            self.sim.site().announce(&key).unwrap();
        }
        self.ends_well().await;
    }

    /// Ends the story: the lake equals the site, and Jira was asked nothing strange.
    pub(crate) async fn ends_well(self) {
        self.quiet().await;
        self.equals_the_site(truth::Of::All);
        self.stop_and_check_callers().await;
    }

    /// Ends the story without the comparison.
    pub(crate) async fn stop_and_check_callers(mut self) {
        self.stop().await;
        let callers = self.sim.callers();
        assert_eq!(callers.unknown_requests(), Vec::<String>::new(), "requests Jira does not know");
        assert_eq!(callers.deviations(), Vec::<String>::new(), "requests against the description");
    }
}
