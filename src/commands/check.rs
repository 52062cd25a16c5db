//! `jiralake check`: does the copy say what Jira says? Three answers: equal (0), differs (4), could
//! not check (5). Changes nothing; `--fix` only asks the loop to look again.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jira::pace::Priority;
use jira::time::Clock;
use lake::{Mapping, Raw, Tables};
use ledger::Checked;
use reconcile::check::{Check as Comparison, MaxAge, Report, Sample, Scope};
use transform::Site;

use crate::cli::Common;
use crate::config::Settings;
use crate::daemon::start;
use crate::exit::Done;
use crate::{report, telemetry};

/// Compare Jira, the raw snapshots and the tables.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Issues created so long ago at most, such as 30d, or all
    #[arg(long, default_value = "30d", value_name = "AGE", value_parser = max_age)]
    max_age: MaxAge,
    /// Of how many issues the whole content is compared, or all
    #[arg(long, default_value = "100", value_name = "N", value_parser = sample)]
    sample: Sample,
    /// Choose the sample of an earlier check again
    #[arg(long, value_name = "SEED")]
    seed: Option<u32>,
    /// Have the issues that differ looked at again, at most check.most-fixes of them
    #[arg(long)]
    fix: bool,
    /// With --fix: all of them
    #[arg(long, requires = "fix")]
    yes: bool,
}

impl Check {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Done> {
        let config = common.load(&[])?;
        telemetry::start(&config.settings.log)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(self.compare(&config.settings, common.json))
    }

    async fn compare(&self, settings: &Settings, as_json: bool) -> anyhow::Result<Done> {
        let comparison = comparison(settings).await?;
        let seed = u64::from(self.seed.unwrap_or_else(rand::random));
        let scope = Scope { max_age: self.max_age, sample: self.sample, seed };
        let found = match comparison.run(scope).await {
            Ok(found) => found,
            Err(error) => {
                report::talk(format_args!("could not check: {}", report::causes(&error)));
                return Ok(Done::Unchecked);
            }
        };
        let (differences, not_seen) = (found.differences.len(), found.not_seen.len());
        let noted =
            Checked { at: found.at, differences: differences as u64, not_seen: not_seen as u64 };
        comparison.ledger.note_check(noted).await?;
        if as_json {
            report::data(serde_json::to_string(&found)?)?;
        } else {
            tell(&found)?;
        }
        if self.fix {
            self.mark(&comparison, &found, settings.check.most_fixes).await?;
        }
        comparison.ledger.close().await;
        Ok(match (differences, not_seen) {
            (0, 0) => Done::All,
            (0, _) => Done::Unchecked,
            (_, _) => Done::Differs,
        })
    }

    async fn mark(&self, check: &Comparison, found: &Report, most: u32) -> anyhow::Result<()> {
        let most = if self.yes { usize::MAX } else { usize::try_from(most)? };
        let marked = check.mark(found.differences.iter().take(most)).await?;
        report::talk(format_args!(
            "{marked} issues are due: the running `jiralake serve`, or the next one, looks at them"
        ));
        let left = found.differences.len().saturating_sub(most);
        if left > 0 {
            report::talk(format_args!(
                "{left} more differ and are not marked (check.most-fixes); `--fix --yes` marks all"
            ));
        }
        Ok(())
    }
}

async fn comparison(settings: &Settings) -> anyhow::Result<Comparison> {
    let (jira, _) = start::accounts(settings)?;
    let fields = Arc::new(start::field_map(settings)?);
    let layout = start::layout(settings);
    Ok(Comparison {
        client: jira.at(Priority::Sweep),
        ledger: start::existing_ledger(settings).await?,
        raw: Raw::at(&settings.storage.raw_dir)?,
        tables: Tables::at(&layout, Arc::clone(&fields)),
        mapping: Mapping { site: Site { domain: settings.jira.domain.clone() }, fields },
        clock: Clock::system(),
        projects: settings.jira.projects.clone(),
        grace: Duration::from_millis(settings.check.grace_ms),
    })
}

fn tell(found: &Report) -> anyhow::Result<()> {
    let head = [
        "project",
        "month",
        "jira",
        "raw",
        "lake",
        "missing here",
        "gone there",
        "stale",
        "in work",
        "not seen",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for counts in &found.months {
        let names = [report::escaped(&counts.project), counts.month.clone()];
        let numbers = [
            counts.jira,
            counts.raw,
            counts.lake,
            counts.missing_here,
            counts.gone_there,
            counts.stale,
            counts.in_work,
            counts.not_seen,
        ];
        rows.push(names.into_iter().chain(numbers.map(|number| number.to_string())).collect());
    }
    report::aligned(&rows, 2)?;
    for one in &found.differences {
        let what = report::escaped(&one.what.join("; "));
        report::data(format_args!("{:<16} {:<12} {what}", one.key, one.kind.name()))?;
        report::data(format_args!("{:<16} do: {}", "", one.remedy))?;
    }
    for one in &found.not_seen {
        let (name, reason) = (report::escaped(&one.name), report::escaped(&one.reason));
        report::data(format_args!("{name:<16} {:<12} {reason}", "not seen"))?;
    }
    for one in &found.in_work {
        report::talk(format_args!("{}: in work: {}", one.key, one.what.join("; ")));
    }
    report::talk(format_args!(
        "{} differ, {} could not be compared, {} in work; the content of {} issues was compared \
         (--seed {})",
        found.differences.len(),
        found.not_seen.len(),
        found.in_work.len(),
        found.sampled,
        found.seed
    ));
    Ok(())
}

fn max_age(text: &str) -> Result<MaxAge, String> {
    if text == "all" {
        return Ok(MaxAge::All);
    }
    let days = text.strip_suffix('d').and_then(|days| days.parse().ok());
    let days = days.filter(|days| (1..=36_500).contains(days));
    days.map(MaxAge::Days).ok_or_else(|| "write it as 30d, or all".to_owned())
}

fn sample(text: &str) -> Result<Sample, String> {
    if text == "all" {
        return Ok(Sample::All);
    }
    let count = text.parse().map_err(|_| "write a number, or all".to_owned())?;
    Ok(Sample::Some(count))
}
