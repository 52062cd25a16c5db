//! Rows that only the tree has, into the catalog: one commit for each month.
//!
//! The rows go in as they are and their issues become due in the same transaction, so that Jira
//! decides about them. A tombstone is adopted and not fetched. An issue that the ledger knows to be
//! deleted, or to be in another month, is left as the ledger says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jira::id::IssueId;
use jira::time::{Instant, Month};
use ledger::{CatalogFile, CommitId, IssueRecord, Known, Loss};
use transform::Table;

use crate::commit::Prepared;
use crate::durable;
use crate::error::{Error, asked};
use crate::open::{Inner, Lake, blocking};
use crate::raw::{chain, file_name};
use crate::stage::{Base, Job};

use super::Issues;
use super::sources::{FoundIssue, Sources};

/// What is adopted of one month.
#[derive(Default)]
struct Adoption {
    /// Issues whose visible rows replace those of the catalog.
    rows: Issues,
    /// Issues whose rows the catalog's files may lack because these files are lost.
    spare: Issues,
    /// Those of them that are tombstones: of all other tables they have no rows.
    tombstones: Issues,
    records: Vec<IssueRecord>,
    lost: Vec<(IssueId, Loss)>,
}

impl Lake {
    /// Adopts the issues of the sources that neither the ledger nor `from_raw` has, or that the ledger
    /// has in an older state. Returns how many live issues were adopted.
    pub(super) async fn adopt(
        &self,
        sources: &Sources,
        catalog: &[CatalogFile],
        from_raw: Issues,
    ) -> Result<u64, Error> {
        let ids = sources.issues.keys().copied().collect::<Vec<_>>();
        let known = self.inner.ledger.known(&ids).await.map_err(asked("find issues"))?;
        let placed = self.inner.ledger.placed(&ids).await.map_err(asked("find issues"))?;
        let placed: BTreeMap<_, _> = placed.into_iter().map(|p| (p.id, p.month)).collect();
        let epoch = Instant::from_millis(0).unwrap_or_else(|| self.inner.clock.now());
        let mut months: BTreeMap<Month, Adoption> = BTreeMap::new();
        for (id, found) in &sources.issues {
            let is_here = placed.get(id).is_none_or(|month| *month == found.month);
            if from_raw.contains(id) && !known.contains_key(id) {
                continue;
            }
            let adoption = months.entry(found.month.clone()).or_default();
            if let Some(known) = known.get(id) {
                adoption.weigh(known, found, is_here);
            } else {
                adoption.take(record(*id, found, epoch));
            }
        }
        let mut adopted = 0;
        for (month, adoption) in months {
            adopted += adoption.lost.len() as u64;
            let files = sources.months.get(&month).cloned().unwrap_or_default();
            self.adopt_month(month, files, (adoption, catalog)).await?;
        }
        Ok(adopted)
    }

    async fn adopt_month(
        &self,
        month: Month,
        files: BTreeMap<Table, Vec<std::path::PathBuf>>,
        (adoption, catalog): (Adoption, &[CatalogFile]),
    ) -> Result<(), Error> {
        let mut writing = self.inner.writing.lock().await;
        let id = self.number(&mut writing).await?;
        let current = catalog.iter().filter(|file| file.month == month).cloned();
        let current = current.collect::<Vec<_>>();
        let Adoption { rows, spare, tombstones, records, lost } = adoption;
        let (inner, old) = (Arc::clone(&self.inner), current.clone());
        let of = month.clone();
        let mut prepared = blocking(move || {
            inner.adopted_files((&of, id), &files, (&rows, &spare, &tombstones), old)
        })
        .await?;
        if prepared.files.is_empty() && records.is_empty() && lost.is_empty() {
            return Ok(());
        }
        prepared.lost = lost;
        prepared.remade.insert(month);
        self.seal(&mut writing, id, (prepared, records, Vec::new()), &current).await
    }
}

impl Adoption {
    /// Takes an issue that the ledger does not know.
    fn take(&mut self, record: IssueRecord) {
        self.rows.insert(record.id);
        if record.deleted_at.is_none() {
            self.lost.push((record.id, Loss::RecordMissing));
        } else {
            self.tombstones.insert(record.id);
        }
        self.records.push(record);
    }

    /// Weighs the visible rows of an issue against what the ledger knows of it.
    fn weigh(&mut self, known: &Known, found: &FoundIssue, is_here: bool) {
        let is_newer = found.updated > known.updated;
        match (known.deleted_at, found.deleted_at) {
            (None, None) if is_newer => {
                // In another month it has moved there without the ledger, and Jira decides.
                if is_here {
                    self.rows.insert(known.id);
                }
                self.lost.push((known.id, Loss::RecordMissing));
            }
            // The tables have seen a deletion that the ledger does not know.
            (None, Some(_)) => self.lost.push((known.id, Loss::RecordMissing)),
            (None, None) | (Some(_), Some(_)) if is_here => {
                self.spare.insert(known.id);
            }
            (None | Some(_), None) | (Some(_), Some(_)) => {}
        }
    }
}

impl Inner {
    /// The files of a month with the rows of the adopted issues.
    fn adopted_files(
        &self,
        (month, id): (&Month, CommitId),
        files: &BTreeMap<Table, Vec<std::path::PathBuf>>,
        (rows, spare, tombstones): (&Issues, &Issues, &Issues),
        catalog: Vec<CatalogFile>,
    ) -> Result<Prepared, Error> {
        let mut current: BTreeMap<String, Vec<CatalogFile>> = BTreeMap::new();
        for file in catalog {
            current.entry(file.table.clone()).or_default().push(file);
        }
        let gone = Arc::new(rows.clone());
        let mut jobs = Vec::new();
        for table in Table::ALL.iter().copied() {
            let current = current.remove(table.name()).unwrap_or_default();
            let is_there =
                |file: &CatalogFile| durable::is_regular(&self.store.folder.join(&file.path));
            let is_fit = current.iter().all(is_there);
            if is_fit && rows.is_empty() {
                continue;
            }
            let mut wanted = rows.clone();
            if !is_fit {
                wanted.extend(spare);
            }
            if table != Table::DeletedIssues {
                wanted.retain(|id| !tombstones.contains(id));
            }
            let files = files.get(&table).map(Vec::as_slice).unwrap_or_default();
            let unreadable = |unfit| Error::Table {
                file: format!("{}/{month}", table.name()),
                reason: chain(&unfit),
            };
            let new = self.rows_of_files(table, files, &wanted).map_err(unreadable)?;
            if !is_fit && new.is_empty() {
                // Neither has rows: the rebuild from raw decides.
                continue;
            }
            let base = if is_fit { Base::Current(current) } else { Base::Rows(Default::default()) };
            let (month, gone) = (month.clone(), Arc::clone(&gone));
            jobs.push(Job { table, month, base, gone, told: Default::default(), new });
        }
        let (mut prepared, unfit) = self.stage(jobs, id)?;
        let jobs = unfit.into_iter().map(|job| {
            // Damaged in place: the visible rows of all its issues are what is left.
            let all: BTreeSet<_> = rows.union(spare).copied().collect();
            let files = files.get(&job.table).map(Vec::as_slice).unwrap_or_default();
            let new = self.rows_of_files(job.table, files, &all).unwrap_or_default();
            Job { base: Base::Rows(Default::default()), new, ..job }
        });
        prepared.extend(self.stage(jobs.collect(), id)?.0);
        Ok(prepared)
    }
}

/// The least that is known of an issue, so that whatever is fetched is newer.
fn record(id: IssueId, found: &FoundIssue, epoch: Instant) -> IssueRecord {
    let seen = found.synced.or(found.updated).or(found.deleted_at);
    IssueRecord {
        id,
        key: found.key.clone(),
        project: found.key.project().to_owned(),
        month: found.month.clone(),
        updated: found.updated,
        status: None,
        status_category: None,
        has_sla: false,
        complete: found.deleted_at.is_some(),
        synced_at: seen.unwrap_or(epoch),
        parts: serde_json::Value::Object(serde_json::Map::new()),
        deleted_at: found.deleted_at,
        raw_file: file_name(&found.key),
        attachments: None,
        digests: None,
    }
}
