//! Attachments. Their own webhook names no issue; the issue's update that comes with it does.

use bytes::Bytes;
use serde_json::{Value, json};

use super::Site;
use super::edit::{Edit, item};
use super::state::{Content, StoredFile};
use crate::error::Error;
use crate::json::Members;
use crate::webhook::{Event, Flow, body};

impl Site {
    /// Attaches a file and answers the attachment's id.
    pub fn attach(
        &self,
        issue: &str,
        filename: &str,
        mime: &str,
        bytes: impl Into<Bytes>,
    ) -> Result<i64, Error> {
        let bytes = bytes.into();
        self.edit_with(|edit| {
            let issue = edit.id(issue)?;
            let id = edit.state.new_id();
            let attachment = record(edit, id, filename, mime, bytes.len());
            let media_id = edit.state.new_uuid();
            let (mime, content) = (mime.to_owned(), Content::Bytes(bytes));
            edit.state.files.insert(id, StoredFile { media_id, issue, mime, content });
            list(edit, issue)?.push(attachment.clone());
            let to = (json!(id.to_string()), json!(filename));
            changed(edit, issue, item("Attachment", (Value::Null, Value::Null), to))?;
            announce(edit, "attachment_created", &attachment, Flow::Primary);
            Ok(id)
        })
    }

    /// The id by which texts show an attachment.
    pub fn media_id(&self, attachment: i64) -> Option<String> {
        self.state().files.get(&attachment).map(|file| file.media_id.clone())
    }

    /// Removes an attachment.
    pub fn detach(&self, issue: &str, attachment: i64) -> Result<(), Error> {
        self.edit_with(|edit| {
            let issue = edit.id(issue)?;
            let listed = list(edit, issue)?;
            let id = attachment.to_string();
            let at = listed
                .iter()
                .position(|it| it.member("id") == id.as_str())
                .ok_or_else(|| Error::missing("attachment", attachment))?;
            let gone = listed.remove(at);
            edit.state.files.remove(&attachment);
            let from = (gone.member("id").clone(), gone.member("filename").clone());
            changed(edit, issue, item("Attachment", from, (Value::Null, Value::Null)))?;
            announce(edit, "attachment_deleted", &gone, Flow::Primary);
            Ok(())
        })
    }
}

fn record(edit: &Edit<'_>, id: i64, filename: &str, mime: &str, size: usize) -> Value {
    let url = &edit.place.url;
    let mut attachment = json!({
        "self": format!("{url}/rest/api/3/attachment/{id}"), "id": id.to_string(),
        "filename": filename, "author": edit.actor, "created": edit.stamp(), "size": size,
        "mimeType": mime, "content": format!("{url}/rest/api/3/attachment/content/{id}"),
    });
    if mime.starts_with("image/") {
        attachment.set("thumbnail", json!(format!("{url}/rest/api/3/attachment/thumbnail/{id}")));
    }
    attachment
}

/// The issue's list of attachments.
fn list<'a>(edit: &'a mut Edit<'_>, issue: i64) -> Result<&'a mut Vec<Value>, Error> {
    let fields = &mut edit.issue(issue)?.fields;
    let value = fields.entry("attachment").or_insert_with(|| json!([]));
    if !value.is_array() {
        *value = json!([]);
    }
    value.as_array_mut().ok_or_else(|| Error::missing("attachment list of issue", issue))
}

fn changed(edit: &mut Edit<'_>, issue: i64, mut item: Value) -> Result<(), Error> {
    item.set("fieldId", json!("attachment"));
    let history = edit.record(issue, vec![item])?;
    edit.touch(issue)?;
    edit.announce_issue(issue, "jira:issue_updated", "issue_updated", Some(&history))
}

/// Announces an attachment: no issue of any kind.
pub(crate) fn announce(edit: &mut Edit<'_>, name: &'static str, attachment: &Value, flow: Flow) {
    let body = json!({
        "timestamp": edit.now, "webhookEvent": name, "attachment": body::v2(attachment),
    });
    edit.announce(Event { name, flow, issue: None, body });
}
