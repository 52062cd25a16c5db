//! Creating an issue, deleting it and hiding it.

use serde_json::{Map, Value, json};

use super::edit::{Edit, item, item_without_field};
use super::people::Furniture;
use super::state::Issue;
use super::{Place, Site, sla};
use crate::error::Error;
use crate::json::Members;
use crate::webhook::{Event, Flow, body};

/// What a new issue starts with.
#[derive(Clone, Debug)]
pub struct NewIssue {
    /// The project's key.
    pub project: String,
    /// The summary.
    pub summary: String,
    /// The description, one paragraph per line.
    pub description: String,
    /// Further fields, by id, in REST v3 form.
    pub fields: Map<String, Value>,
}

impl NewIssue {
    /// An issue with a summary and nothing else.
    pub fn new(project: &str, summary: &str) -> Self {
        Self {
            project: project.to_owned(),
            summary: summary.to_owned(),
            description: String::new(),
            fields: Map::new(),
        }
    }
}

/// An issue that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its id, for ever.
    pub id: i64,
    /// Its key, for now.
    pub key: String,
}

impl Site {
    /// Creates an issue.
    pub fn create(&self, new: NewIssue) -> Result<Made, Error> {
        self.edit_with(|edit| {
            let made = insert(edit, new)?;
            let items = creation_items(edit, made.id)?;
            // Jira's webhook has a changelog for the creation; the issue's history does not.
            let history = json!({"id": edit.state.new_id().to_string(), "items": items});
            edit.announce_issue(made.id, "jira:issue_created", "issue_created", Some(&history))?;
            Ok(made)
        })
    }

    /// Deletes an issue. Its comments, attachments and links are announced as fallout.
    pub fn delete(&self, issue: &str) -> Result<(), Error> {
        self.edit_with(|edit| {
            let id = edit.id(issue)?;
            delete(edit, id)
        })
    }

    /// Hides an issue from every caller. No webhook says so.
    pub fn hide(&self, issue: &str) -> Result<(), Error> {
        self.edit_with(|edit| {
            let id = edit.id(issue)?;
            edit.issue(id)?.hidden = true;
            Ok(())
        })
    }

    /// Shows a hidden issue again. No webhook says so.
    pub fn unhide(&self, issue: &str) -> Result<(), Error> {
        self.edit_with(|edit| {
            let id = edit.id(issue)?;
            edit.issue(id)?.hidden = false;
            Ok(())
        })
    }
}

fn insert(edit: &mut Edit<'_>, new: NewIssue) -> Result<Made, Error> {
    let furniture = edit.state.furniture.clone();
    let project = super::State::named(&furniture.projects, "key", &new.project)
        .ok_or_else(|| Error::missing("project", &new.project))?;
    let id = edit.state.new_id();
    let key = edit.state.new_key(&new.project);
    let mut fields = blank(&furniture, edit.place, id);
    let stamp = edit.stamp();
    let set = [
        ("summary", json!(new.summary)),
        ("project", project.clone()),
        ("created", json!(stamp)),
        ("updated", json!(stamp)),
        ("statuscategorychangedate", json!(stamp)),
        ("creator", edit.actor.clone()),
        ("reporter", edit.actor.clone()),
        ("status", furniture.statuses.first().cloned().unwrap_or(Value::Null)),
    ];
    fields.extend(set.map(|(name, value)| (name.to_owned(), value)));
    if !new.description.is_empty() {
        fields.insert("description".to_owned(), crate::adf::from_text(&new.description));
    }
    fields.extend(new.fields);
    let issue = Issue {
        id,
        key: key.clone(),
        former_keys: Vec::new(),
        created: edit.now,
        updated: edit.now,
        fields,
        rendered: Value::Null,
        comments: Vec::new(),
        histories: Vec::new(),
        worklogs: Vec::new(),
        remote_links: Vec::new(),
        hidden: false,
    };
    edit.state.put(issue);
    // An issue made here is unknown to the search index until the index has caught up.
    if let Some(known) = edit.state.index.get_mut(&id) {
        known.iter_mut().for_each(|version| version.since = edit.now);
    }
    Ok(Made { id, key })
}

/// The fields of an issue of which nothing is known: mostly null, as Jira answers them.
fn blank(furniture: &Furniture, place: &Place, id: i64) -> Map<String, Value> {
    let mut fields = Map::new();
    for field in &furniture.fields {
        let Some(name) = field.member("id").as_str() else { continue };
        let value = match field.member("schema").member("type").as_str() {
            Some("array") if field.member("custom") == false => json!([]),
            _ => Value::Null,
        };
        fields.insert(name.to_owned(), value);
        if field.member("schema").member("custom") == super::catalogue::SLA {
            let title = field.member("name").as_str().unwrap_or_default();
            let goal = if title.contains("first") { 4 * 3_600_000 } else { 40 * 3_600_000 };
            let metric = field.member("schema").member("customId").as_i64().unwrap_or_default();
            fields.insert(name.to_owned(), sla::start(place, id, metric, title, goal));
        }
    }
    let url = &place.url;
    let priority = json!({"self": format!("{url}/rest/api/3/priority/3"), "id": "3", "name": "Medium", "iconUrl": format!("{url}/images/icons/priorities/medium.svg")});
    let kind = json!({"self": format!("{url}/rest/api/3/issuetype/10002"), "id": "10002", "name": "Support", "description": "", "subtask": false, "hierarchyLevel": 0, "avatarId": 10300});
    let set = [
        ("priority", priority),
        ("issuetype", kind),
        (
            "votes",
            json!({"self": format!("{url}/rest/api/3/issue/{id}/votes"), "votes": 0, "hasVoted": false}),
        ),
        (
            "watches",
            json!({"self": format!("{url}/rest/api/3/issue/{id}/watchers"), "watchCount": 0, "isWatching": false}),
        ),
        ("progress", json!({"progress": 0, "total": 0})),
        ("timetracking", json!({})),
        ("workratio", json!(-1)),
        ("issuerestriction", json!({"issuerestrictions": {}, "shouldDisplay": true})),
    ];
    fields.extend(set.map(|(name, value)| (name.to_owned(), value)));
    fields.remove("comment");
    fields.remove("worklog");
    fields.remove("statusCategory");
    fields
}

/// The changelog that comes with `jira:issue_created`: what was set, irregular case included.
fn creation_items(edit: &mut Edit<'_>, id: i64) -> Result<Vec<Value>, Error> {
    let nothing = || (Value::Null, Value::Null);
    let fields = &edit.issue(id)?.fields;
    let mut items = Vec::new();
    for name in ["summary", "reporter", "priority", "description"] {
        let value = fields.get(name).unwrap_or(&Value::Null);
        if !value.is_null() {
            items.push(item(name, nothing(), super::fields::described(value)));
        }
    }
    let status = fields.get("status").unwrap_or(&Value::Null);
    let mut set = item("status", nothing(), super::fields::described(status));
    set.set("field", json!("Status"));
    items.push(set);
    Ok(items)
}

fn delete(edit: &mut Edit<'_>, id: i64) -> Result<(), Error> {
    let mut fields = super::view::webhook_fields(edit.state, edit.place, id)
        .ok_or_else(|| Error::missing("issue", id))?;
    fields.insert(
        "comment".to_owned(),
        json!({"comments": [], "maxResults": 0, "total": 0, "startAt": 0}),
    );
    fields.insert(
        "worklog".to_owned(),
        json!({"startAt": 0, "maxResults": 20, "total": 0, "worklogs": []}),
    );
    let gone = edit.issue(id)?.clone();
    let body = json!({
        "timestamp": edit.now, "webhookEvent": "jira:issue_deleted", "user": body::actor(&edit.actor),
        "issue": body::issue(&edit.place.url, id, &gone.key, fields),
    });
    let name = "jira:issue_deleted";
    edit.announce(Event { name, flow: Flow::Primary, issue: Some(id), body });
    for comment in &gone.comments {
        super::comments::announce(edit, &gone, "comment_deleted", comment, Flow::Secondary);
    }
    for attachment in gone.fields.get("attachment").and_then(Value::as_array).into_iter().flatten()
    {
        super::attachments::announce(edit, "attachment_deleted", attachment, Flow::Secondary);
    }
    let touching: Vec<i64> = edit
        .state
        .links
        .iter()
        .filter(|(_, link)| link.source == id || link.destination == id)
        .map(|(link, _)| *link)
        .collect();
    for link in touching {
        drop_link(edit, link, id, &gone.key)?;
    }
    edit.state.issues.remove(&id);
    edit.state.index.remove(&id);
    edit.state.keys.retain(|_, owner| *owner != id);
    edit.state.files.retain(|_, file| file.issue != id);
    Ok(())
}

/// Removes a link of an issue that is being deleted; the other issue's history says so.
fn drop_link(edit: &mut Edit<'_>, link: i64, gone: i64, gone_key: &str) -> Result<(), Error> {
    let Some(removed) = edit.state.links.remove(&link) else { return Ok(()) };
    super::links::announce(edit, "issuelink_deleted", link, &removed, Flow::Secondary);
    let other = if removed.source == gone { removed.destination } else { removed.source };
    let words = format!("This issue was linked to {gone_key}");
    let from = (json!(gone_key), json!(words));
    edit.record(other, vec![item_without_field("Link", from, (Value::Null, Value::Null))])?;
    edit.touch(other)
}
