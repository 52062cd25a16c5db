//! Rows in the making and rows made. The rows of an issue stay together, in every table.

pub(crate) mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use jira::id::IssueId;

use crate::column::Life;
use crate::field::FieldMap;
use crate::issue::{Issue, Site, StoredFile};
use crate::json::Arena;
use crate::snapshot::Snapshot;
use crate::table::{Table, Writers};
use crate::view::View;
use writer::{TEXT_BYTES, TextWriter};

/// The counter's column for elements that are not rows at all.
const ROW: &str = "_row";

/// How often a table's column met a value of an unexpected type. The column `_row` counts list
/// elements, and whole lists, that could not be rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Oddities(BTreeMap<(Table, String), u64>);

impl Oddities {
    /// Table, column, count; only those that were met.
    pub fn iter(&self) -> impl Iterator<Item = (Table, &str, u64)> {
        self.0.iter().map(|((table, column), count)| (*table, column.as_str(), *count))
    }

    /// Whether everything was as documented.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds others to these.
    pub fn absorb(&mut self, others: &Self) {
        for (table, column, count) in others.iter() {
            self.add(table, column, count);
        }
    }

    fn add(&mut self, table: Table, column: &str, count: u64) {
        if count > 0 {
            *self.0.entry((table, column.to_owned())).or_default() += count;
        }
    }
}

/// One record batch per table, all of the same issues.
#[derive(Debug, Clone)]
pub struct Rows {
    batches: BTreeMap<Table, RecordBatch>,
    /// The odd values that were met on the way.
    pub oddities: Oddities,
}

impl Rows {
    /// No rows of any table: the schemas alone.
    pub fn empty(map: &FieldMap) -> Self {
        let empty = |table: &Table| (*table, RecordBatch::new_empty(table.schema(map)));
        Self { batches: Table::ALL.iter().map(empty).collect(), oddities: Oddities::default() }
    }

    /// The rows of one table; `None` only if these rows were made for fewer tables.
    pub fn batch(&self, table: Table) -> Option<&RecordBatch> {
        self.batches.get(&table)
    }

    /// Every table with its rows, `issues` first.
    pub fn batches(&self) -> impl Iterator<Item = (Table, &RecordBatch)> {
        self.batches.iter().map(|(table, batch)| (*table, batch))
    }

    /// All of them, one behind the other. Fails when a column's text would exceed 2 GiB, or when
    /// they were made with different mappings.
    pub fn concat(map: &FieldMap, all: &[Self]) -> Result<Self, ArrowError> {
        let mut rows = Self::empty(map);
        for (table, batch) in &mut rows.batches {
            let parts = all.iter().filter_map(|rows| rows.batch(*table));
            *batch = concat_batches(&batch.schema(), parts)?;
        }
        for other in all {
            rows.oddities.absorb(&other.oddities);
        }
        Ok(rows)
    }
}

/// Makes rows of snapshots; reused for many issues.
pub struct RowBuilders {
    site: Site,
    map: Arc<FieldMap>,
    /// Of all tables: making them takes as long as making the rows of an issue.
    schemas: BTreeMap<Table, SchemaRef>,
    writers: Writers,
    extra: Vec<TextWriter>,
    /// For the trees of snapshots, one at a time.
    arena: Arena,
}

impl RowBuilders {
    /// Builders without rows.
    pub fn new(site: Site, map: Arc<FieldMap>) -> Self {
        let extra = map.extra().iter().map(|_| TextWriter::new()).collect();
        let schemas = Table::ALL.iter().map(|table| (*table, table.schema(&map))).collect();
        Self { site, map, schemas, writers: Writers::new(), extra, arena: Arena::new() }
    }

    /// Adds the rows of an issue: of a tombstone the one of `deleted_issues`, of any other those of
    /// all other tables. `files` are its attachments that are on disk, by attachment id.
    pub fn append(&mut self, snapshot: &Snapshot, files: &BTreeMap<String, StoredFile>) {
        let mut arena = std::mem::take(&mut self.arena);
        self.append_view(&snapshot.view(&arena), files);
        arena.clear();
        self.arena = arena;
    }

    /// The same for a snapshot that is being read.
    pub fn append_view(&mut self, snapshot: &View<'_>, files: &BTreeMap<String, StoredFile>) {
        let issue = Issue::new(snapshot, &self.site, &self.map, files);
        self.writers.append(&issue);
        if issue.life() == Life::Gone {
            return;
        }
        for (extra, writer) in self.map.extra().iter().zip(&mut self.extra) {
            writer.push(issue.fields.at(&extra.field).readable().as_deref());
        }
    }

    /// Bytes of text held so far. The caller finishes when it is enough: a column cannot hold more
    /// than 2 GiB.
    pub fn bytes(&self) -> usize {
        self.writers.bytes() + self.extra.iter().map(TextWriter::bytes).sum::<usize>()
    }

    /// The rows so far; the builders are empty afterwards and can be used again. Fails when a
    /// column's text would have exceeded 2 GiB: see [`Self::bytes`].
    pub fn finish(&mut self) -> Result<Rows, ArrowError> {
        let mut full = false;
        let extra = self.extra.iter_mut().map(|extra| extra.finish(&mut full));
        let mut extra: Vec<_> = extra.collect();
        let mut oddities = Oddities::default();
        let mut batches = BTreeMap::new();
        for (table, mut columns, findings) in self.writers.finish() {
            full |= findings.full;
            for (column, count) in findings.odd {
                oddities.add(table, column.unwrap_or(ROW), count);
            }
            if table == Table::Issues {
                columns.append(&mut extra);
            }
            let schema = self.schemas.get(&table).map(Arc::clone);
            let schema = schema.unwrap_or_else(|| table.schema(&self.map));
            batches.insert(table, RecordBatch::try_new(schema, columns)?);
        }
        if full {
            return Err(ArrowError::OffsetOverflowError(TEXT_BYTES));
        }
        Ok(Rows { batches, oddities })
    }
}

/// The issue of every row, by its numeric id. `None` when the batch has no such column or a row no
/// readable id: then it is no table of this contract.
pub fn issue_ids(batch: &RecordBatch) -> Option<Vec<i64>> {
    let column = batch.column_by_name("issue_id")?.as_string_opt::<i32>()?;
    let mut ids = Vec::with_capacity(column.len());
    // An issue's rows stand together: most rows repeat the id before them.
    let mut last = None;
    for text in column {
        let text = text?;
        let id = match last {
            Some((same, id)) if same == text => id,
            _ => text.parse::<IssueId>().ok()?.get(),
        };
        last = Some((text, id));
        ids.push(id);
    }
    Some(ids)
}
