//! Editing fields and moving an issue through its workflow.

use serde_json::{Value, json};

use super::edit::{Edit, item};
use super::{Site, State, sla};
use crate::adf;
use crate::error::Error;
use crate::json::Members;

impl Site {
    /// Sets one field, in REST v3 form.
    pub fn set(&self, issue: &str, field: &str, value: Value) -> Result<(), Error> {
        self.set_all(issue, vec![(field.to_owned(), value)])
    }

    /// Sets several fields in one edit: one changelog entry, one webhook.
    pub fn set_all(&self, issue: &str, values: Vec<(String, Value)>) -> Result<(), Error> {
        self.edit_with(|edit| {
            let id = edit.id(issue)?;
            for (field, _) in &values {
                known(edit, id, field)?;
            }
            let mut items = Vec::new();
            let mut kind = "issue_updated";
            for (field, value) in values {
                if field == "assignee" {
                    kind = "issue_assigned";
                }
                items.push(replace(edit, id, &field, value)?);
            }
            finish(edit, id, items, kind)
        })
    }

    /// Changes a field as scripts behind the API do: no changelog, no webhook, and `updated` stays.
    pub fn set_in_silence(&self, issue: &str, field: &str, value: Value) -> Result<(), Error> {
        self.edit_with(|edit| {
            let id = edit.id(issue)?;
            known(edit, id, field)?;
            edit.issue(id)?.fields.insert(field.to_owned(), value);
            Ok(())
        })
    }

    /// Adds a text field to the site, as an administrator does, and answers its id.
    pub fn add_field(&self, number: u32, name: &str) -> Result<String, Error> {
        let id = format!("customfield_{number}");
        let kind = "com.atlassian.jira.plugin.system.customfieldtypes:textfield";
        let field = json!({
            "id": id, "key": id, "name": name, "untranslatedName": name, "custom": true,
            "orderable": true, "navigable": true, "searchable": true,
            "clauseNames": [format!("cf[{number}]"), name],
            "schema": {"type": "string", "custom": kind, "customId": number},
        });
        self.edit_with(|edit| {
            edit.state.furniture.fields.push(field);
            Ok(id)
        })
    }

    /// Moves the issue to a status, by name. Entering a done status resolves it, leaving one
    /// opens it again.
    pub fn transition(&self, issue: &str, status: &str) -> Result<(), Error> {
        self.edit_with(|edit| {
            let id = edit.id(issue)?;
            let statuses = &edit.state.furniture.statuses;
            let to = State::named(statuses, "name", status)
                .ok_or_else(|| Error::missing("status", status))?
                .clone();
            let items = enter(edit, id, to)?;
            finish(edit, id, items, "issue_generic")
        })
    }
}

fn finish(edit: &mut Edit<'_>, id: i64, items: Vec<Value>, kind: &str) -> Result<(), Error> {
    let history = edit.record(id, items)?;
    edit.touch(id)?;
    edit.announce_issue(id, "jira:issue_updated", kind, Some(&history))
}

/// A field can be set if the site has it, or if the issue was loaded with it.
fn known(edit: &mut Edit<'_>, id: i64, field: &str) -> Result<(), Error> {
    let listed = State::named(&edit.state.furniture.fields, "id", field).is_some();
    if listed || edit.issue(id)?.fields.contains_key(field) {
        return Ok(());
    }
    Err(Error::missing("field", field))
}

fn enter(edit: &mut Edit<'_>, id: i64, to: Value) -> Result<Vec<Value>, Error> {
    let stamp = edit.stamp();
    let was_done = edit.issue(id)?.fields.get("status").is_some_and(is_done);
    let done = is_done(&to);
    let mut items = vec![replace(edit, id, "status", to)?];
    if was_done == done {
        return Ok(items);
    }
    let url = &edit.place.url;
    let resolution = if done {
        json!({"self": format!("{url}/rest/api/3/resolution/10000"), "id": "10000", "name": "Done", "description": "Work has been completed on this issue."})
    } else {
        Value::Null
    };
    items.push(replace(edit, id, "resolution", resolution)?);
    let place = edit.place.clone();
    let sla_fields = edit.state.sla_fields.clone();
    let issue = edit.issue(id)?;
    let resolved = if done { json!(stamp) } else { Value::Null };
    issue.fields.insert("resolutiondate".to_owned(), resolved);
    issue.fields.insert("statuscategorychangedate".to_owned(), json!(stamp));
    if done {
        for field in sla_fields {
            if let Some(value) = issue.fields.get_mut(&field) {
                *value = sla::complete(value, &place);
            }
        }
    }
    Ok(items)
}

fn is_done(status: &Value) -> bool {
    status.member("statusCategory").member("key") == "done"
}

/// Replaces a field's value and answers the changelog item of it.
pub(crate) fn replace(
    edit: &mut Edit<'_>,
    id: i64,
    field: &str,
    value: Value,
) -> Result<Value, Error> {
    let known = State::named(&edit.state.furniture.fields, "id", field);
    let custom = field.starts_with("customfield_");
    let name =
        known.filter(|_| custom).and_then(|it| it.member("name").as_str()).map(str::to_owned);
    let old = edit.issue(id)?.fields.insert(field.to_owned(), value.clone());
    let old = old.unwrap_or(Value::Null);
    let mut changed = item(field, described(&old), described(&value));
    if let Some(name) = name {
        changed.set("field", json!(name));
    }
    if custom {
        changed.set("fieldtype", json!("custom"));
    }
    for (side, value) in [("tmpFromAccountId", &old), ("tmpToAccountId", &value)] {
        if value.member("accountId").is_string() {
            changed.set(side, value.member("accountId").clone());
        }
    }
    Ok(changed)
}

/// How the changelog says a value: its id, and its words.
pub(crate) fn described(value: &Value) -> (Value, Value) {
    match value {
        Value::Null => (Value::Null, Value::Null),
        Value::String(text) => (Value::Null, json!(text)),
        Value::Array(items) => {
            let words: Vec<String> = items.iter().map(words).collect();
            (json!(""), json!(words.join(" ")))
        }
        document if adf::is_document(document) => (Value::Null, json!(adf::to_wiki(document))),
        Value::Object(members) => {
            let id = members.get("accountId").or_else(|| members.get("id"));
            (id.cloned().unwrap_or(Value::Null), json!(words(value)))
        }
        other => (Value::Null, json!(other.to_string())),
    }
}

fn words(value: &Value) -> String {
    let named =
        ["displayName", "name", "value"].iter().find_map(|member| value.member(member).as_str());
    named.or(value.as_str()).map_or_else(|| value.to_string(), str::to_owned)
}
