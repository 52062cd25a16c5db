//! `jiralake backfill`: copy all history. Resumable at any point; the tables are usable meanwhile.

use std::time::Instant as Stopwatch;

use clap::Args;
use jira::pace::Priority;
use lake::Presence;
use ledger::Source;
use reconcile::backfill::{Backfill, Existing, Run, Walked};
use reconcile::walk::within;
use serde_json::json;

use super::through::through;
use crate::cli::Common;
use crate::config::Settings;
use crate::daemon::{Alone, start};
use crate::exit::Done;
use crate::{report, telemetry};

/// What a site holds, as a bounded query.
const ALL: &str = "created >= \"1971-01-01 00:00\"";

/// Copy all history, or what a query finds.
#[derive(Debug, Args)]
pub(crate) struct Command {
    /// Only what this JQL finds, without ORDER BY [default: all of the projects that are kept]
    #[arg(long, value_name = "JQL")]
    jql: Option<String>,
    /// Bulk requests side by side
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=32))]
    parallel: Option<u32>,
    /// Only count what would be fetched
    #[arg(long)]
    dry_run: bool,
    /// Fetch also what is here, complete and as new as in Jira
    #[arg(long)]
    no_skip_existing: bool,
}

impl Command {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Done> {
        let flags: Vec<_> =
            self.parallel.iter().map(|n| ("reconcile.parallel", n.to_string())).collect();
        let config = common.load(&flags)?;
        telemetry::start(&config.settings.log)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let ended = runtime.block_on(self.copy(&config.settings, common.json));
        runtime.shutdown_background();
        ended
    }

    async fn copy(&self, settings: &Settings, as_json: bool) -> anyhow::Result<Done> {
        let mut alone = Alone::start(settings, "jiralake backfill").await?;
        let run = if self.dry_run { Run::Dry } else { Run::Real };
        let began = Stopwatch::now();
        let presence = Presence::of(&start::layout(settings), &alone.ledger).await?;
        let backfill = self.backfill(settings, &alone, presence);
        let counter = alone.jira.at(Priority::Backfill);
        let expected = counter.approximate_count(&self.query(settings)).await?;
        let walking = report::progress(expected, "finding");
        let walked = backfill.run(run, |so_far: Walked| walking.set_position(so_far.issues)).await;
        walking.finish_and_clear();
        let walked = walked?;
        if run == Run::Real {
            fetch(&mut alone, walked).await?;
        }
        let parked = alone.ledger.counts().await?.work_parked;
        alone.stop().await?;
        tell(walked, (run, parked, began), as_json)?;
        Ok(if walked.unreadable > 0 || parked > 0 { Done::Partly } else { Done::All })
    }

    fn query(&self, settings: &Settings) -> String {
        let bounded = self.jql.as_ref().map_or_else(|| ALL.to_owned(), |jql| format!("({jql})"));
        within(&settings.jira.projects, &bounded)
    }

    fn backfill(&self, settings: &Settings, alone: &Alone, presence: Presence) -> Backfill {
        Backfill {
            client: alone.jira.at(Priority::Backfill),
            ledger: alone.ledger.clone(),
            jql: format!("{} ORDER BY created DESC, id DESC", self.query(settings)),
            presence: Some(presence),
            existing: if self.no_skip_existing { Existing::Fetch } else { Existing::Skip },
        }
    }
}

/// First what the tables need, then what can wait; with the forecast as soon as there is a rate.
async fn fetch(alone: &mut Alone, walked: Walked) -> anyhow::Result<()> {
    report::talk(format_args!(
        "{} issues found, {} to fetch; the tables can be queried meanwhile",
        walked.issues, walked.hinted
    ));
    phase(alone, "copying", &[Source::Sweep, Source::Backfill]).await?;
    phase(alone, "remote links", &[Source::Later]).await
}

async fn phase(alone: &mut Alone, what: &'static str, sources: &[Source]) -> anyhow::Result<()> {
    let left = async |alone: &Alone| {
        let mut left = 0;
        for source in sources {
            left += alone.ledger.work_of(*source).await?;
        }
        Ok(left)
    };
    let total = left(alone).await?;
    let bar = report::progress(total, what);
    let mut forecast = Forecast { what, total, began: Stopwatch::now(), told: false };
    through(alone, left, |left| {
        bar.set_position(total.saturating_sub(left));
        forecast.tell(left);
    })
    .await?;
    bar.finish_and_clear();
    Ok(())
}

/// Says once, when a rate can be told, how long it will take.
struct Forecast {
    what: &'static str,
    total: u64,
    began: Stopwatch,
    told: bool,
}

impl Forecast {
    fn tell(&mut self, left: u64) {
        let (done, took) = (self.total.saturating_sub(left), self.began.elapsed());
        if self.told || done < 200 || took.as_secs() < 3 {
            return;
        }
        self.told = true;
        let rate = done as f64 / took.as_secs_f64();
        let minutes = left as f64 / rate / 60.0;
        report::talk(format_args!(
            "{}: {} issues, about {minutes:.0} min at the present rate ({rate:.0}/s)",
            self.what, self.total
        ));
    }
}

fn tell(
    walked: Walked,
    (run, parked, began): (Run, u64, Stopwatch),
    as_json: bool,
) -> anyhow::Result<()> {
    let Walked { issues, hinted, unreadable } = walked;
    let dry = run == Run::Dry;
    if as_json {
        report::data(json!({"found": issues, "fetched": if dry { 0 } else { hinted },
            "to_fetch": hinted, "unreadable": unreadable, "parked": parked, "dry_run": dry,
            "seconds": began.elapsed().as_secs_f64()}))?;
        return Ok(());
    }
    let verb = if dry { "would be fetched" } else { "fetched" };
    let took = report::took(began.elapsed());
    report::data(format_args!(
        "{issues} found, {hinted} {verb}, {} skipped, {unreadable} unreadable, {parked} parked, in {took}",
        issues.saturating_sub(hinted)
    ))?;
    Ok(())
}
