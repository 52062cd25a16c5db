//! Tables of a month whose current file cannot be read whole, from the raw snapshots of the month.
//!
//! The ledger says which issues the month has. Each needs its snapshot: one that is missing,
//! unreadable or of another issue stops the commit and is named, because leaving its rows out would
//! be taking the unreadable for empty. An issue that is gone is needed for `deleted_issues` only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jira::id::IssueId;
use ledger::{CommitId, IssueRecord};
use serde_json::json;
use transform::{Deletion, Reason, Snapshot, Table};

use crate::commit::Prepared;
use crate::error::{Error, asked};
use crate::mapping::Tables;
use crate::open::{Inner, Lake, blocking};
use crate::raw::{chain, file_name};
use crate::stage::{Base, Job};

impl Lake {
    /// Does jobs whose current file is unfit from the raw snapshots of their months.
    pub(crate) async fn repair(
        &self,
        unfit: Vec<Job>,
        changed: &Arc<BTreeSet<IssueId>>,
        id: CommitId,
    ) -> Result<Prepared, Error> {
        let mut records = BTreeMap::new();
        for month in unfit.iter().map(|job| job.month.clone()).collect::<BTreeSet<_>>() {
            let issues = self.inner.ledger.issues_in(&month).await;
            let mut issues = issues.map_err(asked("list the issues of a month"))?;
            let is_of_gone = |job: &Job| job.table == Table::DeletedIssues && job.month == month;
            if !unfit.iter().any(is_of_gone) {
                issues.retain(|record| record.deleted_at.is_none());
            }
            records.insert(month, issues);
        }
        let (inner, changed) = (Arc::clone(&self.inner), Arc::clone(changed));
        blocking(move || {
            let mut tables = BTreeMap::new();
            for (month, records) in records {
                tables.insert(month, inner.rows_from_raw(records, &changed)?);
            }
            let remade = tables.keys().cloned().collect();
            let jobs = unfit.into_iter().map(|job| {
                let rows = tables.get_mut(&job.month).and_then(|t| t.remove(&job.table));
                Job { base: Base::Rows(rows.unwrap_or_default()), ..job }
            });
            inner.stage(jobs.collect(), id).map(|(prepared, _)| Prepared { remade, ..prepared })
        })
        .await
    }
}

impl Inner {
    /// The rows of a month from its raw snapshots, without the issues in `except`.
    fn rows_from_raw(
        &self,
        records: Vec<IssueRecord>,
        except: &BTreeSet<IssueId>,
    ) -> Result<Tables, Error> {
        let mut rows = self.mapping.collector(&self.raw);
        for record in records {
            if !except.contains(&record.id) {
                rows.append(&self.snapshot_of(&record)?)?;
            }
        }
        rows.finish().map(|(tables, _)| tables)
    }

    fn snapshot_of(&self, record: &IssueRecord) -> Result<Snapshot, Error> {
        let file = file_name(&record.key);
        let unreadable = |reason: &str| Error::Unreadable {
            file: file.clone(),
            reason: format!("{reason}, and the tables of {} need it", record.month),
        };
        let found = self.raw.load(&file)?;
        let lacks = if found.is_some() { "it is of another issue" } else { "it is not there" };
        let own = found.filter(|found| found.id() == record.id);
        let Some(at) = record.deleted_at else {
            return own.ok_or_else(|| unreadable(lacks));
        };
        let bare = || {
            // What the ledger knows of an issue that is gone is nearly all that its row says, and
            // its file may be another issue's by now.
            let json = json!({"id": record.id, "key": record.key, "fields": {}});
            Snapshot::from_json(json, &file).map_err(|error| unreadable(&chain(&error)))
        };
        let own = own.map_or_else(bare, Ok)?;
        let deletion = Deletion { at, evidence: None, reason: Reason::Gone };
        Ok(if own.deleted_at().is_some() { own } else { own.buried(&deletion) })
    }
}
