//! Which issues stand together, in a row group and in a file.
//!
//! Issues that stand together are those of one aligned range of ids (a power of two long): of the
//! largest such range around an issue that holds no more issues than the bound. So the division
//! follows from the ids alone, never from the order in which they came: commits and a rebuild
//! divide alike. An issue that comes or goes moves no border but those of its own range, and ranges
//! for a smaller bound lie within those for a larger one: row groups within files.

use std::collections::BTreeSet;
use std::ops::Range;

use jira::id::IssueId;
use transform::Table;

/// Issues per row group at most: a reader that wants one issue decodes these, and a change of one
/// issue encodes these.
pub const ISSUES_PER_ROW_GROUP: usize = 256;

/// The same for tables with one row for each issue, of which a change encodes some columns only: with
/// fewer row groups there is less to say of each column in the footer.
const SINGLE_ROWS_PER_ROW_GROUP: usize = 1024;

/// Issues per file at most: a change rewrites no more than the files of so many issues.
pub(crate) const ISSUES_PER_FILE: usize = 4096;

/// How many issues may stand together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Where an issue may have any number of rows.
    pub(crate) row_group: usize,
    /// Where it has one.
    pub(crate) single_rows: usize,
    /// Not below those for row groups.
    pub(crate) file: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            row_group: ISSUES_PER_ROW_GROUP,
            single_rows: SINGLE_ROWS_PER_ROW_GROUP,
            file: ISSUES_PER_FILE,
        }
    }
}

impl Bounds {
    /// How many issues may stand together in a row group of a table.
    pub(crate) fn of_group(self, table: Table) -> usize {
        match table {
            Table::Issues | Table::DeletedIssues | Table::Coverage => self.single_rows,
            _ => self.row_group,
        }
    }
}

/// Neighbouring issues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first: IssueId,
    pub(crate) last: IssueId,
    /// How many there are between them, both included.
    pub(crate) issues: usize,
}

/// A border runs through this span (by its place): its issues have to be placed one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Straddles(pub(crate) usize);

impl Span {
    /// One issue.
    pub(crate) fn one(issue: IssueId) -> Self {
        Self { first: issue, last: issue, issues: 1 }
    }

    /// Whether some of these issues are in its range.
    pub(crate) fn has_any(&self, issues: &BTreeSet<IssueId>) -> bool {
        issues.range(self.first..=self.last).next().is_some()
    }

    /// From the first to the last of some spans that follow one another.
    pub(crate) fn over(spans: &[Self]) -> Option<Self> {
        let (first, last) = (spans.first()?.first, spans.last()?.last);
        Some(Self { first, last, issues: count(spans) })
    }
}

/// Divides spans, which are in the order of their issues and do not overlap. Answers places of
/// spans that stand together, in order; each has at most `bound` issues.
pub(crate) fn divide(spans: &[Span], bound: usize) -> Result<Vec<Range<usize>>, Straddles> {
    let mut together = Vec::new();
    // What is still to be divided, the first at the end.
    let mut open = std::iter::once(0..spans.len()).collect::<Vec<_>>();
    while let Some(range) = open.pop() {
        let part = spans.get(range.clone()).unwrap_or_default();
        let Some(all) = Span::over(part) else { continue };
        if all.issues <= bound {
            together.push(range);
            continue;
        }
        let Some(middle) = middle(all) else {
            together.push(range); // one issue, and a bound of none
            continue;
        };
        let left = part.partition_point(|span| span.last < middle);
        if let Some(span) = part.get(left)
            && span.first < middle
        {
            return Err(Straddles(range.start + left));
        }
        let border = range.start + left;
        open.extend([border..range.end, range.start..border]);
    }
    Ok(together)
}

/// Where the smallest aligned range that holds all of a span is cut in half. Ids are counted from
/// 1, so ranges begin there.
fn middle(span: Span) -> Option<IssueId> {
    let (first, last) = (span.first.get() - 1, span.last.get() - 1);
    let level = (first ^ last).checked_ilog2()?;
    IssueId::new(((last >> level) << level) + 1).ok()
}

fn count(spans: &[Span]) -> usize {
    spans.iter().map(|span| span.issues).sum()
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_set;
    use proptest::prelude::proptest;

    use super::*;

    fn id(id: i64) -> IssueId {
        IssueId::new(id).unwrap()
    }

    fn ones(ids: impl IntoIterator<Item = i64>) -> Vec<Span> {
        ids.into_iter().map(|n| Span::one(id(n))).collect()
    }

    fn divided(spans: &[Span], bound: usize) -> Vec<(i64, i64)> {
        let ranges = divide(spans, bound).unwrap().into_iter();
        let ends = |range: Range<usize>| Span::over(&spans[range]).unwrap();
        ranges.map(ends).map(|span| (span.first.get(), span.last.get())).collect()
    }

    #[test]
    fn a_range_without_gaps_is_divided_evenly() {
        assert_eq!(divided(&ones(1..=600), 256), [(1, 256), (257, 512), (513, 600)]);
        assert_eq!(divided(&ones(1..=256), 256), [(1, 256)]);
        assert_eq!(divided(&ones(1..=257), 256), [(1, 256), (257, 257)]);
        assert_eq!(divided(&[], 256), []);
        assert_eq!(divided(&ones([7, i64::MAX]), 1), [(7, 7), (i64::MAX, i64::MAX)]);
    }

    #[test]
    fn gaps_make_ranges_longer() {
        let ids = (0..300).map(|n| 10_000 + n * 100);
        let sizes = divide(&ones(ids), 64).unwrap().into_iter().map(|range| range.len());
        assert!(
            sizes.clone().all(|size| size > 16 && size <= 64),
            "{:?}",
            sizes.collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_span_through_which_a_border_runs_is_named() {
        let span = Span { first: id(250), last: id(260), issues: 3 };
        let spans = [Span::one(id(1)), span, Span::one(id(300))];
        assert_eq!(divide(&spans, 4), Err(Straddles(1)));
        assert_eq!(divided(&spans, 5), [(1, 300)]);
    }

    proptest! {
        /// Replacing what stands together by spans changes no border, whatever comes or goes.
        #[test]
        fn borders_follow_from_the_ids_alone(
            ids in btree_set(1..600i64, 0..120),
            turned in btree_set(1..600i64, 0..8),
            (bound, larger) in (1..20usize, 20..70usize),
        ) {
            let before = ones(ids.iter().copied());
            let groups = divide(&before, bound).unwrap();
            // Issues that were there go, others come; spans that nothing touches stay closed.
            let after = ids.symmetric_difference(&turned).copied().collect::<BTreeSet<_>>();
            let mut spans = Vec::new();
            let mut closed = BTreeSet::new();
            for group in groups {
                let span = Span::over(&before[group]).unwrap();
                if !turned.iter().any(|n| (span.first..=span.last).contains(&id(*n))) {
                    spans.push(span);
                    closed.extend(ids.iter().copied().filter(|n| (span.first..=span.last).contains(&id(*n))));
                }
            }
            spans.extend(ones(after.iter().copied().filter(|n| !closed.contains(n))));
            spans.sort_by_key(|span| span.first);
            while let Err(Straddles(place)) = divide(&spans, bound) {
                let span = spans.remove(place);
                let inside = ids.iter().copied().filter(|n| (span.first..=span.last).contains(&id(*n)));
                spans.extend(ones(inside));
                spans.sort_by_key(|span| span.first);
            }
            let wanted = divided(&ones(after.iter().copied()), bound);
            assert_eq!(divided(&spans, bound), wanted);
            // Files hold whole row groups.
            let groups = divide(&spans, bound).unwrap().into_iter();
            let groups = groups.map(|group| Span::over(&spans[group]).unwrap()).collect::<Vec<_>>();
            assert_eq!(divided(&groups, larger), divided(&ones(after.iter().copied()), larger));
        }
    }
}
