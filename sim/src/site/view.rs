//! An issue as a reader gets it: fields, with the windows of comments, worklogs and changelog that
//! the endpoint embeds.

use serde_json::{Map, Value, json};

use super::state::{Issue, Link, State};
use super::{Place, sla};
use crate::account::SlaAccess;

/// How much of an issue's lists an endpoint embeds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    /// The newest so many comments.
    pub(crate) comments: usize,
    /// The first so many worklogs.
    pub(crate) worklogs: usize,
    /// The newest so many changelog entries, newest first.
    pub(crate) histories: usize,
}

impl View {
    /// `GET /issue/{id}`.
    pub(crate) const ISSUE: Self = Self { comments: 100, worklogs: 20, histories: 100 };
    /// Searches and bulk reads.
    pub(crate) const SEARCH: Self = Self { comments: 20, worklogs: 20, histories: 40 };
    /// Everything, as only the truth has it.
    pub(crate) const WHOLE: Self =
        Self { comments: usize::MAX, worklogs: usize::MAX, histories: usize::MAX };
}

/// Who reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) state: &'a State,
    pub(crate) place: &'a Place,
    pub(crate) sla: SlaAccess,
}

impl Reader<'_> {
    /// All fields of an issue.
    pub(crate) fn fields(&self, issue: &Issue, view: View) -> Map<String, Value> {
        let mut fields = issue.fields.clone();
        for field in &self.state.sla_fields {
            if let Some(value) = fields.get_mut(field) {
                *value = match self.sla {
                    SlaAccess::Values => sla::at(value, self.place),
                    SlaAccess::Refused => sla::refused(),
                };
            }
        }
        let mut links = issue.fields.get("issuelinks").cloned().unwrap_or_else(|| json!([]));
        if let Value::Array(links) = &mut links {
            let own =
                self.state.links.iter().filter_map(|(id, link)| self.link(*id, link, issue.id));
            links.extend(own);
        }
        fields.insert("issuelinks".to_owned(), links);
        fields.insert("comment".to_owned(), self.comments(issue, view.comments));
        let worklogs: Vec<&Value> = issue.worklogs.iter().take(view.worklogs).collect();
        fields.insert(
            "worklog".to_owned(),
            json!({"startAt": 0, "maxResults": view.worklogs.min(20), "total": issue.worklogs.len(), "worklogs": worklogs}),
        );
        fields
    }

    /// The newest comments, oldest first among themselves.
    fn comments(&self, issue: &Issue, most: usize) -> Value {
        let total = issue.comments.len();
        let start = total.saturating_sub(most);
        let newest: Vec<&Value> = issue.comments.iter().skip(start).collect();
        json!({
            "self": format!("{}/rest/api/3/issue/{}/comment", self.place.url, issue.id),
            "startAt": start, "maxResults": newest.len(), "total": total, "comments": newest,
        })
    }

    /// The embedded changelog, newest first.
    pub(crate) fn changelog(&self, issue: &Issue, view: View) -> Value {
        let newest: Vec<&Value> = issue.histories.iter().rev().take(view.histories).collect();
        json!({
            "startAt": 0, "maxResults": newest.len(), "total": issue.histories.len(),
            "histories": newest,
        })
    }

    fn link(&self, id: i64, link: &Link, seen_from: i64) -> Option<Value> {
        let (side, other) = match seen_from {
            from if from == link.source => ("outwardIssue", link.destination),
            from if from == link.destination => ("inwardIssue", link.source),
            _ => return None,
        };
        let other = self.state.issues.get(&other).filter(|other| !other.hidden)?;
        let url = &self.place.url;
        let kind = &link.kind;
        let short: Map<String, Value> = ["summary", "status", "priority", "issuetype"]
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), other.fields.get(*name)?.clone())))
            .collect();
        Some(json!({
            "id": id.to_string(),
            "self": format!("{url}/rest/api/3/issueLink/{id}"),
            "type": {"id": kind.id.to_string(), "name": kind.name, "inward": kind.inward,
                "outward": kind.outward, "self": format!("{url}/rest/api/3/issueLinkType/{}", kind.id)},
            side: {"id": other.id.to_string(), "key": other.key,
                "self": format!("{url}/rest/api/3/issue/{}", other.id), "fields": short},
        }))
    }

    /// An issue without fields.
    pub(crate) fn frame(&self, issue: &Issue) -> Map<String, Value> {
        let mut frame = Map::new();
        let expand = "renderedFields,names,schema,operations,editmeta,changelog,transitions,versionedRepresentations";
        frame.insert("expand".to_owned(), json!(expand));
        frame.insert("id".to_owned(), json!(issue.id.to_string()));
        let url = format!("{}/rest/api/3/issue/{}", self.place.url, issue.id);
        frame.insert("self".to_owned(), json!(url));
        frame.insert("key".to_owned(), json!(issue.key));
        frame
    }
}

/// The fields of an issue as webhooks start from them: no comments, no worklogs, and SLA fields
/// without a value.
pub(crate) fn webhook_fields(state: &State, place: &Place, id: i64) -> Option<Map<String, Value>> {
    let reader = Reader { state, place, sla: SlaAccess::Refused };
    let mut fields = reader.fields(state.issues.get(&id)?, View::SEARCH);
    fields.remove("comment");
    fields.remove("worklog");
    for field in &state.sla_fields {
        if let Some(value) = fields.get_mut(field) {
            *value = Value::Null;
        }
    }
    Some(fields)
}
