//! The rebuild of a month's tables of which a file is damaged.
//!
//! - The ledger says which issues the month has. An issue's rows come from its snapshot, else from
//!   what is intact of the damaged files. An unreadable snapshot MUST NOT be taken for an empty one.
//! - An issue whose rows come from the files alone is lost: the commit of the rebuild makes it due.
//! - An issue that has neither blocks the rebuild. All blocking issues are named at once.
//! - A deleted issue is needed for `deleted_issues` only, and never blocks: the ledger knows nearly
//!   all that its row says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jira::id::IssueId;
use jira::time::Month;
use ledger::{CommitId, IssueRecord, Loss};
use serde_json::json;
use transform::{Deletion, Reason, Snapshot, Table};

use crate::commit::Prepared;
use crate::error::{Error, asked};
use crate::mapping::Tables;
use crate::open::{Inner, Lake, blocking};
use crate::raw::{chain, file_name};
use crate::stage::{Base, Job};

/// Blocking issues that are named at once; the others are named when these are fetched.
const MOST_NAMED: usize = 1000;

/// A month's issues without a usable snapshot.
type Losses = BTreeMap<IssueId, (Loss, IssueRecord)>;

/// The rows of a month for the tables that are rebuilt.
struct MonthRebuild {
    tables: Tables,
    /// Issues whose rows were carried over.
    carried: Vec<(IssueId, Loss)>,
    /// Issues that block.
    blocking: Vec<(IssueId, Loss)>,
}

impl Lake {
    /// Does jobs whose current files are unfit from the snapshots of their months.
    pub(crate) async fn repair(
        &self,
        unfit: Vec<Job>,
        changed: &Arc<BTreeSet<IssueId>>,
        id: CommitId,
    ) -> Result<Prepared, Error> {
        let mut by_month: BTreeMap<Month, Vec<Job>> = BTreeMap::new();
        for job in unfit {
            by_month.entry(job.month.clone()).or_default().push(job);
        }
        let mut months = Vec::new();
        for (month, jobs) in by_month {
            let issues = self.inner.ledger.issues_in(&month).await;
            let mut issues = issues.map_err(asked("list the issues of a month"))?;
            if !jobs.iter().any(|job| job.table == Table::DeletedIssues) {
                issues.retain(|record| record.deleted_at.is_none());
            }
            issues.retain(|record| !changed.contains(&record.id));
            months.push((month, jobs, issues));
        }
        let inner = Arc::clone(&self.inner);
        blocking(move || inner.rebuild_months(months, id)).await
    }
}

impl Inner {
    fn rebuild_months(
        &self,
        months: Vec<(Month, Vec<Job>, Vec<IssueRecord>)>,
        id: CommitId,
    ) -> Result<Prepared, Error> {
        let (mut prepared, mut jobs) = (Prepared::default(), Vec::new());
        let (mut blocked, mut blocking) = (Vec::new(), BTreeMap::new());
        for (month, of_month, records) in months {
            let mut rebuild = self.month_rebuild(&of_month, records)?;
            if !rebuild.blocking.is_empty() {
                blocking.extend(rebuild.blocking);
                blocked.push(month.clone());
            }
            prepared.rebuilt += of_month.len() as u64;
            prepared.lost.extend(rebuild.carried);
            prepared.remade.insert(month);
            jobs.extend(of_month.into_iter().map(|job| {
                let rows = rebuild.tables.remove(&job.table).unwrap_or_default();
                Job { base: Base::Rows(rows), ..job }
            }));
        }
        if !blocked.is_empty() {
            let issues = blocking.into_iter().take(MOST_NAMED).collect();
            return Err(Error::Blocked { months: blocked, issues });
        }
        let (staged, _) = self.stage(jobs, id)?;
        prepared.extend(staged);
        Ok(prepared)
    }

    /// The rows of a month, from the snapshots and from what is intact of the files of the jobs.
    fn month_rebuild(
        &self,
        jobs: &[Job],
        records: Vec<IssueRecord>,
    ) -> Result<MonthRebuild, Error> {
        let (mut rows, mut losses) = (self.mapping.collector(&self.raw), Losses::new());
        for record in records {
            match self.snapshot_of(&record)? {
                Ok(snapshot) => rows.append(&snapshot)?,
                Err(loss) => {
                    losses.insert(record.id, (loss, record));
                }
            }
        }
        let (mut tables, _) = rows.finish()?;
        if losses.is_empty() {
            return Ok(MonthRebuild { tables, carried: Vec::new(), blocking: Vec::new() });
        }
        // A folder that is not mounted says nothing about the issues.
        self.raw.require()?;
        let lost = losses.keys().copied().collect::<BTreeSet<_>>();
        let mut blocking = BTreeSet::new();
        for job in jobs {
            let Base::Current(files) = &job.base else { continue };
            let found = self.store.salvage(&self.visible, (job.table, files), &lost);
            tables.entry(job.table).or_default().add(found.rows);
            let unproven = lost.difference(&found.proven).copied();
            let (bare, others): (Vec<_>, Vec<_>) = unproven
                .partition(|id| losses.get(id).is_some_and(|(_, r)| r.deleted_at.is_some()));
            if job.table == Table::DeletedIssues {
                let bare = bare.iter().filter_map(|id| losses.get(id));
                let made = self.bare_tombstones(bare.map(|(_, record)| record))?;
                made.into_iter()
                    .for_each(|(table, rows)| tables.entry(table).or_default().add(rows));
            } else {
                blocking.extend(others);
            }
        }
        let named = losses.into_iter().filter(|(_, (_, record))| record.deleted_at.is_none());
        let named = named.map(|(id, (loss, _))| (id, loss));
        let (blocking, carried) = named.partition(|(id, _)| blocking.contains(id));
        Ok(MonthRebuild { tables, carried, blocking })
    }

    /// The rows of deleted issues, from what the ledger knows.
    fn bare_tombstones<'r>(
        &self,
        records: impl Iterator<Item = &'r IssueRecord>,
    ) -> Result<Tables, Error> {
        let mut rows = self.mapping.collector(&self.raw);
        for record in records {
            let Some(at) = record.deleted_at else { continue };
            let json = json!({"id": record.id, "key": record.key, "fields": {}});
            let file = file_name(&record.key);
            let bare = Snapshot::from_json(json, &file)
                .map_err(|error| Error::Unreadable { file, reason: chain(&error) })?;
            rows.append(&bare.buried(&Deletion { at, evidence: None, reason: Reason::Gone }))?;
        }
        rows.finish().map(|(tables, _)| tables)
    }

    /// A deleted issue as its record has it.
    pub(crate) fn tombstone(&self, record: &IssueRecord) -> Result<Snapshot, Error> {
        let file = file_name(&record.key);
        let unreadable = |error| Error::Unreadable { file: file.clone(), reason: chain(&error) };
        let json = json!({"id": record.id, "key": record.key, "fields": {}});
        let bare = Snapshot::from_json(json, &file).map_err(unreadable)?;
        let at = record.deleted_at.unwrap_or(record.synced_at);
        Ok(bare.buried(&Deletion { at, evidence: None, reason: Reason::Gone }))
    }

    /// The snapshot of an issue, or what is lost of it.
    fn snapshot_of(&self, record: &IssueRecord) -> Result<Result<Snapshot, Loss>, Error> {
        let own = match self.raw.load(&file_name(&record.key)) {
            Ok(Some(own)) if own.id() == record.id => own,
            Ok(Some(_)) => return Ok(Err(Loss::RawForeign)),
            Ok(None) => return Ok(Err(Loss::RawMissing)),
            Err(Error::Unreadable { .. }) => return Ok(Err(Loss::RawUnreadable)),
            Err(error) => return Err(error),
        };
        Ok(Ok(match record.deleted_at {
            Some(at) if own.deleted_at().is_none() => {
                own.buried(&Deletion { at, evidence: None, reason: Reason::Gone })
            }
            Some(_) | None => own,
        }))
    }
}
