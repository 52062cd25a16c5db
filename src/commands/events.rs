//! `jiralake events list|show|replay|export`: the deliveries that Jira sent.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use jira::id::Subject;
use jira::time::Instant;
use ledger::{Delivery, DeliveryFilter, Ledger, Outcome};
use serde_json::{Value, json};

use crate::cli::Common;
use crate::daemon::start;
use crate::exit::{Done, Usage};
use crate::report;

/// Deliveries are read in pages of this many.
const PAGE: u32 = 500;

/// The deliveries that Jira sent.
#[derive(Debug, Args)]
pub(crate) struct Events {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The newest deliveries, newest first
    List(Chosen),
    /// One delivery with its body, as JSON
    Show {
        /// Its number, from `list`
        seq: i64,
    },
    /// Look again at the issues that a delivery named
    Replay {
        /// Its number, from `list`
        seq: i64,
        /// Say which issues, and do nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Write deliveries as JSON files, named like 20260203_105203_jira_issue_updated.json
    Export {
        #[command(flatten)]
        chosen: Chosen,
        /// The folder to write to
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

/// Which deliveries.
#[derive(Debug, Args)]
struct Chosen {
    /// At most this many
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Only this event, e.g. jira:issue_updated
    #[arg(long)]
    event: Option<String>,
    /// Only those that named this issue, by id or key
    #[arg(long, value_name = "ISSUE")]
    issue: Option<String>,
    /// Only those that became this: pending, applied, superseded, parked or noted
    #[arg(long)]
    outcome: Option<String>,
    /// Only those received at or after this instant, e.g. 2026-02-03T10:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
}

impl Events {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Done> {
        let config = common.load(&[])?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let ledger = start::existing_ledger(&config.settings).await?;
            self.ask(&ledger, common.json).await
        })
    }

    async fn ask(self, ledger: &Ledger, as_json: bool) -> anyhow::Result<Done> {
        match self.what {
            What::List(chosen) => {
                for delivery in chosen.read(ledger).await? {
                    if as_json {
                        report::data(row(&delivery))?;
                    } else {
                        report::data(line(&delivery))?;
                    }
                }
            }
            What::Show { seq } => {
                let (delivery, body) = find(ledger, seq).await?;
                report::data(serde_json::to_string_pretty(&whole(&delivery, &body)?)?)?;
            }
            What::Replay { seq, dry_run } => {
                let names = match dry_run {
                    true => names(&find(ledger, seq).await?.0),
                    false => ledger.replay(seq).await?.iter().map(ToString::to_string).collect(),
                };
                let verb = if dry_run { "would look at" } else { "due again" };
                report::talk(format_args!("{verb}: {}", names.join(", ")));
                if as_json {
                    report::data(json!({"seq": seq, "issues": names, "dry_run": dry_run}))?;
                }
            }
            What::Export { chosen, out } => export(ledger, chosen, &out).await?,
        }
        Ok(Done::All)
    }
}

impl Chosen {
    fn filter(&self) -> anyhow::Result<DeliveryFilter> {
        let subject = self.issue.as_deref().map(|text| {
            text.parse::<Subject>().map_err(|_| Usage("--issue: not an issue id or key".to_owned()))
        });
        let outcome = self.outcome.as_deref().map(|text| {
            let known = "pending, applied, superseded, parked or noted";
            Outcome::named(text).ok_or_else(|| Usage(format!("--outcome: one of {known}")))
        });
        let since = self.since.as_deref().map(|text| {
            Instant::parse(text)
                .ok_or_else(|| Usage("--since: write it as 2026-02-03T10:00:00Z".to_owned()))
        });
        Ok(DeliveryFilter {
            event: self.event.clone(),
            subject: subject.transpose()?,
            outcome: outcome.transpose()?,
            since: since.transpose()?,
            ..DeliveryFilter::default()
        })
    }

    async fn read(&self, ledger: &Ledger) -> anyhow::Result<Vec<Delivery>> {
        let mut filter = self.filter()?;
        let mut all: Vec<Delivery> = Vec::new();
        loop {
            let left = self.limit.saturating_sub(u32::try_from(all.len())?);
            filter.limit = left.min(PAGE);
            if filter.limit == 0 {
                return Ok(all);
            }
            let page = ledger.deliveries(filter.clone()).await?;
            let Some(last) = page.last() else { return Ok(all) };
            filter.before = Some(last.seq);
            all.extend(page);
        }
    }
}

async fn find(ledger: &Ledger, seq: i64) -> anyhow::Result<(Delivery, Vec<u8>)> {
    let missing =
        || format!("there is no delivery {seq}; `jiralake events list` shows what there is");
    ledger.delivery(seq).await?.with_context(missing)
}

async fn export(ledger: &Ledger, chosen: Chosen, out: &Path) -> anyhow::Result<()> {
    lake::durable::create_folder(out).with_context(|| format!("cannot make {}", out.display()))?;
    let deliveries = chosen.read(ledger).await?;
    let count = deliveries.len();
    for listed in deliveries.into_iter().rev() {
        let (delivery, body) = find(ledger, listed.seq).await?;
        let path = free_name(out, &delivery);
        let text = serde_json::to_vec_pretty(&whole(&delivery, &body)?)?;
        lake::durable::write(&path, &text)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    report::talk(format_args!("{count} deliveries are in {}", out.display()));
    Ok(())
}

/// `20260203_105203_jira_issue_updated.json`; a name that is taken gets the delivery's number. Only
/// known events are named: no text from a body is part of a path.
fn free_name(out: &Path, delivery: &Delivery) -> PathBuf {
    let event = delivery.event.as_deref().map_or("unknown", jira::event::class_of);
    let event = event.replace(':', "_");
    let digits: String = delivery.received_at.iso().chars().filter(char::is_ascii_digit).collect();
    let (day, time) = (digits.get(..8).unwrap_or_default(), digits.get(8..14).unwrap_or_default());
    let plain = out.join(format!("{day}_{time}_{event}.json"));
    if plain.exists() {
        out.join(format!("{day}_{time}_{event}_{}.json", delivery.seq))
    } else {
        plain
    }
}

fn names(delivery: &Delivery) -> Vec<String> {
    delivery.subjects.iter().map(|named| named.subject.to_string()).collect()
}

fn row(delivery: &Delivery) -> Value {
    json!({
        "seq": delivery.seq,
        "received_at": delivery.received_at.iso(),
        "event": delivery.event,
        "identifier": delivery.identifier,
        "retry": delivery.retry,
        "flow": delivery.flow,
        "issues": names(delivery),
        "bytes": delivery.body_bytes,
        "repeats": delivery.repeats,
        "outcome": delivery.outcome.name(),
    })
}

fn whole(delivery: &Delivery, body: &[u8]) -> anyhow::Result<Value> {
    let mut row = row(delivery);
    let body: Value = serde_json::from_slice(body).context("the recorded body is not JSON")?;
    if let Some(members) = row.as_object_mut() {
        members.insert("body".to_owned(), body);
    }
    Ok(row)
}

fn line(delivery: &Delivery) -> String {
    let names = names(delivery);
    let event = delivery.event.as_deref().map_or_else(|| "-".to_owned(), report::escaped);
    format!(
        "{:>8}  {}  {:<11} {:<28} {}",
        delivery.seq,
        delivery.received_at.iso(),
        delivery.outcome.name(),
        event,
        names.join(" ")
    )
}
