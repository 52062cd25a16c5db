//! What can go wrong in the lake, coarse enough to act upon.

use std::io;
use std::path::{Path, PathBuf};

use arrow::error::ArrowError;
use jira::id::IssueId;
use jira::time::Month;
use ledger::Loss;
use parquet::errors::ParquetError;

/// A failure of the lake. The message names the thing, the cause is the source.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another program writes this lake; nothing was touched.
    #[error("the lake `{folder}` is being written by {holder}", folder = .folder.display())]
    Locked {
        /// The folder of the tables.
        folder: PathBuf,
        /// What the other writer wrote about itself.
        holder: String,
    },
    /// The disk failed or is full. What was being written is not visible, and must not be
    /// acknowledged.
    #[error("cannot {doing} `{path}`", path = .path.display())]
    Disk {
        /// What was being done.
        doing: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A raw snapshot exists and cannot be read. It is never taken for an absent one.
    #[error("the raw snapshot `{file}` cannot be read: {reason}")]
    Unreadable {
        /// The file's name.
        file: String,
        /// Why not.
        reason: String,
    },
    /// A table's file exists and cannot be read. It is never taken for an empty one.
    #[error("the table file `{file}` cannot be read: {reason}")]
    Table {
        /// Table and month.
        file: String,
        /// Why not.
        reason: String,
    },
    /// A damaged table file has to be rebuilt, and the rows of some issues are neither in a readable
    /// snapshot nor in what is intact of the file. Nothing was changed; once these issues are
    /// fetched, the rebuild succeeds.
    #[error(
        "the tables of {} cannot be rebuilt: no readable snapshot of {}",
        listed(months),
        counted(issues)
    )]
    Blocked {
        /// The months of the tables.
        months: Vec<Month>,
        /// The issues, with what is lost of them; bounded.
        issues: Vec<(IssueId, Loss)>,
    },
    /// Rows could not be turned into a Parquet file.
    #[error("cannot encode {what}")]
    Encode {
        /// A table's month, or a dimension.
        what: String,
        /// What the encoder says.
        source: ParquetError,
    },
    /// Rows could not be put together.
    #[error("cannot arrange the rows of {table}")]
    Rows {
        /// The table.
        table: &'static str,
        /// What the row code says.
        source: ArrowError,
    },
    /// The ledger failed.
    #[error("the ledger cannot {doing}")]
    Ledger {
        /// What it was asked for.
        doing: &'static str,
        /// Why it failed.
        source: ledger::Error,
    },
    /// The commit is durable and its work is retired, but the visible names are behind. The next
    /// commit or the next start brings them up to date.
    #[error("the commit is durable, but the visible tables could not be brought up to date")]
    Behind {
        /// Why not.
        source: Box<Error>,
    },
    /// The folder holds tables that the catalog does not know, and there are no raw snapshots to
    /// make them from: replacing them would lose rows.
    #[error("the folder `{folder}` holds tables of another origin and there are no raw snapshots to rebuild them from", folder = .folder.display())]
    Foreign {
        /// The folder of the tables.
        folder: PathBuf,
    },
    /// A list is less than half of what it was: an account that may see less looks the same as
    /// entries that are gone. Nothing was touched; a person may allow it.
    #[error("{dimension} would shrink from {before} to {after} rows")]
    Shrunk {
        /// The dimension's name.
        dimension: &'static str,
        /// Rows that are there.
        before: u64,
        /// Rows that the new list gives.
        after: u64,
    },
    /// Fewer than half of the known issues could be read: a folder that is lost looks the same as
    /// issues that are gone. Nothing was touched; a person may allow it.
    #[error("only {readable} of {known} known issues have a readable snapshot in `{folder}`; put the others back, or allow it with `jiralake transform --may-shrink`", folder = .folder.display())]
    Shrinking {
        /// The folder of the snapshots.
        folder: PathBuf,
        /// Issues that the ledger or the tables have.
        known: u64,
        /// Issues that have a readable snapshot.
        readable: u64,
    },
    /// The blocking work ended without an answer (the runtime shuts down, or a defect).
    #[error("the blocking work was cut off")]
    CutOff {
        /// How it ended.
        source: tokio::task::JoinError,
    },
}

/// Names the file in an I/O error.
pub(crate) fn disk(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Disk { doing, path, source }
}

/// Names the question in a ledger error.
pub(crate) fn asked(doing: &'static str) -> impl FnOnce(ledger::Error) -> Error {
    move |source| Error::Ledger { doing, source }
}

fn listed(months: &[Month]) -> String {
    months.iter().map(Month::to_string).collect::<Vec<_>>().join(", ")
}

/// How many issues, and the first of them.
fn counted(issues: &[(IssueId, Loss)]) -> String {
    let first = issues.iter().take(3).map(|(id, loss)| format!("{id} {loss}"));
    let first = first.collect::<Vec<_>>().join(", ");
    format!("{} issues ({first}{})", issues.len(), if issues.len() > 3 { ", …" } else { "" })
}
