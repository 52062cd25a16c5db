//! Snapshots to rows: the call into `transform`, with the attachments that are on disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::error::ArrowError;
use transform::{FieldMap, Oddities, RowBuilders, Site, Snapshot, Table, View};

use crate::error::Error;
use crate::raw::Raw;
use crate::splice::Sorted;

/// A column of one batch holds at most 2 GiB; batches end long before that.
const BATCH_BYTES: usize = 256 * 1024 * 1024;

/// How snapshots become rows; the same for everything in a lake.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// Whose issues they are.
    pub site: Site,
    /// Which field feeds which column.
    pub fields: Arc<FieldMap>,
}

/// Rows of some issues, by table; tables without rows may be missing.
pub(crate) type Tables = BTreeMap<Table, Sorted>;

/// Collects the rows of snapshots.
pub(crate) struct Collector<'a> {
    raw: &'a Raw,
    builders: RowBuilders,
    tables: Tables,
    oddities: Oddities,
}

impl Mapping {
    /// Builders without rows.
    pub(crate) fn builders(&self) -> RowBuilders {
        RowBuilders::new(self.site.clone(), Arc::clone(&self.fields))
    }

    /// A collector without rows; the attachments are looked up in `raw`.
    pub(crate) fn collector<'a>(&self, raw: &'a Raw) -> Collector<'a> {
        Collector {
            raw,
            builders: self.builders(),
            tables: Tables::new(),
            oddities: Oddities::default(),
        }
    }
}

impl Collector<'_> {
    /// Adds the rows of one issue.
    pub(crate) fn append(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        self.builders.append(snapshot, &self.raw.stored_files(snapshot.key())?);
        if self.builders.bytes() > BATCH_BYTES { self.flush() } else { Ok(()) }
    }

    /// The same for a snapshot that is being read.
    pub(crate) fn append_view(&mut self, snapshot: &View<'_>) -> Result<(), Error> {
        self.builders.append_view(snapshot, &self.raw.stored_files(snapshot.key())?);
        if self.builders.bytes() > BATCH_BYTES { self.flush() } else { Ok(()) }
    }

    /// All rows, and the odd values that were met.
    pub(crate) fn finish(mut self) -> Result<(Tables, Oddities), Error> {
        self.flush()?;
        Ok((self.tables, self.oddities))
    }

    fn flush(&mut self) -> Result<(), Error> {
        let failed = |table| move |source: ArrowError| Error::Rows { table, source };
        let rows = self.builders.finish().map_err(failed("a table"))?;
        self.oddities.absorb(&rows.oddities);
        for (table, batch) in rows.batches().filter(|(_, batch)| batch.num_rows() > 0) {
            let sorted = Sorted::of(vec![batch.clone()]).map_err(failed(table.name()))?;
            self.tables.entry(table).or_default().add(sorted);
        }
        Ok(())
    }
}
