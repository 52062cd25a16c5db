//! Which parts of an issue a call asks for.
//!
//! Rendered fields are not among them: they double the answer and no table reads them.

use crate::payload::FieldId;

/// What `GET /issue/{idOrKey}` shall answer beside id and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueQuery {
    /// The fields.
    pub fields: Fields,
    /// The history.
    pub history: History,
}

/// Fields of an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fields {
    /// All that the account may read.
    All,
    /// Only these; of none, only the identity is asked.
    These(Vec<FieldId>),
}

/// The changelog inside the issue: its newest 100 entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// With it.
    Embed,
    /// Without it.
    Leave,
}

impl IssueQuery {
    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
        let fields = match &self.fields {
            Fields::All => "*all".to_owned(),
            // An empty list would mean all of them.
            Fields::These(none) if none.is_empty() => "id".to_owned(),
            Fields::These(ids) => ids.iter().map(FieldId::as_str).collect::<Vec<_>>().join(","),
        };
        let mut pairs = vec![("fields", fields)];
        match self.history {
            History::Embed => pairs.push(("expand", "changelog".to_owned())),
            History::Leave => {}
        }
        pairs
    }
}
