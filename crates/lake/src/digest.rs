//! What tells, without decoding a table, whether an issue's rows there are those that it has
//! already: checksums of its rows, which the ledger keeps from the commit that wrote them. Of tables
//! that are wide and have one row for each issue, also which columns differ.
//!
//! Promises: rows with the same digest are the same in all columns and in their order. What is not
//! known (an older lake, rows that were not made by a commit) is never taken for the same.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, SchemaRef, TimestampMicrosecondType};
use jira::id::IssueId;
use sha2::{Digest, Sha256};
use transform::Table;

use crate::mapping::Tables;
use crate::splice::Sorted;

/// Bytes of each table's checksum.
const LENGTH: usize = 16;

/// Bytes of a column's checksum.
const OF_COLUMN: usize = 8;

/// Tables with a row for each issue.
const WIDE: [Table; 2] = [Table::Issues, Table::Coverage];

/// What the digests of some issues tell of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Issues whose rows are what they were.
    pub(crate) same: BTreeSet<IssueId>,
    /// Issues whose row differs in just these columns, by their places in the schema.
    pub(crate) columns: BTreeMap<IssueId, Vec<usize>>,
}

impl Told {
    /// Notes what an issue's old and new digests tell.
    pub(crate) fn note(&mut self, table: Table, issue: IssueId, (old, new): (&[u8], &[u8])) {
        if old.first() != new.first() {
            return; // of another version
        }
        let (old_sum, new_sum) = (sum_of(table, old), sum_of(table, new));
        if old_sum.is_some() && old_sum == new_sum {
            self.same.insert(issue);
        } else if let (Some(old), Some(new)) = (columns_of(table, old), columns_of(table, new))
            && old.len() == new.len()
        {
            let pairs = old.into_iter().zip(new).enumerate();
            let differ = pairs.filter(|(_, (old, new))| old != new).map(|(place, _)| place);
            let differ = differ.collect::<Vec<_>>();
            // None: the rows differ in something else, as in the type of a column that is null.
            if !differ.is_empty() {
                self.columns.insert(issue, differ);
            }
        }
    }
}

/// The digests of issues' rows. An issue whose rows have a column of a type that is not known here
/// has none.
///
/// A digest is the number of tables, a checksum for each, and for each that is wide its columns: how
/// many there are (none, unless the issue has one row; none of more than 255), a bit for each that is not null, and the
/// checksums of those.
pub(crate) fn digests(
    issues: &BTreeSet<IssueId>,
    tables: &Tables,
    schema: impl Fn(Table) -> SchemaRef,
) -> BTreeMap<IssueId, Vec<u8>> {
    let version = u8::try_from(Table::ALL.len()).unwrap_or(u8::MAX);
    let mut digests: BTreeMap<IssueId, Option<Vec<u8>>> =
        issues.iter().map(|issue| (*issue, Some(vec![version]))).collect();
    let none = Sorted::default();
    for table in Table::ALL {
        let (head, rows) = (head(*table, &schema(*table)), tables.get(table).unwrap_or(&none));
        for (issue, digest) in &mut digests {
            extend(digest, sum(&head, rows, *issue));
        }
    }
    for table in WIDE {
        let rows = tables.get(&table).unwrap_or(&none);
        for (issue, digest) in &mut digests {
            extend(digest, columns(rows, *issue));
        }
    }
    digests.into_iter().filter_map(|(issue, digest)| Some((issue, digest?))).collect()
}

fn extend(digest: &mut Option<Vec<u8>>, part: Option<Vec<u8>>) {
    match (digest.as_mut(), part) {
        (Some(digest), Some(part)) => digest.extend(part),
        _ => *digest = None,
    }
}

/// Other columns are other rows, and no table's rows are those of another one.
fn head(table: Table, schema: &SchemaRef) -> Sha256 {
    let mut sum = Sha256::new();
    sum.update(table.name());
    schema.fields().iter().for_each(|field| sum.update(name(field)));
    sum
}

fn name(field: &Field) -> String {
    format!("\n{} {}\n", field.name(), field.data_type())
}

/// The checksum of an issue's rows.
fn sum(head: &Sha256, rows: &Sorted, issue: IssueId) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for (batch, start, length) in rows.of_issue(issue) {
        bytes.extend(length.to_le_bytes());
        for column in batch.columns() {
            put(&column.slice(start, length), &mut bytes)?;
        }
    }
    let sum = head.clone().chain_update(&bytes).finalize();
    sum.get(..LENGTH).map(<[u8]>::to_vec)
}

/// The checksums of an issue's columns.
fn columns(rows: &Sorted, issue: IssueId) -> Option<Vec<u8>> {
    let mut runs = rows.of_issue(issue);
    let (Some((batch, row, 1)), None) = (runs.next(), runs.next()) else { return Some(vec![0]) };
    let Ok(count) = u8::try_from(batch.num_columns()) else { return Some(vec![0]) };
    let (mut is_there, mut sums) = (vec![0; batch.num_columns().div_ceil(8)], Vec::new());
    for (place, value) in batch.columns().iter().enumerate() {
        let bits: &mut u8 = is_there.get_mut(place / 8)?;
        if value.is_valid(row) {
            *bits |= 1 << (place % 8);
            sums.extend_from_slice(&sum_of_value(batch, place, row)?);
        }
    }
    let mut columns = vec![count];
    columns.extend(is_there);
    columns.extend(sums);
    Some(columns)
}

fn sum_of_value(batch: &RecordBatch, place: usize, row: usize) -> Option<[u8; OF_COLUMN]> {
    let mut bytes = name(batch.schema_ref().fields().get(place)?).into_bytes();
    put(&batch.column(place).slice(row, 1), &mut bytes)?;
    Sha256::digest(&bytes).get(..OF_COLUMN)?.try_into().ok()
}

/// Puts values behind the bytes; `None` when they are of a type that is not known.
fn put(values: &ArrayRef, bytes: &mut Vec<u8>) -> Option<()> {
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
            let times = values.as_primitive_opt::<TimestampMicrosecondType>()?.iter().flatten();
            bytes.extend(times.flat_map(i64::to_le_bytes));
        }
        _ => return None,
    }
    Some(())
}

fn sum_of(table: Table, digest: &[u8]) -> Option<&[u8]> {
    let place = Table::ALL.iter().position(|one| *one == table)?;
    digest.get(1..)?.get(place * LENGTH..(place + 1) * LENGTH)
}

/// The checksum of each column, `None` of null; `None` at all when they are not known.
fn columns_of(table: Table, digest: &[u8]) -> Option<Vec<Option<&[u8]>>> {
    let mut rest = digest.get(1 + Table::ALL.len() * LENGTH..)?;
    for wide in WIDE {
        let (count, behind) = rest.split_first()?;
        let count = usize::from(*count);
        let (bits, mut behind) = behind.split_at_checked(count.div_ceil(8))?;
        let mut columns = Vec::with_capacity(count);
        for place in 0..count {
            let is_there = bits.get(place / 8)? >> (place % 8) & 1 == 1;
            let length = if is_there { OF_COLUMN } else { 0 };
            let (sum, next) = behind.split_at_checked(length)?;
            columns.push(is_there.then_some(sum));
            behind = next;
        }
        if wide == table {
            return (count > 0).then_some(columns);
        }
        rest = behind;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Float64Array, StringArray};
    use arrow::datatypes::Schema;

    use super::*;

    fn id(id: i64) -> IssueId {
        IssueId::new(id).unwrap()
    }

    fn of(table: Table, texts: &[Option<&str>], other: ArrayRef) -> Option<Vec<u8>> {
        let schema = Arc::new(Schema::new(vec![
            Field::new("issue_id", DataType::Utf8, false),
            Field::new("text", DataType::Utf8, true),
            Field::new("other", other.data_type().clone(), true),
        ]));
        let ids = StringArray::from(vec!["7"; texts.len()]);
        let texts = StringArray::from(texts.to_vec());
        let columns = vec![Arc::new(ids) as ArrayRef, Arc::new(texts), other];
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        let tables = Tables::from([(table, Sorted::of(vec![batch]).unwrap())]);
        let digests = digests(&BTreeSet::from([id(7)]), &tables, |_| Arc::clone(&schema));
        digests.get(&id(7)).cloned()
    }

    fn flags(flags: &[Option<bool>]) -> ArrayRef {
        Arc::new(BooleanArray::from(flags.to_vec()))
    }

    fn told(table: Table, old: &[u8], new: &[u8]) -> Told {
        let mut told = Told::default();
        told.note(table, id(7), (old, new));
        told
    }

    fn is_same(table: Table, old: &[u8], new: &[u8]) -> bool {
        told(table, old, new).same.contains(&id(7))
    }

    #[test]
    fn any_difference_of_the_rows_is_one_of_the_digest_of_their_table_alone() {
        let (a, b) = (Some("a"), Some("b"));
        let of = |texts: &[_], other| of(Table::Comments, texts, other).unwrap();
        let yes = || flags(&[Some(true), None]);
        let first = of(&[a, b], yes());
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
            let same = Table::ALL.iter().filter(|table| is_same(**table, &first, &other));
            let same = same.copied().collect::<Vec<_>>();
            assert!(!same.contains(&Table::Comments), "{n}");
            assert_eq!(same.len(), Table::ALL.len() - 1, "{n}");
            assert_eq!(told(Table::Comments, &first, &other), Told::default(), "{n}");
        }
    }

    #[test]
    fn of_a_wide_table_the_columns_that_differ_are_told() {
        for table in WIDE {
            let of = |text, flag| of(table, &[text], flags(&[flag])).unwrap();
            let differ = |old: &[u8], new: &[u8]| told(table, old, new).columns.remove(&id(7));
            let first = of(Some("a"), Some(true));
            assert_eq!(differ(&first, &of(Some("b"), Some(true))), Some(vec![1]));
            assert_eq!(differ(&first, &of(None, Some(true))), Some(vec![1]));
            assert_eq!(differ(&of(None, None), &first), Some(vec![1, 2]));
            assert_eq!(differ(&first, &of(Some("a"), Some(false))), Some(vec![2]));
            assert_eq!(differ(&first, &first), None, "it is the same");
        }
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        let known = of(Table::Issues, &[Some("a")], flags(&[None])).unwrap();
        let other = of(Table::Issues, &[Some("b")], flags(&[None])).unwrap();
        // Its end is about the other wide table.
        for length in 0..known.len() - 1 {
            let told = told(Table::Issues, &known[..length], &other);
            assert_eq!(told, Told::default(), "{length}");
        }
        assert_eq!(told(Table::Issues, &[], &[]), Told::default());
        let two = of(Table::Issues, &[Some("a"), None], flags(&[None, None])).unwrap();
        assert_eq!(told(Table::Issues, &known, &two), Told::default());
        assert_eq!(told(Table::Issues, &two, &known), Told::default());
        let mut older = known.clone();
        older[0] -= 1;
        assert_eq!(told(Table::Issues, &older, &known), Told::default());
        let retyped = Arc::new(StringArray::from(vec![None::<&str>]));
        let retyped = of(Table::Issues, &[Some("a")], retyped).unwrap();
        assert_eq!(told(Table::Issues, &known, &retyped), Told::default());
        // A type that no table has.
        let odd = Arc::new(Float64Array::from(vec![1.0]));
        assert_eq!(of(Table::Issues, &[Some("a")], odd), None);
    }
}
