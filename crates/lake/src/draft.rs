//! What becomes of a table's month when issues change: which row groups stay as they are, which
//! are made of rows, and how they are laid out in files.
//!
//! Promises: every issue is in one row group of one file; no row group has more issues than its
//! bound and no file more than its own; a row group that the change does not touch stays closed:
//! it is read, if at all, to prove that it holds what was asked for.

use std::collections::BTreeSet;
use std::ops::Range;

use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use jira::id::IssueId;

use crate::decode::Unfit;
use crate::divide::{Bounds, Span, Straddles, divide};
use crate::source::Source;
use crate::splice::Sorted;

/// A row group of the next files.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece {
    pub(crate) span: Span,
    /// The file and its row group that it is a copy of; `None`: it is made of rows.
    pub(crate) copy_of: Option<(usize, usize)>,
}

/// The row groups of a table's month in the order of their issues.
pub(crate) struct Draft {
    /// The files that are there.
    pub(crate) sources: Vec<Source>,
    pub(crate) pieces: Vec<Piece>,
    /// The rows of the pieces that are made of rows, and maybe others.
    pub(crate) rows: Sorted,
}

/// Why there is no draft.
pub(crate) enum Halt {
    /// A file cannot be the base.
    Unfit(Unfit),
    /// Rows could not be put together.
    Rows(ArrowError),
}

impl Draft {
    /// All of it from rows.
    pub(crate) fn of_rows(rows: Sorted, bounds: Bounds) -> Self {
        let spans = rows.spans();
        // Single issues: no border can run through one.
        let groups = divide(&spans, bounds.row_group).unwrap_or_default().into_iter();
        let groups = groups.filter_map(|group| Span::over(spans.get(group)?));
        Self { sources: Vec::new(), pieces: groups.map(open).collect(), rows }
    }

    /// The files that are there with the rows of `changed` replaced by `new`; `None` when that
    /// changes nothing.
    pub(crate) fn of_change(
        (sources, schema): (Vec<Source>, &SchemaRef),
        changed: &BTreeSet<IssueId>,
        new: &Sorted,
        bounds: Bounds,
    ) -> Result<Option<Self>, Halt> {
        let mut draft = Self { sources, pieces: Vec::new(), rows: Sorted::default() };
        let mut rest = new.clone();
        let mut is_changed = false;
        for piece in draft.closed()? {
            let span = piece.span;
            if changed.range(span.first..=span.last).next().is_none() {
                draft.pieces.push(piece);
                continue;
            }
            let coming = new.within(span);
            rest.remove(&coming.issues());
            let mut rows = draft.read(piece, schema)?;
            let mut old = rows.clone();
            old.retain(changed);
            if old.same_rows(&coming).map_err(Halt::Rows)? {
                draft.pieces.push(piece);
                continue;
            }
            is_changed = true;
            rows.remove(changed);
            rows.add(coming);
            draft.put(rows);
        }
        if !is_changed && rest.is_empty() {
            return Ok(None);
        }
        draft.put(rest);
        draft.settle(schema, bounds)?;
        Ok(Some(draft))
    }

    /// The pieces of each file of the next version.
    pub(crate) fn files(&self, bound: usize) -> Vec<Range<usize>> {
        let spans = self.pieces.iter().map(|piece| piece.span).collect::<Vec<_>>();
        // Row groups lie within files, so no border runs through one. Were the bound for files below
        // the one for row groups, one file would have to do.
        divide(&spans, bound)
            .unwrap_or_else(|Straddles(_)| std::iter::once(0..spans.len()).collect())
    }

    /// Every row group that is there, in the order of the issues.
    fn closed(&self) -> Result<Vec<Piece>, Halt> {
        let mut pieces = Vec::new();
        for (source, file) in self.sources.iter().enumerate() {
            let groups = file.groups.iter().enumerate();
            pieces.extend(groups.map(|(number, group)| Piece {
                span: group.span,
                copy_of: Some((source, number)),
            }));
        }
        pieces.sort_by_key(|piece| piece.span.first);
        if pieces.is_sorted_by(|one, next| one.span.last < next.span.first) {
            Ok(pieces)
        } else {
            Err(Halt::Unfit(Unfit::Changed))
        }
    }

    /// Puts the issues of some rows among the pieces.
    fn put(&mut self, rows: Sorted) {
        self.pieces.extend(rows.spans().into_iter().map(open));
        self.rows.add(rows);
    }

    fn read(&mut self, piece: Piece, schema: &SchemaRef) -> Result<Sorted, Halt> {
        let Some((file, group)) = piece.copy_of else { return Ok(Sorted::default()) };
        let Some(source) = self.sources.get_mut(file) else { return Ok(Sorted::default()) };
        let rows =
            source.group(group).and_then(|bytes| source.footer.decode(group, &bytes, schema));
        let rows = rows.map_err(Halt::Unfit)?;
        // What the file says of its row groups decides where an issue is looked for.
        let found = Span::over(&rows.spans());
        if found == Some(piece.span) { Ok(rows) } else { Err(Halt::Unfit(Unfit::Changed)) }
    }

    /// Puts pieces that have to stand together into one, opening those that are closed.
    fn settle(&mut self, schema: &SchemaRef, bounds: Bounds) -> Result<(), Halt> {
        self.pieces.sort_by_key(|piece| piece.span.first);
        let groups = loop {
            let spans = self.pieces.iter().map(|piece| piece.span).collect::<Vec<_>>();
            match divide(&spans, bounds.row_group) {
                Ok(groups) => break groups,
                Err(Straddles(place)) => self.open(place..place + 1, schema)?,
            }
            self.pieces.sort_by_key(|piece| piece.span.first);
        };
        let mut settled = Vec::new();
        for group in groups.into_iter().rev() {
            match self.pieces.get(group.clone()).unwrap_or_default() {
                [piece] => settled.push(*piece),
                pieces => {
                    let spans = pieces.iter().map(|piece| piece.span).collect::<Vec<_>>();
                    settled.extend(Span::over(&spans).map(open));
                    // From the end, so that the places before it stay what they are.
                    self.open(group, schema)?;
                }
            }
        }
        settled.reverse();
        self.pieces = settled;
        Ok(())
    }

    /// Replaces the closed ones of some pieces by their issues, at the end of the list.
    fn open(&mut self, places: Range<usize>, schema: &SchemaRef) -> Result<(), Halt> {
        for place in places.rev() {
            let Some(piece) = self.pieces.get(place).copied() else { continue };
            if piece.copy_of.is_some() {
                let rows = self.read(piece, schema)?;
                self.pieces.remove(place);
                self.put(rows);
            }
        }
        Ok(())
    }
}

/// Issues whose rows are at hand.
fn open(span: Span) -> Piece {
    Piece { span, copy_of: None }
}
