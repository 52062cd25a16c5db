//! A light look at a raw snapshot: which issue, which month, how new. No tree is built, so
//! that a folder of any size can be surveyed.
//!
//! What this answers and what [`Snapshot::parse`] answers must agree; where the light look does
//! not understand a file, the full one decides.

use std::fmt;

use jira::id::{IssueId, IssueKey};
use jira::time::{Instant, Month};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use transform::{Arena, Snapshot, View};

use crate::raw::chain;

/// What the survey of a raw folder keeps of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) file: String,
    pub(crate) id: IssueId,
    pub(crate) key: IssueKey,
    pub(crate) month: Month,
    /// When it was fetched, else when Jira says it changed: the newer of two files wins.
    pub(crate) newness: Option<Instant>,
    pub(crate) created: Option<Instant>,
    /// When Jira says it changed.
    pub(crate) updated: Option<Instant>,
    /// It is a tombstone, made then.
    pub(crate) deleted_at: Option<Instant>,
}

/// Looks at the bytes of one file; the error is the reason why it is no snapshot.
pub(crate) fn scan(bytes: &[u8], file: &str) -> Result<Entry, String> {
    if let Ok(Outline(outline)) = serde_json::from_slice::<Outline>(bytes)
        && let Some(entry) = outline.entry(file)
    {
        return Ok(entry);
    }
    let snapshot = Snapshot::parse(bytes, file).map_err(|error| chain(&error))?;
    Ok(Entry::of(&snapshot.view(&Arena::new())))
}

/// The issue that a snapshot is of, when it says so.
pub(crate) fn id_of(json: &[u8]) -> Option<IssueId> {
    scan(json, "").ok().map(|entry| entry.id)
}

impl Entry {
    pub(crate) fn of(snapshot: &View<'_>) -> Self {
        Self {
            file: snapshot.file().to_owned(),
            id: snapshot.id(),
            key: snapshot.key().clone(),
            month: snapshot.month(),
            newness: snapshot.synced_at().or(snapshot.updated()),
            created: snapshot.created(),
            updated: snapshot.updated(),
            deleted_at: snapshot.deleted_at(),
        }
    }

    /// What decides between two files of one issue.
    pub(crate) fn rank(&self) -> (Option<Instant>, u64, &str) {
        (self.newness, self.key.number(), &self.file)
    }
}

/// The few members that matter, whatever the others are.
#[derive(Debug, Default)]
struct Members {
    id: Text,
    key: Text,
    synced_at: Text,
    deleted_at: Text,
    created: Text,
    updated: Text,
}

impl Members {
    fn entry(self, file: &str) -> Option<Entry> {
        let instant = |text: Text| text.0.as_deref().and_then(Instant::parse);
        let (created, updated) = (instant(self.created), instant(self.updated));
        Some(Entry {
            file: file.to_owned(),
            id: self.id.0?.parse().ok()?,
            key: self.key.0?.parse().ok()?,
            month: Month::of(created),
            newness: instant(self.synced_at).or(updated),
            created,
            updated,
            deleted_at: instant(self.deleted_at),
        })
    }
}

struct Outline(Members);

impl<'de> Deserialize<'de> for Outline {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(TopLevel).map(Self)
    }
}

struct TopLevel;

impl<'de> Visitor<'de> for TopLevel {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an issue")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut found = Members::default();
        // As everywhere in JSON, the last of several members of one name counts.
        while let Some(name) = map.next_key::<Name>()? {
            match name {
                Name::Id => found.id = map.next_value()?,
                Name::Key => found.key = map.next_value()?,
                Name::SyncedAt => found.synced_at = map.next_value()?,
                Name::DeletedAt => found.deleted_at = map.next_value()?,
                Name::Fields => {
                    let fields: Fields = map.next_value()?;
                    (found.created, found.updated) = (fields.created, fields.updated);
                }
                Name::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }
}

#[derive(Deserialize)]
#[serde(field_identifier)]
enum Name {
    #[serde(rename = "id")]
    Id,
    #[serde(rename = "key")]
    Key,
    #[serde(rename = "_synced_at")]
    SyncedAt,
    #[serde(rename = "_deleted_at")]
    DeletedAt,
    #[serde(rename = "fields")]
    Fields,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Fields {
    #[serde(default)]
    created: Text,
    #[serde(default)]
    updated: Text,
}

/// A text, an id as a number, or nothing; of anything else the full parse decides.
#[derive(Debug, Default)]
struct Text(Option<String>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextOrNothing).map(Self)
    }
}

struct TextOrNothing;

impl Visitor<'_> for TextOrNothing {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or nothing")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The light look and the full parse agree, whatever the file looks like.
    fn check(json: &str) -> Option<Entry> {
        let light = serde_json::from_str::<Outline>(json).ok();
        let light = light.and_then(|Outline(members)| members.entry("f.json"));
        let full = Snapshot::parse(json.as_bytes(), "f.json").ok();
        let full = full.map(|snapshot| Entry::of(&snapshot.view(&Arena::new())));
        if let Some(light) = &light {
            assert_eq!(Some(light), full.as_ref(), "{json}");
        }
        assert_eq!(scan(json.as_bytes(), "f.json").ok(), full, "{json}");
        full
    }

    #[test]
    fn the_light_look_agrees_with_the_full_parse() {
        let found = check(
            r#"{"id":"7","key":"A-1","fields":{"created":"2026-03-01T00:30:00.000+0100",
            "updated":"2026-04-01T00:00:00.000+0000","x":{"created":"2020-01-01T00:00:00Z"}},
            "_synced_at":"2026-05-01T00:00:00Z","big":[1,{"id":"8"}]}"#,
        )
        .unwrap();
        assert_eq!(found.month.to_string(), "2026-02");
        assert_eq!(found.newness.map(Instant::iso).as_deref(), Some("2026-05-01T00:00:00.000Z"));
        let deleted = check(
            r#"{"_deleted_at":"2026-05-02T00:00:00Z","id":"7","key":"A-1","fields":{"updated":
            "2026-04-01T00:00:00.000+0000","created":null}}"#,
        )
        .unwrap();
        assert_eq!(deleted.month, Month::UNKNOWN);
        assert_eq!(deleted.newness.map(Instant::millis), Some(1_775_001_600_000));
    }

    #[test]
    fn odd_files_are_decided_by_the_full_parse() {
        for odd in [
            "",
            "[]",
            "null",
            "{}",
            "{\"id\":\"7\"}",
            "{\"key\":\"A-1\"}",
            "{\"id\":\"7\",\"key\":\"A-1\"",
            r#"{"id":7,"key":"A-1","fields":{}}"#,
            r#"{"id":"7","key":"A-1"}"#,
            r#"{"id":"7","key":"A-1","fields":null}"#,
            r#"{"id":"7","key":"A-1","fields":[]}"#,
            r#"{"id":"7","key":"../A-1","fields":{}}"#,
            r#"{"id":"7","key":"A-1","fields":{"created":17}}"#,
            r#"{"id":"7","key":"A-1","fields":{"created":["2026-02-01T00:00:00Z"]}}"#,
            r#"{"id":"6","id":"7","key":"A-1","fields":{}}"#,
            r#"{"id":"7","key":"A-1","fields":{"created":"2026-02-01T00:00:00Z"},"_deleted_at":null}"#,
            r#"{"id":"7","key":"A-1","fields":{"created":"2026-02-01T00:00:00Z"},"_deleted_at":true}"#,
        ] {
            check(odd);
        }
    }
}
