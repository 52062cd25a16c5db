//! Logging work. The webhook of a worklog carries the issue's id as a string, and no issue.

use serde_json::{Value, json};

use super::Site;
use super::edit::{Edit, item};
use crate::adf;
use crate::error::Error;
use crate::json::Members;
use crate::webhook::{Event, Flow, body};

impl Site {
    /// Logs work and answers the worklog's id.
    pub fn log_work(&self, issue: &str, seconds: i64, text: &str) -> Result<String, Error> {
        self.edit_with(|edit| {
            let id = edit.id(issue)?;
            let worklog = build(edit, id, seconds, text);
            edit.issue(id)?.worklogs.push(worklog.clone());
            spend(edit, id, seconds)?;
            announce(edit, "worklog_created", id, &worklog);
            Ok(worklog.member("id").as_str().unwrap_or_default().to_owned())
        })
    }

    /// Deletes a worklog.
    pub fn delete_worklog(&self, issue: &str, worklog: &str) -> Result<(), Error> {
        self.edit_with(|edit| {
            let id = edit.id(issue)?;
            let worklogs = &mut edit.issue(id)?.worklogs;
            let at = worklogs
                .iter()
                .position(|it| it.member("id") == worklog)
                .ok_or_else(|| Error::missing("worklog", worklog))?;
            let gone = worklogs.remove(at);
            spend(edit, id, -gone.member("timeSpentSeconds").as_i64().unwrap_or_default())?;
            announce(edit, "worklog_deleted", id, &gone);
            Ok(())
        })
    }
}

/// A worklog that is not yet in its issue.
pub(crate) fn build(edit: &mut Edit<'_>, issue: i64, seconds: i64, text: &str) -> Value {
    let id = edit.state.new_id();
    let stamp = edit.stamp();
    json!({
        "self": format!("{}/rest/api/3/issue/{issue}/worklog/{id}", edit.place.url),
        "author": edit.actor, "updateAuthor": edit.actor, "comment": adf::from_text(text),
        "created": stamp, "updated": stamp, "started": stamp,
        "timeSpent": format!("{}m", seconds / 60), "timeSpentSeconds": seconds,
        "id": id.to_string(), "issueId": issue.to_string(),
    })
}

/// Adds to the time spent, in the issue and in its changelog.
fn spend(edit: &mut Edit<'_>, id: i64, seconds: i64) -> Result<(), Error> {
    let fields = &mut edit.issue(id)?.fields;
    let before = fields.get("timespent").cloned().unwrap_or(Value::Null);
    let after = json!(before.as_i64().unwrap_or_default().saturating_add(seconds));
    fields.insert("timespent".to_owned(), after.clone());
    let said = |value: &Value| {
        let text = if value.is_null() { Value::Null } else { json!(value.to_string()) };
        (text.clone(), text)
    };
    edit.record(id, vec![item("timespent", said(&before), said(&after))])?;
    edit.touch(id)
}

fn announce(edit: &mut Edit<'_>, name: &'static str, issue: i64, worklog: &Value) {
    let body = json!({
        "timestamp": edit.now, "webhookEvent": name, "worklog": body::v2(worklog),
    });
    edit.announce(Event { name, flow: Flow::Primary, issue: Some(issue), body });
}
