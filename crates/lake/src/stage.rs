//! One table of one month to its next immutable files in the store, or the finding that it needs
//! none. Pure disk and CPU work, for blocking threads.
//!
//! A current file that is not what was recorded is never taken for empty: the answer is then
//! [`Staged::Unfit`], and the month has to be made from the raw snapshots.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use jira::id::IssueId;
use jira::time::Month;
use ledger::{CatalogFile, CommitId};
use parquet::errors::ParquetError;
use transform::{FieldMap, Table};

use crate::cores;
use crate::decode::{Unfit, decode};
use crate::digest::Told;
use crate::divide::{Bounds, Span};
use crate::draft::{Change, Draft, Halt, Origin, Piece};
use crate::durable;
use crate::encode::{self, about, begin};
use crate::error::{Error, disk};
use crate::footers::Footers;
use crate::numbers::number;
use crate::patch::{project, values};
use crate::sealed::Recorded;
use crate::source::Source;
use crate::splice::Sorted;
use crate::steps::{Step, Steps};

/// Syncs that wait for the disk at the same time: it does them together.
const SYNCS: usize = 32;

/// What the files of a (table, month) are made of.
pub(crate) enum Base {
    /// The current files.
    Current(Vec<CatalogFile>),
    /// These rows instead, because a current file is unfit or all is made anew.
    Rows(Sorted),
}

/// The change of one table in one month.
pub(crate) struct Job {
    pub(crate) table: Table,
    pub(crate) month: Month,
    pub(crate) base: Base,
    /// Issues whose rows leave the base.
    pub(crate) gone: Arc<BTreeSet<IssueId>>,
    /// What is known of their rows in the current files.
    pub(crate) told: Told,
    /// Rows that come in.
    pub(crate) new: Sorted,
}

/// What became of a job.
pub(crate) enum Staged {
    /// The rows are what they were.
    Unchanged,
    /// No rows are left.
    Empty,
    /// The files that make up the table's month now.
    Files(Files),
    /// The current files cannot be the base; the job, to be done from other rows.
    Unfit(Job, Unfit),
}

/// The files of a table's month.
#[derive(Default)]
pub(crate) struct Files {
    /// Complete, but neither synced nor named.
    pub(crate) new: Vec<NewFile>,
    /// Those that stay as they are.
    pub(crate) kept: Vec<CatalogFile>,
}

/// A file that is complete under a temporary name.
pub(crate) struct NewFile {
    staged: encode::Staged,
    file: CatalogFile,
    pub(crate) effort: Effort,
}

/// What making a file took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Effort {
    /// Row groups that were encoded.
    pub(crate) encoded: u64,
    /// Their bytes.
    pub(crate) encoded_bytes: u64,
    /// Bytes of row groups that were copied.
    pub(crate) copied_bytes: u64,
}

impl Effort {
    pub(crate) fn add(&mut self, other: Self) {
        self.encoded += other.encoded;
        self.encoded_bytes += other.encoded_bytes;
        self.copied_bytes += other.copied_bytes;
    }
}

/// The folder of the immutable files.
#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) folder: PathBuf,
    pub(crate) fields: Arc<FieldMap>,
    pub(crate) steps: Steps,
    pub(crate) footers: Arc<Footers>,
    pub(crate) bounds: Bounds,
    /// The schemas of all tables: making them takes longer than reading an issue.
    pub(crate) schemas: Arc<BTreeMap<Table, SchemaRef>>,
}

impl Store {
    /// The schema of a table.
    pub(crate) fn schema(&self, table: Table) -> SchemaRef {
        let known = self.schemas.get(&table).map(Arc::clone);
        known.unwrap_or_else(|| table.schema(&self.fields))
    }

    /// Does one job.
    pub(crate) fn stage(&self, job: Job, commit: CommitId) -> Result<Staged, Error> {
        match self.draft(&job) {
            Ok(None) => Ok(Staged::Unchanged),
            Ok(Some(draft)) if draft.pieces.is_empty() => Ok(Staged::Empty),
            Ok(Some(draft)) => match self.write(&job, draft, commit) {
                Ok(files) => Ok(Staged::Files(files)),
                Err(Stop::Unfit(unfit)) => Ok(Staged::Unfit(job, unfit)),
                Err(Stop::Failed(error)) => Err(error),
            },
            Err(Halt::Unfit(unfit)) => Ok(Staged::Unfit(job, unfit)),
            Err(Halt::Rows(source)) => Err(Error::Rows { table: job.table.name(), source }),
        }
    }

    /// Reads a file that the catalog names.
    pub(crate) fn read(&self, table: Table, file: &CatalogFile) -> Result<Sorted, Unfit> {
        let schema = table.schema(&self.fields);
        let batches = decode(&self.folder.join(&file.path), Some(recorded(file)), &schema)?;
        Sorted::of(batches).map_err(Unfit::Damaged)
    }

    /// Names files and makes them durable, all of them together.
    pub(crate) fn settle(&self, files: Vec<NewFile>) -> Result<Vec<CatalogFile>, Error> {
        let mut named = Vec::new();
        let settled = self.name_and_sync(files, &mut named);
        if settled.is_err() {
            self.discard(&named);
        }
        settled.map(|()| named)
    }

    fn name_and_sync(
        &self,
        files: Vec<NewFile>,
        named: &mut Vec<CatalogFile>,
    ) -> Result<(), Error> {
        let mut unsynced: Vec<(PathBuf, Option<File>)> = Vec::new();
        let mut folders = BTreeSet::new();
        for NewFile { staged, file, .. } in files {
            let target = self.folder.join(&file.path);
            staged.temp.rename(&target).map_err(disk("write", &target))?;
            self.footers.put(&file.path, Arc::new(staged.footer));
            named.push(file);
            folders.extend(target.parent().map(Path::to_path_buf));
            unsynced.push((target, Some(staged.file)));
            self.steps.pass(Step::Stored)?;
        }
        // Neither bytes nor names are of use without the other, so they wait for the disk together.
        unsynced.extend(folders.into_iter().map(|folder| (folder, None)));
        let synced = cores::map(unsynced, SYNCS, |(path, file)| match file {
            Some(file) => file.sync_all().map_err(disk("write", &path)),
            None => durable::sync_folder(&path).map_err(disk("sync the folder", &path)),
        });
        synced.into_iter().collect()
    }

    /// Removes files that were stored for a commit that did not come about.
    pub(crate) fn discard<'a>(&self, files: impl IntoIterator<Item = &'a CatalogFile>) {
        for file in files {
            let path = self.folder.join(&file.path);
            if let Err(error) = durable::remove_if_there(&path) {
                tracing::warn!(path = %path.display(), %error, "cannot remove a file that no commit names, leaving it to the sweep");
            }
        }
    }

    fn draft(&self, job: &Job) -> Result<Option<Draft>, Halt> {
        let bound = self.bounds.of_group(job.table);
        match &job.base {
            Base::Rows(rows) => {
                let mut rows = rows.clone();
                rows.remove(&job.gone);
                rows.add(job.new.clone());
                Ok(Some(Draft::of_rows(rows, bound)))
            }
            Base::Current(files) => {
                let sources = files.iter().map(|file| self.open(file));
                let sources = sources.collect::<Result<Vec<_>, _>>().map_err(Halt::Unfit)?;
                let schema = self.schema(job.table);
                let changed = job.gone.difference(&job.told.same).copied().collect();
                let mut new = job.new.clone();
                new.remove(&job.told.same);
                let change = Change { issues: &changed, told: &job.told, new: &new };
                Draft::of_change((sources, &schema), &change, bound)
            }
        }
    }

    fn open(&self, file: &CatalogFile) -> Result<Source, Unfit> {
        let known = self.footers.get(&file.path);
        let is_new = known.is_none();
        let source = Source::open(&self.folder.join(&file.path), recorded(file), known)?;
        if is_new {
            self.footers.put(&file.path, Arc::clone(&source.footer));
        }
        Ok(source)
    }

    /// Writes the files of a draft; those that stay as they are, are not.
    fn write(&self, job: &Job, mut draft: Draft, commit: CommitId) -> Result<Files, Stop> {
        let current: &[CatalogFile] =
            if let Base::Current(files) = &job.base { files } else { &[] };
        let schema = self.schema(job.table);
        let mut planned = Vec::new();
        for pieces in draft.files(self.bounds.file) {
            let spans = draft.pieces.get(pieces.clone()).unwrap_or_default().iter();
            let Some(span) = Span::over(&spans.map(|piece| piece.span).collect::<Vec<_>>()) else {
                continue;
            };
            let kept = stays(&draft, &pieces).and_then(|source| current.get(source));
            planned.push((pieces, kept, span));
        }
        let old = current.iter().zip(&draft.sources).filter_map(|(file, source)| {
            let spans = source.groups.iter().map(|group| group.span).collect::<Vec<_>>();
            Some((file.part, Span::over(&spans)?))
        });
        let new = planned.iter().map(|(_, kept, span)| (kept.map(|file| file.part), *span));
        let numbers = number(&old.collect::<Vec<_>>(), &new.collect::<Vec<_>>());
        let mut files = Files::default();
        for ((pieces, kept, _), part) in planned.into_iter().zip(numbers) {
            match kept {
                Some(file) => files.kept.push(file.clone()),
                None => {
                    files.new.push(self.put((job, part, commit), &mut draft, pieces, &schema)?)
                }
            }
        }
        Ok(files)
    }

    fn put(
        &self,
        (job, part, commit): (&Job, i64, CommitId),
        draft: &mut Draft,
        pieces: Range<usize>,
        schema: &SchemaRef,
    ) -> Result<NewFile, Stop> {
        let (table, month) = (job.table, job.month.clone());
        let folder = format!("{}/{month}", table.name());
        let unnamed = self.folder.join(&folder).join("rows.parquet");
        let (staged, effort) =
            write_file(table, draft, pieces, (schema, &unnamed)).map_err(|stop| match stop {
                Broken::Unfit(unfit) => Stop::Unfit(unfit),
                Broken::Encode(source) => {
                    let what = format!("{} of {month}", table.name());
                    Stop::Failed(Error::Encode { what, source })
                }
            })?;
        self.steps.pass(Step::Staged).map_err(Stop::Failed)?;
        let sum = staged.sha256.rsplit(':').next().unwrap_or_default();
        let path = format!("{folder}/{commit}-{}.parquet", sum.get(..12).unwrap_or(sum));
        let (rows, bytes, sha256) = (staged.rows, staged.bytes, staged.sha256.clone());
        let table = table.name().to_owned();
        let file = CatalogFile { table, month, part, path, rows, bytes, sha256, commit };
        Ok(NewFile { staged, file, effort })
    }
}

/// Why files could not be written.
enum Stop {
    Unfit(Unfit),
    Failed(Error),
}

/// Why one file could not be written.
pub(crate) enum Broken {
    /// A file that it copies from is not what it was.
    Unfit(Unfit),
    Encode(ParquetError),
}

impl Broken {
    /// As an encoder's error, where nothing is copied.
    pub(crate) fn into_encode(self) -> ParquetError {
        match self {
            Self::Encode(source) => source,
            Self::Unfit(unfit) => ParquetError::External(unfit.into()),
        }
    }
}

impl From<Halt> for Broken {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Unfit(unfit) => Self::Unfit(unfit),
            Halt::Rows(source) => Self::Encode(source.into()),
        }
    }
}

impl From<ParquetError> for Broken {
    fn from(source: ParquetError) -> Self {
        Self::Encode(source)
    }
}

/// What is recorded about a file in the catalog.
pub(crate) fn recorded(file: &CatalogFile) -> Recorded<'_> {
    Recorded { bytes: file.bytes, sha256: &file.sha256 }
}

/// The source of which these pieces are all, in order: it stays as it is.
fn stays(draft: &Draft, pieces: &Range<usize>) -> Option<usize> {
    let pieces = draft.pieces.get(pieces.clone())?;
    let copied = |piece: &Piece| match piece.origin {
        Origin::Copy(place) => Some(place),
        Origin::Rows | Origin::Patch(..) => None,
    };
    let (source, _) = copied(pieces.first()?)?;
    let all = draft.sources.get(source)?.groups.len();
    let copies = (0..all).map(|group| Some((source, group)));
    pieces.iter().map(copied).eq(copies).then_some(source)
}

/// Writes pieces of a draft beside `target`, with what the file says about itself: the table and
/// what each column means.
pub(crate) fn write_file(
    table: Table,
    draft: &mut Draft,
    pieces: Range<usize>,
    (schema, target): (&SchemaRef, &Path),
) -> Result<(encode::Staged, Effort), Broken> {
    let about = about(table.name(), table.description(), schema);
    let mut writer = begin(schema, about, target)?;
    let mut effort = Effort::default();
    for piece in draft.pieces.get(pieces).unwrap_or_default() {
        let before = writer.bytes();
        let Some((file, number)) = piece.place() else {
            let rows = draft.rows.between(piece.span).map_err(ParquetError::from)?;
            writer.append(writer.encode(&rows, 0..)?, Some(piece.span))?;
            effort.encoded += 1;
            effort.encoded_bytes += writer.bytes() - before;
            continue;
        };
        let Some(source) = draft.sources.get_mut(file) else { continue };
        let bytes = source.group(number).map_err(Broken::Unfit)?;
        let from = (source.footer.as_ref(), number, &bytes);
        if let Origin::Patch(_, patch) = &piece.origin {
            let columns = project(schema, &patch.columns);
            let rows = values(from, &columns, (&patch.coming, piece.span)).map_err(Broken::from)?;
            let Some(rows) = rows else { continue };
            let encoded = writer.encode(&[rows], patch.columns.iter().copied())?;
            effort.encoded += 1;
            effort.encoded_bytes += encoded.bytes();
            writer.patch(from, (encoded, &patch.columns), piece.span)?;
        } else {
            let Some(group) = source.groups.get(number).copied() else { continue };
            effort.copied_bytes += bytes.length();
            writer.copy(from, group)?;
        }
    }
    Ok((writer.finish()?, effort))
}
