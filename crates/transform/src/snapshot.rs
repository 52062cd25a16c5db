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
use crate::json::{Arena, Json};
use crate::view::View;

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
        let (id, key) = {
            let arena = Arena::new();
            let view = View::of(Json::outline(&json, &arena), file)?;
            (view.id(), view.key().clone())
        };
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
        self.time("/fields/created")
    }

    /// When Jira last changed the issue.
    pub fn updated(&self) -> Option<Instant> {
        self.time("/fields/updated")
    }

    /// When the snapshot was fetched; snapshots of other programs may not say.
    pub fn synced_at(&self) -> Option<Instant> {
        self.time("/_synced_at")
    }

    /// When the issue was found to be gone: a snapshot that says so is a tombstone.
    pub fn deleted_at(&self) -> Option<Instant> {
        self.json.get(deletion::AT).and_then(Value::as_str).and_then(Instant::parse)
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

    /// It as the mapping sees it.
    pub fn view<'a>(&'a self, arena: &'a Arena) -> View<'a> {
        View::of_snapshot(self, arena)
    }

    fn time(&self, pointer: &str) -> Option<Instant> {
        self.json.pointer(pointer).and_then(Value::as_str).and_then(Instant::parse)
    }
}
