//! A column, written once: its name, what it says, its type and how a row gets it.

use std::borrow::Cow;

use arrow::datatypes::{DataType, TimeUnit};
use jira::time::Instant;

use crate::issue::Issue;
use crate::node::{Got, Text};

/// Which issues have rows in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// Those that are there.
    Live,
    /// Those that are gone.
    Gone,
}

/// Rows of one kind and their columns.
pub(crate) trait Shape: Sized + 'static {
    /// What a row is made from.
    type Row<'a>;

    /// The columns in the order of the contract.
    const COLUMNS: &'static [Column<Self>];
}

/// A table that issues give rows to.
pub(crate) trait Mapped: Shape {
    /// Issues of the other kind have no rows here.
    const OF: Life = Life::Live;

    /// The rows of an issue in their order; elements that cannot be a row are counted as lost.
    fn rows<'a>(issue: &'a Issue<'a>, lost: &mut u64) -> Vec<Self::Row<'a>>;
}

/// A value that a row gives.
pub(crate) type Take<T, V> = for<'r, 'a> fn(&'r <T as Shape>::Row<'a>) -> Got<V>;
/// A text that a row gives, perhaps borrowed from it.
pub(crate) type TakeText<T> = for<'r, 'a> fn(&'r <T as Shape>::Row<'a>) -> Text<'r>;

/// How a row gets a column, which is also the column's type.
pub(crate) enum Cell<T: Shape> {
    Text(TakeText<T>),
    Int(Take<T, i64>),
    Flag(Take<T, bool>),
    Time(Take<T, Instant>),
}

/// One column of a table.
pub(crate) struct Column<T: Shape> {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) required: bool,
    pub(crate) cell: Cell<T>,
}

impl<T: Shape> Column<T> {
    /// A column that no row is without.
    pub(crate) const fn required(name: &'static str, doc: &'static str, take: TakeText<T>) -> Self {
        Self { name, doc, required: true, cell: Cell::Text(take) }
    }

    pub(crate) const fn text(name: &'static str, doc: &'static str, take: TakeText<T>) -> Self {
        Self { name, doc, required: false, cell: Cell::Text(take) }
    }

    pub(crate) const fn int(name: &'static str, doc: &'static str, take: Take<T, i64>) -> Self {
        Self { name, doc, required: false, cell: Cell::Int(take) }
    }

    pub(crate) const fn flag(name: &'static str, doc: &'static str, take: Take<T, bool>) -> Self {
        Self { name, doc, required: false, cell: Cell::Flag(take) }
    }

    pub(crate) const fn time(
        name: &'static str,
        doc: &'static str,
        take: Take<T, Instant>,
    ) -> Self {
        Self { name, doc, required: false, cell: Cell::Time(take) }
    }

    pub(crate) fn data_type(&self) -> DataType {
        match self.cell {
            Cell::Text(_) => DataType::Utf8,
            Cell::Int(_) => DataType::Int64,
            Cell::Flag(_) => DataType::Boolean,
            Cell::Time(_) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        }
    }
}

/// A text that is borrowed from the row.
pub(crate) fn known(text: &str) -> Text<'_> {
    Got::some(Cow::Borrowed(text))
}
