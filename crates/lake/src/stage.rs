//! One table of one month to its next immutable file in the store, or the finding that it needs
//! none. Pure disk and CPU work, for blocking threads.
//!
//! A current file that cannot be read whole is never taken for empty: the answer is then
//! [`Staged::Unfit`], and the month has to be made from the raw snapshots.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jira::id::IssueId;
use jira::time::Month;
use ledger::{CatalogFile, CommitId};
use parquet::errors::ParquetError;
use transform::{FieldMap, Table};

use crate::decode::{Recorded, Unfit, decode};
use crate::durable;
use crate::encode::{self, ISSUES_PER_ROW_GROUP, about, encode};
use crate::error::{Error, disk};
use crate::splice::Sorted;
use crate::steps::{Step, Steps};

/// What a file of a (table, month) is made of.
pub(crate) enum Base {
    /// The current file, if there is one.
    Current(Option<CatalogFile>),
    /// These rows instead, because the current file is unfit or all is made anew.
    Rows(Sorted),
}

/// The change of one table in one month.
pub(crate) struct Job {
    pub(crate) table: Table,
    pub(crate) month: Month,
    pub(crate) base: Base,
    /// Issues whose rows leave the base.
    pub(crate) gone: Arc<BTreeSet<IssueId>>,
    /// Rows that come in.
    pub(crate) new: Sorted,
}

/// What became of a job.
pub(crate) enum Staged {
    /// The rows are what they were.
    Unchanged,
    /// No rows are left.
    Empty,
    /// A new file is durable in the store; nothing names it yet.
    File(CatalogFile),
    /// The current file cannot be the base; the job, to be done from other rows.
    Unfit(Job, Unfit),
}

/// The folder of the immutable files.
#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) folder: PathBuf,
    pub(crate) fields: Arc<FieldMap>,
    pub(crate) steps: Steps,
}

impl Store {
    /// Does one job.
    pub(crate) fn stage(&self, job: Job, commit: CommitId) -> Result<Staged, Error> {
        let (mut rows, known) = match &job.base {
            Base::Current(None) => (Sorted::default(), true),
            Base::Current(Some(file)) => match self.read(job.table, file) {
                Ok(rows) => (rows, true),
                Err(unfit) => return Ok(Staged::Unfit(job, unfit)),
            },
            Base::Rows(rows) => (rows.clone(), false),
        };
        let failed = |source| Error::Rows { table: job.table.name(), source };
        if known {
            let mut old = rows.clone();
            old.retain(&job.gone);
            if old.same_rows(&job.new).map_err(failed)? {
                return Ok(Staged::Unchanged);
            }
        }
        rows.remove(&job.gone);
        rows.add(job.new);
        if rows.is_empty() {
            return Ok(Staged::Empty);
        }
        self.put(job.table, job.month, &rows, commit).map(Staged::File)
    }

    /// Reads a file that the catalog names.
    pub(crate) fn read(&self, table: Table, file: &CatalogFile) -> Result<Sorted, Unfit> {
        let recorded = Recorded { bytes: file.bytes, sha256: &file.sha256 };
        let schema = table.schema(&self.fields);
        let batches = decode(&self.folder.join(&file.path), Some(recorded), &schema)?;
        Sorted::of(batches).map_err(Unfit::Damaged)
    }

    fn put(
        &self,
        table: Table,
        month: Month,
        rows: &Sorted,
        commit: CommitId,
    ) -> Result<CatalogFile, Error> {
        let folder = format!("{}/{month}", table.name());
        let unnamed = self.folder.join(&folder).join("rows.parquet");
        let staged = encode_table(rows, table, &self.fields, &unnamed).map_err(|source| {
            Error::Encode { what: format!("{} of {month}", table.name()), source }
        })?;
        self.steps.pass(Step::Staged)?;
        let start = staged.sha256.get(..12).unwrap_or(&staged.sha256);
        let path = format!("{folder}/{commit}-{start}.parquet");
        let target = self.folder.join(&path);
        staged.temp.publish(&target).map_err(disk("write", &target))?;
        self.steps.pass(Step::Stored)?;
        let (rows, bytes, sha256) = (staged.rows, staged.bytes, staged.sha256);
        let table = table.name().to_owned();
        Ok(CatalogFile { table, month, part: 0, path, rows, bytes, sha256, commit })
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
}

/// Encodes rows with what the file says about itself: the table and what each column means.
pub(crate) fn encode_table(
    rows: &Sorted,
    table: Table,
    fields: &FieldMap,
    target: &Path,
) -> Result<encode::Staged, ParquetError> {
    let schema = table.schema(fields);
    let about = about(table.name(), table.description(), &schema);
    encode(rows.groups(ISSUES_PER_ROW_GROUP), &schema, about, target)
}
