//! The changed issues of one commit: where their rows were, their new rows and what tells them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jira::id::IssueId;
use jira::time::{Instant, Month};
use ledger::{CatalogFile, IssueRecord, Placed};
use transform::{Arena, Oddities, Snapshot, Table};

use crate::commit::record;
use crate::cores;
use crate::digest::{Told, digests};
use crate::error::Error;
use crate::mapping::Tables;
use crate::open::Inner;
use crate::stage::{Base, Job};

/// Snapshots that a thread makes into one batch of rows.
const SNAPSHOTS_AT_ONCE: usize = 64;

/// The changed issues of one commit.
pub(crate) struct Batch {
    pub(crate) changes: BTreeMap<IssueId, Arc<Snapshot>>,
    /// Where their rows are, by the ledger.
    pub(crate) placed: BTreeMap<IssueId, Placed>,
    pub(crate) now: Instant,
}

/// What a batch comes to.
pub(crate) struct Work {
    pub(crate) jobs: Vec<Job>,
    /// For the ledger, what tells the new rows included.
    pub(crate) records: Vec<IssueRecord>,
}

/// Some issues of a month.
#[derive(Default)]
struct Rows {
    tables: Tables,
    records: Vec<IssueRecord>,
    oddities: Oddities,
}

impl Batch {
    /// The months that the issues are in or were in.
    pub(crate) fn months(&self) -> BTreeSet<Month> {
        let now = self.changes.values().map(|snapshot| snapshot.month());
        now.chain(self.placed.values().map(|placed| placed.month.clone())).collect()
    }

    /// The snapshots by month, in pieces for one thread each.
    fn pieces(&self) -> Vec<(Month, Vec<&Snapshot>)> {
        let mut by_month: BTreeMap<Month, Vec<&Snapshot>> = BTreeMap::new();
        for snapshot in self.changes.values() {
            by_month.entry(snapshot.month()).or_default().push(snapshot);
        }
        let pieces = by_month.into_iter().flat_map(|(month, snapshots)| {
            let pieces = snapshots.chunks(SNAPSHOTS_AT_ONCE).map(<[_]>::to_vec);
            pieces.map(|piece| (month.clone(), piece)).collect::<Vec<_>>()
        });
        pieces.collect()
    }

    /// What is known of the rows that a month's issues have in a table.
    fn told(&self, table: Table, month: &Month, records: &[IssueRecord]) -> Told {
        let mut told = Told::default();
        for record in records {
            let placed = self.placed.get(&record.id).filter(|placed| placed.month == *month);
            let old = placed.and_then(|placed| placed.digests.as_deref());
            if let (Some(old), Some(new)) = (old, record.digests.as_deref()) {
                told.note(table, record.id, (old, new));
            }
        }
        told
    }
}

impl Inner {
    /// One job for each table of each month that the changed issues are in or were in.
    pub(crate) fn work(
        &self,
        batch: &Batch,
        gone: &Arc<BTreeSet<IssueId>>,
        catalog: Vec<CatalogFile>,
    ) -> Result<Work, Error> {
        let mut current: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for file in catalog {
            current.entry((file.table.clone(), file.month.clone())).or_default().push(file);
        }
        let mut by_month = self.rows(batch)?;
        let (mut jobs, mut records) = (Vec::new(), Vec::new());
        for month in batch.months() {
            let mut rows = by_month.remove(&month).unwrap_or_default();
            for table in Table::ALL.iter().copied() {
                let place = (table.name().to_owned(), month.clone());
                jobs.push(Job {
                    table,
                    month: month.clone(),
                    base: Base::Current(current.remove(&place).unwrap_or_default()),
                    gone: Arc::clone(gone),
                    told: batch.told(table, &month, &rows.records),
                    new: rows.tables.remove(&table).unwrap_or_default(),
                });
            }
            records.append(&mut rows.records);
        }
        Ok(Work { jobs, records })
    }

    /// The rows of all snapshots, by month.
    fn rows(&self, batch: &Batch) -> Result<BTreeMap<Month, Rows>, Error> {
        let rows = cores::map(batch.pieces(), cores::count(), |(month, snapshots)| {
            self.rows_of(&snapshots, batch.now).map(|rows| (month, rows))
        });
        let (mut by_month, mut oddities) = (BTreeMap::<_, Rows>::new(), Oddities::default());
        for piece in rows {
            let (month, piece) = piece?;
            oddities.absorb(&piece.oddities);
            by_month.entry(month).or_default().extend(piece);
        }
        for (table, column, count) in oddities.iter() {
            let table = table.name();
            tracing::warn!(table, column, count, "odd values in {table}.{column}: {count}");
            self.odd_values.fetch_add(count, Ordering::Relaxed);
        }
        Ok(by_month)
    }

    fn rows_of(&self, snapshots: &[&Snapshot], now: Instant) -> Result<Rows, Error> {
        let mut collector = self.mapping.collector(&self.raw);
        let (mut arena, mut records) = (Arena::new(), Vec::with_capacity(snapshots.len()));
        for snapshot in snapshots {
            let view = snapshot.view(&arena);
            records.push(record(&view, (&self.mapping, now)));
            collector.append_view(&view)?;
            arena.clear();
        }
        let (tables, oddities) = collector.finish()?;
        let issues = records.iter().map(|record| record.id).collect();
        let mut digests = digests(&issues, &tables, |table| self.store.schema(table));
        for record in &mut records {
            record.digests = digests.remove(&record.id);
        }
        Ok(Rows { tables, records, oddities })
    }
}

impl Rows {
    fn extend(&mut self, other: Self) {
        for (table, rows) in other.tables {
            self.tables.entry(table).or_default().add(rows);
        }
        self.records.extend(other.records);
        self.oddities.absorb(&other.oddities);
    }
}
