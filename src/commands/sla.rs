//! `jiralake sla`: one pass of what `serve` does on its own, or the values of all issues once. When
//! a `serve` runs, it makes the pass, as only one program writes a lake.

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use jira::client::FieldId;
use jira::pace::Priority;
use jira::time::Clock;
use ledger::Clocks;
use reconcile::backfill::Run;
use reconcile::sla::{Polled, SlaPoll};
use serde_json::{Value, json};

use super::pass::{self, Here};
use crate::cli::Common;
use crate::config::Settings;
use crate::daemon::start;
use crate::exit::Done;
use crate::{report, telemetry};

/// As which this program has the lake.
const NAME: &str = "jiralake sla";

/// Poll SLA clocks now, or fetch the values of all issues once.
#[derive(Debug, Args)]
pub(crate) struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// One pass over the open issues
    Poll {
        /// Only say what would change
        #[arg(long)]
        dry_run: bool,
        /// Tell of each step
        #[arg(short, long)]
        verbose: bool,
    },
    /// One pass over all issues that have SLA clocks
    Backfill {
        /// Only say what would change
        #[arg(long)]
        dry_run: bool,
        /// Requests side by side
        #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=32))]
        parallel: u32,
    },
}

impl Command {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Done> {
        let (clocks, dry_run, parallel) = match self.what {
            What::Poll { dry_run, .. } => (Clocks::Running, dry_run, 1),
            What::Backfill { dry_run, parallel } => (Clocks::All, dry_run, parallel),
        };
        let verbose = matches!(self.what, What::Poll { verbose: true, .. });
        let level = verbose.then(|| ("log.level", "info".to_owned()));
        let config = common.load(&level.into_iter().collect::<Vec<_>>())?;
        telemetry::start(&config.settings.log)?;
        let run = if dry_run { Run::Dry } else { Run::Real };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let polled = runtime.block_on(poll(&config.settings, (clocks, run, parallel)))?;
        tell(&polled, common.json)
    }
}

/// Here, if the lake is free; by the running program else.
async fn poll(
    settings: &Settings,
    (clocks, run, parallel): (Clocks, Run, u32),
) -> anyhow::Result<Value> {
    if let Some(holder) = pass::holder(settings, NAME)? {
        if clocks == Clocks::All || run == Run::Dry {
            bail!("{holder} has the lake: stop it first, or poll without --dry-run");
        }
        report::talk(format_args!("{holder} has the lake and makes the pass"));
        return pass::ask(&start::existing_ledger(settings).await?, "sla").await;
    }
    let (jira, service) = start::accounts(settings)?;
    let Here { ledger, lake, fields } = pass::open(settings, NAME).await?;
    let fields: Vec<FieldId> = fields.sla_fields().filter_map(|id| id.parse().ok()).collect();
    let client = service.as_ref().unwrap_or(&jira).at(Priority::Sla);
    client.identify().await.context("Jira does not accept the account that reads SLA values")?;
    let clock = Clock::system();
    let poll = SlaPoll { client, ledger: ledger.clone(), lake, clock, fields, parallel };
    let polled: Polled = poll.pass(clocks, run).await?;
    ledger.close().await;
    Ok(json!(polled))
}

fn tell(polled: &Value, as_json: bool) -> anyhow::Result<Done> {
    let count = |name: &str| polled.get(name).and_then(Value::as_u64).unwrap_or(0);
    if as_json {
        report::data(polled)?;
    } else {
        report::data(format_args!(
            "{} updated, {} healed, {} skipped, {} failed",
            count("updated"),
            count("healed"),
            count("skipped"),
            count("failed")
        ))?;
    }
    Ok(if count("failed") > 0 { Done::Partly } else { Done::All })
}
