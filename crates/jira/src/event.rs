//! What a webhook body says, and no more: its event, and the issues it leads to.
//!
//! A body is a hint, never data: only the few members that name an issue are decoded. The rest is
//! checked to be JSON and skipped where it stands, without building a tree and without recursion,
//! so depth is no danger and size costs time only. An odd member costs itself only: a number where a
//! text belongs reads as absent. Of a member that is there twice, the last one counts.
//!
//! Subjects come from the shape of the body, not from the event's name, so that an event nobody
//! has heard of still means "look again" when it carries an issue.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::id::{IssueId, IssueKey, Subject};
use crate::time::Instant;

/// The longest event name that is kept, in bytes; Jira's longest has 42.
const NAME_BYTES: usize = 100;

/// Every event name of Jira's webhook page, and the two forms that older sites send.
const KNOWN: &[&str] = &[
    "jira:issue_created",
    "jira:issue_updated",
    "jira:issue_deleted",
    "issue_deleted",
    "issue_property_set",
    "issue_property_deleted",
    "worklog_created",
    "worklog_updated",
    "worklog_deleted",
    "jira:worklog_updated",
    "comment_created",
    "comment_updated",
    "comment_deleted",
    "attachment_created",
    "attachment_deleted",
    "issuelink_created",
    "issuelink_deleted",
    "issuetype_created",
    "issuetype_updated",
    "issuetype_deleted",
    "project_created",
    "project_updated",
    "project_deleted",
    "project_soft_deleted",
    "project_restored_deleted",
    "project_archived",
    "project_restored_archived",
    "jira:version_released",
    "jira:version_unreleased",
    "jira:version_created",
    "jira:version_moved",
    "jira:version_updated",
    "jira:version_merged",
    "jira:version_deleted",
    "filter_created",
    "filter_updated",
    "filter_deleted",
    "user_created",
    "user_updated",
    "user_deleted",
    "option_voting_changed",
    "option_watching_changed",
    "option_unassigned_issues_changed",
    "option_subtasks_changed",
    "option_attachments_changed",
    "option_issuelinks_changed",
    "option_timetracking_changed",
    "sprint_created",
    "sprint_deleted",
    "sprint_updated",
    "sprint_started",
    "sprint_closed",
    "board_created",
    "board_updated",
    "board_deleted",
    "board_configuration_changed",
    "jira_expression_evaluation_failed",
    "app_access_to_objects_blocked",
    "app_access_to_objects_in_container_blocked",
];

/// The body is not JSON (or not UTF-8, or more than one document), or not an object. What it was
/// is not repeated: it may be anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body is not a JSON object")]
pub struct NotAnObject;

/// What a webhook body says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `webhookEvent`, if it is 1 to 100 ASCII letters, digits, `_`, `-` or `:`; else nothing. So
    /// it is safe to log, store and answer with (a path takes no text from a body all the same).
    pub name: Option<String>,
    /// The issues to look at, each once, in the order of the body's meaning: an issue's own event
    /// gives one, a link gives both ends, an attachment, sprint, version, project or user none.
    pub subjects: Vec<Subject>,
    /// The issue's key, where the body names a well-formed one. For people: `subjects` has the id.
    pub key: Option<IssueKey>,
    /// Whether this is the deletion of an issue: exactly `jira:issue_deleted` or `issue_deleted`.
    /// The deletion of a comment, attachment or link is not.
    pub deleted: bool,
    /// When Jira says that it happened.
    pub timestamp: Option<Instant>,
}

impl Event {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, NotAnObject> {
        // The whole body, since members that are skipped are not looked at closely.
        let text = std::str::from_utf8(body).map_err(|_| NotAnObject)?;
        let [name, timestamp, issue, comment, link, worklog] = members(
            text,
            ["webhookEvent", "timestamp", "issue", "comment", "issueLink", "worklog"],
        )
        .ok_or(NotAnObject)?;

        let name = name.and_then(read_text).filter(|name| is_name(name)).map(Cow::into_owned);
        let [id, key] = inside(issue, ["id", "key"]);
        let key = key.and_then(read_text).and_then(|key| key.parse::<IssueKey>().ok());
        let own = id.and_then(read_id).map(Subject::Id).or_else(|| key.clone().map(Subject::Key));
        let own = own.or_else(|| {
            let [address] = inside(comment, ["self"]);
            address.and_then(read_text).and_then(|text| id_in_address(&text)).map(Subject::Id)
        });

        let ends = inside(link, ["sourceIssueId", "destinationIssueId"]);
        let logged = inside(worklog, ["issueId"]);
        let named = ends.into_iter().chain(logged).flatten().filter_map(read_id).map(Subject::Id);
        let mut subjects = Vec::new();
        for subject in own.into_iter().chain(named) {
            if !subjects.contains(&subject) {
                subjects.push(subject);
            }
        }

        Ok(Self {
            deleted: matches!(name.as_deref(), Some("jira:issue_deleted" | "issue_deleted")),
            name,
            subjects,
            key,
            timestamp: timestamp.and_then(read).and_then(Instant::from_millis),
        })
    }

    /// The name if it is one that Jira is known to send, else `unknown`: a bounded set, for logs
    /// and metrics.
    pub fn class(&self) -> &'static str {
        self.name.as_deref().map_or("unknown", class_of)
    }
}

/// The name itself if Jira is known to send it, else `unknown`.
pub fn class_of(name: &str) -> &'static str {
    KNOWN.iter().find(|known| **known == name).copied().unwrap_or("unknown")
}

fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b':');
    (1..=NAME_BYTES).contains(&text.len()) && text.bytes().all(allowed)
}

/// The issue's id in a comment's address, `…/issue/{id}/comment/{comment}`. Only the id is taken;
/// nothing ever connects to the address.
fn id_in_address(address: &str) -> Option<IssueId> {
    let (issue, _) = address.rsplit_once("/comment/")?;
    let (_, id) = issue.rsplit_once("/issue/")?;
    id.parse().ok()
}

/// An id, as a number or as a text.
fn read_id(raw: &RawValue) -> Option<IssueId> {
    match read::<i64>(raw) {
        Some(number) => IssueId::new(number).ok(),
        None => read_text(raw)?.parse().ok(),
    }
}

fn read_text(raw: &RawValue) -> Option<Cow<'_, str>> {
    read::<&str>(raw).map(Cow::Borrowed).or_else(|| read::<String>(raw).map(Cow::Owned))
}

fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

/// The named members of a value; all absent when it is no object.
fn inside<'a, const N: usize>(
    raw: Option<&'a RawValue>,
    names: [&str; N],
) -> [Option<&'a RawValue>; N] {
    raw.and_then(|raw| members(raw.get(), names)).unwrap_or([None; N])
}

/// The named members of a JSON object, undecoded; `None` if the text is anything else.
fn members<'a, const N: usize>(
    text: &'a str,
    names: [&str; N],
) -> Option<[Option<&'a RawValue>; N]> {
    let mut document = serde_json::Deserializer::from_str(text);
    let found = Members(names).deserialize(&mut document).ok()?;
    document.end().ok()?;
    Some(found)
}

struct Members<'n, const N: usize>([&'n str; N]);

impl<'de, const N: usize> DeserializeSeed<'de> for Members<'_, N> {
    type Value = [Option<&'de RawValue>; N];

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Members<'_, N> {
    type Value = [Option<&'de RawValue>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; N];
        while let Some(place) = map.next_key_seed(Place(&self.0))? {
            match place.and_then(|place| found.get_mut(place)) {
                Some(slot) => *slot = Some(map.next_value()?),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}

/// Where a member's name stands among the wanted ones. Names are compared as bytes: half of a
/// surrogate pair is no text, but it is JSON, and no reason to refuse the body.
struct Place<'n>(&'n [&'n str]);

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_bytes(self)
    }
}

impl Visitor<'_> for Place<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_bytes<E>(self, name: &[u8]) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|wanted| wanted.as_bytes() == name))
    }
}

#[cfg(test)]
mod tests;
