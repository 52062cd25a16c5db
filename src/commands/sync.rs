//! `jiralake sync KEY…`: look at these issues now.

use clap::Args;
use jira::client::{Error, Fields, History, IssueQuery};
use jira::id::Subject;
use jira::pace::Priority;
use jira::time::{Clock, Instant};
use ledger::{IssueRecord, Source};
use serde_json::json;

use super::through::through;
use crate::cli::Common;
use crate::daemon::Alone;
use crate::exit::{Done, Usage};
use crate::{report, telemetry};

/// Look at issues now: fetch them whole and bring their rows up to date.
#[derive(Debug, Args)]
pub(crate) struct Sync {
    /// Keys, also former ones, or ids
    #[arg(required = true, value_name = "KEY")]
    issues: Vec<String>,
}

impl Sync {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Done> {
        let subjects = subjects(&self.issues)?;
        let config = common.load(&[])?;
        telemetry::start(&config.settings.log)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut alone = Alone::start(&config.settings, "jiralake sync").await?;
            let now = Clock::system().now();
            alone.ledger.hint(&subjects, Source::Person, now).await?;
            let left =
                async |alone: &Alone| Ok(alone.ledger.still_due(&subjects).await?.len() as u64);
            through(&mut alone, left, |_| {}).await?;
            let mut done = Done::All;
            for subject in &subjects {
                done = done.and(told(&alone, subject, common.json).await?);
            }
            alone.stop().await?;
            Ok(done)
        })
    }
}

async fn told(alone: &Alone, subject: &Subject, as_json: bool) -> anyhow::Result<Done> {
    let parked = alone.ledger.parked().await?;
    let record = match alone.ledger.issue(subject).await? {
        Some(record) => Some(record),
        None => by_former_key(alone, subject).await?,
    };
    let id = record.as_ref().map(|record| Subject::Id(record.id));
    let held = parked.iter().find(|p| p.subject == *subject || Some(&p.subject) == id.as_ref());
    let state = match (&record, held) {
        (_, Some(_)) => "parked",
        (None, None) => "not kept",
        (Some(record), None) if record.deleted_at.is_some() => "deleted",
        (Some(_), None) => "up to date",
    };
    let key = record.as_ref().map_or_else(|| subject.to_string(), |r| r.key.to_string());
    let updated = record.as_ref().and_then(|record| record.updated).map(Instant::iso);
    if as_json {
        let reason = held.map(|held| held.reason.as_str());
        report::data(json!({"asked": subject.to_string(), "key": key, "state": state,
            "updated": updated, "reason": reason}))?;
    } else {
        let updated = updated.unwrap_or_else(|| "-".to_owned());
        report::data(format_args!("{key:<16} {state:<12} updated {updated}"))?;
        if let Some(held) = held {
            report::talk(format_args!("  {}; {}", held.reason, held.remedy));
        }
    }
    Ok(if held.is_some() { Done::Partly } else { Done::All })
}

/// The issue behind a key that it lost before it was copied: Jira still leads from one to the other.
async fn by_former_key(alone: &Alone, subject: &Subject) -> anyhow::Result<Option<IssueRecord>> {
    let Subject::Key(_) = subject else { return Ok(None) };
    let query = IssueQuery { fields: Fields::These(Vec::new()), history: History::Leave };
    let answer = match alone.jira.at(Priority::Person).issue(subject, query).await {
        Ok(answer) => answer,
        Err(Error::NotFound) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let id = answer.json.get("id").and_then(serde_json::Value::as_str);
    let Some(id) = id.and_then(|id| id.parse().ok()) else { return Ok(None) };
    Ok(alone.ledger.issue(&Subject::Id(id)).await?)
}

/// Keys or ids, parsed.
pub(crate) fn subjects(texts: &[String]) -> anyhow::Result<Vec<Subject>> {
    texts.iter().map(|text| subject(text)).collect()
}

/// A key or an id, parsed.
pub(crate) fn subject(text: &str) -> anyhow::Result<Subject> {
    text.parse().map_err(|_| {
        let text = report::escaped(text);
        Usage(format!("`{text}` is neither an issue key such as SUPPORT-15186 nor an id")).into()
    })
}
