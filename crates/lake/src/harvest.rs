//! One pass over the raw folder: every snapshot is read once, and its rows wait in a [`Pile`] until
//! all files are known, for only then is known which of two files of an issue counts.
//!
//! Promises: the same entries as [`Survey::of`] finds, and the same rows as [`MonthRows::read`]
//! makes of them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::{OsStr, OsString};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arrow::error::ArrowError;
use jira::id::{IssueId, IssueKey};
use jira::time::{Instant, Month};
use transform::{Arena, Oddities, RowBuilders, Table, View, Wanted};

use crate::cores;
use crate::error::Error;
use crate::mapping::Mapping;
use crate::month::MonthRows;
use crate::pile::Pile;
use crate::raw::{Raw, RawListing, chain};
use crate::rebuild::{Phase, Progress};
use crate::scan::Entry;
use crate::splice::Sorted;
use crate::survey::Survey;

/// Files that a thread takes at once.
const FILES_AT_ONCE: usize = 64;

/// Text of that many bytes is a batch of rows, and so are the rows of that many issues.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
const BATCH_ISSUES: usize = 4096;

/// An arena or buffer that one large snapshot blew up is not kept.
const KEPT_BYTES: usize = 4 * 1024 * 1024;

/// All of a raw folder, read.
pub(crate) struct Harvest {
    pub(crate) survey: Survey,
    /// Odd values of all files, those of which there is a newer one included.
    pub(crate) oddities: Oddities,
    pile: Pile,
}

/// What one thread works with.
struct Hand<'m> {
    /// Issues that may have attachments on disk.
    attached: &'m HashSet<OsString>,
    builders: RowBuilders,
    wanted: Wanted<'m>,
    arena: Arena,
    bytes: Vec<u8>,
    /// Whose rows are in the builders.
    issues: Vec<(IssueId, Month)>,
}

/// What came of the files that a thread read.
#[derive(Default)]
struct Sheaf {
    /// Each an entry, or unreadable with the reason.
    files: Vec<Result<Entry, (String, String)>>,
    oddities: Oddities,
}

impl Harvest {
    /// Reads every file.
    pub(crate) fn of(
        (raw, mapping): (&Raw, &Mapping),
        pile: Pile,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Self, Error> {
        let RawListing { snapshots: mut files, unreadable: odd, ignored } = raw.list()?;
        let attached = raw.attachment_folders()?;
        // Issues of neighbouring keys are mostly of one month.
        files.sort_by_cached_key(|file| order(file));
        let (total, done) = (files.len() as u64, AtomicU64::new(0));
        let (pieces, next) = (files.chunks(FILES_AT_ONCE).collect::<Vec<_>>(), AtomicUsize::new(0));
        let reap = |()| {
            let (mut hand, mut sheaf) = (Hand::of(mapping, &attached), Sheaf::default());
            while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
                hand.reap((raw, *piece), &pile, &mut sheaf)?;
                let length = piece.len() as u64;
                let done = done.fetch_add(length, Ordering::Relaxed) + length;
                progress(Progress { phase: Phase::Survey, done, total });
            }
            hand.flush(&pile, &mut sheaf.oddities)?;
            Ok(sheaf)
        };
        let sheaves = cores::map(vec![(); cores::count()], cores::count(), reap);
        let sheaves = sheaves.into_iter().collect::<Result<Vec<_>, Error>>()?;
        let mut oddities = Oddities::default();
        sheaves.iter().for_each(|sheaf| oddities.absorb(&sheaf.oddities));
        let read = sheaves.into_iter().flat_map(|sheaf| sheaf.files);
        let survey = Survey::among(files.len(), read.chain(odd.into_iter().map(Err)));
        let survey = Survey { ignored, ..survey };
        Ok(Self { survey, oddities, pile })
    }

    /// What a month has beside the rows that wait: those of issues that have several files, which
    /// are read again, each from the file that counts.
    pub(crate) fn again(
        &self,
        entries: &[Entry],
        (raw, mapping, now): (&Raw, &Mapping, Instant),
    ) -> Result<MonthRows, Error> {
        let repeated = &self.survey.repeated;
        let again = entries.iter().filter(|entry| repeated.contains(&entry.id)).cloned();
        let again = again.collect::<Vec<_>>();
        let mut rows = MonthRows::read(raw, mapping, &again, now)?;
        let is_live = |entry: &&Entry| entry.deleted_at.is_none() && !repeated.contains(&entry.id);
        rows.issues += entries.iter().filter(is_live).count() as u64;
        Ok(rows)
    }

    /// Takes the rows of a month's table out that wait.
    pub(crate) fn take(&self, month: &Month, table: Table) -> Result<Sorted, Error> {
        let failed = |source| Error::Rows { table: table.name(), source };
        let batches = self.pile.take(month, table).map_err(failed)?;
        let mut sorted = Sorted::of(batches).map_err(failed)?;
        sorted.remove(&self.survey.repeated);
        Ok(sorted)
    }

    /// How many bytes the rows of one table of a month have that wait.
    pub(crate) fn bytes(&self, month: &Month, table: Table) -> usize {
        self.pile.bytes(month, table)
    }

    /// How many bytes of rows may be in memory.
    pub(crate) fn bound(&self) -> usize {
        self.pile.bound
    }
}

impl<'m> Hand<'m> {
    fn of(mapping: &'m Mapping, attached: &'m HashSet<OsString>) -> Self {
        Self {
            attached,
            builders: mapping.builders(),
            wanted: Wanted::by(&mapping.fields),
            arena: Arena::new(),
            bytes: Vec::new(),
            issues: Vec::new(),
        }
    }

    /// Reads some files; their rows are handed over when they are enough for a batch.
    fn reap(
        &mut self,
        (raw, files): (&Raw, &[String]),
        pile: &Pile,
        sheaf: &mut Sheaf,
    ) -> Result<(), Error> {
        for file in files {
            let entry = self.read(raw, file)?;
            if let Ok(entry) = &entry {
                self.issues.push((entry.id, entry.month.clone()));
            }
            sheaf.files.push(entry.map_err(|reason| (file.clone(), reason)));
            if self.builders.bytes() > BATCH_BYTES || self.issues.len() >= BATCH_ISSUES {
                self.flush(pile, &mut sheaf.oddities)?;
            }
        }
        Ok(())
    }

    /// Puts the rows of one file into the builders; the inner error is why it is no snapshot.
    fn read(&mut self, raw: &Raw, file: &str) -> Result<Result<Entry, String>, Error> {
        let bytes = match raw.read_into(file, &mut self.bytes) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(Err("it went away".to_owned())),
            Err(Error::Unreadable { reason, .. }) => return Ok(Err(reason)),
            Err(error) => return Ok(Err(chain(&error))),
        };
        let entry = match View::read(bytes, file, &self.wanted, &self.arena) {
            Ok(snapshot) => {
                let has_files = self.attached.contains(OsStr::new(snapshot.key().as_str()));
                let files =
                    if has_files { raw.stored_files(snapshot.key())? } else { BTreeMap::new() };
                self.builders.append_view(&snapshot, &files);
                Ok(Entry::of(&snapshot))
            }
            Err(error) => Err(chain(&error)),
        };
        self.arena.clear();
        if self.arena.bytes() > KEPT_BYTES {
            self.arena = Arena::new();
        }
        if self.bytes.capacity() > KEPT_BYTES {
            self.bytes = Vec::new();
        }
        Ok(entry)
    }

    /// Hands the rows over, each month's by itself.
    fn flush(&mut self, pile: &Pile, oddities: &mut Oddities) -> Result<(), Error> {
        let issues = std::mem::take(&mut self.issues);
        let failed = |table| move |source: ArrowError| Error::Rows { table, source };
        let rows = self.builders.finish().map_err(failed("a table"))?;
        oddities.absorb(&rows.oddities);
        let mut months: BTreeMap<&Month, BTreeSet<IssueId>> = BTreeMap::new();
        for (id, month) in &issues {
            months.entry(month).or_default().insert(*id);
        }
        for (table, batch) in rows.batches().filter(|(_, batch)| batch.num_rows() > 0) {
            let failed = failed(table.name());
            if let (Some((month, _)), 1) = (months.first_key_value(), months.len()) {
                pile.put(month, table, batch.clone()).map_err(failed)?;
                continue;
            }
            let all = Sorted::of(vec![batch.clone()]).map_err(failed)?;
            for (month, of_month) in &months {
                let mut sorted = all.clone();
                sorted.retain(of_month);
                if let Some(batch) = sorted.all().map_err(failed)? {
                    pile.put(month, table, batch).map_err(failed)?;
                }
            }
        }
        Ok(())
    }
}

/// By project and number; other names by themselves.
fn order(file: &str) -> (String, u64) {
    let key = file.strip_suffix(".json").and_then(|key| key.parse::<IssueKey>().ok());
    key.map_or_else(|| (file.to_owned(), 0), |key| (key.project().to_owned(), key.number()))
}
