//! Commenting. Adding a comment moves `updated`; editing and deleting one does not, and none of
//! them is in the changelog or sends an issue event.

use serde_json::{Value, json};

use super::edit::Edit;
use super::state::Issue;
use super::{Site, sla};
use crate::adf;
use crate::error::Error;
use crate::json::Members;
use crate::webhook::{Event, Flow, body};

/// A comment to be added.
#[derive(Clone, Debug)]
pub struct NewComment {
    /// The document (a plain string is put into one).
    pub body: Value,
    /// Whether customers see it.
    pub public: bool,
}

impl NewComment {
    /// A public comment, one paragraph per line.
    pub fn text(text: &str) -> Self {
        Self { body: json!(text), public: true }
    }
}

impl Site {
    /// Adds a comment and answers its id.
    pub fn comment(&self, issue: &str, new: NewComment) -> Result<String, Error> {
        self.edit_with(|edit| {
            let id = edit.id(issue)?;
            let comment = build(edit, id, &new);
            let comment_id = comment.member("id").as_str().unwrap_or_default().to_owned();
            let place = edit.place.clone();
            let first_response = edit.state.first_response_fields();
            let target = edit.issue(id)?;
            target.comments.push(comment.clone());
            // The first answer that the customer sees ends the wait for one.
            for field in first_response.iter().filter(|_| new.public) {
                if let Some(value) = target.fields.get_mut(field) {
                    *value = sla::complete(value, &place);
                }
            }
            edit.touch(id)?;
            announce_by_id(edit, id, "comment_created", &comment)?;
            Ok(comment_id)
        })
    }

    /// Replaces a comment's body.
    pub fn edit_comment(&self, issue: &str, comment: &str, new: Value) -> Result<(), Error> {
        self.edit_with(|edit| {
            let id = edit.id(issue)?;
            let (actor, stamp) = (edit.actor.clone(), edit.stamp());
            let found = edit
                .issue(id)?
                .comments
                .iter_mut()
                .find(|it| it.member("id") == comment)
                .ok_or_else(|| Error::missing("comment", comment))?;
            found.set("body", document(&new));
            found.set("updateAuthor", actor);
            found.set("updated", json!(stamp));
            let found = found.clone();
            announce_by_id(edit, id, "comment_updated", &found)
        })
    }

    /// Deletes a comment.
    pub fn delete_comment(&self, issue: &str, comment: &str) -> Result<(), Error> {
        self.edit_with(|edit| {
            let id = edit.id(issue)?;
            let comments = &mut edit.issue(id)?.comments;
            let at = comments
                .iter()
                .position(|it| it.member("id") == comment)
                .ok_or_else(|| Error::missing("comment", comment))?;
            let gone = comments.remove(at);
            announce_by_id(edit, id, "comment_deleted", &gone)
        })
    }
}

/// A comment that is not yet in its issue.
pub(crate) fn build(edit: &mut Edit<'_>, issue: i64, new: &NewComment) -> Value {
    let id = edit.state.new_id();
    let stamp = edit.stamp();
    json!({
        "self": format!("{}/rest/api/3/issue/{issue}/comment/{id}", edit.place.url),
        "id": id.to_string(), "author": edit.actor, "body": document(&new.body),
        "updateAuthor": edit.actor, "created": stamp, "updated": stamp, "jsdPublic": new.public,
    })
}

fn document(body: &Value) -> Value {
    match body {
        Value::String(text) => adf::from_text(text),
        other => other.clone(),
    }
}

fn announce_by_id(
    edit: &mut Edit<'_>,
    id: i64,
    name: &'static str,
    comment: &Value,
) -> Result<(), Error> {
    let issue = edit.issue(id)?.clone();
    announce(edit, &issue, name, comment, Flow::Primary);
    Ok(())
}

/// Announces a comment, with the short issue that comment events carry.
pub(crate) fn announce(
    edit: &mut Edit<'_>,
    issue: &Issue,
    name: &'static str,
    comment: &Value,
    flow: Flow,
) {
    let short = body::short_fields(&issue.fields);
    let body = json!({
        "timestamp": edit.now, "webhookEvent": name, "comment": body::v2(comment),
        "issue": body::issue(&edit.place.url, issue.id, &issue.key, short),
    });
    edit.announce(Event { name, flow, issue: Some(issue.id), body });
}
