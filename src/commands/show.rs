//! `jiralake show KEY`: the whole ticket as Markdown, from the raw snapshot; no network.

use anyhow::Context;
use clap::Args;
use jira::id::{IssueKey, Subject};
use jira::time::Clock;
use lake::Raw;
use ledger::Ledger;
use transform::{FieldMap, Snapshot};

use crate::cli::Common;
use crate::daemon::start;
use crate::exit::{Done, Usage};
use crate::report;

pub(crate) mod markdown;

/// Show a whole ticket as Markdown, from the raw snapshot.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The issue's key, also a former one
    key: String,
}

impl Show {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Done> {
        let config = common.load(&[])?;
        let settings = &config.settings;
        let asked: IssueKey = self.key.parse().map_err(|_| {
            Usage(format!(
                "`{}` is not an issue key such as SUPPORT-15186",
                report::escaped(&self.key)
            ))
        })?;
        let key = current_key(settings, &asked)?.unwrap_or_else(|| asked.clone());
        let snapshot = Raw::at(&settings.storage.raw_dir)?.read(&key)?.with_context(|| {
            format!(
                "there is no raw snapshot of {asked} in {}; was it copied? `jiralake doctor` prints the folders",
                settings.storage.raw_dir.display()
            )
        })?;
        let fields = start::field_map(settings)?;
        report::data(text(&snapshot, &fields, common.json)?)?;
        Ok(Done::All)
    }
}

fn text(snapshot: &Snapshot, fields: &FieldMap, json: bool) -> anyhow::Result<String> {
    if json {
        return Ok(serde_json::to_string_pretty(snapshot.json())?);
    }
    Ok(markdown::ticket(snapshot.json(), fields).trim_end().to_owned())
}

/// What the ledger, if there is one, calls the issue now.
fn current_key(
    settings: &crate::config::Settings,
    asked: &IssueKey,
) -> anyhow::Result<Option<IssueKey>> {
    let path = settings.storage.ledger();
    if !path.exists() {
        return Ok(None);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let ledger = Ledger::open(&path, Clock::system()).await?;
        let record = ledger.issue(&Subject::Key(asked.clone())).await?;
        Ok(record.map(|record| record.key))
    })
}
