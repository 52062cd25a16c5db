//! What tells, without decoding a table, whether an issue's rows there are those that it has
//! already: a checksum of its rows in each table, which the ledger keeps from the commit that wrote
//! them.
//!
//! Promises: rows with the same digest are the same in all columns and in their order. What is not
//! known (an older lake, rows that were not made by a commit) is never taken for the same.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, SchemaRef, TimestampMicrosecondType};
use jira::id::IssueId;
use sha2::{Digest, Sha256};
use transform::Table;

use crate::mapping::Tables;

/// Bytes of each table's checksum.
const LENGTH: usize = 16;

/// The checksums of issues' rows: for each issue those of all tables, one after the other. An issue
/// whose rows have a column of a type that is not known here is not among them.
pub(crate) fn digests(
    issues: &BTreeSet<IssueId>,
    tables: &Tables,
    schema: impl Fn(Table) -> SchemaRef,
) -> BTreeMap<IssueId, Vec<u8>> {
    let mut digests: BTreeMap<IssueId, Option<Vec<u8>>> =
        issues.iter().map(|issue| (*issue, Some(Vec::new()))).collect();
    let mut bytes = Vec::new();
    for table in Table::ALL {
        let empty = head(*table, &schema(*table));
        let rows = tables.get(table);
        for (issue, digest) in &mut digests {
            let mut sum = empty.clone();
            bytes.clear();
            let read =
                rows.is_none_or(|rows| rows.of_issue(*issue).all(|rows| put(rows, &mut bytes)));
            sum.update(&bytes);
            let sum = sum.finalize();
            let sum = sum.get(..LENGTH).filter(|_| read);
            *digest = digest.take().zip(sum).map(|(mut digest, sum)| {
                digest.extend_from_slice(sum);
                digest
            });
        }
    }
    digests.into_iter().filter_map(|(issue, digest)| Some((issue, digest?))).collect()
}

/// Whether two digests say the same of a table.
pub(crate) fn is_same(table: Table, old: &[u8], new: &[u8]) -> bool {
    let (old_part, new_part) = (of_table(table, old), of_table(table, new));
    old.len() == new.len() && old_part.is_some() && old_part == new_part
}

fn of_table(table: Table, digest: &[u8]) -> Option<&[u8]> {
    let place = Table::ALL.iter().position(|one| *one == table)?;
    digest.chunks_exact(LENGTH).nth(place)
}

/// Other columns are other rows, and no table's rows are those of another one.
fn head(table: Table, schema: &SchemaRef) -> Sha256 {
    let mut sum = Sha256::new();
    sum.update(table.name());
    for field in schema.fields() {
        sum.update(format!("\n{} {}", field.name(), field.data_type()));
    }
    sum
}

/// Puts consecutive rows behind the bytes, column by column; `false` when that is not possible.
fn put((batch, start, rows): (&RecordBatch, usize, usize), bytes: &mut Vec<u8>) -> bool {
    bytes.extend(rows.to_le_bytes());
    batch.columns().iter().all(|column| put_column(&column.slice(start, rows), bytes))
}

fn put_column(values: &ArrayRef, bytes: &mut Vec<u8>) -> bool {
    bytes.extend((0..values.len()).map(|row| u8::from(values.is_null(row))));
    match values.data_type() {
        DataType::Utf8 => {
            for text in values.as_string::<i32>().iter().flatten() {
                bytes.extend(text.len().to_le_bytes());
                bytes.extend(text.as_bytes());
            }
        }
        DataType::Boolean => bytes.extend(values.as_boolean().iter().flatten().map(u8::from)),
        DataType::Int64 => {
            let numbers = values.as_primitive::<Int64Type>().iter().flatten();
            bytes.extend(numbers.flat_map(i64::to_le_bytes));
        }
        DataType::Timestamp(..) => {
            let Some(times) = values.as_primitive_opt::<TimestampMicrosecondType>() else {
                return false;
            };
            bytes.extend(times.iter().flatten().flat_map(i64::to_le_bytes));
        }
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Float64Array, StringArray};
    use arrow::datatypes::{Field, Schema};

    use super::*;
    use crate::splice::Sorted;

    fn id(id: i64) -> IssueId {
        IssueId::new(id).unwrap()
    }

    fn of(texts: &[Option<&str>], other: ArrayRef) -> Option<Vec<u8>> {
        let schema = Arc::new(Schema::new(vec![
            Field::new("issue_id", DataType::Utf8, false),
            Field::new("text", DataType::Utf8, true),
            Field::new("other", other.data_type().clone(), true),
        ]));
        let ids = StringArray::from(vec!["7"; texts.len()]);
        let texts = StringArray::from(texts.to_vec());
        let columns = vec![Arc::new(ids) as ArrayRef, Arc::new(texts), other];
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        let tables = Tables::from([(Table::Comments, Sorted::of(vec![batch]).unwrap())]);
        let digests = digests(&BTreeSet::from([id(7)]), &tables, |_| Arc::clone(&schema));
        digests.get(&id(7)).cloned()
    }

    fn flags(flags: &[Option<bool>]) -> ArrayRef {
        Arc::new(BooleanArray::from(flags.to_vec()))
    }

    #[test]
    fn any_difference_of_the_rows_is_one_of_the_digest_of_their_table_alone() {
        let (a, b) = (Some("a"), Some("b"));
        let yes = || flags(&[Some(true), None]);
        let first = of(&[a, b], yes()).unwrap();
        assert!(Table::ALL.iter().all(|table| is_same(*table, &first, &first)));
        let others = [
            of(&[b, a], yes()),
            of(&[a, None], yes()),
            of(&[a, Some("")], yes()),
            of(&[Some("ab"), Some("")], yes()),
            of(&[a], flags(&[Some(true)])),
            of(&[a, b], flags(&[None, Some(true)])),
            of(&[a, b], flags(&[Some(false), None])),
            of(&[a, b], flags(&[Some(true), Some(false)])),
            of(&[], flags(&[])),
        ];
        for (n, other) in others.into_iter().enumerate() {
            let other = other.unwrap();
            let same = Table::ALL.iter().filter(|table| is_same(**table, &first, &other));
            let same = same.copied().collect::<Vec<_>>();
            assert!(!same.contains(&Table::Comments), "{n}");
            assert_eq!(same.len(), Table::ALL.len() - 1, "{n}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_the_same() {
        let known = of(&[Some("a")], flags(&[None])).unwrap();
        assert!(!is_same(Table::Issues, &[], &known));
        assert!(!is_same(Table::Issues, &[], &[]));
        assert!(!is_same(Table::Issues, &known[LENGTH..], &known[LENGTH..].to_vec().repeat(2)));
        // A type that no table has.
        assert_eq!(of(&[Some("a")], Arc::new(Float64Array::from(vec![1.0]))), None);
    }
}
