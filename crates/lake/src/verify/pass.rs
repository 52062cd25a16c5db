//! One pass over all files of the lake, in the background.
//!
//! - Every file of the catalog is read, in the store and as it is visible; one inode is read once.
//! - First come lengths and kinds of all files, which cost next to nothing, then the contents, at a
//!   bounded rate. A commit goes first: between two reads the pass waits for it.
//! - A pass resumes where the last one was, kept in a cursor, and ends when it is round.
//! - Damage is repaired when it is found. Blocked rebuilds are returned, and do not end the pass.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jira::id::IssueId;
use jira::time::Month;
use ledger::{CatalogFile, Loss};
use tokio::time::Instant;
use transform::Table;

use super::inspect::Inspection;
use super::mend::MendOutcome;
use super::{FileState, is_one_file};
use crate::decode::Unfit;
use crate::dimension;
use crate::error::{Error, asked};
use crate::open::{Inner, Lake, blocking};
use crate::stage::recorded;
use crate::views;

/// Where the next pass begins.
const CURSOR: &str = "verify.next";

/// The cursor is set at most this often: each time waits for the disk.
const CURSOR_EVERY: Duration = Duration::from_secs(20);

/// Bytes per second that even a small lake is read with.
const LEAST_RATE: u64 = 8 * 1024 * 1024;

/// Bytes per second that no lake is read faster with, unless somebody waits.
const MOST_RATE: u64 = 128 * 1024 * 1024;

/// A pass takes at most about this part of the time between two: damage and restarts cost time, too.
const SHARE: u32 = 2;

/// Debts of time below this are not slept off yet: most files are small.
const SHORTEST_SLEEP: Duration = Duration::from_millis(20);

/// How fast a pass reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyTempo {
    /// So that it is over well within this time.
    Within(Duration),
    /// As fast as the disk allows: somebody waits.
    AtOnce,
}

/// A step of a pass, for whoever counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyEvent {
    /// So many bytes were read.
    Read(u64),
    /// A file was looked at to its end.
    File,
    /// So many files are damaged.
    Damaged(u64),
    /// So many files are whole again.
    Repaired(u64),
}

/// The outcome of a pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Files that were looked at, dimensions among them.
    pub files: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Files that were damaged.
    pub damaged: u64,
    /// Those of them that are whole again.
    pub repaired: u64,
    /// Files that could not be read, so that nothing is known about them.
    pub unread: u64,
    /// Issues without a readable snapshot that block the rebuild of damaged files.
    pub blocking: BTreeMap<IssueId, Loss>,
    /// The damaged files that wait for them.
    pub waiting: Vec<CatalogFile>,
    /// Dimensions that are damaged and whose entries are not there or not readable.
    pub lists_lost: u64,
}

struct Pass<'p> {
    lake: &'p Lake,
    pace: ReadPace,
    report: VerifyReport,
    observer: &'p (dyn Fn(VerifyEvent) + Send + Sync),
    cursor_set: Instant,
}

/// Holds reads to a rate.
struct ReadPace {
    rate: Option<u64>,
    since: Instant,
    bytes: u64,
}

impl Lake {
    /// Verifies every file of the lake once and repairs the damaged ones. May be dropped at any
    /// moment; the next pass goes on where this one was.
    pub async fn verify_pass(
        &self,
        tempo: VerifyTempo,
        observer: &(dyn Fn(VerifyEvent) + Send + Sync),
    ) -> Result<VerifyReport, Error> {
        let catalog = self.catalog().await?;
        let total = catalog.iter().map(|file| file.bytes.unsigned_abs()).sum();
        let (pace, cursor_set) = (ReadPace::new(tempo, total), Instant::now());
        let report = VerifyReport::default();
        let mut pass = Pass { lake: self, pace, report, observer, cursor_set };
        pass.verify_lists().await?;
        pass.verify_outlines(catalog.clone()).await?;
        let cursor = self.inner.ledger.cursor(CURSOR).await.map_err(asked("read a cursor"))?;
        for file in rotated(catalog, cursor.as_deref()) {
            pass.verify_file(file).await?;
        }
        Ok(pass.report)
    }
}

impl Lake {
    /// Tries again to repair damaged files that waited for issues to be fetched.
    pub async fn verify_again(
        &self,
        waiting: Vec<CatalogFile>,
        observer: &(dyn Fn(VerifyEvent) + Send + Sync),
    ) -> Result<VerifyReport, Error> {
        let mut report = VerifyReport::default();
        for (month, files) in by_month(waiting) {
            let outcome = self.mend(&month, &files).await?;
            observer(VerifyEvent::Repaired(outcome.repaired));
            report.add(outcome);
        }
        Ok(report)
    }
}

impl Pass<'_> {
    /// The dimensions and the views: small, and not in the catalog.
    async fn verify_lists(&mut self) -> Result<(), Error> {
        let _writing = self.lake.inner.writing.lock().await;
        let inner = Arc::clone(&self.lake.inner);
        let (files, damaged, lost) = blocking(move || inner.mend_lists()).await?;
        self.report.files += files;
        self.report.lists_lost += lost;
        let repaired = damaged.saturating_sub(lost);
        self.add(MendOutcome { damaged, repaired, ..MendOutcome::default() });
        Ok(())
    }

    /// Kind and length of every file. Finds at once what is missing, empty, cut off or not a file.
    async fn verify_outlines(&mut self, catalog: Vec<CatalogFile>) -> Result<(), Error> {
        let inner = Arc::clone(&self.lake.inner);
        let suspects = blocking(move || {
            Ok(by_month(catalog.into_iter().filter(|file| !inner.has_outline_of(file))))
        });
        for (month, files) in suspects.await? {
            self.mend(&month, &files).await?;
        }
        Ok(())
    }

    async fn verify_file(&mut self, file: CatalogFile) -> Result<(), Error> {
        let Some(table) = Table::named(&file.table) else { return Ok(()) };
        if self.report.waiting.iter().any(|waiting| waiting.path == file.path) {
            return Ok(());
        }
        let stored = self.lake.inner.store.folder.join(&file.path);
        let name = self.lake.inner.visible.part(table, &file.month, file.part);
        let mut found = self.read(&stored, &file).await?;
        if found.is_ok() && !is_one_file(&name, &stored) {
            found = self.read(&name, &file).await?;
        }
        self.report.files += 1;
        (self.observer)(VerifyEvent::File);
        match found.map_err(|unfit| FileState::of(&unfit)) {
            Ok(()) => {}
            Err(FileState::Unread(reason)) => {
                self.report.unread += 1;
                tracing::warn!(path = %stored.display(), reason, "a table file could not be verified: {reason}");
            }
            Err(FileState::Missing | FileState::Damaged | FileState::Unnamed) => {
                self.mend(&file.month.clone(), std::slice::from_ref(&file)).await?;
            }
        }
        self.note(&file).await
    }

    /// Reads one file to its end, step by step.
    async fn read(&mut self, path: &Path, file: &CatalogFile) -> Result<Result<(), Unfit>, Error> {
        let (path, of) = (path.to_owned(), file.clone());
        let mut state = blocking(move || Ok(Inspection::open(&path, recorded(&of)))).await?;
        loop {
            let mut inspection = match state {
                Ok(inspection) => inspection,
                Err(unfit) => return Ok(Err(unfit)),
            };
            // A commit goes first.
            drop(self.lake.inner.writing.lock().await);
            let (step, next) = blocking(move || Ok((inspection.step(), inspection))).await?;
            match step {
                Ok(0) => return Ok(Ok(())),
                Ok(bytes) => {
                    self.report.bytes += bytes;
                    (self.observer)(VerifyEvent::Read(bytes));
                    self.pace.pay(bytes).await;
                }
                Err(unfit) => return Ok(Err(unfit)),
            }
            state = Ok(next);
        }
    }

    async fn mend(&mut self, month: &Month, suspects: &[CatalogFile]) -> Result<(), Error> {
        let outcome = self.lake.mend(month, suspects).await?;
        self.add(outcome);
        Ok(())
    }

    fn add(&mut self, outcome: MendOutcome) {
        (self.observer)(VerifyEvent::Damaged(outcome.damaged));
        (self.observer)(VerifyEvent::Repaired(outcome.repaired));
        self.report.add(outcome);
    }

    async fn note(&mut self, file: &CatalogFile) -> Result<(), Error> {
        if self.cursor_set.elapsed() < CURSOR_EVERY {
            return Ok(());
        }
        self.cursor_set = Instant::now();
        let set = self.lake.inner.ledger.set_cursor(CURSOR, &place(file)).await;
        set.map_err(asked("set a cursor"))
    }
}

impl VerifyReport {
    fn add(&mut self, outcome: MendOutcome) {
        self.damaged += outcome.damaged;
        self.repaired += outcome.repaired;
        self.unread += outcome.unread;
        self.blocking.extend(outcome.blocking);
        self.waiting.extend(outcome.waiting);
    }
}

impl Inner {
    fn has_outline_of(&self, file: &CatalogFile) -> bool {
        let Some(table) = Table::named(&file.table) else { return true };
        let stored = self.store.folder.join(&file.path);
        let name = self.visible.part(table, &file.month, file.part);
        [stored, name].iter().all(|path| {
            let seen = fs::symlink_metadata(path);
            seen.is_ok_and(|seen| seen.is_file() && recorded(file).has_length(seen.len()))
        })
    }

    /// Returns how many dimensions there are, how many were damaged, and how many of those still are.
    fn mend_lists(&self) -> Result<(u64, u64, u64), Error> {
        let fields = &self.mapping.fields;
        let damaged = dimension::verify(&self.raw, &self.visible, fields)?;
        for (_, finding) in &damaged {
            tracing::warn!(path = %finding.path.display(), "a list beside the tables is damaged");
        }
        if !damaged.is_empty() {
            self.make_dimensions()?;
        }
        let left = dimension::verify(&self.raw, &self.visible, fields)?;
        views::refresh(&self.visible, fields)?;
        let files = transform::Dimension::ALL.len() as u64;
        Ok((files, damaged.len() as u64, left.len() as u64))
    }
}

impl ReadPace {
    fn new(tempo: VerifyTempo, total: u64) -> Self {
        let rate = match tempo {
            VerifyTempo::AtOnce => None,
            VerifyTempo::Within(time) => {
                let seconds = (time / SHARE).as_secs().max(1);
                Some((total / seconds).clamp(LEAST_RATE, MOST_RATE))
            }
        };
        Self { rate, since: Instant::now(), bytes: 0 }
    }

    /// Sleeps until so many more bytes are within the rate.
    async fn pay(&mut self, bytes: u64) {
        let Some(rate) = self.rate else { return };
        self.bytes += bytes;
        let allowed = Duration::from_millis(self.bytes.saturating_mul(1000) / rate);
        let debt = allowed.saturating_sub(self.since.elapsed());
        if debt >= SHORTEST_SLEEP {
            tokio::time::sleep(debt).await;
        }
        if !debt.is_zero() && debt < SHORTEST_SLEEP {
            return;
        }
        // A pause, for a commit or a repair, is not made up for by a burst.
        (self.since, self.bytes) = (Instant::now(), 0);
    }
}

fn by_month(files: impl IntoIterator<Item = CatalogFile>) -> BTreeMap<Month, Vec<CatalogFile>> {
    let mut months: BTreeMap<Month, Vec<CatalogFile>> = BTreeMap::new();
    for file in files {
        months.entry(file.month.clone()).or_default().push(file);
    }
    months
}

/// The files in order, beginning behind the cursor.
fn rotated(mut catalog: Vec<CatalogFile>, cursor: Option<&str>) -> Vec<CatalogFile> {
    catalog.sort_by_key(place);
    let start = cursor.map_or(0, |cursor| catalog.partition_point(|file| *place(file) <= *cursor));
    catalog.rotate_left(start);
    catalog
}

/// Where a file is in the order of a pass: by month, so that a month's damage is found together.
fn place(file: &CatalogFile) -> String {
    format!("{}/{}/{:06}", file.month, file.table, file.part)
}
