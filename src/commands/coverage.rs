//! `jiralake coverage`: how complete the lake is, which issues are not, and why. Read from the
//! table `coverage` alone: no Jira, no ledger, and also while `serve` writes.

use std::collections::BTreeMap;
use std::sync::Arc;

use clap::Args;
use lake::{Row, Select, Tables};
use serde_json::{Value, json};
use transform::Table;

use crate::cli::Common;
use crate::daemon::start;
use crate::exit::{Done, Usage};
use crate::report;

/// The parts of an issue, which are the tables that they fill.
const PARTS: [&str; 6] =
    ["comments", "changelog", "worklogs", "remote_links", "attachments", "sla"];

/// How complete the lake is, which issues are not, and why.
#[derive(Debug, Args)]
pub(crate) struct Coverage {
    /// List every issue that is not complete
    #[arg(long)]
    incomplete: bool,
    /// Only this project
    #[arg(long, value_name = "KEY")]
    project: Option<String>,
}

/// Issues of one project by how complete one part of them is.
#[derive(Debug, Default)]
struct Sum {
    issues: u64,
    complete: u64,
    incomplete: u64,
    /// What the copy has, and how many there are where that is known.
    have: i64,
    total: i64,
    /// Why parts are not complete, and of how many issues.
    reasons: BTreeMap<String, u64>,
}

/// A part of an issue that is not complete.
struct Gap {
    part: &'static str,
    row: Row,
}

/// What the table says.
#[derive(Default)]
struct Found {
    sums: BTreeMap<(String, &'static str), Sum>,
    gaps: Vec<Gap>,
    unreadable: Vec<String>,
}

impl Coverage {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Done> {
        let config = common.load(&[])?;
        let fields = Arc::new(start::field_map(&config.settings)?);
        let tables = Tables::at(&start::layout(&config.settings), fields);
        let months = tables.months(Table::Coverage)?;
        if months.is_empty() {
            return Err(Usage(format!(
                "there is no table coverage in {} (storage.parquet-dir); `jiralake serve` or \
                 `jiralake transform` makes it",
                config.settings.storage.parquet_dir.display()
            ))
            .into());
        }
        let mut found = Found::default();
        for month in months {
            match tables.read(Table::Coverage, &month, Select::default()) {
                Ok(rows) => rows.into_values().flatten().for_each(|row| self.add(row, &mut found)),
                Err(error) => found.unreadable.push(report::causes(&error)),
            }
        }
        for reason in &found.unreadable {
            report::talk(format_args!("not counted: {reason}"));
        }
        if common.json {
            self.print_json(&found)?
        } else {
            self.print(&found)?
        }
        Ok(if found.unreadable.is_empty() { Done::All } else { Done::Partly })
    }

    fn add(&self, row: Row, found: &mut Found) {
        let project = text(&row, "project_key");
        if self.project.as_ref().is_some_and(|wanted| *wanted != project) {
            return;
        }
        for part in PARTS {
            let sum = found.sums.entry((project.clone(), part)).or_default();
            sum.issues += 1;
            sum.have += number(&row, part, "have").unwrap_or(0);
            sum.total += number(&row, part, "total").unwrap_or(0);
            match member(&row, part, "complete") {
                Value::Bool(true) => sum.complete += 1,
                Value::Bool(false) => {
                    sum.incomplete += 1;
                    let reason = member(&row, part, "reason");
                    let reason = reason.as_str().unwrap_or("no reason is known").to_owned();
                    *sum.reasons.entry(reason).or_default() += 1;
                    if self.incomplete {
                        found.gaps.push(Gap { part, row: row.clone() });
                    }
                }
                // Nobody said, or there is nothing that could be complete.
                _ => {}
            }
        }
    }

    fn print(&self, found: &Found) -> anyhow::Result<()> {
        let mut lines = vec![
            ["project", "part", "issues", "complete", "incomplete", "not known", "have", "total"]
                .map(str::to_owned)
                .to_vec(),
        ];
        for ((project, part), sum) in &found.sums {
            let unknown = sum.issues - sum.complete - sum.incomplete;
            let counts = [sum.issues, sum.complete, sum.incomplete, unknown];
            let counts = counts.iter().map(ToString::to_string);
            let names = [report::escaped(project), (*part).to_owned()];
            let sizes = [sum.have, sum.total].map(|size| size.to_string());
            lines.push(names.into_iter().chain(counts).chain(sizes).collect());
        }
        report::aligned(&lines, 2)?;
        for ((project, part), sum) in &found.sums {
            for (reason, count) in &sum.reasons {
                let (project, reason) = (report::escaped(project), report::escaped(reason));
                report::talk(format_args!("{project} {part}: {count} issues: {reason}"));
            }
        }
        for Gap { part, row } in &found.gaps {
            let size = |name| number(row, part, name).map_or("?".to_owned(), |n| n.to_string());
            let reason = member(row, part, "reason");
            report::data(format_args!(
                "{:<16} {part:<13} {} of {}  {}",
                text(row, "issue_key"),
                size("have"),
                size("total"),
                report::escaped(reason.as_str().unwrap_or("no reason is known"))
            ))?;
        }
        Ok(())
    }

    /// The same as one object; `incomplete` is in it when it was asked for.
    fn print_json(&self, found: &Found) -> anyhow::Result<()> {
        let parts = found.sums.iter().map(|((project, part), sum)| {
            json!({"project": project, "part": part, "issues": sum.issues,
                "complete": sum.complete, "incomplete": sum.incomplete,
                "not_known": sum.issues - sum.complete - sum.incomplete,
                "have": sum.have, "total": sum.total, "reasons": sum.reasons})
        });
        let mut said = json!({"parts": parts.collect::<Vec<_>>(), "unreadable": found.unreadable});
        if let (true, Some(said)) = (self.incomplete, said.as_object_mut()) {
            let gaps = found.gaps.iter().map(|Gap { part, row }| {
                json!({"issue": text(row, "issue_id"), "key": text(row, "issue_key"),
                    "part": part, "have": member(row, part, "have"),
                    "total": member(row, part, "total"), "reason": member(row, part, "reason"),
                    "fetched_at": iso(&member(row, part, "fetched_at"))})
            });
            said.insert("incomplete".to_owned(), gaps.collect());
        }
        report::data(said)?;
        Ok(())
    }
}

fn member(row: &Row, part: &str, name: &str) -> Value {
    row.get(&format!("{part}_{name}")).cloned().unwrap_or_default()
}

fn number(row: &Row, part: &str, name: &str) -> Option<i64> {
    member(row, part, name).as_i64()
}

fn text(row: &Row, column: &str) -> String {
    row.get(column).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn iso(micros: &Value) -> Option<String> {
    let millis = micros.as_i64()?.div_euclid(1000);
    jira::time::Instant::from_millis(millis).map(jira::time::Instant::iso)
}
