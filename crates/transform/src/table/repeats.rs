//! What an element says for all rows that come from it, such as the author of a change, is repeated
//! in each of them. A long text and many rows would cost their product.
//!
//! The repetitions of one issue in one table MUST NOT take more than [`REPEATED_BYTES`]. Beyond
//! that the text is in the first row of its element only, and the other rows have NULL and are
//! counted as odd. An ordinary issue needs less than a hundredth of it.

use crate::node::{Node, Text};

/// Bytes of the repetitions of one issue in one table.
pub(crate) const REPEATED_BYTES: usize = 8 * 1024 * 1024;

/// What may still be repeated.
#[derive(Debug)]
pub(crate) struct RepeatBudget {
    left: usize,
}

impl RepeatBudget {
    pub(crate) fn new() -> Self {
        Self { left: REPEATED_BYTES }
    }

    /// Returns whether texts of so many bytes may be repeated this often, and then counts them.
    pub(crate) fn take(&mut self, bytes: usize, times: usize) -> bool {
        let rest = bytes.checked_mul(times).and_then(|bytes| self.left.checked_sub(bytes));
        self.left = rest.unwrap_or(self.left);
        rest.is_some()
    }
}

/// An element that several rows repeat.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Repeated<'a> {
    element: Node<'a>,
    is_allowed: bool,
}

impl<'a> Repeated<'a> {
    /// The element for `rows` rows, which repeat the texts that `said` returns.
    pub(crate) fn new<const N: usize>(
        element: Node<'a>,
        rows: usize,
        budget: &mut RepeatBudget,
        said: impl Fn(Node<'a>) -> [Text<'a>; N],
    ) -> Self {
        let bytes = || -> usize {
            let texts = said(element).into_iter();
            texts.filter_map(|text| text.value).map(|text| text.len()).sum()
        };
        Self { element, is_allowed: rows < 2 || budget.take(bytes(), rows - 1) }
    }

    /// The element for the row of this number, from 0.
    pub(crate) fn row(self, number: usize) -> Node<'a> {
        if number == 0 || self.is_allowed { self.element } else { Node::Odd }
    }
}
