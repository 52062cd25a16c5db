//! The second pass of a rebuild: the snapshots of one month, parsed on all cores, as rows.

use std::collections::BTreeSet;

use jira::id::IssueId;
use jira::time::Instant;
use ledger::IssueRecord;
use transform::{Arena, Oddities, View, Wanted};

use crate::commit::record;
use crate::cores;
use crate::error::Error;
use crate::mapping::{Mapping, Tables};
use crate::raw::{Raw, chain};
use crate::scan::Entry;

/// Issues that a thread parses into one batch of rows.
const ISSUES_AT_ONCE: usize = 128;

/// A month in hand.
#[derive(Default)]
pub(crate) struct MonthRows {
    pub(crate) tables: Tables,
    pub(crate) oddities: Oddities,
    /// Of every readable issue, deleted ones included.
    pub(crate) records: Vec<IssueRecord>,
    /// How many issues are there; the others are gone.
    pub(crate) issues: u64,
    /// Files that could not be read after all, with the reason.
    pub(crate) unreadable: Vec<(String, String)>,
    /// Their issues.
    pub(crate) lost: BTreeSet<IssueId>,
}

impl MonthRows {
    /// Reads the snapshots of a month.
    pub(crate) fn read(
        raw: &Raw,
        mapping: &Mapping,
        entries: &[Entry],
        now: Instant,
    ) -> Result<Self, Error> {
        let pieces = entries.chunks(ISSUES_AT_ONCE).collect::<Vec<_>>();
        let pieces =
            cores::map(pieces, cores::count(), |piece| Self::read_piece(raw, mapping, piece, now));
        let mut month = Self::default();
        for piece in pieces {
            month.extend(piece?);
        }
        Ok(month)
    }

    fn read_piece(
        raw: &Raw,
        mapping: &Mapping,
        entries: &[Entry],
        now: Instant,
    ) -> Result<Self, Error> {
        let mut piece = Self::default();
        let mut rows = mapping.collector(raw);
        let (wanted, mut arena) = (Wanted::by(&mapping.fields), Arena::new());
        for entry in entries {
            let bytes = bytes(raw, &entry.file);
            let snapshot = bytes.as_deref().map_err(Clone::clone);
            match snapshot.and_then(|bytes| view(bytes, entry, (&wanted, &arena))) {
                Ok(snapshot) => {
                    piece.records.push(record(&snapshot, (mapping, now)));
                    piece.issues += u64::from(snapshot.deleted_at().is_none());
                    rows.append_view(&snapshot)?;
                }
                Err(reason) => {
                    piece.unreadable.push((entry.file.clone(), reason));
                    piece.lost.insert(entry.id);
                }
            }
            arena.clear();
        }
        (piece.tables, piece.oddities) = rows.finish()?;
        Ok(piece)
    }

    fn extend(&mut self, other: Self) {
        for (table, rows) in other.tables {
            self.tables.entry(table).or_default().add(rows);
        }
        self.oddities.absorb(&other.oddities);
        self.records.extend(other.records);
        self.issues += other.issues;
        self.unreadable.extend(other.unreadable);
        self.lost.extend(other.lost);
    }
}

fn bytes(raw: &Raw, file: &str) -> Result<Vec<u8>, String> {
    match raw.bytes(file) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err("it went away".to_owned()),
        Err(Error::Unreadable { reason, .. }) => Err(reason),
        Err(error) => Err(chain(&error)),
    }
}

/// The snapshot that the survey saw; another one by now is left to the next rebuild.
fn view<'a>(
    bytes: &'a [u8],
    entry: &'a Entry,
    (wanted, arena): (&Wanted<'_>, &'a Arena),
) -> Result<View<'a>, String> {
    let snapshot = View::read(bytes, &entry.file, wanted, arena).map_err(|error| chain(&error))?;
    let found = Entry::of(&snapshot);
    if (found.id, &found.month) == (entry.id, &entry.month) {
        Ok(snapshot)
    } else {
        Err("it was replaced while the tables were being made".to_owned())
    }
}
