//! The rows of one table and month, by issue: take some issues out, put others in, and hand the
//! result over in the order of the numeric issue id, each issue's rows in their own order.

use std::collections::BTreeSet;
use std::ops::Range;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::{concat_batches, interleave_record_batch};
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use jira::id::IssueId;

use crate::divide::Span;

/// The column that every table has, and by which its rows belong to an issue.
pub(crate) const ISSUE_ID: &str = "issue_id";

/// Rows that stand together, on average, from which on they are copied together rather than one by
/// one.
const ROWS_OF_A_STRETCH: usize = 4;

/// Rows in the order of their issues. Nothing is copied before [`Sorted::groups`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Sorted {
    batches: Vec<RecordBatch>,
    /// Sorted by issue; the runs of one issue in the order in which they were put in.
    runs: Vec<Run>,
}

/// Consecutive rows of one issue within a batch.
#[derive(Debug, Clone, Copy)]
struct Run {
    issue: IssueId,
    batch: usize,
    start: usize,
    rows: usize,
}

impl Sorted {
    /// Sorts the rows of some batches of one schema.
    pub(crate) fn of(batches: Vec<RecordBatch>) -> Result<Self, ArrowError> {
        let mut runs = Vec::new();
        for (number, batch) in batches.iter().enumerate() {
            runs_of(batch, number, &mut runs)?;
        }
        runs.sort_by_key(|run| run.issue);
        Ok(Self { batches, runs })
    }

    /// Takes the rows of some issues out.
    pub(crate) fn remove(&mut self, issues: &BTreeSet<IssueId>) {
        self.runs.retain(|run| !issues.contains(&run.issue));
    }

    /// Leaves the rows of some issues only.
    pub(crate) fn retain(&mut self, issues: &BTreeSet<IssueId>) {
        self.runs.retain(|run| issues.contains(&run.issue));
    }

    /// Puts the rows of other issues in.
    pub(crate) fn add(&mut self, other: Self) {
        let before = self.batches.len();
        self.batches.extend(other.batches);
        let moved = other.runs.into_iter().map(|run| Run { batch: run.batch + before, ..run });
        self.runs.extend(moved);
        self.runs.sort_by_key(|run| run.issue);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    pub(crate) fn rows(&self) -> usize {
        self.runs.iter().map(|run| run.rows).sum()
    }

    /// The issues that have rows here.
    pub(crate) fn issues(&self) -> BTreeSet<IssueId> {
        self.runs.iter().map(|run| run.issue).collect()
    }

    /// Each issue that has rows here.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let by_issue = self.runs.chunk_by(|one, next| one.issue == next.issue);
        by_issue.filter_map(|runs| runs.first()).map(|run| Span::one(run.issue)).collect()
    }

    /// Where the rows of an issue are: consecutive rows of a batch, from the first one, so many.
    pub(crate) fn of_issue(
        &self,
        issue: IssueId,
    ) -> impl Iterator<Item = (&RecordBatch, usize, usize)> {
        let runs = self.runs_within(Span::one(issue)).iter();
        runs.filter_map(|run| Some((self.batches.get(run.batch)?, run.start, run.rows)))
    }

    /// The rows of these issues alone. They share their memory with the others.
    pub(crate) fn within(&self, span: Span) -> Self {
        Self { batches: self.batches.clone(), runs: self.runs_within(span).to_vec() }
    }

    /// The rows of these issues, in batches one after another that share their memory with these
    /// where that is possible.
    pub(crate) fn between(&self, span: Span) -> Result<Vec<RecordBatch>, ArrowError> {
        self.slices(self.runs_within(span))
    }

    fn runs_within(&self, span: Span) -> &[Run] {
        let start = self.runs.partition_point(|run| run.issue < span.first);
        let end = self.runs.partition_point(|run| run.issue <= span.last);
        self.runs.get(start..end).unwrap_or_default()
    }

    /// Whether both hold the same rows in the same order.
    pub(crate) fn same_rows(&self, other: &Self) -> Result<bool, ArrowError> {
        if self.rows() != other.rows() {
            return Ok(false);
        }
        let (Some(ours), Some(theirs)) = (self.all()?, other.all()?) else { return Ok(true) };
        Ok(ours.columns() == theirs.columns())
    }

    /// The rows of at most `issues` issues after one another; an issue is never divided.
    pub(crate) fn groups(
        &self,
        issues: usize,
    ) -> impl Iterator<Item = Result<RecordBatch, ArrowError>> {
        let mut rest = self.runs.as_slice();
        std::iter::from_fn(move || {
            let by_issue = rest.chunk_by(|one, next| one.issue == next.issue);
            let length = by_issue.take(issues).map(<[Run]>::len).sum();
            let (group, after) = rest.split_at_checked(length)?;
            rest = after;
            if group.is_empty() { None } else { Some(self.gather(group)) }
        })
    }

    /// Each issue with its number of rows.
    pub(crate) fn lengths(&self) -> Vec<(IssueId, usize)> {
        let by_issue = self.runs.chunk_by(|one, next| one.issue == next.issue);
        let lengths = by_issue
            .filter_map(|runs| Some((runs.first()?.issue, runs.iter().map(|run| run.rows).sum())));
        lengths.collect()
    }

    /// Where the rows of some issues are among all rows.
    pub(crate) fn places(&self, issues: &BTreeSet<IssueId>) -> Vec<Range<usize>> {
        let (mut places, mut start) = (Vec::new(), 0);
        for run in &self.runs {
            if issues.contains(&run.issue) {
                places.push(start..start + run.rows);
            }
            start += run.rows;
        }
        places
    }

    /// The same rows with the columns of another schema, all of which are there.
    pub(crate) fn project(&self, schema: &Schema) -> Result<Self, ArrowError> {
        let project = |batch: &RecordBatch| {
            let places = schema.fields().iter().map(|field| batch.schema().index_of(field.name()));
            batch.project(&places.collect::<Result<Vec<_>, _>>()?)
        };
        let batches = self.batches.iter().map(project).collect::<Result<_, _>>()?;
        Ok(Self { batches, runs: self.runs.clone() })
    }

    /// All rows as one batch; `None` when there are none.
    pub(crate) fn all(&self) -> Result<Option<RecordBatch>, ArrowError> {
        if self.is_empty() { Ok(None) } else { self.gather(&self.runs).map(Some) }
    }

    /// The rows of some runs after one another, as one batch.
    fn gather(&self, runs: &[Run]) -> Result<RecordBatch, ArrowError> {
        match &self.slices(runs)?[..] {
            [all] => Ok(all.clone()),
            [first, rest @ ..] => {
                concat_batches(first.schema_ref(), std::iter::once(first).chain(rest))
            }
            [] => self.interleave(&[]),
        }
    }

    /// The rows of some runs after one another. Those that stand together in a batch stay there;
    /// where hardly any do, they are copied to stand together.
    fn slices(&self, runs: &[Run]) -> Result<Vec<RecordBatch>, ArrowError> {
        let stretches = stretches(runs);
        let rows = stretches.iter().map(|run| run.rows).sum::<usize>();
        if rows < stretches.len() * ROWS_OF_A_STRETCH {
            return self.interleave(&stretches).map(|all| vec![all]);
        }
        let slice = |run: &Run| Some(self.batches.get(run.batch)?.slice(run.start, run.rows));
        Ok(stretches.iter().filter_map(slice).collect())
    }

    fn interleave(&self, runs: &[Run]) -> Result<RecordBatch, ArrowError> {
        let places = runs
            .iter()
            .flat_map(|run| (run.start..run.start + run.rows).map(|row| (run.batch, row)))
            .collect::<Vec<_>>();
        let batches = self.batches.iter().collect::<Vec<_>>();
        interleave_record_batch(&batches, &places)
    }
}

/// The same rows in as few runs as possible, which may be of several issues.
fn stretches(runs: &[Run]) -> Vec<Run> {
    let mut stretches: Vec<Run> = Vec::new();
    for run in runs {
        match stretches.last_mut() {
            Some(last) if last.batch == run.batch && last.start + last.rows == run.start => {
                last.rows += run.rows;
            }
            _ => stretches.push(*run),
        }
    }
    stretches
}

fn runs_of(batch: &RecordBatch, number: usize, runs: &mut Vec<Run>) -> Result<(), ArrowError> {
    let damaged = || ArrowError::SchemaError(format!("column `{ISSUE_ID}` has no valid ids"));
    let ids = batch.column_by_name(ISSUE_ID).ok_or_else(damaged)?;
    let ids = ids.as_string_opt::<i32>().ok_or_else(damaged)?;
    let mut last: Option<(&str, IssueId)> = None;
    for row in 0..ids.len() {
        let text = if ids.is_null(row) { return Err(damaged()) } else { ids.value(row) };
        if let Some((seen, _)) = last
            && seen == text
            && let Some(run) = runs.last_mut()
        {
            run.rows += 1;
            continue;
        }
        let issue = text.parse().map_err(|_| damaged())?;
        last = Some((text, issue));
        runs.push(Run { issue, batch: number, start: row, rows: 1 });
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray};
    use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

    use super::*;

    pub(crate) fn schema() -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new("issue_id", DataType::Utf8, false),
            Field::new("n", DataType::Int64, true),
        ]))
    }

    pub(crate) fn batch(rows: &[(&str, i64)]) -> RecordBatch {
        let ids = StringArray::from_iter_values(rows.iter().map(|row| row.0));
        let numbers = Int64Array::from_iter_values(rows.iter().map(|row| row.1));
        let columns = vec![Arc::new(ids) as ArrayRef, Arc::new(numbers) as ArrayRef];
        RecordBatch::try_new(schema(), columns).unwrap()
    }

    pub(crate) fn rows(batch: &RecordBatch) -> Vec<(String, i64)> {
        let ids = batch.column(0).as_string::<i32>();
        let numbers = batch.column(1).as_primitive::<arrow::datatypes::Int64Type>();
        (0..batch.num_rows()).map(|n| (ids.value(n).to_owned(), numbers.value(n))).collect()
    }

    fn check(sorted: &Sorted, issues: usize, wanted: &[&[(&str, i64)]]) {
        let groups = sorted.groups(issues).map(|group| rows(&group.unwrap())).collect::<Vec<_>>();
        let wanted = wanted
            .iter()
            .map(|group| group.iter().map(|row| (row.0.to_owned(), row.1)).collect::<Vec<_>>())
            .collect::<Vec<_>>();
        assert_eq!(groups, wanted);
    }

    fn ids(ids: &[i64]) -> BTreeSet<IssueId> {
        ids.iter().map(|id| IssueId::new(*id).unwrap()).collect()
    }

    #[test]
    fn rows_are_ordered_by_number_and_each_issue_keeps_its_own_order() {
        let one = batch(&[("10", 3), ("10", 1), ("9", 5), ("10", 2)]);
        let sorted = Sorted::of(vec![one, batch(&[("9", 4), ("100", 0)])]).unwrap();
        check(&sorted, 9, &[&[("9", 5), ("9", 4), ("10", 3), ("10", 1), ("10", 2), ("100", 0)]]);
    }

    #[test]
    fn a_group_ends_where_an_issue_ends() {
        let rows = [("1", 1), ("1", 2), ("2", 3), ("3", 4), ("3", 5), ("3", 6)];
        let sorted = Sorted::of(vec![batch(&rows)]).unwrap();
        check(&sorted, 2, &[&rows[..3], &rows[3..]]);
        check(&sorted, 1, &[&rows[..2], &rows[2..3], &rows[3..]]);
        check(&Sorted::default(), 2, &[]);
    }

    #[test]
    fn rows_are_the_same_however_they_are_put_together() {
        // Stretches of one row to many, from two batches by turns.
        for length in 1..12 {
            let all = (1..=60).map(|n| (n.to_string(), n)).collect::<Vec<_>>();
            let of = |turn: usize| {
                let chunks = all.chunks(length).enumerate();
                let mine = chunks.filter(|(n, _)| n % 2 == turn).flat_map(|(_, chunk)| chunk);
                batch(&mine.map(|(id, n)| (id.as_str(), *n)).collect::<Vec<_>>())
            };
            let sorted = Sorted::of(vec![of(0), of(1)]).unwrap();
            assert_eq!(rows(&sorted.all().unwrap().unwrap()), all, "{length}");
        }
    }

    #[test]
    fn issues_are_replaced_without_touching_the_others() {
        let mut sorted = Sorted::of(vec![batch(&[("1", 1), ("2", 2), ("3", 3)])]).unwrap();
        sorted.remove(&ids(&[2, 3]));
        sorted.add(Sorted::of(vec![batch(&[("2", 20), ("2", 21)])]).unwrap());
        check(&sorted, 9, &[&[("1", 1), ("2", 20), ("2", 21)]]);
        assert_eq!((sorted.rows(), sorted.issues()), (3, ids(&[1, 2])));
        sorted.retain(&ids(&[1]));
        check(&sorted, 9, &[&[("1", 1)]]);
    }

    #[test]
    fn equal_rows_are_recognised_and_a_different_order_is_not_equal() {
        let of = |rows: &[(&str, i64)]| Sorted::of(vec![batch(rows)]).unwrap();
        let one = of(&[("1", 1), ("1", 2), ("2", 3)]);
        assert!(one.same_rows(&of(&[("2", 3), ("1", 1), ("1", 2)])).unwrap());
        assert!(!one.same_rows(&of(&[("1", 2), ("1", 1), ("2", 3)])).unwrap());
        assert!(!one.same_rows(&of(&[("1", 1), ("1", 2)])).unwrap());
        assert!(Sorted::default().same_rows(&of(&[])).unwrap());
    }

    #[test]
    fn rows_without_a_valid_issue_are_refused() {
        assert!(Sorted::of(vec![batch(&[("x", 1)])]).is_err());
        assert!(Sorted::of(vec![batch(&[("", 1)])]).is_err());
    }
}
