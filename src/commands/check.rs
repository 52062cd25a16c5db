//! `jiralake check`: does the copy say what Jira says? Three answers: equal (0), differs (4), could
//! not check (5). Changes nothing, unless `--fix` says so: then the loop fetches the issues that
//! differ, and damaged table files are rebuilt, here or by the `serve` that has the lake.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jira::pace::Priority;
use jira::time::Clock;
use lake::{Mapping, Raw, Tables};
use ledger::Checked;
use reconcile::check::{Check as Comparison, MaxAge, Report, Sample, Scope};
use reconcile::verify::{self, VerifyCounts};
use transform::Site;

use super::pass;
use crate::cli::Common;
use crate::config::Settings;
use crate::daemon::{Alone, start};
use crate::exit::Done;
use crate::{report, telemetry};

/// As which this program has the lake.
const NAME: &str = "jiralake check";

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
    /// Have the issues that differ looked at again, at most check.most-fixes of them, and rebuild
    /// damaged table files
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
        let damaged = found.damaged_files.len();
        let noted = Checked {
            at: found.at,
            differences: (differences + damaged) as u64,
            not_seen: not_seen as u64,
        };
        comparison.ledger.note_check(noted).await?;
        if as_json {
            report::data(serde_json::to_string(&found)?)?;
        } else {
            tell(&found)?;
        }
        if self.fix {
            self.mark(&comparison, &found, settings.check.most_fixes).await?;
        }
        if self.fix && damaged > 0 {
            rebuild(settings, &comparison).await?;
        }
        comparison.ledger.close().await;
        Ok(match (differences + damaged, not_seen) {
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

/// Rebuilds damaged table files: here, if the lake is free, else by the program that has it.
async fn rebuild(settings: &Settings, check: &Comparison) -> anyhow::Result<()> {
    let counts: VerifyCounts = match pass::holder(settings, NAME)? {
        Some(holder) => {
            report::talk(format_args!("{holder} has the lake and rebuilds the damaged files"));
            serde_json::from_value(pass::ask(&check.ledger, verify::JOB).await?)?
        }
        None => {
            let mut alone = Alone::start(settings, NAME).await?;
            let ledger = alone.ledger.clone();
            let asked = tokio::select! {
                counts = pass::ask(&ledger, verify::JOB) => counts?,
                broken = alone.broken() => return Err(broken),
            };
            alone.stop().await?;
            serde_json::from_value(asked)?
        }
    };
    let VerifyCounts { damaged, repaired, fetched, .. } = counts;
    report::talk(format_args!(
        "{damaged} table files were damaged, {repaired} are repaired; {fetched} issues were \
         fetched for it"
    ));
    Ok(())
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
        layout,
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
    for one in &found.damaged_files {
        let path = report::escaped(&one.path);
        report::data(format_args!("{path} {}; do: `jiralake check --fix`", one.what))?;
    }
    for one in &found.in_work {
        report::talk(format_args!("{}: in work: {}", one.key, one.what.join("; ")));
    }
    report::talk(format_args!(
        "{} differ, {} table files are damaged, {} could not be compared, {} in work; the content \
         of {} issues was compared (--seed {})",
        found.differences.len(),
        found.damaged_files.len(),
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
