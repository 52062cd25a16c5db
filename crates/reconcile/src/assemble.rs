//! What was fetched and what was known → the raw snapshot. Pure.
//!
//! Promises: a complete part replaces what was known; any other part keeps what was known, takes
//! what came (the newer copy of an entry wins), and `_parts` says that and why. Entries appear once
//! each, oldest first for comments and worklogs, newest first for the history, as Jira embeds them.
//! A webhook's body never gets here.

use std::collections::HashMap;

use jira::id::{IssueId, IssueKey};
use jira::time::Instant;
use serde_json::{Map, Value, json};

use crate::Error;
use crate::fetch::{Fetched, Overlay};
use crate::part::{Name, Part, Retry};

/// A snapshot ready to be written.
#[derive(Debug)]
pub struct Assembled {
    /// The issue's identity.
    pub id: IssueId,
    /// Its key now.
    pub key: IssueKey,
    /// Jira's JSON, completed.
    pub json: Value,
    /// Parts that another look may complete, with the reasons.
    pub again: Vec<(Name, String, Retry)>,
    /// Whether some part relies on what was known before.
    pub leans_on_known: bool,
}

/// Where a snapshot comes from.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// When it was fetched.
    pub now: Instant,
    /// What caused the fetch.
    pub source: &'static str,
}

/// Puts the snapshot together. `known` is the last snapshot, if there was one.
pub fn assemble(
    fetched: Fetched,
    known: Option<&Value>,
    origin: Origin,
) -> Result<Assembled, Error> {
    let now = origin.now;
    let Fetched { id, key, issue, comments, changelog, worklogs, remote_links, sla } = fetched;
    let Value::Object(mut json) = issue else { return Err(Error::NotTheIssue) };
    let Some(Value::Object(fields)) = json.get_mut("fields") else {
        return Err(Error::NotTheIssue);
    };
    let mut report = Report { now, parts: Map::new(), again: Vec::new(), leans: false };
    report.sla(fields, sla, known);
    let known_list =
        |path: &str| known.and_then(|known| known.pointer(path)).and_then(Value::as_array);
    let comments = report.list(Name::Comments, comments, known_list("/fields/comment/comments"));
    if let Some(list) = comments {
        let total = list.len();
        fields.insert(
            "comment".into(),
            json!({"comments": sorted(list), "maxResults": total, "total": total, "startAt": 0}),
        );
    }
    let changelog = report.list(Name::Changelog, changelog, known_list("/changelog/histories"));
    if let Some(list) = changelog {
        let total = list.len();
        let mut list = sorted(list);
        list.reverse();
        json.insert(
            "changelog".into(),
            json!({"startAt": 0, "maxResults": total, "total": total, "histories": list}),
        );
    }
    if let Some(list) = report.list(Name::Worklogs, worklogs, known_list("/_worklogs")) {
        json.insert("_worklogs".into(), Value::Array(sorted(list)));
    }
    if let Some(list) = report.list(Name::RemoteLinks, remote_links, known_list("/_remote_links")) {
        json.insert("_remote_links".into(), Value::Array(list));
    }
    report.attachments(json.get("fields"), known.and_then(|known| known.get("_attachments")));
    json.insert("_synced_at".into(), Value::String(now.iso()));
    json.insert("_source".into(), origin.source.into());
    json.insert("_parts".into(), Value::Object(report.parts));
    if let Some(known) = known {
        keep_what_is_ours(&mut json, known, &key, now);
    }
    let json = Value::Object(json);
    Ok(Assembled { id, key, json, again: report.again, leans_on_known: report.leans })
}

/// Puts remote links that were fetched later into a snapshot.
pub fn fill_remote_links(known: &mut Value, part: Part, now: Instant) {
    let before = known.get("_remote_links").and_then(Value::as_array).cloned();
    let mut report = Report { now, parts: Map::new(), again: Vec::new(), leans: false };
    let list = report.list(Name::RemoteLinks, part, before.as_ref());
    let Some(json) = known.as_object_mut() else { return };
    if let Some(list) = list {
        json.insert("_remote_links".into(), Value::Array(list));
    }
    if let Some(Value::Object(parts)) = json.get_mut("_parts") {
        parts.extend(report.parts);
    }
}

/// Puts what became of the attachments' bytes into a snapshot: `of` has an entry for each that is
/// listed and was tried, by its id.
pub fn fill_attachments(known: &mut Value, of: Map<String, Value>, now: Instant) {
    let mut report = Report { now, parts: Map::new(), again: Vec::new(), leans: false };
    let Some(json) = known.as_object_mut() else { return };
    json.insert("_attachments".into(), Value::Object(of));
    report.attachments(json.get("fields"), json.get("_attachments"));
    if let Some(Value::Object(parts)) = json.get_mut("_parts") {
        parts.extend(report.parts);
    }
}

/// Carries over what is not Jira's: what is known of the attachments' bytes, and the keys that the
/// issue had. A key that was given back by now is none of them.
fn keep_what_is_ours(json: &mut Map<String, Value>, known: &Value, key: &IssueKey, now: Instant) {
    if let Some(became) = known.get("_attachments") {
        json.insert("_attachments".into(), became.clone());
    }
    let mut former: Vec<Value> =
        known.get("_former_keys").and_then(Value::as_array).cloned().unwrap_or_default();
    let is = |entry: &Value, key: &str| entry.get("key").and_then(Value::as_str) == Some(key);
    if let Some(last) = known.get("key").and_then(Value::as_str)
        && !former.iter().any(|entry| is(entry, last))
    {
        former.push(json!({"key": last, "moved_at": now.iso()}));
    }
    former.retain(|entry| !is(entry, key.as_str()));
    if !former.is_empty() {
        json.insert("_former_keys".into(), Value::Array(former));
    }
}

/// Collects `_parts` while the snapshot is put together.
struct Report {
    now: Instant,
    parts: Map<String, Value>,
    again: Vec<(Name, String, Retry)>,
    leans: bool,
}

impl Report {
    /// One list-shaped part. `None`: nothing came and nothing is known, which is not the same as
    /// an empty list, so the snapshot gets no list.
    fn list(&mut self, name: Name, part: Part, known: Option<&Vec<Value>>) -> Option<Vec<Value>> {
        match part {
            Part::Complete(items) => {
                self.note(name, items.len(), Some(items.len() as u64), None);
                Some(items)
            }
            Part::Incomplete { items, total, reason, again } => {
                self.leans = true;
                self.look_again(name, &reason, again);
                let list = match (items.is_empty(), known) {
                    (true, None) => None,
                    (_, known) => Some(united(known.cloned().unwrap_or_default(), items)),
                };
                self.note(name, list.as_ref().map_or(0, Vec::len), total, Some(reason));
                list
            }
        }
    }

    /// SLA values: those that the first account may not read come from the service account, else
    /// stay as they were known.
    fn sla(&mut self, fields: &mut Map<String, Value>, overlay: Overlay, known: Option<&Value>) {
        let (ids, values, failure) = match overlay {
            Overlay::None => return,
            Overlay::Refused { fields, values, failure } => (fields, values, failure),
        };
        let known = known.and_then(|known| known.get("fields"));
        let mut missing = 0;
        for id in &ids {
            if !fields.get(id).is_some_and(is_refused) {
                continue;
            }
            let fresh = values.get(id).filter(|value| !is_refused(value));
            let value = fresh.or_else(|| {
                missing += 1;
                known.and_then(|known| known.get(id)).filter(|value| !is_refused(value))
            });
            if let Some(value) = value {
                fields.insert(id.clone(), value.clone());
            }
        }
        if missing == 0 {
            self.note(Name::Sla, ids.len(), Some(ids.len() as u64), None);
            return;
        }
        self.leans = true;
        let (reason, again) = failure.unwrap_or_else(|| {
            let reason = "the accounts may not read SLA values: an agent licence is needed";
            (reason.to_owned(), Retry::Never)
        });
        self.look_again(Name::Sla, &reason, again);
        self.note(
            Name::Sla,
            ids.len().saturating_sub(missing),
            Some(ids.len() as u64),
            Some(reason),
        );
    }

    /// The bytes of attachments: those that are on disk, of those that Jira lists. They are fetched
    /// apart from looks, so this is never a reason for another look.
    fn attachments(&mut self, fields: Option<&Value>, became: Option<&Value>) {
        let listed = fields.and_then(|fields| fields.get("attachment")).and_then(Value::as_array);
        let Some(listed) = listed else { return };
        let state = |entry: &Value| {
            let id = entry.get("id")?.as_str()?;
            became?.get(id)?.get("state")?.as_str()
        };
        let count = |wanted| listed.iter().filter(|entry| state(entry) == Some(wanted)).count();
        let (stored, too_large) = (count("stored"), count("too_large"));
        let left = listed.len().saturating_sub(stored).saturating_sub(too_large);
        let reason = (left > 0).then(|| format!("attachments: {left} are not on disk"));
        self.note(Name::Attachments, stored, Some(listed.len() as u64), reason);
    }

    fn look_again(&mut self, name: Name, reason: &str, again: Retry) {
        match again {
            Retry::Soon | Retry::Later => self.again.push((name, reason.to_owned(), again)),
            Retry::Never => {}
        }
    }

    fn note(&mut self, name: Name, have: usize, total: Option<u64>, reason: Option<String>) {
        let entry = json!({
            "fetched_at": self.now.iso(), "complete": reason.is_none(),
            "have": have, "total": total, "reason": reason,
        });
        self.parts.insert(name.as_str().to_owned(), entry);
    }
}

/// Whether a value stands for "you may not read this" (facts 4.1, variant 4).
pub fn is_refused(value: &Value) -> bool {
    value.get("errorMessage").is_some()
}

/// Both lists, each id once; the fresh copy wins. Entries without an id are kept from the fresh one.
fn united(known: Vec<Value>, fresh: Vec<Value>) -> Vec<Value> {
    let mut at = HashMap::new();
    let mut list: Vec<Value> = Vec::with_capacity(known.len().max(fresh.len()));
    for entry in known.into_iter().filter(|entry| identity(entry).is_some()).chain(fresh) {
        let place = identity(&entry).map(|id| *at.entry(id).or_insert(list.len()));
        match place.and_then(|place| list.get_mut(place)) {
            Some(old) => *old = entry,
            None => list.push(entry),
        }
    }
    list
}

/// Oldest first: by `created`, then by numeric id, as Jira promises no order.
fn sorted(mut list: Vec<Value>) -> Vec<Value> {
    list.sort_by_key(|entry| {
        let created = entry.get("created").and_then(Value::as_str).and_then(Instant::parse);
        (created, identity(entry))
    });
    list
}

fn identity(entry: &Value) -> Option<i64> {
    let id = entry.get("id")?;
    id.as_i64().or_else(|| id.as_str().and_then(|text| text.parse().ok()))
}

#[cfg(test)]
mod tests;
