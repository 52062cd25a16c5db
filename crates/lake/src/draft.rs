//! What becomes of a table's month when issues change: which row groups stay as they are, which
//! are made of rows, and how they are laid out in files.
//!
//! Promises: every issue is in one row group of one file; no row group has more issues than its
//! bound and no file more than its own; a row group that the change does not touch stays closed:
//! it is read, if at all, to prove that it holds what was asked for.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use jira::id::IssueId;

use crate::decode::Unfit;
use crate::digest::Told;
use crate::divide::{Span, Straddles, divide};
use crate::patch::{Touch, compare, only_ids};
use crate::source::Source;
use crate::splice::Sorted;

/// A row group of the next files.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub(crate) span: Span,
    pub(crate) origin: Origin,
}

/// What a row group is made of.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    /// Rows.
    Rows,
    /// A copy of a file's row group, by their places.
    Copy(Place),
    /// The same with other values in some columns.
    Patch(Place, Arc<Patch>),
}

/// A file and its row group.
pub(crate) type Place = (usize, usize);

/// Other values in some columns of a row group.
#[derive(Debug)]
pub(crate) struct Patch {
    /// Their places in the schema.
    pub(crate) columns: Vec<usize>,
    /// The rows of the issues that have them.
    pub(crate) coming: Sorted,
}

/// What changes in a table.
pub(crate) struct Change<'a> {
    /// The issues whose rows change.
    pub(crate) issues: &'a BTreeSet<IssueId>,
    /// What is known of their rows, and of those of issues whose rows do not change.
    pub(crate) told: &'a Told,
    /// Their rows from now on.
    pub(crate) new: &'a Sorted,
}

impl Change<'_> {
    /// The columns that differ between some issues, if that is known of all that change.
    fn told_of(&self, span: Span) -> Option<Vec<usize>> {
        let changed = self.issues.range(span.first..=span.last);
        let columns = changed.map(|issue| self.told.columns.get(issue));
        let columns = columns.collect::<Option<Vec<_>>>()?.into_iter().flatten().copied();
        Some(columns.collect::<BTreeSet<_>>().into_iter().collect())
    }
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
    /// All of it from rows; a row group holds `bound` issues at most.
    pub(crate) fn of_rows(rows: Sorted, bound: usize) -> Self {
        let spans = rows.spans();
        // Single issues: no border can run through one.
        let groups = divide(&spans, bound).unwrap_or_default().into_iter();
        let groups = groups.filter_map(|group| Span::over(spans.get(group)?));
        Self { sources: Vec::new(), pieces: groups.map(open).collect(), rows }
    }

    /// The files that are there with a change; `None` when that changes nothing. The row groups of
    /// issues that have the same rows are proved.
    pub(crate) fn of_change(
        (sources, schema): (Vec<Source>, &SchemaRef),
        change: &Change<'_>,
        bound: usize,
    ) -> Result<Option<Self>, Halt> {
        let mut draft = Self { sources, pieces: Vec::new(), rows: Sorted::default() };
        let mut rest = change.new.clone();
        let mut is_changed = false;
        for piece in draft.closed()? {
            let span = piece.span;
            if !span.has_any(change.issues) {
                if span.has_any(&change.told.same) {
                    draft.prove(&piece)?;
                }
                draft.pieces.push(piece);
                continue;
            }
            let coming = change.new.within(span);
            rest.remove(&coming.issues());
            let Some(place) = piece.place() else { continue };
            let touch = match change.told_of(span) {
                Some(columns) => Touch::Columns(columns),
                None => draft.touch((place, span), schema, change.issues, &coming)?,
            };
            match touch {
                Touch::Nothing => {
                    draft.pieces.push(piece);
                    continue;
                }
                Touch::Columns(columns) => {
                    let patch = Arc::new(Patch { columns, coming });
                    draft.pieces.push(Piece { span, origin: Origin::Patch(place, patch) });
                }
                Touch::Rows => {
                    let mut rows = draft.read(&piece, schema)?;
                    rows.remove(change.issues);
                    rows.add(coming);
                    draft.put(rows);
                }
            }
            is_changed = true;
        }
        if !is_changed && rest.is_empty() {
            return Ok(None);
        }
        draft.put(rest);
        draft.open_others(schema)?;
        draft.settle(schema, bound)?;
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
                origin: Origin::Copy((source, number)),
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

    /// Reads a row group that is there, for nothing but its checksum.
    fn prove(&mut self, piece: &Piece) -> Result<(), Halt> {
        let Some((file, group)) = piece.place() else { return Ok(()) };
        let Some(source) = self.sources.get_mut(file) else { return Ok(()) };
        source.group(group).map(drop).map_err(Halt::Unfit)
    }

    /// All rows of a row group that is there.
    fn read(&mut self, piece: &Piece, schema: &SchemaRef) -> Result<Sorted, Halt> {
        let Some((file, group)) = piece.place() else { return Ok(Sorted::default()) };
        let Some(source) = self.sources.get_mut(file) else { return Ok(Sorted::default()) };
        let rows =
            source.group(group).and_then(|bytes| source.footer.decode(group, &bytes, schema));
        let mut rows = rows.map_err(Halt::Unfit)?;
        expect(&rows, piece.span)?;
        if let Origin::Patch(_, patch) = &piece.origin {
            rows.remove(&patch.coming.issues());
            rows.add(patch.coming.clone());
        }
        Ok(rows)
    }

    /// What a change does to a row group.
    fn touch(
        &mut self,
        ((file, group), span): (Place, Span),
        schema: &SchemaRef,
        changed: &BTreeSet<IssueId>,
        coming: &Sorted,
    ) -> Result<Touch, Halt> {
        let Some(source) = self.sources.get_mut(file) else { return Ok(Touch::Rows) };
        let bytes = source.group(group).map_err(Halt::Unfit)?;
        let footer = &source.footer;
        let ids = footer.decode(group, &bytes, &only_ids()).map_err(Halt::Unfit)?;
        expect(&ids, span)?;
        compare((footer, group, &bytes), schema, (&ids, changed), coming)
    }

    /// Opens the row groups of files that have other columns than files have now: those cannot be
    /// copied.
    fn open_others(&mut self, schema: &SchemaRef) -> Result<(), Halt> {
        let others = self.sources.iter().map(|source| !source.has_columns_of(schema));
        let others = others.collect::<Vec<_>>();
        for place in (0..self.pieces.len()).rev() {
            let file = self.pieces.get(place).and_then(Piece::place).map(|(file, _)| file);
            if file.is_some_and(|file| others.get(file).copied().unwrap_or_default()) {
                self.open(place..place + 1, schema)?;
            }
        }
        Ok(())
    }

    /// Puts pieces that have to stand together into one, opening those that are closed.
    fn settle(&mut self, schema: &SchemaRef, bound: usize) -> Result<(), Halt> {
        self.pieces.sort_by_key(|piece| piece.span.first);
        let groups = loop {
            let spans = self.pieces.iter().map(|piece| piece.span).collect::<Vec<_>>();
            match divide(&spans, bound) {
                Ok(groups) => break groups,
                Err(Straddles(place)) => self.open(place..place + 1, schema)?,
            }
            self.pieces.sort_by_key(|piece| piece.span.first);
        };
        let mut settled = Vec::new();
        for group in groups.into_iter().rev() {
            match self.pieces.get(group.clone()).unwrap_or_default() {
                [piece] => settled.push(piece.clone()),
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
            let Some(piece) = self.pieces.get(place).cloned() else { continue };
            if piece.place().is_some() {
                let rows = self.read(&piece, schema)?;
                self.pieces.remove(place);
                self.put(rows);
            }
        }
        Ok(())
    }
}

/// Issues whose rows are at hand.
fn open(span: Span) -> Piece {
    Piece { span, origin: Origin::Rows }
}

/// What a file says of its row groups decides where an issue is looked for, so it has to be true.
pub(crate) fn expect(rows: &Sorted, span: Span) -> Result<(), Halt> {
    let found = Span::over(&rows.spans());
    if found == Some(span) { Ok(()) } else { Err(Halt::Unfit(Unfit::Changed)) }
}

impl Piece {
    /// The row group that is there.
    pub(crate) fn place(&self) -> Option<Place> {
        match &self.origin {
            Origin::Rows => None,
            Origin::Copy(place) | Origin::Patch(place, _) => Some(*place),
        }
    }
}
