//! The memory: deliveries, work, issues, catalog and cursors in one database.
//!
//! It promises: what [`Ledger::record`] answered is on disk (G1); every delivery is pending, parked,
//! applied, superseded or noted, and the sums agree at any moment (G2); new files become visible in
//! the same transaction that retires the work they finish ([`Ledger::commit`]); a subject is never
//! leased twice at a time; a hint is never lost, at worst it causes one look too many.
//!
//! It must not talk to Jira, read a body or decide what to do next: that is the loop's.
//!
//! A database has one ledger at a time; the lake's lock sees to that. SQL stays within what SQLite
//! and PostgreSQL share; what is SQLite's own is in `open.rs`, `error.rs` and the migrations.

mod error;
mod open;
mod files;
mod full;
mod mark;
mod damage;
mod own;

mod body;
mod delivery;
mod recorder;

mod audit;
mod hint;
mod park;
mod resolve;
mod settle;
mod suspect;
mod wait;
mod work;

mod breaker;
mod catalog;
mod checked;
mod commit;
mod count;
mod cursor;
mod issue;
mod attachment;
mod copies;
mod known;
mod loss;

pub use attachment::{Attachment, AttachmentCounts, Bytes, Ended, Listed, State};
pub use audit::DeliveryFilter;
pub use breaker::{Breaker, Verdict};
pub use catalog::{CatalogFile, CommitId};
pub use checked::Checked;
pub use commit::{Again, Commit, Finished};
pub use copies::SnapshotRecord;
pub use count::Counts;
pub use damage::{DamageKind, LedgerDamage};
pub use delivery::{Delivery, DeliverySubject, NewDelivery, Outcome, Recorded};
pub use error::Error;
pub use issue::{IssueRecord, Placed};
pub use known::{Clocked, Clocks, Known};
pub use loss::Loss;
pub use open::Ledger;
pub use park::Parked;
pub use resolve::Resolved;
pub use suspect::ReleasedLeases;
pub use wait::WaitBounds;
pub use work::{Source, Work};
