//! The columns of one table in the making.

use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, BooleanBuilder, Int64Builder, StringBuilder,
    TimestampMicrosecondBuilder,
};

use crate::column::{Cell, Mapped, Shape, Take, TakeText};
use crate::issue::Issue;
use crate::node::Got;

/// The offsets of a text column are 32 bits wide.
pub(crate) const TEXT_BYTES: usize = 0x7fff_ffff;

/// What goes wrong, or only strangely, while columns are made.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Column and count of odd values; without a column, elements that could not be rows.
    pub(crate) odd: Vec<(Option<&'static str>, u64)>,
    /// A column's text was larger than a column can hold.
    pub(crate) full: bool,
}

/// A text column that says that it is full instead of panicking.
pub(crate) struct TextWriter {
    builder: StringBuilder,
    full: bool,
}

impl TextWriter {
    pub(crate) fn new() -> Self {
        Self { builder: StringBuilder::new(), full: false }
    }

    pub(crate) fn push(&mut self, text: Option<&str>) {
        let room = TEXT_BYTES.saturating_sub(self.bytes());
        self.full |= text.is_some_and(|text| text.len() > room);
        self.builder.append_option(text.filter(|text| text.len() <= room));
    }

    pub(crate) fn bytes(&self) -> usize {
        self.builder.values_slice().len()
    }

    pub(crate) fn finish(&mut self, full: &mut bool) -> ArrayRef {
        *full |= std::mem::take(&mut self.full);
        // The next rows are probably as many: a builder that need not grow need not copy.
        let next = StringBuilder::with_capacity(ArrayBuilder::len(&self.builder), self.bytes());
        Arc::new(std::mem::replace(&mut self.builder, next).finish())
    }
}

/// How a row gets the column, and the values so far.
enum Values<T: Shape> {
    Text(TakeText<T>, TextWriter),
    Int(Take<T, i64>, Int64Builder),
    Flag(Take<T, bool>, BooleanBuilder),
    Time(Take<T, jira::time::Instant>, TimestampMicrosecondBuilder),
}

impl<T: Shape> Values<T> {
    fn new(cell: &Cell<T>) -> Self {
        match cell {
            Cell::Text(take) => Self::Text(*take, TextWriter::new()),
            Cell::Int(take) => Self::Int(*take, Int64Builder::new()),
            Cell::Flag(take) => Self::Flag(*take, BooleanBuilder::new()),
            Cell::Time(take) => {
                Self::Time(*take, TimestampMicrosecondBuilder::new().with_timezone("UTC"))
            }
        }
    }

    /// Adds the row's value; tells whether it was odd.
    fn push(&mut self, row: &T::Row<'_>) -> bool {
        match self {
            Self::Text(take, writer) => {
                let Got { value, odd } = take(row);
                writer.push(value.as_deref());
                odd
            }
            Self::Int(take, builder) => {
                let Got { value, odd } = take(row);
                builder.append_option(value);
                odd
            }
            Self::Flag(take, builder) => {
                let Got { value, odd } = take(row);
                builder.append_option(value);
                odd
            }
            Self::Time(take, builder) => {
                let Got { value, odd } = take(row);
                builder.append_option(value.map(jira::time::Instant::micros));
                odd
            }
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Text(_, writer) => writer.bytes(),
            Self::Int(..) | Self::Flag(..) | Self::Time(..) => 0,
        }
    }

    fn finish(&mut self, full: &mut bool) -> ArrayRef {
        match self {
            Self::Text(_, writer) => writer.finish(full),
            Self::Int(_, builder) => Arc::new(builder.finish()),
            Self::Flag(_, builder) => Arc::new(builder.finish()),
            Self::Time(_, builder) => Arc::new(builder.finish()),
        }
    }
}

/// A table in the making.
pub(crate) struct TableWriter<T: Shape> {
    /// Name, values and how many of them were odd.
    columns: Vec<(&'static str, Values<T>, u64)>,
    lost: u64,
}

impl<T: Shape> TableWriter<T> {
    pub(crate) fn new() -> Self {
        let columns = T::COLUMNS.iter().map(|column| (column.name, Values::new(&column.cell), 0));
        Self { columns: columns.collect(), lost: 0 }
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, row: &T::Row<'_>) {
        for (_, values, odd) in &mut self.columns {
            *odd += u64::from(values.push(row));
        }
    }

    /// Bytes of text held so far.
    pub(crate) fn bytes(&self) -> usize {
        self.columns.iter().map(|(_, values, _)| values.bytes()).sum()
    }

    /// The columns; the writer is empty afterwards.
    pub(crate) fn finish(&mut self, findings: &mut Findings) -> Vec<ArrayRef> {
        findings.odd.push((None, std::mem::take(&mut self.lost)));
        let finish = |(name, values, odd): &mut (&'static str, Values<T>, u64)| {
            findings.odd.push((Some(*name), std::mem::take(odd)));
            values.finish(&mut findings.full)
        };
        self.columns.iter_mut().map(finish).collect()
    }
}

impl<T: Mapped> TableWriter<T> {
    /// Adds the rows of an issue.
    pub(crate) fn append(&mut self, issue: &Issue<'_>) {
        let mut lost = 0;
        for row in T::rows(issue, &mut lost) {
            self.push(&row);
        }
        self.lost += lost;
    }
}
