//! `jiralake attachments`: download now what is not on disk, or print where an issue's files are.
//! When a `serve` runs, it makes the pass, as only one program writes a lake.

use anyhow::Context;
use clap::{Args, Subcommand};
use jira::id::Subject;
use jira::pace::Priority;
use jira::time::Clock;
use lake::Raw;
use ledger::{AttachmentCounts, IssueRecord, Ledger};
use reconcile::attachments::Downloads;
use serde_json::json;

use super::{pass, sync};
use crate::cli::Common;
use crate::config::Settings;
use crate::daemon::start;
use crate::exit::{Done, Usage};
use crate::{report, telemetry};

/// As which this program has the lake.
const NAME: &str = "jiralake attachments";

/// The bytes of attachments: fetch them now, or print where they are.
#[derive(Debug, Args)]
pub(crate) struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Download what is pending, and try again what failed
    Fetch {
        /// Only this issue's, by key, former key or id
        #[arg(long, value_name = "KEY")]
        issue: Option<String>,
    },
    /// Print the folder of an issue's attachments
    Path {
        /// Key, also a former one, or id
        #[arg(value_name = "KEY")]
        issue: String,
    },
}

impl Command {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Done> {
        let config = common.load(&[])?;
        telemetry::start(&config.settings.log)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        match self.what {
            What::Fetch { issue } => {
                let counts = runtime.block_on(fetch(&config.settings, issue.as_deref()))?;
                tell(counts, common.json)
            }
            What::Path { issue } => runtime.block_on(path(&config.settings, &issue, common.json)),
        }
    }
}

/// What became of the attachments of the issue, or of all.
async fn fetch(settings: &Settings, issue: Option<&str>) -> anyhow::Result<AttachmentCounts> {
    if let Some(holder) = pass::holder(settings, NAME)? {
        report::talk(format_args!("{holder} has the lake and makes the pass"));
        let ledger = start::existing_ledger(settings).await?;
        let of = wanted(&ledger, issue).await?;
        pass::ask(&ledger, "attachments").await?;
        return Ok(ledger.attachment_counts(of).await?);
    }
    let (jira, _) = start::accounts(settings)?;
    let pass::Here { ledger, lake, .. } = pass::open(settings, NAME).await?;
    let of = wanted(&ledger, issue).await?;
    let downloads = Downloads {
        client: jira.at(Priority::Person),
        ledger: ledger.clone(),
        lake,
        clock: Clock::system(),
        back_off: start::loop_limits(settings)?.back_off,
        bounds: start::download_bounds(settings)?,
    };
    downloads.pass().await.context("the pass failed")?;
    let counts = ledger.attachment_counts(of).await?;
    ledger.close().await;
    Ok(counts)
}

/// Makes it due: what failed, too, and before all else.
async fn wanted(ledger: &Ledger, issue: Option<&str>) -> anyhow::Result<Option<jira::id::IssueId>> {
    let of = match issue {
        Some(issue) => Some(known(ledger, issue).await?.id),
        None => None,
    };
    ledger.want_attachments(of).await?;
    Ok(of)
}

async fn path(settings: &Settings, issue: &str, as_json: bool) -> anyhow::Result<Done> {
    let ledger = start::existing_ledger(settings).await?;
    let record = known(&ledger, issue).await?;
    let folder = Raw::at(&settings.storage.raw_dir)?.attachments().join(record.key.as_str());
    if as_json {
        let counts = counted(ledger.attachment_counts(Some(record.id)).await?);
        report::data(json!({"key": record.key, "path": folder, "attachments": counts}))?;
    } else {
        report::data(folder.display())?;
    }
    if !folder.is_dir() {
        report::talk(format_args!("no attachment of {} is on disk", record.key));
    }
    Ok(Done::All)
}

async fn known(ledger: &Ledger, issue: &str) -> anyhow::Result<IssueRecord> {
    let subject: Subject = sync::subject(issue)?;
    let record = ledger.issue(&subject).await?;
    record.ok_or_else(|| Usage(format!("the lake has no issue {subject}")).into())
}

fn counted(counts: AttachmentCounts) -> serde_json::Value {
    let AttachmentCounts { pending, stored, too_large, failed } = counts;
    json!({"stored": stored, "too_large": too_large, "failed": failed, "pending": pending})
}

fn tell(counts: AttachmentCounts, as_json: bool) -> anyhow::Result<Done> {
    let AttachmentCounts { pending, stored, too_large, failed } = counts;
    if as_json {
        report::data(counted(counts))?;
    } else {
        report::data(format_args!(
            "{stored} stored, {too_large} too large, {failed} failed, {pending} pending"
        ))?;
    }
    Ok(if failed + pending > 0 { Done::Partly } else { Done::All })
}
