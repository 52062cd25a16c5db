//! `jiralake dimensions`: refresh the lists beside the tables now, and give a person's word where one
//! is needed. When a `serve` runs, it makes the pass, as only one program writes a lake.

use anyhow::Context;
use clap::Args;
use reconcile::dimensions::may_shrink;
use serde_json::{Value, json};
use transform::Dimension;

use super::pass::{self, Here};
use crate::cli::Common;
use crate::config::Settings;
use crate::daemon::start;
use crate::exit::Done;
use crate::{report, telemetry};

/// As which this program has the lake.
const NAME: &str = "jiralake dimensions";

/// Refresh projects, users, statuses, fields and organizations now.
#[derive(Debug, Args)]
pub(crate) struct Command {
    /// This list may be less than half of what it was, once: what left it is gone in Jira
    #[arg(long, value_name = "NAME", value_parser = named)]
    may_shrink: Vec<Dimension>,
}

fn named(text: &str) -> Result<Dimension, String> {
    let all = || Dimension::ALL.iter().copied();
    all().find(|dimension| dimension.name() == text).ok_or_else(|| {
        let names: Vec<&str> = all().map(Dimension::name).collect();
        format!("there is no such list; there are {}", names.join(", "))
    })
}

impl Command {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Done> {
        let config = common.load(&[])?;
        telemetry::start(&config.settings.log)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let refreshed = runtime.block_on(self.refresh(&config.settings))?;
        tell(&refreshed, common.json)
    }

    /// Here, if the lake is free; by the running program else.
    async fn refresh(&self, settings: &Settings) -> anyhow::Result<Value> {
        if let Some(holder) = pass::holder(settings, NAME)? {
            report::talk(format_args!("{holder} has the lake and makes the pass"));
            let ledger = start::existing_ledger(settings).await?;
            may_shrink(&ledger, &self.may_shrink).await?;
            return pass::ask(&ledger, "dimensions").await;
        }
        let (jira, service) = start::accounts(settings)?;
        let Here { ledger, lake, .. } = pass::open(settings, NAME).await?;
        may_shrink(&ledger, &self.may_shrink).await?;
        let accounts = (&jira, service.as_ref());
        let dimensions = start::dimensions(settings, accounts, &lake, &ledger);
        let refreshed = dimensions.pass().await.context("the pass failed")?;
        ledger.close().await;
        Ok(json!(refreshed))
    }
}

fn tell(refreshed: &Value, as_json: bool) -> anyhow::Result<Done> {
    let count = |name: &str| refreshed.get(name).and_then(Value::as_u64).unwrap_or(0);
    if as_json {
        report::data(refreshed)?;
    } else {
        report::data(format_args!(
            "{} replaced ({} rows), {} not readable by the account, {} refused",
            count("replaced"),
            count("rows"),
            count("closed"),
            count("refused")
        ))?;
    }
    if count("refused") > 0 {
        report::talk(
            "a list would be less than half of what it was: look whether the account lost a \
             permission; if it is right, say so with --may-shrink NAME (the log names it)",
        );
    }
    Ok(if count("refused") > 0 { Done::Partly } else { Done::All })
}
