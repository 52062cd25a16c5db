//! Rows that a damaged file still proves.
//!
//! Each row group has a CRC of its own, and the footer says which issues it holds. An issue is in
//! one row group of its table and month. So the rows of an issue are known when its row group is
//! intact, in the store or under the visible name, and an issue outside all damaged row groups has
//! no rows. Nothing is guessed: an issue of which neither is so is not proven.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use jira::id::IssueId;
use ledger::CatalogFile;
use transform::Table;

use crate::decode::Unfit;
use crate::divide::Span;
use crate::footer::Footer;
use crate::layout::Visible;
use crate::source::Source;
use crate::splice::Sorted;
use crate::stage::{Store, recorded};

/// The rows of issues in the files of one table and month.
#[derive(Default)]
pub(crate) struct SalvagedRows {
    /// The rows.
    pub(crate) rows: Sorted,
    /// The issues of which these are all rows, or which have none.
    pub(crate) proven: BTreeSet<IssueId>,
}

impl Store {
    /// Returns the rows of some issues as far as the files of a table and month prove them.
    pub(crate) fn salvage(
        &self,
        visible: &Visible,
        (table, files): (Table, &[CatalogFile]),
        wanted: &BTreeSet<IssueId>,
    ) -> SalvagedRows {
        let schema = self.schema(table);
        let (mut found, mut damaged) = (SalvagedRows::default(), Vec::new());
        let mut all_described = true;
        for file in files {
            let name = visible.part(table, &file.month, file.part);
            let copies = [self.folder.join(&file.path), name];
            match self.described(file, &copies) {
                Some(footer) => {
                    damaged.extend(salvage_file(&copies, &footer, &schema, (wanted, &mut found)));
                }
                None => all_described = false,
            }
        }
        if all_described {
            let is_within = |id: &IssueId| damaged.iter().any(|span| contains(span, *id));
            found.proven.extend(wanted.iter().copied().filter(|id| !is_within(id)));
        }
        found
    }

    /// Returns a footer that was proven: by the catalog's checksum now, or when it was kept.
    fn described(&self, file: &CatalogFile, copies: &[PathBuf]) -> Option<Arc<Footer>> {
        let proven = |path: &PathBuf| Source::open(path, recorded(file), None).ok();
        let kept = self.footers.get(&file.path);
        kept.or_else(|| copies.iter().find_map(proven).map(|source| source.footer))
    }
}

/// Adds what one file proves. Returns the spans of its damaged row groups.
fn salvage_file(
    copies: &[PathBuf],
    footer: &Arc<Footer>,
    schema: &SchemaRef,
    (wanted, found): (&BTreeSet<IssueId>, &mut SalvagedRows),
) -> Vec<Span> {
    let mut damaged = Vec::new();
    for (number, group) in footer.groups.iter().flat_map(|groups| groups.iter()).enumerate() {
        let span = group.span;
        if wanted.range(span.first..=span.last).next().is_none() {
            continue;
        }
        let intact = copies.iter().find_map(|path| read_group(path, footer, number, schema).ok());
        match intact {
            Some(mut rows) => {
                rows.retain(wanted);
                found.rows.add(rows);
                found.proven.extend(wanted.range(span.first..=span.last));
            }
            None => damaged.push(span),
        }
    }
    damaged
}

fn read_group(
    path: &Path,
    footer: &Arc<Footer>,
    number: usize,
    schema: &SchemaRef,
) -> Result<Sorted, Unfit> {
    let bytes = Source::of_any_length(path, Arc::clone(footer))?.group(number)?;
    footer.decode(number, &bytes, schema)
}

fn contains(span: &Span, id: IssueId) -> bool {
    span.first <= id && id <= span.last
}
