//! `jiralake projects`: the projects that the account sees, how many issues each has in Jira and
//! here, and whether it is kept.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use clap::Args;
use futures::StreamExt;
use jira::client::Client;
use jira::pace::Priority;
use jira::page::{self, Outcome};
use serde_json::{Value, json};

use crate::cli::Common;
use crate::config::Settings;
use crate::daemon::start;
use crate::exit::Done;
use crate::report;

/// Projects whose issues are counted side by side.
const SIDE_BY_SIDE: usize = 4;

/// The projects that the account sees: issues in Jira and here, and whether they are kept.
#[derive(Debug, Args)]
pub(crate) struct Projects {}

/// One project.
struct Line {
    key: String,
    /// `None`: the account does not see it, but there are issues of it here.
    seen: Option<Seen>,
    here: u64,
    kept: bool,
}

struct Seen {
    name: String,
    kind: String,
    /// As Jira's search index counts them.
    issues: u64,
}

impl Projects {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Done> {
        let config = common.load(&[])?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let lines = runtime.block_on(lines(&config.settings))?;
        if common.json {
            for line in &lines {
                report::data(line.json())?;
            }
            return Ok(Done::All);
        }
        let head = ["project", "name", "type", "in jira", "here", "kept"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(lines.iter().map(Line::cells));
        report::aligned(&rows, 3)?;
        Ok(Done::All)
    }
}

async fn lines(settings: &Settings) -> anyhow::Result<Vec<Line>> {
    let (jira, _) = start::accounts(settings)?;
    let client = jira.at(Priority::Person);
    // To nobody in particular Jira shows no projects at all.
    client.identify().await.context("Jira does not accept the account")?;
    let mut here = match settings.storage.ledger().exists() {
        true => start::existing_ledger(settings).await?.issues_by_project().await?,
        false => BTreeMap::new(),
    };
    let kept = &settings.jira.projects;
    let kept = |key: &str| kept.is_empty() || kept.iter().any(|one| one == key);
    let mut lines = Vec::new();
    for (key, seen) in seen(&client).await? {
        let here = here.remove(&key).unwrap_or(0);
        lines.push(Line { kept: kept(&key), key, seen: Some(seen), here });
    }
    let unseen =
        here.into_iter().map(|(key, here)| Line { kept: kept(&key), key, seen: None, here });
    lines.extend(unseen);
    lines.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(lines)
}

async fn seen(client: &Client) -> anyhow::Result<Vec<(String, Seen)>> {
    let walked = page::walk(|start| client.projects(start)).await;
    match walked.outcome {
        Outcome::Complete => {}
        Outcome::Incomplete(reason) => bail!("the list of projects is not whole: {reason}"),
        Outcome::Failed(error) => return Err(error).context("cannot list the projects"),
    }
    let counted = futures::stream::iter(walked.items)
        .map(|project| async move {
            let text = |name: &str| project.get(name).and_then(Value::as_str).map(str::to_owned);
            let key = text("key").context("Jira told of a project without a key")?;
            let jql = format!("project = \"{}\"", key.replace(['"', '\\'], ""));
            let issues = client.approximate_count(&jql).await?;
            let name = text("name").unwrap_or_default();
            let kind = text("projectTypeKey").unwrap_or_default();
            anyhow::Ok((key, Seen { name, kind, issues }))
        })
        .buffered(SIDE_BY_SIDE);
    let counted: Vec<_> = counted.collect().await;
    counted.into_iter().collect()
}

impl Line {
    fn json(&self) -> Value {
        let seen = self.seen.as_ref();
        json!({"key": self.key, "name": seen.map(|seen| &seen.name),
            "type": seen.map(|seen| &seen.kind), "issues_in_jira": seen.map(|seen| seen.issues),
            "issues_here": self.here, "kept": self.kept})
    }

    fn cells(&self) -> Vec<String> {
        let (name, kind, issues) = match &self.seen {
            Some(Seen { name, kind, issues }) => {
                (report::escaped(name), report::escaped(kind), issues.to_string())
            }
            None => ("not visible to the account".to_owned(), "-".to_owned(), "-".to_owned()),
        };
        let kept = if self.kept { "yes" } else { "no" };
        let key = report::escaped(&self.key);
        vec![key, name, kind, issues, self.here.to_string(), kept.to_owned()]
    }
}
