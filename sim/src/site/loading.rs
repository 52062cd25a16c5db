//! Loading issues that came from elsewhere: one JSON issue per line, of API v2 or v3 shape.
//!
//! They are served as they are. Comments and worklogs are taken out of the fields, so that the
//! embed limits hold; attachments have the size that their record says.

use std::io::BufRead;

use serde_json::{Map, Value, json};

use super::state::{Content, Issue, State, StoredFile, split_key};
use super::{Site, people};
use crate::error::Error;
use crate::json::Members;
use crate::time;

impl Site {
    /// Loads issues, one per line, and answers how many. No webhooks are sent.
    pub fn load_jsonl(&self, lines: impl BufRead) -> Result<usize, Error> {
        let mut count = 0;
        for (at, line) in lines.lines().enumerate() {
            let number = at + 1;
            let line = line.map_err(|error| Error::NotAnIssue {
                line: number,
                source: Some(serde_json::Error::io(error)),
            })?;
            if line.trim().is_empty() {
                continue;
            }
            let json: Value = serde_json::from_str(&line)
                .map_err(|source| Error::NotAnIssue { line: number, source: Some(source) })?;
            let url = self.place().url.clone();
            let mut state = self.state();
            let issue = read(json).ok_or(Error::NotAnIssue { line: number, source: None })?;
            register(&mut state, &url, &issue);
            state.put(issue);
            count += 1;
        }
        Ok(count)
    }
}

fn read(mut json: Value) -> Option<Issue> {
    let id: i64 = match &json.member("id") {
        Value::String(id) => id.parse().ok()?,
        Value::Number(id) => id.as_i64()?,
        _ => return None,
    };
    let key = json.member("key").as_str()?.to_owned();
    let mut histories = rows(json.get_mut("changelog"), "histories");
    // Embedded changelogs are newest first.
    histories.reverse();
    let Value::Object(mut fields) = json.get_mut("fields").map_or(Value::Null, Value::take) else {
        return None;
    };
    let comments = rows(fields.remove("comment").as_mut(), "comments");
    let worklogs = rows(fields.remove("worklog").as_mut(), "worklogs");
    let at = |name: &str| fields.get(name).and_then(Value::as_str).and_then(time::parse);
    Some(Issue {
        id,
        key,
        former_keys: Vec::new(),
        created: at("created").unwrap_or_default(),
        updated: at("updated").unwrap_or_default(),
        rendered: json.get_mut("renderedFields").map_or(Value::Null, Value::take),
        remote_links: rows(Some(&mut json), "_remote_links"),
        fields,
        comments,
        histories,
        worklogs,
        hidden: false,
    })
}

fn rows(list: Option<&mut Value>, name: &str) -> Vec<Value> {
    match list.and_then(|list| list.get_mut(name)).map(Value::take) {
        Some(Value::Array(rows)) => rows,
        _ => Vec::new(),
    }
}

/// Makes known what the issue refers to: its project, its status, its attachments.
fn register(state: &mut State, url: &str, issue: &Issue) {
    if let Some((key, _)) = split_key(&issue.key)
        && State::named(&state.furniture.projects, "key", key).is_none()
    {
        let known = &issue.fields.get("project").cloned().unwrap_or(Value::Null);
        let id =
            known.member("id").as_str().map_or_else(|| state.new_id().to_string(), str::to_owned);
        let name = known.member("name").as_str().unwrap_or(key);
        state.furniture.projects.push(people::project(url, &id, key, name));
    }
    if let Some(status) = issue.fields.get("status")
        && let Some(name) = status.member("name").as_str()
        && State::named(&state.furniture.statuses, "name", name).is_none()
    {
        state.furniture.statuses.push(status.clone());
    }
    state.reserve_ids_of(issue);
    for attachment in issue.fields.get("attachment").and_then(Value::as_array).into_iter().flatten()
    {
        let Some(id) = attachment.member("id").as_str().and_then(|id| id.parse().ok()) else {
            continue;
        };
        let file = StoredFile {
            media_id: state.new_uuid(),
            issue: issue.id,
            mime: attachment
                .member("mimeType")
                .as_str()
                .unwrap_or("application/octet-stream")
                .to_owned(),
            content: Content::Filler(attachment.member("size").as_u64().unwrap_or_default()),
        };
        state.reserve_id(id);
        state.files.insert(id, file);
    }
}

/// The id, key and fields of an issue by hand, for tests that want one exact shape.
impl Site {
    /// Puts in one issue exactly as given (v2 or v3). No webhook is sent.
    pub fn load_issue(&self, id: i64, key: &str, fields: Map<String, Value>) -> Result<(), Error> {
        let line = json!({"id": id.to_string(), "key": key, "fields": fields}).to_string();
        self.load_jsonl(line.as_bytes()).map(|_| ())
    }
}
