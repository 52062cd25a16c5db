//! The visible tables read back, as any other reader would: without the lock, the ledger or the
//! catalog, also while somebody writes them.
//!
//! Promises: a file is read whole or not at all ([`Error::Table`] names it), which is never the same
//! as empty; a month that has no file has no rows. One month at a time, never a whole table.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, Schema, SchemaRef, TimestampMicrosecondType};
use jira::id::IssueId;
use jira::time::Month;
use serde_json::{Value, json};
use transform::{FieldMap, Snapshot, Table, issue_ids};

use crate::decode::{Unfit, decode};
use crate::error::{Error, disk};
use crate::layout::{Layout, Visible};
use crate::mapping::Mapping;
use crate::raw::{Raw, chain};

/// How often the files of a month are read anew when they change meanwhile.
const TRIES: u32 = 5;

/// A row: column → value. Timestamps are microseconds since 1970, UTC.
pub type Row = BTreeMap<String, Value>;

/// The rows of issues, each in the order of the table.
pub type RowsByIssue = BTreeMap<IssueId, Vec<Row>>;

/// Which rows and columns of a table.
#[derive(Debug, Clone, Copy, Default)]
pub struct Select<'a> {
    /// The columns; `None`: all that the table has.
    pub columns: Option<&'a [&'a str]>,
    /// The issues; `None`: all of the month.
    pub issues: Option<&'a BTreeSet<IssueId>>,
}

/// The visible tables of a lake. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tables {
    visible: Visible,
    fields: Arc<FieldMap>,
}

impl Tables {
    /// The tables of this layout; nothing is read yet.
    pub fn at(layout: &Layout, fields: Arc<FieldMap>) -> Self {
        Self { visible: layout.visible(), fields }
    }

    /// The months of which a table has a file.
    pub fn months(&self, table: Table) -> Result<BTreeSet<Month>, Error> {
        self.visible.months(table).map_err(disk("list", &self.visible.table(table)))
    }

    /// The rows of one month by issue.
    pub fn read(
        &self,
        table: Table,
        month: &Month,
        select: Select<'_>,
    ) -> Result<RowsByIssue, Error> {
        let schema = table.schema(&self.fields);
        let wanted = |name: &str| {
            name == "issue_id" || select.columns.is_none_or(|some| some.contains(&name))
        };
        let columns = schema.fields().iter().filter(|field| wanted(field.name()));
        let schema = Arc::new(Schema::new(columns.cloned().collect::<Vec<_>>()));
        let failed = |reason| Error::Table { file: format!("{}/{month}", table.name()), reason };
        // A file that goes away after the folder was listed has handed its issues to another one.
        for _ in 0..TRIES {
            let paths = self.visible.parts(table, month);
            let paths = paths.map_err(disk("list", &self.visible.table(table)))?;
            if let Some(rows) = read_all(paths, &schema, select, failed)? {
                return Ok(rows);
            }
        }
        Err(failed("its files keep changing".to_owned()))
    }
}

/// The rows of all of these files; `None` when one is not there any more.
fn read_all(
    paths: Vec<PathBuf>,
    schema: &SchemaRef,
    select: Select<'_>,
    failed: impl Fn(String) -> Error,
) -> Result<Option<RowsByIssue>, Error> {
    let mut rows = RowsByIssue::new();
    for path in paths {
        let batches = match decode(&path, None, schema) {
            Ok(batches) => batches,
            Err(Unfit::Missing) => return Ok(None),
            Err(unfit) => return Err(failed(format!("it {}", chain(&unfit)))),
        };
        let mut of_part = RowsByIssue::new();
        for batch in &batches {
            let odd = || failed("it has rows without an issue id".to_owned());
            collect(batch, select.issues, &mut of_part).ok_or_else(odd)?;
        }
        // While a file's issues go to another one, both may be seen.
        rows.extend(of_part);
    }
    Ok(Some(rows))
}

impl Mapping {
    /// The rows that a snapshot gives in each table that it has rows in. What is known of the bytes
    /// of its attachments is looked up in `raw`.
    pub fn rows_of(
        &self,
        raw: &Raw,
        snapshot: &Snapshot,
    ) -> Result<BTreeMap<Table, Vec<Row>>, Error> {
        let mut collector = self.collector(raw);
        collector.append(snapshot)?;
        let (tables, _) = collector.finish()?;
        let mut all = BTreeMap::new();
        for (table, sorted) in tables {
            let failed = |source| Error::Rows { table: table.name(), source };
            let mut rows = Vec::new();
            for batch in sorted.groups(1) {
                let batch = batch.map_err(failed)?;
                rows.extend((0..batch.num_rows()).map(|row| row_of(&batch, row)));
            }
            all.insert(table, rows);
        }
        Ok(all)
    }
}

fn collect(
    batch: &RecordBatch,
    issues: Option<&BTreeSet<IssueId>>,
    rows: &mut RowsByIssue,
) -> Option<()> {
    for (row, id) in issue_ids(batch)?.into_iter().enumerate() {
        let id = IssueId::new(id).ok()?;
        if issues.is_none_or(|wanted| wanted.contains(&id)) {
            rows.entry(id).or_default().push(row_of(batch, row));
        }
    }
    Some(())
}

fn row_of(batch: &RecordBatch, row: usize) -> Row {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns());
    columns.map(|(field, column)| (field.name().clone(), value(column, row))).collect()
}

fn value(column: &dyn Array, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Utf8 => json!(column.as_string::<i32>().value(row)),
        DataType::Int64 => json!(column.as_primitive::<Int64Type>().value(row)),
        DataType::Boolean => json!(column.as_boolean().value(row)),
        DataType::Timestamp(..) => {
            json!(column.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        // No table has columns of other types.
        _ => Value::Null,
    }
}
