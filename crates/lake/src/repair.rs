//! Tables of a month whose current file cannot be read whole, from the raw snapshots of the month.
//!
//! The ledger says which issues the month has. Each needs its snapshot: one that is missing,
//! unreadable or of another issue stops the commit and is named, because leaving its rows out would
//! be taking the unreadable for empty.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jira::id::IssueId;
use ledger::{CommitId, IssueRecord};

use crate::commit::Prepared;
use crate::error::{Error, asked};
use crate::mapping::Tables;
use crate::open::{Inner, Lake, blocking};
use crate::raw::file_name;
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
            records.insert(month, issues.map_err(asked("list the issues of a month"))?);
        }
        let (inner, changed) = (Arc::clone(&self.inner), Arc::clone(changed));
        blocking(move || {
            let mut tables = BTreeMap::new();
            for (month, records) in records {
                tables.insert(month, inner.rows_from_raw(records, &changed)?);
            }
            let jobs = unfit.into_iter().map(|job| {
                let rows = tables.get_mut(&job.month).and_then(|t| t.remove(&job.table));
                Job { base: Base::Rows(rows.unwrap_or_default()), ..job }
            });
            inner.stage(jobs.collect(), id).map(|(prepared, _)| prepared)
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
            if record.deleted_at.is_some() || except.contains(&record.id) {
                continue;
            }
            let file = file_name(&record.key);
            let unreadable = |reason: &str| Error::Unreadable {
                file: file.clone(),
                reason: format!("{reason}, and the tables of {} need it", record.month),
            };
            let snapshot = self.raw.load(&file)?.ok_or_else(|| unreadable("it is not there"))?;
            if snapshot.id() != record.id {
                return Err(unreadable("it is of another issue"));
            }
            rows.append(&snapshot)?;
        }
        rows.finish().map(|(tables, _)| tables)
    }
}
