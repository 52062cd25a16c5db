//! The parts of an issue and how each one fared: complete, incomplete, or failed. A part that is
//! not complete never passes for one that is.

use serde::Serialize;
use serde_json::Value;

/// The parts that are fetched on their own; `_parts` in the snapshot has one entry for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Name {
    /// Comments beyond the newest 100.
    Comments,
    /// History beyond the newest 100 entries.
    Changelog,
    /// Worklogs beyond the first 20.
    Worklogs,
    /// Remote links, which have a resource of their own.
    RemoteLinks,
    /// SLA values, which need an agent licence.
    Sla,
    /// The bytes of attachments, which are downloaded apart from looks.
    Attachments,
}

impl Name {
    /// The name in `_parts`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Comments => "comments",
            Self::Changelog => "changelog",
            Self::Worklogs => "worklogs",
            Self::RemoteLinks => "remote_links",
            Self::Sla => "sla",
            Self::Attachments => "attachments",
        }
    }
}

/// How fetching one list-shaped part ended.
#[derive(Debug)]
pub enum Part {
    /// All of it, once each.
    Complete(Vec<Value>),
    /// Some of it: what came, and why it is not all.
    Incomplete {
        /// What came.
        items: Vec<Value>,
        /// How many there are, where Jira said so.
        total: Option<u64>,
        /// Why it is not all; a constant text, safe to show.
        reason: String,
        /// When another look may bring the rest.
        again: Retry,
    },
}

/// When another look may bring what is missing of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// After a back-off: something failed.
    Soon,
    /// When nothing more urgent is left: it was put off on purpose.
    Later,
    /// Not before the issue is looked at for another reason: asking again would not change it.
    Never,
}

impl Part {
    /// Nothing came.
    pub fn failed(reason: impl Into<String>, again: Retry) -> Self {
        Self::Incomplete { items: Vec::new(), total: None, reason: reason.into(), again }
    }
}
