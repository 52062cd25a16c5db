//! How an issue came to be gone, as the writer of its tombstone knew it. A tombstone is the last
//! snapshot with these members added, so that a rebuild tells the same as the commit did.

use jira::time::Instant;

/// The member that makes a snapshot a tombstone.
pub(crate) const AT: &str = "_deleted_at";
pub(crate) const EVIDENCE: &str = "_deleted_evidence";
pub(crate) const REASON: &str = "_deleted_reason";

/// A confirmed deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deletion {
    /// When it was confirmed.
    pub at: Instant,
    /// What pointed to it; `None` when it was neither, as when a person said so.
    pub evidence: Option<Evidence>,
    /// What is known of why.
    pub reason: Reason,
}

/// What pointed to a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// Jira said so.
    Webhook,
    /// A comparison of all ids found it missing.
    Census,
}

/// Why an issue is not there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Jira said that it was deleted.
    Deleted,
    /// Deleted, hidden from the account, or moved to where nothing is kept: they look the same.
    Gone,
}

impl Deletion {
    /// The members of a tombstone; `None` for one that must not be there.
    pub fn members(&self) -> [(&'static str, Option<String>); 3] {
        let evidence = self.evidence.map(|evidence| evidence.as_str().to_owned());
        let reason = Some(self.reason.as_str().to_owned());
        [(AT, Some(self.at.iso())), (EVIDENCE, evidence), (REASON, reason)]
    }
}

impl Evidence {
    /// The word in the tombstone and in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Census => "census",
        }
    }
}

impl Reason {
    /// The word in the tombstone and in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Gone => "gone",
        }
    }
}
