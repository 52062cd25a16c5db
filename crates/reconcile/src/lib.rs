//! The loop: every hint leads here, and only here does a hint become rows.
//!
//! Takes due work from the ledger, looks at the issue (all its parts side by side), completes the
//! raw snapshot, and hands what is ready to the lake, whose commit retires the work in the same
//! transaction. Promises: one look in flight per issue; a part that could not be fetched keeps what
//! was known and says so; nothing is believed absent before it was confirmed; a restart goes on
//! where the last one stopped. Level-triggered: order, repeats and loss of hints make it late, never
//! wrong.

pub mod policy;
pub mod part;
pub mod fetch;
pub mod assemble;
pub mod look;
pub mod run;
pub mod walk;
pub mod damage;
pub mod sweep;
pub mod census;
pub mod backfill;
pub mod sla;
pub mod dimensions;
pub mod unknown;
pub mod check;
pub mod attachments;
pub mod verify;
pub mod jobs;
pub mod metrics;

/// Why a look at an issue, or a commit, did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Jira did not give what was asked for.
    #[error("jira did not answer as needed")]
    Jira(#[from] jira::client::Error),
    /// The answer is JSON but not an issue: no id, no key, or another issue than was asked for.
    #[error("jira answered with something that is not the issue asked for")]
    NotTheIssue,
    /// The whole look took longer than it may.
    #[error("the look took longer than {limit_ms} ms")]
    TooSlow {
        /// The bound, in milliseconds.
        limit_ms: u64,
    },
    /// The search never ended.
    #[error("the search did not come to an end")]
    EndlessSearch,
    /// The search said that there is more and gave no way to it.
    #[error("the search broke off before its end")]
    SearchBrokeOff,
    /// The settings want details of organizations that the account may not read.
    #[error(
        "the account may not read the details of organizations (dimensions.organization-details)"
    )]
    DetailsForbidden,
    /// What was known is unreadable, and this look could not replace all of it.
    #[error("the last snapshot is unreadable and this fetch is incomplete")]
    LastUnreadable(#[source] lake::Error),
    /// Damaged table files wait for issues that are not fetched yet.
    #[error("{files} damaged table files wait for issues whose snapshots are lost")]
    RepairWaits {
        /// How many files.
        files: usize,
    },
    /// The lake could not take it.
    #[error("the lake did not take it")]
    Lake(#[from] lake::Error),
    /// The ledger could not take it.
    #[error("the ledger did not take it")]
    Ledger(#[from] ledger::Error),
}
