//! `jiralake parked`: what needs a person, why, and what to do about it.

use clap::{Args, Subcommand};
use ledger::{Ledger, Parked};
use serde_json::json;

use super::sync::subjects;
use crate::cli::Common;
use crate::daemon::start;
use crate::exit::Done;
use crate::report;

/// What needs a person: list it, try it again, give it up, or let deletes through.
#[derive(Debug, Args)]
pub(crate) struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What is parked, with the reason and the remedy
    List,
    /// Look at parked issues again
    Retry {
        /// Keys or ids
        #[arg(required_unless_present = "all", value_name = "KEY")]
        issues: Vec<String>,
        /// All that is parked
        #[arg(long, conflicts_with = "issues")]
        all: bool,
    },
    /// Give parked issues up; their deliveries stay on record as parked
    Drop {
        /// Keys or ids
        #[arg(required = true, value_name = "KEY")]
        issues: Vec<String>,
        /// Why, for the record
        #[arg(long, default_value = "dropped by a person")]
        reason: String,
    },
    /// After a mass disappearance was looked into: let deletes through for an hour
    Release,
}

impl Command {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Done> {
        let config = common.load(&[])?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let ledger = start::existing_ledger(&config.settings).await?;
            self.act(&ledger, common.json).await
        })
    }

    async fn act(self, ledger: &Ledger, as_json: bool) -> anyhow::Result<Done> {
        match self.what {
            What::List => list(ledger, as_json).await,
            What::Retry { issues, all } => {
                let subjects = match all {
                    true => ledger.parked().await?.into_iter().map(|p| p.subject).collect(),
                    false => subjects(&issues)?,
                };
                let mut done = Done::All;
                for subject in &subjects {
                    done = done.and(said(ledger.unpark(subject).await?, subject, "due again"));
                }
                Ok(done)
            }
            What::Drop { issues, reason } => {
                let mut done = Done::All;
                for subject in &subjects(&issues)? {
                    let dropped = ledger.drop_parked(subject, &reason).await?;
                    done = done.and(said(dropped, subject, "given up"));
                }
                Ok(done)
            }
            What::Release => {
                let held = ledger.release_breaker().await?;
                report::talk(format_args!(
                    "deletes go through for an hour; {held} issues are looked at again"
                ));
                Ok(Done::All)
            }
        }
    }
}

fn said(was_parked: bool, subject: &jira::id::Subject, verb: &str) -> Done {
    if was_parked {
        report::talk(format_args!("{subject}: {verb}"));
        Done::All
    } else {
        report::talk(format_args!("{subject} is not parked; `jiralake parked list` shows what is"));
        Done::Partly
    }
}

async fn list(ledger: &Ledger, as_json: bool) -> anyhow::Result<Done> {
    let breaker = ledger.breaker().await?;
    if let Some(since) = breaker.stopped_at {
        report::talk(format_args!(
            "deletes are stopped since {}: too many issues disappeared within an hour. Check in Jira \
             that they are gone and that the account may still see its projects; then \
             `jiralake parked release`",
            since.iso()
        ));
    }
    let parked = ledger.parked().await?;
    for one in &parked {
        let key = ledger.issue(&one.subject).await?.map(|record| record.key.to_string());
        report::data(if as_json { row(one, key).to_string() } else { line(one, key) })?;
    }
    if parked.is_empty() && !as_json {
        report::talk("nothing is parked");
    }
    Ok(Done::All)
}

fn row(parked: &Parked, key: Option<String>) -> serde_json::Value {
    json!({"issue": parked.subject.to_string(), "key": key, "parked_at": parked.parked_at.iso(),
        "reason": parked.reason, "remedy": parked.remedy, "attempts": parked.attempts,
        "last_error": parked.last_error})
}

fn line(parked: &Parked, key: Option<String>) -> String {
    let name = key.unwrap_or_else(|| parked.subject.to_string());
    format!(
        "{name}  since {}\n  why: {}\n  do:  {}",
        parked.parked_at.iso(),
        parked.reason,
        parked.remedy
    )
}
