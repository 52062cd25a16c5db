//! What can be asked of the program. Each command is one file in `commands/`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands;
use crate::config::{self, Config, Sources};
use crate::exit::{Done, Usage};

/// A correct, seconds-fresh, queryable copy of a Jira Cloud site as Parquet tables.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done · 1 failed · 2 wrong call or settings · 3 done, but \
some input could not be read · 4 checked, and it differs · 5 could not check";

/// Flags that every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// The settings file [default: $JIRALAKE_CONFIG, then ./jiralake.toml if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Set one setting for this call, e.g. --set webhook.in-flight=16
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Machine-readable output on stdout
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Simulate a Jira Cloud, copy it, keep editing it and follow by webhook
    Demo(commands::demo::Demo),
    /// Follow a Jira Cloud site: receive webhooks, keep the tables fresh
    Serve(commands::serve::Serve),
    /// Copy all history; resumable, the tables are usable meanwhile
    Backfill(commands::backfill::Command),
    /// Look at issues now
    Sync(commands::sync::Sync),
    /// Poll SLA clocks now, or fetch all of them once
    Sla(commands::sla::Command),
    /// The bytes of attachments: fetch them now, or print where they are
    Attachments(commands::attachments::Command),
    /// Refresh projects, users, statuses, fields and organizations now
    Dimensions(commands::dimensions::Command),
    /// What needs a person: list, retry, drop, release
    Parked(commands::parked::Command),
    /// Compare Jira, the raw snapshots and the tables
    Check(commands::check::Check),
    /// How complete the lake is, which issues are not, and why
    Coverage(commands::coverage::Coverage),
    /// Every field of the site and the columns that it feeds
    Fields(commands::fields::Fields),
    /// The projects: issues in Jira and here, and whether they are kept
    Projects(commands::projects::Projects),
    /// Rebuild the tables from a folder of raw issue JSON
    Transform(commands::transform::Transform),
    /// Show a whole ticket as Markdown, from the raw snapshot
    Show(commands::show::Show),
    /// The deliveries that Jira sent: list, show, replay, export
    Events(commands::events::Events),
    /// Check settings, Jira, webhook, disk and clock
    Doctor(commands::doctor::Doctor),
    /// Ask a running `serve` whether it is ready: exit code 0 if it is, 1 if not
    Health(commands::health::Health),
    /// Show or check the settings, or print what to paste into Jira
    Config(commands::config::Show),
    /// A simulated Jira Cloud over HTTP
    Sim(commands::sim::Sim),
    /// Print a completion script for a shell
    Completions(commands::completions::Completions),
}

impl Cli {
    /// Runs the command.
    pub(crate) fn run(self) -> anyhow::Result<Done> {
        let common = self.common;
        match self.command {
            Command::Demo(demo) => demo.run(),
            Command::Serve(serve) => serve.run(&common),
            Command::Backfill(backfill) => backfill.run(&common),
            Command::Sync(sync) => sync.run(&common),
            Command::Sla(sla) => sla.run(&common),
            Command::Attachments(attachments) => attachments.run(&common),
            Command::Dimensions(dimensions) => dimensions.run(&common),
            Command::Parked(parked) => parked.run(&common),
            Command::Check(check) => check.run(&common),
            Command::Coverage(coverage) => coverage.run(&common),
            Command::Fields(fields) => fields.run(&common),
            Command::Projects(projects) => projects.run(&common),
            Command::Transform(transform) => transform.run(&common),
            Command::Show(show) => show.run(&common),
            Command::Events(events) => events.run(&common),
            Command::Doctor(doctor) => doctor.run(&common),
            Command::Health(health) => health.run(&common),
            Command::Config(config) => config.run(&common),
            Command::Sim(sim) => sim.run(),
            Command::Completions(completions) => completions.run(),
        }
    }
}

impl Common {
    /// The settings of this call, with further flags laid on top.
    pub(crate) fn load(&self, flags: &[(&str, String)]) -> anyhow::Result<Config> {
        // Here and not by clap, which repeats what it refuses.
        let set = self.set.iter().map(|text| assignment(text)).collect::<Result<Vec<_>, _>>()?;
        let own = flags.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        let sources = Sources {
            file: self.config.clone(),
            flags: set.into_iter().chain(own).collect(),
            // A variable that is not UTF-8 is none of ours.
            env: std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
            folder: PathBuf::new(),
        };
        config::load(&sources).map_err(|error| Usage(format!("{error:#}")).into())
    }
}

fn assignment(text: &str) -> Result<(String, String), Usage> {
    let wrong = || format!("--set `{}`: write it as KEY=VALUE", config::url::shown(text));
    let (key, value) = text.split_once('=').ok_or_else(|| Usage(wrong()))?;
    Ok((key.to_owned(), value.to_owned()))
}

/// The command line's definition, for completions and tests.
pub(crate) fn definition() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_well_defined() {
        super::definition().debug_assert();
    }
}
