//! A snapshot as the mapping sees it: one JSON tree, read once, and what identifies the issue.
//!
//! A view is made of the bytes of a raw file, without what no column needs, or of a [`Snapshot`]
//! that is in memory; both give the same rows. A file is readable to both or to none.

use jira::id::{IssueId, IssueKey};
use jira::time::{Instant, Month};

use crate::deletion;
use crate::json::{Arena, Json, Want, parse};
use crate::node::Node;
use crate::snapshot::{Snapshot, Unreadable};
use crate::wanted::Wanted;

/// A snapshot that is being read. Which members are in it beside those that columns need is not
/// said.
#[derive(Debug, Clone)]
pub struct View<'a> {
    json: Json<'a>,
    file: &'a str,
    id: IssueId,
    key: IssueKey,
}

impl<'a> View<'a> {
    /// Reads a raw file; `file` is its name without folders, which the rows will point to.
    pub fn read(
        bytes: &'a [u8],
        file: &'a str,
        wanted: &Wanted<'_>,
        arena: &'a Arena,
    ) -> Result<Self, Unreadable> {
        let json = match parse(bytes, Want::Only(&wanted.members()), arena) {
            Some(json) => json,
            None => whole(bytes, file, arena)?,
        };
        Self::of(json, file)
    }

    /// The same for JSON that was read already.
    pub(crate) fn of(json: Json<'a>, file: &'a str) -> Result<Self, Unreadable> {
        let lacks = |lacks| Unreadable::Other { file: file.to_owned(), lacks };
        if !json.is_object() {
            return Err(lacks("object at the top"));
        }
        let id = issue_id(json).ok_or_else(|| lacks("numeric issue id"))?;
        let key = json.get("key").and_then(Json::as_str).and_then(|key| key.parse().ok());
        let key = key.ok_or_else(|| lacks("well-formed issue key"))?;
        Ok(Self { json, file, id, key })
    }

    /// Of a snapshot, whose identity was found when it was made.
    pub(crate) fn of_snapshot(snapshot: &'a Snapshot, arena: &'a Arena) -> Self {
        let json = Json::of(snapshot.json(), arena);
        Self { json, file: snapshot.file(), id: snapshot.id(), key: snapshot.key().clone() }
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
    pub fn file(&self) -> &'a str {
        self.file
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

    /// When the snapshot was fetched; snapshots of other programs may not say.
    pub fn synced_at(&self) -> Option<Instant> {
        self.node().at("_synced_at").time().value
    }

    /// When the issue was found to be gone: a snapshot that says so is a tombstone.
    pub fn deleted_at(&self) -> Option<Instant> {
        self.node().at(deletion::AT).time().value
    }

    /// The status category's key (`new`, `indeterminate`, `done`): unlike its name it is not
    /// localised.
    pub fn status_category(&self) -> Option<&'a str> {
        self.json.find(&["fields", "status", "statusCategory", "key"])?.as_str()
    }

    /// Jira's id of the status.
    pub fn status_id(&self) -> Option<&'a str> {
        self.json.find(&["fields", "status", "id"])?.as_str()
    }

    /// Whether every part of it was fetched whole, the bytes of attachments aside, which are fetched
    /// apart; one whose writer did not say is not known to be.
    pub fn is_complete(&self) -> bool {
        let is_whole = |(name, part): &(&str, Json<'_>)| {
            *name == "attachments" || matches!(part.get("complete"), Some(Json::Bool(true)))
        };
        self.parts().and_then(Json::as_object).is_some_and(|parts| parts.iter().all(is_whole))
    }

    /// Whether one of these custom fields of the issue is not null.
    pub fn has_any<'f>(&self, mut fields: impl Iterator<Item = &'f str>) -> bool {
        fields.any(|id| self.fields().at(id).is_set())
    }

    /// For each part that was fetched: how complete it is. `None` when the writer did not say.
    pub fn parts(&self) -> Option<Json<'a>> {
        self.json.get("_parts").filter(|parts| parts.is_object())
    }

    /// The attachments that it lists, and what it claims of their bytes.
    pub fn attachments(&self) -> (Option<&'a [Json<'a>]>, Option<Json<'a>>) {
        let listed = self.json.find(&["fields", "attachment"]).and_then(Json::as_list);
        (listed, self.json.get("_attachments"))
    }

    pub(crate) fn node(&self) -> Node<'a> {
        Node::Is(self.json)
    }

    pub(crate) fn fields(&self) -> Node<'a> {
        self.node().at("fields")
    }
}

/// What `serde_json` says of a file that the quick parser does not understand.
fn whole<'a>(bytes: &[u8], file: &str, arena: &'a Arena) -> Result<Json<'a>, Unreadable> {
    let value = serde_json::from_slice(bytes)
        .map_err(|source| Unreadable::NotJson { file: file.to_owned(), source })?;
    Ok(Json::copied(&value, arena))
}

fn issue_id(json: Json<'_>) -> Option<IssueId> {
    match json.get("id")? {
        Json::Text(text) => text.parse().ok(),
        Json::Number(number) => IssueId::new(number.as_i64()?).ok(),
        Json::Null | Json::Bool(_) | Json::List(_) | Json::Object(_) => None,
    }
}
