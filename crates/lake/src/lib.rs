//! The store: raw snapshots, monthly Parquet files, the commit that changes them and the names by
//! which people see them.
//!
//! In the order of the data: a snapshot is written ([`Raw`]), its rows are put into the files of
//! its month ([`Lake::commit`]), the ledger names the files, the visible names follow. Everything
//! can be made again from the snapshots ([`Lake::rebuild`], [`Tree`]).
//!
//! Every durable write of the project goes through [`durable`].

mod error;
pub mod durable;
mod layout;
mod lock;
mod raw;
mod attachments;
mod incoming;
mod scan;

mod mapping;
mod splice;
mod divide;
mod chunk;
mod encode;
mod decode;

mod sealed;
mod footer;
mod footers;
mod source;
mod constant;
mod patch;
mod digest;
mod draft;
mod numbers;

mod steps;
mod stage;
mod open;
mod shelf;
mod batch;
mod commit;
mod repair;
mod retired;
mod publish;
mod views;
mod verify;
mod read_back;

mod cores;
mod dimension;

mod whole;
mod inventory;
mod settle;
mod survey;
mod month;
mod pile;
mod harvest;
mod writing;
mod rebuild;
mod tree;
mod redo;

pub use commit::Committed;
pub use decode::proved::{ProvedFile, prove_file};
pub use dimension::{Replaced, Shrink};
pub use divide::ISSUES_PER_ROW_GROUP;
pub use error::Error;
pub use incoming::{Arrived, Incoming};
pub use inventory::{Presence, RECOVERY, Recovery, RecoveryState};
pub use layout::{Layout, Style};
pub use lock::{LOCK_FILE, Lock};
pub use mapping::Mapping;
pub use open::Lake;
pub use raw::{Raw, RawListing};
pub use read_back::{Row, RowsByIssue, Select, Tables};
pub use rebuild::{Phase, Progress, Rebuilt};
pub use survey::{RawIssue, RawIssues};
pub use tree::{Output, RebuildBounds, Tree};
pub use verify::{FileFinding, FileState, VerifyEvent, VerifyReport, VerifyTempo};
pub use views::VIEWS_FILE;

#[cfg(test)]
mod stories;
