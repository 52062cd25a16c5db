//! What is true: everything that a copy of the site must agree with.

use serde_json::{Value, json};

use super::state::{Issue, State};
use super::{Reader, Site, View};
use crate::account::SlaAccess;

/// An issue, whole.
#[derive(Clone, Debug)]
pub struct Truth {
    /// Its id.
    pub id: i64,
    /// Its current key.
    pub key: String,
    /// The keys it had, oldest first.
    pub former_keys: Vec<String>,
    /// REST v3 JSON, with all comments and worklogs embedded, all changelog entries (newest
    /// first), and SLA values.
    pub issue: Value,
    /// All comments, oldest first.
    pub comments: Vec<Value>,
    /// All changelog entries, oldest first.
    pub histories: Vec<Value>,
    /// All worklogs, oldest first.
    pub worklogs: Vec<Value>,
    /// All links to the outside.
    pub remote_links: Vec<Value>,
}

impl Site {
    /// Every issue that can be seen, in order of id.
    pub fn truth(&self) -> Vec<Truth> {
        let state = self.state();
        let seen = state.issues.values().filter(|issue| !issue.hidden);
        seen.map(|issue| self.tell(&state, issue)).collect()
    }

    /// One issue, if it can be seen.
    pub fn truth_of(&self, issue: &str) -> Option<Truth> {
        let state = self.state();
        state.visible(issue).map(|issue| self.tell(&state, issue))
    }

    fn tell(&self, state: &State, issue: &Issue) -> Truth {
        let reader = Reader { state, place: self.place(), sla: SlaAccess::Values };
        let mut frame = reader.frame(issue);
        frame.insert("fields".to_owned(), Value::Object(reader.fields(issue, View::WHOLE)));
        frame.insert("changelog".to_owned(), reader.changelog(issue, View::WHOLE));
        Truth {
            id: issue.id,
            key: issue.key.clone(),
            former_keys: issue.former_keys.clone(),
            issue: json!(frame),
            comments: issue.comments.clone(),
            histories: issue.histories.clone(),
            worklogs: issue.worklogs.clone(),
            remote_links: issue.remote_links.clone(),
        }
    }
}
