//! A row group whose issues keep their number of rows: only the columns that differ are encoded,
//! the others are copied as they are.
//!
//! Promises: the row group that comes out is the one that its rows would give if all of it were
//! encoded. What is looked at for that: the ids of all rows, and the rows of the changed issues
//! unless their digests tell which columns differ.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Schema, SchemaRef};
use jira::id::IssueId;

use crate::constant::are_values_of;
use crate::decode::Unfit;
use crate::divide::Span;
use crate::draft::{Halt, expect};
use crate::footer::Footer;
use crate::source::Placed;
use crate::splice::{ISSUE_ID, Sorted};

/// How a change leaves a row group.
#[derive(Debug, Clone)]
pub(crate) enum Touch {
    /// As it is.
    Nothing,
    /// With other values in these columns, by their places in the schema.
    Columns(Vec<usize>),
    /// With other rows.
    Rows,
}

/// Compares the rows of `changed` issues with those that come in their place. `ids` are those of
/// all rows.
pub(crate) fn compare(
    (footer, number, bytes): (&Footer, usize, &Placed),
    schema: &SchemaRef,
    (ids, changed): (&Sorted, &BTreeSet<IssueId>),
    coming: &Sorted,
) -> Result<Touch, Halt> {
    let mut old = ids.clone();
    old.retain(changed);
    if old.lengths() != coming.lengths() {
        return Ok(Touch::Rows);
    }
    let Some(new) = coming.all().map_err(Halt::Rows)? else { return Ok(Touch::Nothing) };
    let group = footer.metadata().row_group(number);
    let is_open = |place: &usize| {
        let field = schema.field(*place).name();
        let column = group.columns().iter().find(|column| column.column_path().string() == *field);
        !new.columns().get(*place).zip(column).is_some_and(|(new, old)| are_values_of(new, old))
    };
    let open = (0..schema.fields().len()).filter(is_open).collect::<Vec<_>>();
    if open.is_empty() {
        return Ok(Touch::Nothing);
    }
    let wanted = project(schema, &open);
    let rows = ids.places(changed);
    let old = footer.batches(number, bytes, (&wanted, Some(rows))).map_err(Halt::Unfit)?;
    let old = concat_batches(&wanted, &old).map_err(Halt::Rows)?;
    let pairs = open.into_iter().zip(old.columns());
    let differ = pairs.filter(|(place, old)| new.columns().get(*place) != Some(*old));
    let differ = differ.map(|(place, _)| place).collect::<Vec<_>>();
    Ok(if differ.is_empty() { Touch::Nothing } else { Touch::Columns(differ) })
}

/// The columns at these places in a schema.
pub(crate) fn project(schema: &Schema, places: &[usize]) -> SchemaRef {
    let fields = places.iter().filter_map(|place| schema.fields().get(*place).cloned());
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The new values of some columns of a row group. The rows that come in must have their places
/// there already.
pub(crate) fn values(
    (footer, number, bytes): (&Footer, usize, &Placed),
    schema: &SchemaRef,
    (coming, span): (&Sorted, Span),
) -> Result<Option<RecordBatch>, Halt> {
    // Ids are needed to put the rows together, whether or not they are wanted.
    let ids = schema.column_with_name(ISSUE_ID).is_none().then(ids).into_iter();
    let fields = schema.fields().iter().cloned().chain(ids);
    let with_ids = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let mut rows = footer.decode(number, bytes, &with_ids).map_err(Halt::Unfit)?;
    expect(&rows, span)?;
    let places = rows.lengths();
    rows.remove(&coming.issues());
    rows.add(coming.project(&with_ids).map_err(Halt::Rows)?);
    if rows.lengths() != places {
        return Err(Halt::Unfit(Unfit::Changed));
    }
    let Some(rows) = rows.all().map_err(Halt::Rows)? else { return Ok(None) };
    let wanted = (0..schema.fields().len()).collect::<Vec<_>>();
    rows.project(&wanted).map(Some).map_err(Halt::Rows)
}

fn ids() -> Arc<Field> {
    Arc::new(Field::new(ISSUE_ID, arrow::datatypes::DataType::Utf8, false))
}

/// Only the ids.
pub(crate) fn only_ids() -> SchemaRef {
    Arc::new(Schema::new(vec![ids()]))
}
