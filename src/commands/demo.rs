//! `jiralake demo`: the whole way on one machine, without any account: a simulated Jira Cloud with
//! lifelike tickets, its copy, and its edits followed by webhook.
//!
//! The daemon is the real one with settings of its own; the person's environment plays no part.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use jira::pace::Priority;
use ledger::{Ledger, Source};
use reconcile::backfill::{Backfill, Existing, Run};
use sim::Sim;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{interval, sleep, timeout};

use crate::config::{self, Settings, Sources};
use crate::daemon::{self, Daemon};
use crate::exit::Done;
use crate::{report, telemetry};

/// Everything, as a bounded query.
const ALL: &str = "updated >= \"1971-01-01 00:00\" ORDER BY updated ASC, id ASC";

/// Edits of `--once`.
const BURST: usize = 60;

/// The copy or the burst must be through within this; otherwise something is broken.
const PATIENCE: Duration = Duration::from_secs(600);

/// Between two looks at what happened.
const TICK: Duration = Duration::from_millis(200);

/// Copy a simulated Jira Cloud and follow its edits.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Copy, make a burst of edits, print the tables' counts, end
    #[arg(long)]
    once: bool,
    /// Keep the files here [default: a temporary folder that goes with the end]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Tickets in the simulated site
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    issues: u32,
    /// The same seed makes the same site and edits
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the door listens; any free port by default
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: String,
}

impl Demo {
    pub(crate) fn run(self) -> anyhow::Result<Done> {
        let kept = self.dir.clone();
        let temporary = tempfile::Builder::new().prefix("jiralake-demo-").tempdir()?;
        let folder = kept.as_deref().unwrap_or(temporary.path()).to_owned();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(self.show(&folder))?;
        if kept.is_none() {
            temporary.close().context("cannot remove the temporary folder")?;
        }
        Ok(Done::All)
    }

    async fn show(&self, folder: &Path) -> anyhow::Result<()> {
        report::talk(format_args!(
            "Making a Jira Cloud site with {} tickets (seed {}) …",
            self.issues, self.seed
        ));
        let options =
            sim::Options { issues: self.issues, seed: self.seed, ..sim::Options::default() };
        let sim = Sim::start(options).await.context("cannot start the simulator")?;
        let settings = self.settings(&sim, folder)?;
        telemetry::start(&settings.log)?;
        report::talk(format_args!("  site     {}", sim.url()));
        let opening = daemon::begin(&settings, webhook::Debug::Off, "jiralake demo").await?;
        let mut daemon = opening.finish().await?;
        let hook = format!("http://{}/webhooks/jira", daemon.address);
        sim.webhooks().register(&hook, Some(&secret(self.seed)));
        report::talk(format_args!("  webhook  {hook} (signed)"));
        report::talk(format_args!("  files    {}", folder.display()));
        tokio::select! {
            shown = self.copy_and_edit(&sim, &mut daemon, &settings) => shown?,
            pressed = tokio::signal::ctrl_c() => {
                pressed?;
                report::talk("\nstopping …");
            }
        }
        daemon.stop().await?;
        sim.stop();
        Ok(())
    }

    async fn copy_and_edit(
        &self,
        sim: &Sim,
        daemon: &mut Daemon,
        settings: &Settings,
    ) -> anyhow::Result<()> {
        copy(daemon).await?;
        paste(settings);
        if !self.once {
            return follow(sim, daemon).await;
        }
        burst(sim, daemon).await?;
        counts(&daemon.ledger).await
    }

    /// Settings from flags alone: the demo must not touch a real site or a real lake.
    fn settings(&self, sim: &Sim, folder: &Path) -> anyhow::Result<Settings> {
        let (main, service) = (sim.main_account(), sim.service_account());
        let main = main.context("the simulator has no account")?;
        let service = service.context("the simulator has no service account")?;
        let below = |name: &str| folder.join(name).display().to_string();
        let flags = [
            ("jira.domain", "demo.atlassian.net".to_owned()),
            ("jira.base-url", sim.url().to_owned()),
            ("jira.gateway-url", sim.url().to_owned()),
            ("jira.cloud-id", sim.cloud_id().to_owned()),
            ("jira.email", main.email.clone()),
            ("jira.api-token", main.token.clone()),
            ("sla.email", service.email.clone()),
            ("sla.api-token", service.token.clone()),
            ("attachments.media-hosts", sim.media_url().to_owned()),
            ("attachments.every-ms", "1000".to_owned()),
            ("webhook.secret", secret(self.seed)),
            ("webhook.listen", self.listen.clone()),
            ("storage.raw-dir", below("raw")),
            ("storage.parquet-dir", below("parquet/jira")),
            ("log.level", "warn".to_owned()),
        ];
        let flags = flags.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        // A folder that does not exist: no `.env` and no settings file of the person's.
        let sources = Sources { flags, folder: folder.join("no-settings"), ..Sources::default() };
        Ok(config::load(&sources)?.settings)
    }
}

/// The demo's own secret; it guards nothing but the demo.
fn secret(seed: u64) -> String {
    format!("the demo's secret, which guards nothing: {seed}")
}

/// Hints every issue and waits until all are in the lake.
async fn copy(daemon: &mut Daemon) -> anyhow::Result<()> {
    let began = Instant::now();
    let copy = Backfill {
        presence: None,
        client: daemon.jira.at(Priority::Backfill),
        ledger: daemon.ledger.clone(),
        jql: ALL.to_owned(),
        existing: Existing::Fetch,
    };
    let found = copy.run(Run::Real, |_| {}).await?.issues;
    let bar = report::progress(found, "copying");
    quiet(daemon, |left| bar.set_position(found.saturating_sub(left))).await?;
    bar.finish_and_clear();
    let took = began.elapsed();
    let rate = found as f64 / took.as_secs_f64().max(0.001);
    report::talk(format_args!("Copied {found} tickets in {} ({rate:.0}/s).", report::took(took)));
    Ok(())
}

/// Waits until no work is left; tells how much is. Parked work would never end by itself.
async fn quiet(daemon: &mut Daemon, mut left: impl FnMut(u64)) -> anyhow::Result<()> {
    let waited = timeout(PATIENCE, async {
        loop {
            let parked = daemon.ledger.counts().await?.work_parked;
            if parked > 0 {
                bail!("{parked} tickets are parked; that should not happen here");
            }
            let open = daemon.open_issues().await?;
            left(open);
            if open == 0 {
                return Ok(());
            }
            tokio::select! {
                () = sleep(Duration::from_millis(20)) => {}
                broken = daemon.broken() => return Err(broken),
            }
        }
    });
    waited.await.context("it takes too long; see the log lines above")?
}

/// The line to paste.
fn paste(settings: &Settings) {
    let tables = settings.storage.parquet_dir.display();
    report::talk("\nQuery it with DuckDB, now and while it changes:\n");
    report::talk(format_args!(
        "  duckdb -c \"SELECT status, count(*) AS tickets, max(updated_at) AS newest\n             \
         FROM '{tables}/issues/*.parquet' GROUP BY ALL ORDER BY tickets DESC\"\n"
    ));
    report::talk(format_args!(
        "or, with names and comments for every table:  duckdb -init '{tables}/views.sql'\n"
    ));
}

/// A burst of edits, then quiet.
async fn burst(sim: &Sim, daemon: &mut Daemon) -> anyhow::Result<()> {
    let began = Instant::now();
    let edits = sim.editor().burst(BURST)?.len();
    report::talk(format_args!("Made {edits} edits; following by webhook …"));
    sim.webhooks().settled(PATIENCE).await?;
    quiet(daemon, |_| {}).await?;
    let mut waits: Vec<Duration> = Vec::new();
    while let Ok(applied) = daemon.applied.try_recv() {
        if applied.source == Source::Webhook {
            waits.push(applied.since_hint);
        }
    }
    waits.sort();
    let middle = waits.get(waits.len() / 2).copied().unwrap_or_default();
    let longest = waits.last().copied().unwrap_or_default();
    report::talk(format_args!(
        "All of it is visible after {}; webhook to visible row: median {}, longest {} ({} looks).",
        report::took(began.elapsed()),
        report::took(middle),
        report::took(longest),
        waits.len()
    ));
    let counts = daemon.ledger.counts().await?;
    report::talk(format_args!(
        "Deliveries: {} received = {} applied + {} superseded + {} noted + {} parked + {} pending.",
        counts.received,
        counts.applied,
        counts.superseded,
        counts.noted,
        counts.parked,
        counts.pending
    ));
    Ok(())
}

/// Rows per table, as data.
async fn counts(ledger: &Ledger) -> anyhow::Result<()> {
    let mut rows: BTreeMap<String, (i64, u32)> = BTreeMap::new();
    for file in ledger.catalog().await? {
        let entry = rows.entry(file.table).or_default();
        entry.0 += file.rows;
        entry.1 += 1;
    }
    for (table, (rows, months)) in rows {
        report::data(format_args!("{table:<14} {rows:>8} rows in {months:>3} months"))?;
    }
    Ok(())
}

/// Edits go on; what arrives and what is committed is told, without end.
async fn follow(sim: &Sim, daemon: &mut Daemon) -> anyhow::Result<()> {
    report::talk("Editing goes on; Ctrl-C ends it.\n");
    let mut edits = interval(Duration::from_millis(700));
    let mut ticks = interval(TICK);
    let editor = sim.editor();
    let mut arrived = Arrived::after(&daemon.ledger).await?;
    loop {
        tokio::select! {
            _ = edits.tick() => { editor.burst(1)?; }
            _ = ticks.tick() => arrived.tell(&daemon.ledger).await?,
            applied = daemon.applied.recv() => match applied {
                Ok(applied) => {
                    arrived.tell(&daemon.ledger).await?;
                    committed(&applied);
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Err(daemon.broken().await),
            },
        }
    }
}

fn committed(applied: &reconcile::run::Applied) {
    if applied.source != Source::Webhook {
        return;
    }
    let name =
        applied.key.as_ref().map_or_else(|| applied.subject.to_string(), ToString::to_string);
    report::talk(format_args!(
        "  visible  {name:<14} after {:>8}  (fetched in {}, committed in {}, {} together)",
        report::took(applied.since_hint),
        report::took(applied.look),
        report::took(applied.commit),
        applied.together
    ));
}

/// Tells of deliveries, each once.
struct Arrived {
    last: i64,
}

impl Arrived {
    async fn after(ledger: &Ledger) -> anyhow::Result<Self> {
        let newest = ledger.deliveries(newest(1)).await?;
        Ok(Self { last: newest.first().map_or(0, |delivery| delivery.seq) })
    }

    async fn tell(&mut self, ledger: &Ledger) -> anyhow::Result<()> {
        for delivery in ledger.deliveries(newest(100)).await?.iter().rev() {
            if delivery.seq <= self.last {
                continue;
            }
            self.last = delivery.seq;
            let issues: Vec<String> =
                delivery.subjects.iter().map(|named| named.subject.to_string()).collect();
            report::talk(format_args!(
                "  arrived  {:<22} issue {:<14} {:>7} bytes",
                delivery.event.as_deref().map_or_else(|| "-".to_owned(), report::escaped),
                if issues.is_empty() { "-".to_owned() } else { issues.join(" ") },
                delivery.body_bytes
            ));
        }
        Ok(())
    }
}

fn newest(limit: u32) -> ledger::DeliveryFilter {
    ledger::DeliveryFilter { limit, ..ledger::DeliveryFilter::default() }
}
