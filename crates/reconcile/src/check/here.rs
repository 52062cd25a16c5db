//! What is here, at a first glance: the outline of every snapshot and of every row of `issues`.

use std::collections::{BTreeMap, BTreeSet};

use jira::id::{IssueId, IssueKey};
use jira::time::{Instant, Month};
use lake::{RawIssues, Row, Select, Tables};
use serde_json::Value;
use transform::Table;

use super::Check;
use crate::Error;

/// The columns of an outline.
pub(super) const OUTLINE: &[&str] = &["issue_id", "issue_key", "created_at", "updated_at"];

/// The raw folder and the table `issues`.
#[derive(Debug, Default)]
pub(super) struct Here {
    pub(super) raw: RawIssues,
    pub(super) lake: BTreeMap<IssueId, LakeIssue>,
    /// Months of the table that could not be read, with the reason.
    pub(super) unreadable_tables: Vec<(String, String)>,
}

/// What the table `issues` says of an issue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LakeIssue {
    pub(super) key: Option<IssueKey>,
    /// Where its rows are.
    pub(super) months: BTreeSet<Month>,
    pub(super) created: Option<Instant>,
    pub(super) updated: Option<Instant>,
    pub(super) rows: usize,
}

impl Check {
    /// Reads the outlines, where it holds up nobody.
    pub(super) async fn here(&self) -> Result<Here, Error> {
        let (raw, tables) = (self.raw.clone(), self.tables.clone());
        let read = move || {
            let mut here = Here { raw: raw.outline()?, ..Here::default() };
            outline(&tables, &mut here)?;
            Ok::<_, lake::Error>(here)
        };
        let read = tokio::task::spawn_blocking(read).await;
        Ok(read.map_err(|source| lake::Error::CutOff { source })??)
    }
}

fn outline(tables: &Tables, here: &mut Here) -> Result<(), lake::Error> {
    for month in tables.months(Table::Issues)? {
        let select = Select { columns: Some(OUTLINE), issues: None };
        match tables.read(Table::Issues, &month, select) {
            Ok(rows) => {
                for (id, rows) in rows {
                    here.lake.entry(id).or_default().add(&month, &rows);
                }
            }
            Err(lake::Error::Table { file, reason }) => here.unreadable_tables.push((file, reason)),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl LakeIssue {
    fn add(&mut self, month: &Month, rows: &[Row]) {
        let Some(row) = rows.first() else { return };
        self.key = text(row, "issue_key").and_then(|key| key.parse().ok());
        self.created = time(row, "created_at");
        self.updated = time(row, "updated_at");
        self.rows += rows.len();
        self.months.insert(month.clone());
    }
}

pub(super) fn text<'r>(row: &'r Row, column: &str) -> Option<&'r str> {
    row.get(column).and_then(Value::as_str)
}

/// An instant of a table, which has them in microseconds.
pub(super) fn time(row: &Row, column: &str) -> Option<Instant> {
    Instant::from_millis(row.get(column)?.as_i64()?.div_euclid(1000))
}
