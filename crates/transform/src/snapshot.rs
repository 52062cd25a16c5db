//! A raw snapshot, parsed once: whoever holds a [`Snapshot`] has an object with a numeric id and a
//! well-formed key. Everything else in it is read with tolerance, later.
//!
//! A file that is not that is [`Unreadable`]: never empty, never an issue without fields.
//!
//! Beside Jira's own members the writer of a snapshot adds these; another program's snapshot has
//! none of them, and every one may be missing:
//!
//! - `_synced_at`: when it was fetched; `_source`: what caused that (`webhook`, `person`, `sla`,
//!   `sweep`, `backfill`).
//! - `_remote_links`, `_worklogs`: the complete lists that were fetched beside the issue.
//! - `_parts`: for each of `comments`, `changelog`, `worklogs`, `remote_links`, `attachments` and
//!   `sla` an object of `fetched_at`, `complete`, `have`, `total` and `reason`.
//! - `_attachments`: for each attachment id an object of `state` (`stored`, `pending`, `too_large`,
//!   `failed`), `sha256`, `media_id` and `reason`.
//! - `_former_keys`: an array of objects of `key` and `moved_at`.
//! - `_deleted_at`: when the issue was found to be gone. It makes the snapshot a tombstone, whose
//!   only row is in `deleted_issues`; `_deleted_evidence` (`webhook`, `census`) and
//!   `_deleted_reason` (`deleted`, `gone`) say how, see [`Deletion`].

use jira::id::{IssueId, IssueKey};
use jira::time::{Instant, Month};
use serde_json::Value;

use crate::deletion::{self, Deletion};
use crate::node::Node;

/// A file that holds no issue. Nothing of its content is repeated.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Not JSON, cut off, or nested deeper than any issue is.
    #[error("`{file}` is not readable JSON")]
    NotJson {
        /// The file's name as the caller gave it.
        file: String,
        /// Where the text stops being JSON.
        source: serde_json::Error,
    },
    /// JSON of another kind.
    #[error("`{file}` has no {lacks}")]
    Other {
        /// The file's name as the caller gave it.
        file: String,
        /// What a file of this kind must have.
        lacks: &'static str,
    },
}

/// One issue as Jira gave it, completed by the parts that were fetched beside it.
#[derive(Debug, Clone)]
pub struct Snapshot {
    json: Value,
    file: String,
    id: IssueId,
    key: IssueKey,
}

impl Snapshot {
    /// Reads a raw file; `file` is its name without folders, which the rows will point to.
    pub fn parse(json: &[u8], file: &str) -> Result<Self, Unreadable> {
        let json = serde_json::from_slice(json)
            .map_err(|source| Unreadable::NotJson { file: file.to_owned(), source })?;
        Self::from_json(json, file)
    }

    /// The same for JSON that is in memory already.
    pub fn from_json(json: Value, file: &str) -> Result<Self, Unreadable> {
        let lacks = |lacks| Unreadable::Other { file: file.to_owned(), lacks };
        if !json.is_object() {
            return Err(lacks("object at the top"));
        }
        let id = issue_id(&json).ok_or_else(|| lacks("numeric issue id"))?;
        let key = json.get("key").and_then(Value::as_str).and_then(|key| key.parse().ok());
        let key = key.ok_or_else(|| lacks("well-formed issue key"))?;
        Ok(Self { json, file: file.to_owned(), id, key })
    }

    /// The issue's identity.
    pub fn id(&self) -> IssueId {
        self.id
    }

    /// The key at the time of the fetch.
    pub fn key(&self) -> &IssueKey {
        &self.key
    }

    /// The raw file's name.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The partition of all rows of this issue: the UTC month of its creation, or `unknown`.
    pub fn month(&self) -> Month {
        Month::of(self.created())
    }

    /// When it was created.
    pub fn created(&self) -> Option<Instant> {
        self.fields().at("created").time().value
    }

    /// When Jira last changed the issue.
    pub fn updated(&self) -> Option<Instant> {
        self.fields().at("updated").time().value
    }

    /// The status category's key (`new`, `indeterminate`, `done`): unlike its name it is not
    /// localised.
    pub fn status_category(&self) -> Option<&str> {
        self.json.pointer("/fields/status/statusCategory/key").and_then(Value::as_str)
    }

    /// Jira's id of the status.
    pub fn status_id(&self) -> Option<&str> {
        self.json.pointer("/fields/status/id").and_then(Value::as_str)
    }

    /// Whether every part of it was fetched whole, the bytes of attachments aside, which are fetched
    /// apart; one whose writer did not say is not known to be.
    pub fn is_complete(&self) -> bool {
        let whole = |(name, part): (&String, &Value)| {
            name == "attachments" || part.get("complete") == Some(&Value::Bool(true))
        };
        let parts = self.parts().and_then(Value::as_object);
        parts.is_some_and(|parts| parts.iter().all(whole))
    }

    /// Whether one of these fields of the issue is not null.
    pub fn has_any<'f>(&self, mut fields: impl Iterator<Item = &'f str>) -> bool {
        fields.any(|id| {
            self.json.pointer("/fields").and_then(|f| f.get(id)).is_some_and(|v| !v.is_null())
        })
    }

    /// When the snapshot was fetched; snapshots of other programs may not say.
    pub fn synced_at(&self) -> Option<Instant> {
        self.node().at("_synced_at").time().value
    }

    /// When the issue was found to be gone: a snapshot that says so is a tombstone.
    pub fn deleted_at(&self) -> Option<Instant> {
        self.node().at(deletion::AT).time().value
    }

    /// The tombstone of this issue.
    #[must_use]
    pub fn buried(mut self, deletion: &Deletion) -> Self {
        if let Value::Object(json) = &mut self.json {
            for (name, value) in deletion.members() {
                match value {
                    Some(text) => json.insert(name.to_owned(), Value::from(text)),
                    None => json.remove(name),
                };
            }
        }
        self
    }

    /// For each part that was fetched: how complete it is. `None` when the writer did not say.
    pub fn parts(&self) -> Option<&Value> {
        self.json.get("_parts").filter(|parts| parts.is_object())
    }

    /// The whole JSON.
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// Gives the JSON back, for a snapshot that is to be completed.
    pub fn into_json(self) -> Value {
        self.json
    }

    pub(crate) fn node(&self) -> Node<'_> {
        Node::Is(&self.json)
    }

    pub(crate) fn fields(&self) -> Node<'_> {
        self.node().at("fields")
    }
}

fn issue_id(json: &Value) -> Option<IssueId> {
    match json.get("id")? {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => IssueId::new(number.as_i64()?).ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
