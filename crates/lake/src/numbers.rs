//! Which number each file of a month gets, and with it its visible name.
//!
//! A file keeps the number of the one whose issues it takes over, so that a change moves as few
//! visible names as it can; others get the smallest number that is free.

use std::collections::BTreeSet;

use crate::divide::Span;

/// Numbers files. `old` are the files that are there, `new` those that are to be; a number in `new`
/// is one that stays.
pub(crate) fn number(old: &[(i64, Span)], new: &[(Option<i64>, Span)]) -> Vec<i64> {
    let mut taken = new.iter().filter_map(|(number, _)| *number).collect::<BTreeSet<_>>();
    let mut numbers = new.iter().map(|(number, _)| *number).collect::<Vec<_>>();
    for (number, (_, span)) in numbers.iter_mut().zip(new) {
        let is_free = |old: &&(i64, Span)| !taken.contains(&old.0) && overlap(&old.1, span);
        if number.is_none()
            && let Some((of_old, _)) = old.iter().find(is_free)
        {
            *number = Some(*of_old);
            taken.insert(*of_old);
        }
    }
    let mut free = (0..).filter(|number| !taken.contains(number));
    numbers.into_iter().filter_map(|number| number.or_else(|| free.next())).collect()
}

fn overlap(one: &Span, other: &Span) -> bool {
    one.first <= other.last && other.first <= one.last
}

#[cfg(test)]
mod tests {
    use jira::id::IssueId;

    use super::*;

    fn span(first: i64, last: i64) -> Span {
        let id = |n| IssueId::new(n).unwrap();
        Span { first: id(first), last: id(last), issues: 1 }
    }

    fn check(old: &[(i64, i64, i64)], new: &[(Option<i64>, i64, i64)], wanted: &[i64]) {
        let old = old.iter().map(|(n, first, last)| (*n, span(*first, *last)));
        let new = new.iter().map(|(n, first, last)| (*n, span(*first, *last)));
        assert_eq!(number(&old.collect::<Vec<_>>(), &new.collect::<Vec<_>>()), wanted);
    }

    #[test]
    fn the_first_file_is_number_0() {
        check(&[], &[(None, 1, 9), (None, 10, 19)], &[0, 1]);
    }

    #[test]
    fn a_file_that_splits_hands_its_number_to_the_first_half() {
        let old = [(0, 1, 9), (1, 10, 19)];
        check(&old, &[(None, 1, 4), (None, 5, 9), (Some(1), 10, 19)], &[0, 2, 1]);
        check(&old, &[(Some(0), 1, 9), (None, 10, 14), (None, 15, 19)], &[0, 1, 2]);
    }

    #[test]
    fn files_that_become_one_keep_the_first_number() {
        check(&[(0, 1, 4), (2, 5, 9), (1, 10, 19)], &[(None, 1, 9), (Some(1), 10, 19)], &[0, 1]);
        check(&[(2, 1, 4), (0, 5, 9)], &[(None, 1, 9)], &[2]);
    }
}
